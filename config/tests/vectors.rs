//! Fragments of configuration and what the reader says about each: the language, example by example.
//!
//! Every fragment is put before a complete small configuration, so "fine" means that the whole is accepted.

use odyssey_config::{Config, Level, MemoryLoader, Outcome, parse};

const BASE: &str = r#"
log_format "%m\n"
listen { host "*" port 6432 }
storage "s" { type "remote" host "h" port 5432 }
database "base" { user "u" { authentication "none" storage "s" pool "session" } }
"#;

/// A route's required directives.
const R: &str = r#"authentication "none" storage "s" pool "session""#;

fn read(text: &str) -> Outcome {
    parse(&MemoryLoader::new().with("F", text), "F")
}

fn with_base(fragment: &str) -> Outcome {
    read(&format!("{}{BASE}", fragment.replace(" R ", &format!(" {R} "))))
}

fn config(fragment: &str) -> Config {
    let outcome = with_base(fragment);
    let diagnostics = outcome.diagnostics;
    outcome.config.unwrap_or_else(|| panic!("{fragment}: {diagnostics:?}"))
}

/// What was found, line by line; with its hint where `want` has one at that place. Every hint is pinned by the
/// corpus (`snapshots.rs`).
fn as_wanted(outcome: &Outcome, want: &[String]) -> Vec<String> {
    let hinted = |n: usize| want.get(n).is_some_and(|line| line.contains("hint:"));
    let line = |(n, found): (usize, &odyssey_config::Diagnostic)| match hinted(n) {
        true => found.to_string(),
        false => found.headline(),
    };
    outcome.diagnostics.iter().enumerate().map(line).collect()
}

/// What was found, as shown, hints included.
fn shown(outcome: &Outcome) -> Vec<String> {
    outcome.diagnostics.iter().map(ToString::to_string).collect()
}

#[test]
fn fine_fragments() {
    let fragments = [
        "",
        "workers \"auto\"",
        "workers 4log_debug yes",
        "listen{port 6433 host\"x\"}storage\"t\"{type\"local\"}log_debug yes log_query no",
        "soft_oom { limit 750MB }",
        "soft_oom { limit 1gB }",
        "soft_oom { limit 5b }",
        "soft_oom { limit 5 process \"postgres\" drop { signal \"kill\" max_rate 1 } }",
        "query_parsing { mode minimal mem_limit 2mb }",
        "database \"d\" { user \"u\" { R keepalive -5 } }",
        "database \"d\" { user default default { R } user \"default\" { R } }",
        "database \"d\" { user \"\" { R } }",
        "database \"x\" { }",
        "listen { host \"h\" port 1 storage \"s\" storage \"s\" }",
        "pid_file \"x\" # c\n",
        "pid_file \"a # b\"",
        "database \"d\" { user \"u\" { R options {\"work_mem\"\"1MB\"} options { } } }",
        "cpu_affinity \"worker:0-3\"",
        "shared_pool \"x\" { pool_size 3 } database \"d\" { user \"u\" { R shared_pool \"x\" } }",
        "online_restart_drop_options { rate 2 }",
        "ldap_endpoint \"l\" { ldapserver \"h\" }",
    ];
    for fragment in fragments {
        let outcome = with_base(fragment);
        assert!(outcome.config.is_some(), "{fragment}: {:?}", shown(&outcome));
        assert!(outcome.diagnostics.is_empty(), "{fragment}: {:?}", shown(&outcome));
    }
}

#[test]
fn refused_fragments() {
    const SYNTAX_BOOL: &str = "F:1:11: syntax error, unexpected";
    let range =
        |name: &str, high: i64| format!("F:1:1: value for option '{name}' must be between 1 and {high}");
    let cases: Vec<(&str, Vec<String>)> = vec![
        (
            "workers auto",
            vec![
                "F:1:9: syntax error, unexpected IDENT, expecting STRING or NUMBER\n  \
                 hint: unknown directive 'auto'; a string is written in quotes: \"auto\""
                    .into(),
            ],
        ),
        ("workers \"Auto\"", vec!["F:1:1: 'Auto' is invalid value for workers".into()]),
        ("workers 0", vec![range("workers", 2_147_483_647)]),
        ("workers -1", vec![range("workers", 2_147_483_647)]),
        (
            "workers 0x10",
            vec![
                range("workers", 2_147_483_647),
                "F:1:10: syntax error, unexpected IDENT, expecting end of file\n  \
                 hint: unknown directive 'x10'"
                    .into(),
            ],
        ),
        (
            "workers +1",
            vec![
                "F:1:9: unexpected character '+'".into(),
                "F:1:9: syntax error, unexpected ERROR_TOKEN, expecting STRING or NUMBER".into(),
            ],
        ),
        (
            "log_debug yes;",
            vec![
                "F:1:14: unexpected character ';'".into(),
                "F:1:14: syntax error, unexpected ERROR_TOKEN, expecting end of file".into(),
            ],
        ),
        ("log_debug 1", vec![format!("{SYNTAX_BOOL} NUMBER, expecting yes or no")]),
        ("log_debug \"yes\"", vec![format!("{SYNTAX_BOOL} STRING, expecting yes or no")]),
        (
            "stats_interval 99999999999",
            vec!["F:1:1: value for option 'stats_interval' is out of int range".into()],
        ),
        ("readahead 8k", vec!["F:1:11: syntax error, unexpected SIZE_NUMBER, expecting NUMBER".into()]),
        ("soft_oom { limit 0 }", vec!["F:1:1: limit is not set for soft_oom".into()]),
        ("soft_oom { }", vec!["F:1:1: limit is not set for soft_oom".into()]),
        ("soft_oom { limit -1 }", vec!["F:1:12: limit must be non-negative".into()]),
        (
            "soft_oom { limit 9223372036854775807k }",
            vec![
                "F:1:18: number is out of range".into(),
                "F:1:18: syntax error, unexpected ERROR_TOKEN, expecting NUMBER or SIZE_NUMBER".into(),
            ],
        ),
        (
            "workers 1 workers 2 workers 3",
            vec!["F:1:11: duplicate option 'workers'".into(), "F:1:21: duplicate option 'workers'".into()],
        ),
        ("shared_pool \"x\" { }", vec!["F:1:1: pool_size is required in shared_pool 'x'".into()]),
        ("shared_pool \"x\" { pool_size 0 }", vec!["F:1:19: pool_size must be positive".into()]),
        (
            "conn_drop_options { rate 0 }",
            vec!["F:1:21: value for option 'rate' must be between 1 and 2147483647".into()],
        ),
        (
            "conn_drop_options { } online_restart_drop_options { }",
            vec!["F:1:23: online_restart_drop_options is redefined".into()],
        ),
        (
            "query_parsing { mode \"minimal\" }",
            vec!["F:1:22: syntax error, unexpected STRING, expecting disabled or minimal or full".into()],
        ),
        (
            "query_parsing { mode full }",
            vec!["F:1:17: full mode of query parsing is not supported now".into()],
        ),
        ("storage \"s\" { type \"local\" }", vec!["F:4:1: duplicate storage definition 's'".into()]),
        (
            "storage \"t\" { type \"local\" balancing { method \"roundrobin\" } }",
            vec!["F:1:60: syntax error, unexpected '}', expecting '{'".into()],
        ),
        (
            "database \"d\" { user \"u\" { client_max 0 R } }",
            vec!["F:1:27: value for option 'client_max' must be between 1 and 2147483647".into()],
        ),
        (
            "database \"d\" \"10.0.0.0/8\" { }",
            vec!["F:1:14: syntax error, unexpected STRING, expecting '{'".into()],
        ),
        (
            "database \"d\" { group default { R } }",
            vec!["F:1:22: syntax error, unexpected default, expecting STRING".into()],
        ),
        ("database \"\" { user \"u\" { R } }", vec!["F:1:1: invalid name for database".into()]),
        ("listen { include \"x\" }", vec!["F:1:10: syntax error, unexpected include, expecting '}'".into()]),
        (
            "load_module \"x\"",
            vec![
                "F:1:1: syntax error, unexpected IDENT, expecting end of file\n  \
                 hint: unknown directive 'load_module'"
                    .into(),
            ],
        ),
        (
            "log_debugg yes",
            vec![
                "F:1:1: syntax error, unexpected IDENT, expecting end of file\n  \
                 hint: unknown directive 'log_debugg'; did you mean 'log_debug'?"
                    .into(),
            ],
        ),
        (
            "database \"d\" { user \"u\" { R pool_size 5000000000 } }",
            vec!["F:1:76: value for option 'pool_size' is out of int range".into()],
        ),
        (
            "include \"gone\"",
            vec!["gone:1:1: failed to open config file 'gone': No such file or directory".into()],
        ),
        ("promhttp_server_port 0", vec![range("promhttp_server_port", 65_535)]),
        (
            "promhttp_server_port 5000000000",
            vec!["F:1:1: value 'promhttp_server_port' = 5000000000 is out of integer bounds".into()],
        ),
    ];
    for (fragment, want) in cases {
        let outcome = with_base(fragment);
        assert!(outcome.config.is_none(), "{fragment}");
        assert_eq!(as_wanted(&outcome, &want), want, "{fragment}");
    }
}

#[test]
fn words_that_are_not_switches() {
    for fragment in ["log_debug true", "log_debug YES", "log_debug on", "LOG_DEBUG yes", "workers = 1"] {
        let outcome = with_base(fragment);
        let text = shown(&outcome).join("\n");
        assert!(outcome.config.is_none() && text.contains("syntax error, unexpected"), "{fragment}: {text}");
    }
    for size in ["1GiB", "\"1GB\""] {
        assert!(with_base(&format!("soft_oom {{ limit {size} }}")).config.is_none(), "{size}");
    }
}

#[test]
fn whole_files() {
    // What the first check of each file says; the others follow.
    let cases = [
        ("", "F:1:1: no listen sections defined"),
        ("listen { host \"*\" }", "F:1:1: listen section is missing 'port'"),
        ("listen { port 6432 }", "F:1:1: no storage sections defined"),
        ("listen { port 6432 tls \"on\" }", "F:1:20: unknown tls mode 'on'"),
    ];
    for (text, want) in cases {
        let outcome = read(text);
        assert_eq!(
            outcome.diagnostics.first().map(|found| found.headline()).as_deref(),
            Some(want),
            "{text}"
        );
    }
    assert_eq!(
        shown(&read("")),
        [
            "F:1:1: no listen sections defined",
            "F:1:1: no storage sections defined",
            "F:1:1: log_format is not defined",
            "F:1:1: no rules defined",
        ]
    );
    let bare = shown(&read("listen { port 6432 } storage \"s\" { type \"remote\" }"));
    assert_eq!(
        bare,
        [
            "F:1:1: log_format is not defined",
            "F:1:1: listen host is not set and no unix_socket_dir is specified",
            "F:1:22: storage 's': host is not set and no unix_socket_dir is specified",
            "F:1:1: no rules defined",
        ]
    );
}

#[test]
fn deprecated_directives_warn_and_may_repeat() {
    let outcome = with_base("pipeline 1 pipeline 2 graceful_die_on_errors yes");
    assert!(outcome.config.is_some());
    assert_eq!(outcome.diagnostics.len(), 3);
    assert!(outcome.diagnostics.iter().all(|found| found.level == Level::Warning));
    assert_eq!(
        outcome.diagnostics[0].to_string(),
        "F:1:1: warning: option 'pipeline' is deprecated and ignored"
    );
}

#[test]
fn sizes_are_bytes() {
    let limit = |size: &str| config(&format!("soft_oom {{ limit {size} }}")).soft_oom_limit();
    assert_eq!(limit("750MB"), 786_432_000);
    assert_eq!(limit("5b"), 5);
    assert_eq!(limit("5"), 5);
}

trait SoftOomLimit {
    fn soft_oom_limit(&self) -> u64;
}

impl SoftOomLimit for Config {
    fn soft_oom_limit(&self) -> u64 {
        self.global.soft_oom.as_ref().map_or(0, |section| section.limit)
    }
}

#[test]
fn includes_share_one_namespace() {
    let files = MemoryLoader::new()
        .with("main", format!("include \"sub\" {BASE}"))
        .with("sub", "log_debug yes\ninclude \"empty\"")
        .with("empty", "");
    let config = parse(&files, "main").config.expect("both files are fine");
    assert!(config.global.log_debug);

    let twice = files.with("sub", "log_format \"x\"");
    let found = shown(&parse(&twice, "main"));
    assert_eq!(found, ["main:2:1: duplicate option 'log_format'"]);
}

#[test]
fn a_circle_of_includes_ends() {
    let files = MemoryLoader::new().with("a", "include \"b\"").with("b", "include \"a\" include \"a\"");
    let found = shown(&parse(&files, "a"));
    assert_eq!(found, ["b:1:1: include depth limit (16) exceeded, possibly a circular include"]);

    // Sixteen levels are fine.
    let mut files = MemoryLoader::new().with("16", BASE);
    for level in 0..16 {
        files = files.with(&level.to_string(), format!("include \"{}\"", level + 1));
    }
    assert!(parse(&files, "0").config.is_some());
}

#[test]
fn one_run_reports_many_mistakes() {
    let text = "workers 0\nlog_debugg yes\nlisten { prot 1 port 0 }\nstorage \"s\" { type remote host 5 }\n\
                database \"d\" { user \"u\" { pool session\npool_size -1 } }\n";
    let places: Vec<(u32, u32)> =
        read(text).diagnostics.iter().map(|found| (found.line, found.col)).collect();
    assert_eq!(places, [(1, 1), (2, 1), (3, 10), (3, 17), (4, 20), (4, 32), (5, 32), (6, 1)]);
}

#[test]
fn a_forgotten_brace_is_one_mistake() {
    let cases = [
        (
            "storage \"t\" { type \"remote\"\nlisten { port 1 host \"h\" }",
            "F:2:1: syntax error, unexpected listen",
        ),
        (
            "database \"d\" { user \"u\" { pool \"session\"\nuser \"v\" { R } }",
            "F:2:1: syntax error, unexpected user",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(shown(&with_base(text)), [format!("{want}, expecting '}}'")], "{text}");
    }
}

/// Nobody misses what a syntax error may have hidden.
#[test]
fn a_syntax_error_has_no_consequences() {
    let cases = [
        "workers auto",
        "log_debugg yes",
        "listen { prot 1 host \"h\" }",
        "listen { port \"1\" host \"h\" }",
        "storage \"t\" { tpye \"remote\" }",
        "storage \"t\" { type remote }",
        "shared_pool \"p\" { pool_sise 1 }",
        "soft_oom { limit \"1GB\" }",
        "ldap_endpoint \"l\" { ldapserver h }",
        "strage \"t\" { type \"remote\" } database \"d\" { user \"u\" { R } user \"v\" { R shared_pool \"x\" } }",
        "database \"d\" { user \"u\" { authentication none storage \"s\" pool \"session\" } }",
        "database \"d\" { user \"u\" { authentication \"md5\" pasword \"x\" storage \"s\" pool \"session\" } }",
        "database \"d\" { user \"u\" { authentication \"none\" storage \"s\" pol \"session\" } }",
        "database \"d\" { user \"u\" { authentication \"none\" storage s pool \"session\" } }",
        "database \"d\" { user \"u\" { authentication \"none\" storage \"s\" pool \"transaction\" \
         pool_reserve_prepared_statement maybe pool_discard_query \"DEALLOCATE ALL\" } }",
        "database \"d\" { group \"g\" { R group_query q group_query_user \"u\" group_query_db \"d\" } }",
    ];
    for fragment in cases {
        let found = shown(&with_base(fragment));
        assert!(found.len() == 1 && found[0].contains("syntax error"), "{fragment}: {found:?}");
    }
}

/// A refused value is not judged a second time by what it was replaced with.
#[test]
fn a_refused_value_has_no_consequences() {
    let cases = [
        "storage \"t\" { type \"locale\" } database \"d\" { user \"u\" { authentication \"none\" storage \"t\" \
         pool \"session\" role \"admin\" } }",
        "storage \"t\" { type \"remote\" host \"h\" port 0 }",
        "shared_pool \"p\" { pool_size -1 }",
        "soft_oom { limit -1 }",
        "database \"d\" { user \"u\" { authentication \"none\" storage \"s\" pool \"x\" pool_pin_on_listen yes \
         pool_smart_discard yes } }",
        "database \"d\" { user \"u\" { R storage_user \"x\" storage_user \"y\" } }",
        "storage \"t\" { type \"remote\" host \"h:1\" watchdog { R pool_routing \"hidden\" } }",
    ];
    for fragment in cases {
        let found = shown(&with_base(fragment));
        assert_eq!(found.len(), 1, "{fragment}: {found:?}");
    }
}

#[test]
fn secrets_are_not_printed() {
    let text = "database \"d\" { user \"x\" { authentication \"md5\" password \"hush\" storage_password \"hush\" \
                storage \"s\" pool \"session\" } }";
    let config = config(text);
    assert!(!format!("{config:?}").contains("hush"));
    let rule = config.rules.first().expect("one rule");
    assert_eq!(rule.password.as_ref().map(|secret| secret.expose()), Some("hush"));
}
