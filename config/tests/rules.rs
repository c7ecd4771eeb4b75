//! What a route must have, and the choices made for it.

use odyssey_config::{
    Authentication, Config, Discard, MemoryLoader, PoolMode, PoolRouting, Role, Rule, RuleOrigin, parse,
};
use std::sync::Arc;

fn read(route: &str, storage_type: &str) -> Result<Config, Vec<String>> {
    let text = format!(
        "log_format \"x\" listen {{ host \"*\" port 1 }} storage \"s\" {{ type \"{storage_type}\" host \"h:1\" }}\n\
         database \"d\" {{\n{route}\n}}"
    );
    let outcome = parse(&MemoryLoader::new().with("F", text), "F");
    let messages = outcome.diagnostics.iter().map(|found| found.headline()).collect();
    outcome.config.ok_or(messages)
}

fn rule(body: &str) -> Rule {
    let route = format!("user \"u\" {{ authentication \"none\" storage \"s\" {body} }}");
    let config = read(&route, "remote").unwrap_or_else(|found| panic!("{body}: {found:?}"));
    config.rules.into_iter().next().map(Arc::unwrap_or_clone).expect("one rule")
}

#[test]
fn how_a_server_is_cleaned() {
    let query = |text: &str| Some(text.to_owned());
    let cases = [
        ("pool \"session\"", Discard::All, None, false),
        ("pool \"transaction\"", Discard::Smart, None, true),
        ("pool \"statement\"", Discard::Smart, None, true),
        ("pool \"transaction\" pool_discard no", Discard::None, None, true),
        ("pool \"transaction\" pool_discard no pool_smart_discard yes", Discard::Smart, None, true),
        ("pool \"transaction\" pool_reserve_prepared_statement no", Discard::All, None, false),
        ("pool \"transaction\" pool_discard_query \"RESET ALL\"", Discard::None, query("RESET ALL"), true),
        ("pool \"session\" pool_discard_query \"RESET ALL\"", Discard::All, query("RESET ALL"), false),
        (
            "pool \"session\" pool_discard no pool_discard_query \"deallocate all\"",
            Discard::None,
            query("deallocate all"),
            false,
        ),
    ];
    for (body, discard, query, prepared) in cases {
        let pool = rule(body).pool;
        let got = (pool.discard, pool.discard_query, pool.reserve_prepared_statement);
        assert_eq!(got, (discard, query, prepared), "{body}");
    }
}

#[test]
fn what_a_route_must_have() {
    let full = "authentication \"none\" storage \"s\" pool \"session\"";
    let cases = [
        (
            "user \"u\" { }",
            vec![
                "F:3:1: rule 'd.u all': no rule storage is specified",
                "F:3:1: rule 'd.u all': pooling mode is not set",
                "F:3:1: rule 'd.u all': authentication mode is not defined",
            ],
        ),
        (
            "user default { authentication \"none\" storage \"s\" pool \"x\" }",
            vec!["F:3:50: rule 'd.default_user all': unknown pooling mode"],
        ),
        (
            "user \"u\" { authentication \"x\" storage \"s\" pool \"session\" }",
            vec!["F:3:12: rule 'd.u all': has unknown authentication mode"],
        ),
        (
            "user \"u\" { authentication \"md5\" storage \"s\" pool \"session\" }",
            vec!["F:3:12: rule 'd.u all': password is not set"],
        ),
        (
            "user \"u\" { authentication \"clear_text\" storage \"s\" pool \"session\" }",
            vec!["F:3:12: rule 'd.u all': password is not set"],
        ),
        (
            "user \"u\" { authentication \"none\" storage \"t\" pool \"session\" }",
            vec!["F:3:34: unknown storage 't'"],
        ),
        (
            "user \"u\" { authentication \"none\" storage \"s\" pool \"session\" pool_smart_discard yes }",
            vec![
                "F:3:61: rule 'd.u all': pool_smart_discard without pool_reserve_prepared_statement is not possible",
            ],
        ),
        (
            "user \"u\" { authentication \"none\" storage \"s\" pool \"session\" pool_pin_on_listen yes }",
            vec!["F:3:61: rule 'd.u all': pool_pin_on_listen makes no sense in session pooling"],
        ),
        (
            "user \"u\" { authentication \"none\" storage \"s\" pool \"session\" role \"admin\" }",
            vec!["F:3:61: rule 'd.u all': role set for non-local storage"],
        ),
        (
            "user \"u\" { authentication \"none\" storage \"s\" pool \"session\" role \"client\" }",
            vec!["F:3:61: role type 'client' is unknown"],
        ),
        (
            "user \"u\" local { authentication \"none\" storage \"s\" pool \"session\" pool_routing \"internal\" }",
            vec!["F:3:67: rule 'd.u all': an internal rule cannot have a connection type"],
        ),
        (
            "user \"u\" { authentication \"none\" storage \"s\" pool \"session\" group_query \"x\" }",
            vec!["F:3:61: group_query is set for non-group rule 'd.u'"],
        ),
        (
            "user \"u\" { authentication \"none\" storage \"s\" pool \"session\" watchdog_lag_query \"x\" }",
            vec!["F:3:61: watchdog_lag_query is set for non-watchdog rule 'd.u'"],
        ),
        (
            "user \"u\" \"1host\" { authentication \"none\" storage \"s\" pool \"session\" }",
            vec!["F:3:1: invalid address or hostname: '1host'"],
        ),
        (
            "user \"u\" { authentication \"none\" storage \"s\" pool \"session\" quantiles \"2\" }",
            vec!["F:3:61: can't parse quantiles from '2'"],
        ),
    ];
    assert!(read(&format!("user \"u\" {{ {full} }}"), "remote").is_ok());
    for (route, want) in cases {
        assert_eq!(
            read(route, "remote").err(),
            Some(want.iter().map(|s| s.to_string()).collect()),
            "{route}"
        );
    }
}

#[test]
fn groups_need_a_query() {
    let body = "authentication \"none\" storage \"s\" pool \"session\"";
    let found = read(&format!("group \"g\" {{ {body} }}"), "remote").expect_err("no query");
    assert_eq!(
        found,
        [
            "F:3:1: rule 'd.group_g all': group_query is not set",
            "F:3:1: rule 'd.group_g all': group_query_user is not set",
            "F:3:1: rule 'd.group_g all': group_query_db is not set",
        ]
    );
    let group =
        format!("group \"g\" {{ {body} group_query \"q\" group_query_user \"u\" group_query_db \"d\" }}");
    let config = read(&group, "remote").expect("complete");
    assert_eq!(config.rules[0].title(), "d.group_g");
    assert!(config.rules[0].group.is_some());
}

#[test]
fn a_console_route_without_role_may_only_look() {
    let config = read("user \"u\" { authentication \"none\" storage \"s\" pool \"session\" }", "local");
    let config = config.expect("fine");
    assert_eq!(config.rules[0].role, Some(Role::Stat));
    assert!(config.notes.iter().any(|note| note.contains("no role set")), "{:?}", config.notes);
}

#[test]
fn users_come_before_groups() {
    let body = "authentication \"none\" storage \"s\" pool \"session\"";
    let group = format!("{body} group_query \"q\" group_query_user \"u\" group_query_db \"d\"");
    let config = read(&format!("group \"a\" {{ {group} }} user \"b\" {{ {body} }}"), "remote").expect("fine");
    let titles: Vec<String> = config.rules.iter().map(|rule| rule.title()).collect();
    assert_eq!(titles, ["d.b", "d.group_a"]);
}

#[test]
fn zero_means_off() {
    let pool =
        rule("pool \"session\" pool_timeout 0 pool_ttl 0 pool_reset_timeout_ms 0 server_lifetime 0").pool;
    assert_eq!((pool.timeout, pool.ttl, pool.reset_timeout), (None, None, None));
    let endless = rule("pool \"session\" pool_reset_timeout_ms 4294967295").pool;
    assert_eq!(endless.reset_timeout, None);
}

#[test]
fn a_repeated_option_keeps_its_last_value() {
    let rule = rule(
        "pool \"session\" options { \"Work_Mem\" \"1\" \"role\" \"a\" } options { \"work_mem\" \"2\" } \
         backend_startup_options { \"a\" \"1\" \"a\" \"2\" }",
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(rule.options, [pair("Work_Mem", "2"), pair("role", "a")]);
    assert_eq!(rule.backend_startup_options, [pair("a", "1"), pair("a", "2")]);
}

#[test]
fn an_internal_rule_is_made_for_auth_query() {
    let query = "auth_query \"q\" auth_query_user \"a\" auth_query_db \"d\"";
    let route = format!(
        "user \"u\" {{ authentication \"md5\" {query} storage \"s\" pool \"session\" }} }}\n\
         database default {{ user default {{ authentication \"block\" storage \"s\" pool \"session\" \
         storage_password \"p\" }}"
    );
    let config = read(&route, "remote").expect("fine");
    let made = config.rules.last().expect("three rules");
    assert_eq!(config.rules.len(), 3);
    assert_eq!(
        (made.origin, made.pool.routing, made.pool.mode, made.authentication, made.password_passthrough),
        (RuleOrigin::Generated, PoolRouting::Internal, PoolMode::Transaction, Authentication::None, true)
    );
    assert_eq!(made.storage_password.as_ref().map(|secret| secret.expose()), Some("p"));

    let without = read(&route.replace("storage_password \"p\"", ""), "remote").expect("fine");
    assert_eq!(without.rules.len(), 2);
    assert!(without.notes.iter().any(|note| note.starts_with("skipping default internal rule")));
}

#[test]
fn what_is_without_effect_is_listed() {
    let config = read(
        "user \"u\" { authentication \"cert\" storage \"s\" pool \"session\" auth_common_name default \
         maintain_params no target_session_attrs \"any\" }",
        "remote",
    );
    let config = config.expect("fine");
    let names: Vec<String> =
        config.not_effective.iter().map(|row| format!("{} {}", row.at, row.name)).collect();
    assert_eq!(names, ["F:3:12 authentication \"cert\"", "F:3:61 auth_common_name"]);
}
