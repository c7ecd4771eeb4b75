//! Which rule a client gets, and what HBA records say about it.

use std::net::IpAddr;

use odyssey_config::{Client, Config, HbaVerdict, MemoryLoader, PoolRouting, parse};

const BODY: &str = "authentication \"none\" storage \"s\" pool \"session\"";
const GROUP: &str = "group_query \"q\" group_query_user \"u\" group_query_db \"d\"";

/// A configuration of these routes, written `DB USER SELECTOR`, `*` for the bare word `default`, `@g` for a
/// group, `!` as selector for an internal route; in one `database` block each.
fn config(head: &str, routes: &[&str]) -> Config {
    let quoted = |name: &str| if name == "*" { "default".to_owned() } else { format!("\"{name}\"") };
    let mut text = format!(
        "{head} log_format \"x\" listen {{ host \"*\" port 1 }} storage \"s\" {{ type \"remote\" host \"h:1\" }}\n"
    );
    for route in routes {
        let mut words = route.splitn(3, ' ');
        let (db, user) = (words.next().unwrap_or("*"), words.next().unwrap_or("*"));
        let selector = words.next().unwrap_or_default();
        let inner = match user.strip_prefix('@') {
            Some(group) => format!("group \"{group}\" {selector} {{ {BODY} {GROUP} }}"),
            None if selector == "!" => {
                format!("user {} {{ {BODY} pool_routing \"internal\" }}", quoted(user))
            }
            None => format!("user {} {selector} {{ {BODY} }}", quoted(user)),
        };
        text.push_str(&format!("database {} {{ {inner} }}\n", quoted(db)));
    }
    let hba = "local all all trust\nhost d u 10.0.0.0/8 trust\nhost d default_user 10.0.0.0 255.0.0.0 trust\n\
               host sameuser all ::/0 reject\nhostssl default_db all 0.0.0.0/0 trust\n";
    let outcome = parse(&MemoryLoader::new().with("F", text).with("hba", hba), "F");
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

fn client<'a>(database: &'a str, user: &'a str) -> Client<'a> {
    Client {
        database,
        user,
        address: Some(IpAddr::from([10, 1, 2, 3])),
        unix: false,
        tls: false,
        host_name: None,
        routing: PoolRouting::ClientVisible,
    }
}

#[test]
fn the_order_of_rules() {
    let routes = [
        "* *",
        "* * local",
        "* u",
        "* u \"10.0.0.0/8\" hostssl",
        "d *",
        "d u",
        "d u \"10.1.0.0/16\"",
        "d u \"10.0.0.0/8\"",
        "d u \"10.0.0.0/8\" hostssl",
        "d u \"10.0.0.0/8\" hostnossl",
        "d u host",
        "d u hostssl",
        "c z",
        "d @x",
        "d alice",
        "d zed",
        "d U",
        "d u",
    ];
    let config = config("", &routes);
    let order: Vec<&str> = config.rule_order.iter().map(|index| routes[*index]).collect();
    assert_eq!(
        order,
        [
            "d u \"10.0.0.0/8\" hostnossl",
            "d u \"10.0.0.0/8\" hostssl",
            "d u \"10.0.0.0/8\"",
            "d u \"10.1.0.0/16\"",
            "d u hostssl",
            "d u host",
            "c z",
            "d U",
            "d alice",
            "d @x",
            "d u",
            "d u",
            "d zed",
            "d *",
            "* u \"10.0.0.0/8\" hostssl",
            "* u",
            "* * local",
            "* *",
        ]
    );
    // Of exact duplicates the first one wins.
    let twins: Vec<usize> =
        config.rule_order.iter().copied().filter(|index| routes[*index] == "d u").collect();
    assert_eq!(twins, [5, 17]);
}

#[test]
fn file_order_on_request() {
    let config = config("sequential_routing yes", &["* *", "d u"]);
    assert_eq!(config.rule_order, [0, 1]);
}

/// Who connects: `DATABASE USER` and then words that change what is known about the client.
fn who(text: &str) -> Client<'_> {
    let mut words = text.split(' ');
    let mut who = client(words.next().unwrap_or_default(), words.next().unwrap_or_default());
    for word in words {
        match word {
            "unix" => (who.unix, who.address) = (true, None),
            "ssl" => who.tls = true,
            "internal" => (who.routing, who.address) = (PoolRouting::Internal, None),
            word => match word.parse() {
                Ok(address) => who.address = Some(address),
                Err(_) => who.host_name = Some(word),
            },
        }
    }
    who
}

/// Each table: the routes in the order of the file, then clients and the route each gets. `member` is in every
/// group; a client comes from 10.1.2.3 by TCP without SSL unless its words say otherwise.
#[test]
fn a_client_gets_the_first_rule_that_fits() {
    type Table<'t> = (&'t str, &'t [&'t str], &'t [(&'t str, &'t str)]);
    let tables: [Table<'_>; 13] = [
        (
            "names: the more is named the better, a database before a user",
            &["* *", "* u", "d *", "d u", "D *"],
            &[
                ("d u", "d u"),
                ("d v", "d *"),
                ("x u", "* u"),
                ("x v", "* *"),
                ("D u", "D *"),
                ("d U", "d *"),
                ("X U", "* *"),
                ("dd u", "* u"),
            ],
        ),
        (
            "a named database with any user beats any database with user, range and type",
            &["* u \"10.0.0.0/8\" hostnossl", "d *"],
            &[("d u", "d *"), ("x u", "* u \"10.0.0.0/8\" hostnossl"), ("x u ssl", "none"), ("x v", "none")],
        ),
        (
            "without a rule for all, some match nothing",
            &["d u", "e *"],
            &[
                ("d v", "none"),
                ("e v", "e *"),
                ("x u", "none"),
                ("d u", "d u"),
                (" u", "none"),
                ("d ", "none"),
            ],
        ),
        (
            "names that look like the words for all are names",
            &["default u", "default_db u", "d default_user", "d *"],
            &[
                ("default u", "default u"),
                ("x u", "none"),
                ("d default_user", "d default_user"),
                ("d u", "d *"),
            ],
        ),
        (
            "ranges go by their text, not by their width",
            &[
                "d u",
                "d u \"10.1.0.0/16\"",
                "d u \"10.0.0.0/8\"",
                "d u \"192.0.2.1/32\"",
                "d u \"0.0.0.0/0\"",
            ],
            &[
                ("d u", "d u \"0.0.0.0/0\""),
                ("d u 192.0.2.1", "d u \"0.0.0.0/0\""),
                ("d u ::1", "d u"),
                ("d u unix", "d u"),
            ],
        ),
        (
            "a narrow range whose text comes later is hidden by a wide one",
            &["d u \"10.1.0.0/16\"", "d u \"10.0.0.0/8\"", "d u \"9.0.0.0/8\"", "d *"],
            &[
                ("d u 10.1.2.3", "d u \"10.0.0.0/8\""),
                ("d u 9.1.1.1", "d u \"9.0.0.0/8\""),
                ("d u 11.0.0.0", "d *"),
                ("d u 10.255.255.255", "d u \"10.0.0.0/8\""),
            ],
        ),
        (
            "IPv6 and IPv4 are different worlds; host bits match nobody",
            &[
                "d u \"fd00::/8\"",
                "d u \"::/0\"",
                "e u \"10.1.2.3/8\"",
                "f u \"10.1.2.3/32\"",
                "g u \"::ffff:0:0/96\"",
            ],
            &[
                ("d u fd12::1", "d u \"::/0\""),
                ("d u ::1", "d u \"::/0\""),
                ("d u 10.1.2.3", "none"),
                ("e u 10.1.2.3", "none"),
                ("f u 10.1.2.3", "f u \"10.1.2.3/32\""),
                ("f u 10.1.2.4", "none"),
                ("g u 10.1.2.3", "none"),
                ("g u ::ffff:10.1.2.3", "g u \"::ffff:0:0/96\""),
            ],
        ),
        (
            "how a client connects",
            &[
                "d u local",
                "d u host",
                "d u hostssl",
                "d u hostnossl",
                "d u",
                "e u hostssl",
                "f u local",
                "g u host",
            ],
            &[
                ("d u unix", "d u local"),
                ("d u", "d u hostnossl"),
                ("d u ssl", "d u hostssl"),
                ("e u", "none"),
                ("e u ssl", "e u hostssl"),
                ("e u unix", "none"),
                ("f u", "none"),
                ("f u unix", "f u local"),
                ("g u", "g u host"),
                ("g u ssl", "g u host"),
                ("g u unix", "none"),
            ],
        ),
        (
            "a range outweighs a type, both outweigh either",
            &[
                "d u hostnossl",
                "d u \"10.0.0.0/8\"",
                "e u \"10.0.0.0/8\"",
                "e u \"10.0.0.0/8\" host",
                "e u default",
            ],
            &[
                ("d u", "d u \"10.0.0.0/8\""),
                ("d u 192.0.2.1", "d u hostnossl"),
                ("e u", "e u \"10.0.0.0/8\" host"),
                ("e u unix", "e u default"),
            ],
        ),
        (
            "host names are compared without letter case, suffixes below their dot",
            &["d u \"DB.example.com\"", "d u \".example.org\"", "d v \"all\"", "d w \"db/8\"", "d *"],
            &[
                ("d u", "d *"),
                ("d u db.EXAMPLE.com", "d u \"DB.example.com\""),
                ("d u a.db.example.com", "d *"),
                ("d u a.b.example.org", "d u \".example.org\""),
                ("d u A.EXAMPLE.ORG", "d u \".example.org\""),
                ("d u example.org", "d *"),
                ("d u unix db.example.com", "d *"),
                ("d v", "d *"),
                ("d v all", "d v \"all\""),
                ("d w db", "d *"),
            ],
        ),
        (
            "a group sorts as group_NAME among the users and asks for its members",
            &["d @x", "d alice", "d zed", "d *", "* @y"],
            &[
                ("d member", "d @x"),
                ("d alice", "d alice"),
                ("d zed", "d zed"),
                ("d bob", "d *"),
                ("d x", "d *"),
                ("d group_x", "d *"),
                ("e member", "* @y"),
                ("e alice", "none"),
            ],
        ),
        (
            "our own queries see internal rules only, clients never see them",
            &["d u !", "d *", "* * !"],
            &[
                ("d u", "d *"),
                ("d u internal", "d u !"),
                ("d v internal", "* * !"),
                ("x v", "none"),
                ("x v internal", "* * !"),
            ],
        ),
        (
            "of exact twins the first one in the file",
            &["e u", "d u", "d u", "d u \"10.0.0.0/8\" host", "d u host \"10.0.0.0/8\""],
            &[("d u 192.0.2.1", "d u"), ("d u", "d u \"10.0.0.0/8\" host"), ("e u", "e u")],
        ),
    ];
    let mut cases = 0;
    for (theme, routes, clients) in tables {
        let config = config("", routes);
        for (text, want) in clients {
            let found = config.match_rule(&who(text), &|_, user| user == "member");
            let got = found.map_or("none", |index| routes[index]);
            assert_eq!(got, *want, "{theme}: {text}");
            // Of two routes written the same way, the first.
            assert_eq!(found, routes.iter().position(|route| route == want), "{theme}: {text}");
            cases += 1;
        }
    }
    assert!(cases >= 60, "only {cases} cases");
}

#[test]
fn sequential_routing_takes_the_first_in_the_file() {
    let routes = ["d * local", "* *", "d u", "d u \"10.0.0.0/8\""];
    let config = config("sequential_routing yes", &routes);
    for (text, want) in [("d u", "* *"), ("d u unix", "d * local"), ("x y", "* *"), ("d v unix", "d * local")]
    {
        let got = config.match_rule(&who(text), &|_, _| false).map(|index| routes[index]);
        assert_eq!(got, Some(want), "{text}");
    }
}

#[test]
fn host_names_are_needed_when_a_rule_names_hosts() {
    for (routes, want) in [
        (&["d u", "* *"][..], false),
        (&["d u \"10.0.0.0/8\""], false),
        (&["d u", "d u \"db.example.com\""], true),
        (&["* * \".example.com\""], true),
    ] {
        assert_eq!(config("", routes).needs_host_names(), want, "{routes:?}");
    }
}

#[test]
fn hba_records_name_rules() {
    let config = config("hba_file \"hba\"", &["d u", "d *", "* u", "same same"]);
    let hba = config.hba.as_ref().expect("an HBA file");
    let cases = [
        ("the rule's names", 0, client("d", "u"), HbaVerdict::Allow),
        ("default_user for a default rule", 1, client("d", "somebody"), HbaVerdict::Allow),
        ("default_db without SSL", 2, client("x", "u"), HbaVerdict::Reject),
        ("default_db with SSL", 2, Client { tls: true, ..client("x", "u") }, HbaVerdict::Allow),
        ("nobody mentions it", 3, client("same", "same"), HbaVerdict::Reject),
        ("local", 3, Client { unix: true, address: None, ..client("same", "same") }, HbaVerdict::Allow),
    ];
    for (name, rule, who, want) in cases {
        assert_eq!(hba.decide(&config.rules[rule], &who), want, "{name}");
    }
}
