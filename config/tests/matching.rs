//! Which rule a client gets, and what HBA records say about it.

use std::net::IpAddr;

use odyssey_config::{Client, Config, HbaVerdict, MemoryLoader, PoolRouting, parse};

const BODY: &str = "authentication \"none\" storage \"s\" pool \"session\"";
const GROUP: &str = "group_query \"q\" group_query_user \"u\" group_query_db \"d\"";

/// A configuration of these routes, written `DB USER SELECTOR`, `*` for the bare word `default`, `@g` for a
/// group, in one `database` block each.
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
    assert_eq!(config.match_rule(&client("d", "u"), &|_, _| false), Some(0));
}

#[test]
fn a_client_gets_the_first_rule_that_fits() {
    let routes = [
        "* *",
        "d u \"10.0.0.0/8\"",
        "d u \"10.1.0.0/16\"",
        "d * local",
        "d v hostssl",
        "d v hostnossl",
        "d @g",
        "h u \"DB.example.com\"",
        "h u \".example.org\"",
        "w u \"10.1.2.3/8\"",
        "D *",
    ];
    let config = config("", &routes);
    let get = |who: Client<'_>| {
        let index = config.match_rule(&who, &|rule, user| rule == 6 && user == "member");
        index.map_or("none", |index| routes[index])
    };
    let who = client;
    assert_eq!(get(who("x", "y")), "* *");
    assert_eq!(get(who("d", "u")), "d u \"10.0.0.0/8\"", "ranges go by text, not by width");
    assert_eq!(get(Client { unix: true, address: None, ..who("d", "u") }), "d * local");
    assert_eq!(get(Client { address: None, unix: true, ..who("d", "w") }), "d * local");
    assert_eq!(get(who("d", "v")), "d v hostnossl");
    assert_eq!(get(Client { tls: true, ..who("d", "v") }), "d v hostssl");
    assert_eq!(get(who("d", "member")), "d @g");
    assert_eq!(get(who("d", "g")), "* *");
    assert_eq!(get(who("h", "u")), "* *", "no host name, no match");
    assert_eq!(get(Client { host_name: Some("db.EXAMPLE.com"), ..who("h", "u") }), "h u \"DB.example.com\"");
    assert_eq!(get(Client { host_name: Some("a.b.example.org"), ..who("h", "u") }), "h u \".example.org\"");
    assert_eq!(get(Client { host_name: Some("example.org"), ..who("h", "u") }), "* *");
    assert_eq!(get(who("w", "u")), "* *", "a base with host bits matches nobody");
    assert_eq!(get(who("D", "u")), "D *", "names have letter case");
    assert_eq!(get(Client { routing: PoolRouting::Internal, ..who("x", "y") }), "none");
    assert!(config.needs_host_names());
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
