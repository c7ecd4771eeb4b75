//! What an operator is told about a client's way to its rule.

use std::net::IpAddr;

use odyssey_config::{Client, Config, MemoryLoader, PoolRouting, explain, parse};

const TEXT: &str = r#"
log_format "x" hba_file "hba"
listen { host "*" port 1 }
storage "pg" { type "remote" host "h:5432" tls "require" }
database "app" {
    user "alice" "192.168.0.0/16" { authentication "none" storage "pg" pool "session" }
    user "alice" "10.0.0.1/8" { authentication "none" storage "pg" pool "session" }
    user "alice" ".example.com" { authentication "none" storage "pg" pool "session" }
    user "alice" hostssl { authentication "none" storage "pg" pool "session" }
    user "alice" local { authentication "none" storage "pg" pool "session" }
    user "alice" { authentication "md5" password "hunter2" storage "pg" storage_password "hunter2"
        pool "transaction" pool_size 20 quantiles "0.9" }
    user "mallory" { authentication "block" storage "pg" pool "session" }
    user "carol" { authentication "none" storage "pg" pool "session" pool_routing "internal" }
    group "staff" { authentication "none" storage "pg" pool "session"
        group_query "q" group_query_user "u" group_query_db "d" }
}
database default { user default { authentication "none" storage "pg" pool "session" } }
"#;

fn read(text: &str, hba: &str) -> Config {
    let outcome = parse(&MemoryLoader::new().with("F", text).with("hba", hba), "F");
    outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics))
}

fn config() -> Config {
    read(TEXT, "local all all trust\nhost all all 10.0.0.0/8 allow\nhost app mallory 0.0.0.0/0 allow\n")
}

fn client<'a>(database: &'a str, user: &'a str, address: Option<&str>) -> Client<'a> {
    Client {
        database,
        user,
        address: address.map(|text| text.parse::<IpAddr>().expect("test address")),
        unix: address.is_none(),
        tls: false,
        host_name: None,
        routing: PoolRouting::ClientVisible,
    }
}

#[test]
fn the_way_to_a_rule_is_told() {
    let config = config();
    let text = explain(&config, client("app", "alice", Some("10.1.2.3"))).to_string();
    let (head, rest) = text.split_once("\nsettings of storage").expect("the storage is told of");
    let (trials, settings) = head.split_once("\nsettings of ").expect("the rule is told of");
    let want = r#"client: database "app" user "alice" from 10.1.2.3

rules in the order in which they are tried, 10 in all:
       1  database "app" user "alice" ".example.com": the host name, not known here, would have to be .example.com
       2  database "app" user "alice" "10.0.0.1/8": 10.0.0.1/8 has bits set behind its prefix and matches nobody
       3  database "app" user "alice" "192.168.0.0/16": 10.1.2.3 is not in 192.168.0.0/16
       4  database "app" user "alice" hostssl: the client does not come over TLS
       5  database "app" user "alice" local: the client does not come by a unix socket
->     6  database "app" user "alice": matches
       8  database "app" group "staff": would match, but comes too late
       9  database "app" user "mallory": the user differs
      10  database default user default: would match, but comes too late
        and 1 that fit no better

hba_file decides by: host all all 10.0.0.0/8 allow
"#;
    assert_eq!(trials, want);
    let (title, list) = settings.split_once('\n').expect("a title");
    assert_eq!(title, "database \"app\" user \"alice\":");
    for line in [
        "    authentication \"md5\"",
        "    password ***",
        "    pool_size 20",
        "    pool_smart_discard yes  # chosen because of other settings",
        "    pool_cancel yes  # default",
    ] {
        assert!(list.lines().any(|found| found == line), "{line} in {list}");
    }
    // Whatever has no effect in this release says so.
    for used in config.not_effective.iter().filter(|used| used.name == "quantiles") {
        assert!(list.contains(&format!("quantiles \"0.9\"  # no effect yet: {}", used.why)), "{list}");
    }
    assert!(rest.contains("    tls \"require\"\n"), "{rest}");
    assert!(rest.ends_with("\nThe client is let in if it can log in.\n"), "{rest}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn who_is_refused_is_told_how() {
    let config = config();
    let (routed, _) = TEXT.split_once("database default").expect("the last rule");
    let strict = read(routed, "");
    let cases = [
        (&config, client("x", "y", Some("10.0.0.9")), None),
        (&config, client("x", "y", Some("11.0.0.9")), Some(("28P01", "host based authentication rejected"))),
        (&config, client("x", "y", None), None),
        (&config, client("app", "mallory", Some("11.0.0.9")), Some(("28000", "user blocked: app mallory"))),
        (&strict, client("app", "x\n", None), Some(("3D000", "route for 'app.x\n' is not found"))),
        (&strict, client("app", "alice", None), Some(("28P01", "host based authentication rejected"))),
    ];
    for (config, who, want) in cases {
        let explanation = explain(config, who);
        let got = explanation.refusal.as_ref().map(|refusal| (refusal.code, refusal.message.as_str()));
        assert_eq!(got, want, "{who:?}");
        let last = match want {
            None => "The client is let in if it can log in.\n".to_owned(),
            Some((code, text)) => {
                format!("The client is refused with SQLSTATE {code}: {}\n", text.replace('\n', "\\n"))
            }
        };
        assert!(explanation.to_string().ends_with(&last), "{explanation}");
    }
    let nearest = explain(&strict, client("app", "carol", Some("10.0.0.9"))).to_string();
    assert!(
        nearest.contains("user \"carol\" (internal): is internal, for queries of the pooler itself\n"),
        "{nearest}"
    );
    let group = "group \"staff\": would match instead a member of \"staff\"; members are not known here\n";
    assert!(nearest.contains(group), "{nearest}");
    assert!(!nearest.contains("->"), "{nearest}");
}

#[test]
fn an_explanation_agrees_with_matching() {
    let config = config();
    let mut matched = 0;
    for database in ["app", "other"] {
        for user in ["alice", "mallory", "carol", "dave"] {
            for address in [None, Some("10.0.0.1"), Some("192.168.1.1"), Some("::1")] {
                for (tls, host_name) in [(false, None), (true, None), (true, Some("db.example.com"))] {
                    let who = Client { tls, host_name, ..client(database, user, address) };
                    let rule = config.match_rule(&who, &|_, _| false);
                    assert_eq!(explain(&config, who).rule, rule, "{who:?}");
                    matched += usize::from(rule.is_some());
                }
            }
        }
    }
    assert_eq!(matched, 96, "every client reaches some rule");
}

#[test]
fn thousands_of_rules_are_counted() {
    let body = "{ authentication \"none\" storage \"pg\" pool \"session\" }";
    let many: String = (0..3000).map(|n| format!("user \"u{n}\" {body}\n")).collect();
    let last = "database default {";
    let text = TEXT.replace(last, &format!("database \"app\" {{ {many} }} {last}"));
    let config = read(&text, "local all all trust");
    for who in [client("app", "zoe", None), client("nowhere", "zoe", None)] {
        let explanation = explain(&config, who).to_string();
        assert!(explanation.contains("tried, 3010 in all:"), "{explanation}");
        assert!(explanation.contains("        and 3001 that fit no better\n"), "{explanation}");
        assert!(explanation.lines().count() < 120, "{explanation}");
    }
}
