//! What is said to hold: the file, the defaults, and what the program chose.

use odyssey_config::{Config, MemoryLoader, Origin, Override, Setting, Ty, parse, sections};

fn read(global: &str, rules: &str) -> Config {
    let text = format!(
        "log_format \"x\" listen {{ host \"*\" port 1 }} storage \"s\" {{ type \"remote\" host \"h:1\" }}\n\
         storage \"console\" {{ type \"local\" }} {global} {rules}"
    );
    let outcome = parse(&MemoryLoader::new().with("F", text), "F");
    outcome.config.unwrap_or_else(|| panic!("{global} {rules}: {:?}", outcome.diagnostics))
}

fn rule(body: &str) -> Config {
    read("", &format!("database \"d\" {{ user \"u\" {{ authentication \"none\" {body} }} }}"))
}

const ANY: &str = "storage \"s\" pool \"transaction\"";

fn found(settings: impl IntoIterator<Item = Setting>, name: &str) -> (String, Origin) {
    let setting = settings.into_iter().find(|setting| setting.name == name);
    let setting = setting.unwrap_or_else(|| panic!("{name} is not listed"));
    (setting.value, setting.origin)
}

#[test]
fn every_row_of_the_process_is_listed_once() {
    let config = rule(ANY);
    let names: Vec<(String, &str)> =
        config.settings().map(|setting| (setting.section.to_owned(), setting.name)).collect();
    let once =
        ["global", "global: logging", "conn_drop_options", "soft_oom", "soft_oom: drop", "query_parsing"];
    let rows = sections().filter(|(section, _)| once.contains(section)).flat_map(|(section, rows)| {
        let section = section.trim_end_matches(": logging").replace(": ", ".");
        let alive = rows.filter(|row| !matches!(row.ty, Ty::DeprecatedInt | Ty::DeprecatedBool));
        alive.map(move |row| (section.clone(), row.name))
    });
    assert_eq!(names, rows.collect::<Vec<_>>());
}

#[test]
fn values_are_as_written_in_a_file() {
    use Origin::{Chosen, Default, Written};
    let cases = [
        ("", "workers", "1", Default),
        ("workers \"auto\"", "workers", "\"auto\"", Written),
        ("workers 3", "cancel_max_inflight", "6", Chosen),
        ("workers 3", "client_max_routing", "192", Chosen),
        ("client_max_routing 7", "client_max_routing", "7", Written),
        ("cancel_timeout_ms 500", "cancel_queue_timeout_ms", "1000", Chosen),
        ("cancel_queue_timeout_ms 3", "cancel_queue_timeout_ms", "3", Written),
        ("stats_interval 0", "stats_interval", "1", Chosen),
        ("", "pid_file", "", Default),
        ("", "readahead", "", Default),
        ("", "availability_zone", "\"\"", Default),
        ("pid_file \"a\\\"b\t\"", "pid_file", "\"a\\\"b\\t\"", Written),
        ("log_debug no", "log_debug", "no", Written),
        ("", "limit", "", Default),
        ("", "check_interval_ms", "", Default),
        ("soft_oom { limit 2k }", "limit", "2048", Written),
        ("soft_oom { limit 2k }", "check_interval_ms", "1000", Default),
        ("soft_oom { limit 2k }", "signal", "", Default),
        ("soft_oom { limit 2k drop { } }", "signal", "\"SIGTERM\"", Default),
        ("query_parsing { mode disabled }", "mode", "disabled", Written),
        ("", "mode", "minimal", Default),
    ];
    for (global, name, value, origin) in cases {
        let config =
            read(global, &format!("database default {{ user default {{ authentication \"none\" {ANY} }} }}"));
        assert_eq!(found(config.settings(), name), (value.to_owned(), origin), "{global}: {name}");
    }
}

#[test]
fn automatic_choices_of_a_rule_are_visible() {
    use Origin::{Chosen, Default, Written};
    let session = "storage \"s\" pool \"session\"";
    let console = "storage \"console\" pool \"session\"";
    let cases = [
        (ANY, "pool_discard", "no", Chosen),
        (ANY, "pool_smart_discard", "yes", Chosen),
        (ANY, "pool_reserve_prepared_statement", "yes", Default),
        (session, "pool_discard", "yes", Default),
        (session, "pool_smart_discard", "no", Default),
        (session, "pool_reserve_prepared_statement", "no", Chosen),
        (session, "role", "", Default),
        (console, "role", "\"stat\"", Chosen),
        (console, "pool", "\"session\"", Written),
    ];
    for (body, name, value, origin) in cases {
        assert_eq!(found(rule(body).describe_rule(0), name), (value.to_owned(), origin), "{body}: {name}");
    }
    let config = rule(ANY);
    assert_eq!(config.describe_rule(1), []);
    assert_eq!(found(config.describe_storage(0), "server_max_routing"), ("1".to_owned(), Chosen));
    assert_eq!(found(config.describe_listen(0), "backlog"), ("128".to_owned(), Default));
    let socket =
        "unix_socket_dir \"/s\" unix_socket_mode \"600\" storage \"here\" { type \"remote\" port 2 }";
    let config =
        read(socket, &format!("database default {{ user default {{ authentication \"none\" {ANY} }} }}"));
    let host = ("\"unix:///s/.s.PGSQL.2\"".to_owned(), Chosen);
    assert_eq!(found(config.describe_storage(2), "host"), host);
}

#[test]
fn a_generated_rule_tells_what_it_is() {
    let rules = format!(
        "database \"d\" {{ user \"u\" {{ {ANY} authentication \"md5\"
             auth_query \"q\" auth_query_user \"a\" auth_query_db \"d\" }} }}
         database default {{ user default {{ {ANY} authentication \"none\" storage_password \"hunter2\"
             pool_size 7 client_max 5 }} }}"
    );
    let config = read("", &rules);
    assert_eq!(config.rule_place(2), "database default user default (internal, generated)");
    let settings = config.describe_rule(2);
    for (name, value) in [("pool_routing", "\"internal\""), ("pool_size", "0"), ("client_max", "")] {
        assert_eq!(found(settings.clone(), name), (value.to_owned(), Origin::Chosen), "{name}");
    }
    assert_eq!(found(settings, "storage_password"), ("***".to_owned(), Origin::Written));
}

#[test]
fn the_command_line_goes_before_the_file() {
    let names = ["log_debug", "log_session", "log_query", "log_stats"];
    for (what, flag) in [(Override::Verbose, "yes"), (Override::Silent, "no")] {
        let mut config = rule(&format!("{ANY} log_debug no"));
        config.override_with(what);
        let on = flag == "yes";
        let global = &config.global;
        assert_eq!([global.log_debug, global.log_session, global.log_query, global.log_stats], [on; 4]);
        assert_eq!([config.rules[0].log_debug, config.rules[0].log_query], [on; 2]);
        for name in names {
            assert_eq!(found(config.settings(), name), (flag.to_owned(), Origin::Written), "{name}");
        }
        for name in ["log_debug", "log_query"] {
            assert_eq!(found(config.describe_rule(0), name), (flag.to_owned(), Origin::Written), "{name}");
        }
    }
    let plain = read(
        "daemonize yes log_to_stdout no",
        &format!("database default {{ user default {{ authentication \"none\" {ANY} }} }}"),
    );
    let mut config = plain.clone();
    config.override_with(Override::Foreground);
    config.override_with(Override::LogToStdout);
    assert_eq!((config.global.daemonize, config.global.log_to_stdout), (false, true));
    // Both wait for a restart, so loading the file again does not undo them.
    let after = plain.after_reload(&config).expect("loaded");
    assert_eq!((after.global.daemonize, after.global.log_to_stdout), (false, true));
    assert_eq!(found(after.settings(), "log_to_stdout"), ("yes".to_owned(), Origin::Written));
}
