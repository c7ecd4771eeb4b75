//! From one configuration to the next: what is told to differ, and what a reload takes over.

use odyssey_config::{Config, Fallback, MemoryLoader, Opt, Reload, Ty, diff, parse, sections};

/// A whole configuration; `{global}` and the others are where a case puts its own.
const TEMPLATE: &str = r#"
log_format "x"
<global>
<once>
listen { host "*" port 6432 <listen> }
<listens>
storage "pg" { type "remote" host "h:1" <storage> }
<storages>
<rules>
database "d" { user "u" { authentication "none" storage "pg" pool "transaction" <rule> } }
"#;

fn read_with(hba: &str, parts: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let mut text = TEMPLATE.to_owned();
    for (place, part) in parts {
        // A case may replace what a template line says: the first of two would otherwise win.
        text = text.replace(&format!("<{place}>"), part);
    }
    while let (Some(start), Some(end)) = (text.find('<'), text.find('>')) {
        text.replace_range(start..=end, "");
    }
    let loader = MemoryLoader::new().with("F", text).with("hba", hba).with("hba2", "local all all deny");
    let outcome = parse(&loader, "F");
    let messages = outcome.diagnostics.iter().map(ToString::to_string).collect();
    outcome.config.ok_or(messages)
}

fn read(parts: &[(&str, &str)]) -> Config {
    read_with("", parts).unwrap_or_else(|found| panic!("{parts:?}: {found:?}"))
}

fn changes(old: &Config, new: &Config) -> Vec<String> {
    diff(old, new).iter().map(ToString::to_string).collect()
}

#[test]
fn each_change_is_one_line() {
    let rule = |name: &str| {
        format!(
            "database {name} {{ user \"u\" {{ authentication \"none\" storage \"pg\" pool \"session\" }} }}"
        )
    };
    let (e, f) = (rule("\"e\""), rule("\"f\""));
    let (ef, fe) = (format!("{e} {f}"), format!("{f} {e}"));
    let cases: Vec<(&str, &str, &str, &[&str])> = vec![
        ("global", "", "workers 1", &[]),
        ("global", "workers 1", "workers 4", &["global: workers 1 -> 4 (restart)"]),
        ("global", "", "workers \"auto\"", &["global: workers 1 -> \"auto\" (restart)"]),
        ("global", "log_debug yes", "", &["global: log_debug yes -> no (applied)"]),
        ("global", "pid_file \"a\nb\"", "", &["global: pid_file \"a\\nb\" -> none (restart)"]),
        ("global", "readahead 8192", "", &["global: readahead 8192 -> none (no effect)"]),
        ("once", "conn_drop_options { rate 2 }", "", &["conn_drop_options: rate 2 -> 1 (restart)"]),
        ("once", "", "soft_oom { limit 1m }", &["soft_oom: added (restart)"]),
        (
            "once",
            "soft_oom { limit 1m }",
            "soft_oom { limit 2m drop { } }",
            &["soft_oom: limit 1048576 -> 2097152 (restart)", "soft_oom.drop: added (restart)"],
        ),
        (
            "once",
            "query_parsing { mode disabled }",
            "",
            &["query_parsing: mode disabled -> minimal (restart)"],
        ),
        ("listen", "", "backlog 64", &["listen *:6432: backlog 128 -> 64 (restart)"]),
        ("listen", "", "tls \"allow\"", &["listen *:6432: tls \"disable\" -> \"allow\" (applied)"]),
        ("listens", "", "listen { host \"::1\" port 2 }", &["listen ::1:2: added (restart)"]),
        ("storage", "", "port 5433", &["storage \"pg\": port none -> 5433 (new clients)"]),
        (
            "storage",
            "balancing { method \"leastconn\" { az_aware no } }",
            "",
            &[
                "storage \"pg\": balancing method \"leastconn\" -> none (new clients)",
                "storage \"pg\": az_aware no -> yes (new clients)",
            ],
        ),
        ("storages", "storage \"b\" { type \"local\" }", "", &["storage \"b\": removed (new clients)"]),
        ("storages", "", "shared_pool \"p\" { pool_size 1 }", &["shared_pool \"p\": added (new clients)"]),
        (
            "rule",
            "pool_size 10",
            "pool_size 20",
            &["database \"d\" user \"u\": pool_size 10 -> 20 (new clients)"],
        ),
        ("rule", "", "pool_discard yes", &[]),
        (
            "rule",
            "password \"hunter2\"",
            "password \"hunter3\"",
            &["database \"d\" user \"u\": password *** -> *** (new clients)"],
        ),
        (
            "rule",
            "options { \"a\" \"1\" }",
            "options { \"a\" \"2\" }",
            &["database \"d\" user \"u\": options { \"a\" \"1\" } -> { \"a\" \"2\" } (new clients)"],
        ),
        (
            "rule",
            "auth_common_name default",
            "auth_common_name default auth_common_name \"x\"",
            &["database \"d\" user \"u\": auth_common_name default -> default, \"x\" (new clients)"],
        ),
        ("rules", "", &e, &["database \"e\" user \"u\": added (new clients)"]),
        ("rules", &ef, &fe, &[]),
    ];
    for (place, old, new, want) in cases {
        assert_eq!(changes(&read(&[(place, old)]), &read(&[(place, new)])), want, "{old:?} to {new:?}");
    }
    let sequential = |rules: &str| read(&[("global", "sequential_routing yes"), ("rules", rules)]);
    let line = "database \"f\" user \"u\": now tried before database \"e\" user \"u\" (new clients)";
    assert_eq!(changes(&sequential(&ef), &sequential(&fe)), [line]);
}

#[test]
fn rules_about_the_same_clients_are_told_apart() {
    let rules = |users: &[(&str, u32)]| {
        let user = |(selector, size): &(&str, u32)| {
            format!(
                "user {selector} {{ authentication \"none\" storage \"pg\" pool \"session\" pool_size {size} }}"
            )
        };
        let users: Vec<String> = users.iter().map(user).collect();
        read(&[("rules", &format!("database default {{ {} }}", users.join(" ")))])
    };
    let place = "database default user default";
    // The first of exact duplicates is the one that matches, so exchanging them changes both.
    let old = rules(&[("default", 1), ("default", 2)]);
    let new = rules(&[("default", 2), ("default", 1)]);
    let want = [
        format!("{place}: pool_size 1 -> 2 (new clients)"),
        format!("{place} #2: pool_size 2 -> 1 (new clients)"),
    ];
    assert_eq!(changes(&old, &new), want);
    let old = rules(&[("default \"10.0.0.0/8\" hostssl", 1)]);
    let new = rules(&[("default local", 1)]);
    let want = [
        format!("{place} local: added (new clients)"),
        format!("{place} \"10.0.0.0/8\" hostssl: removed (new clients)"),
    ];
    assert_eq!(changes(&old, &new), want);
}

#[test]
fn hba_records_are_told_by_their_text() {
    let hba = |text: &str| read_with(text, &[("global", "hba_file \"hba\"")]).expect("records are good");
    let old = hba("local all all trust\nhost d,sameuser all 10.0.0.0/8 allow\nhost all all ::/0 deny\n");
    let new = hba("local all all trust\nhost all u 10.0.0.0 255.0.255.0 deny\nhost all all ::/0 deny\n");
    let want = [
        "hba record \"host d,sameuser all 10.0.0.0/8 allow\": removed (applied)",
        "hba record \"host all u 10.0.0.0 255.0.255.0 reject\": added (applied)",
    ];
    assert_eq!(changes(&old, &new), want);
    assert_eq!(changes(&old, &old), Vec::<String>::new());
}

/// A value of the directive that is not its default; `None` where nothing can be written.
fn another(row: &Opt) -> Option<String> {
    let value = match (row.name, row.ty, row.default) {
        (_, Ty::DeprecatedBool | Ty::DeprecatedInt, _) => return None,
        // Both can be turned off only together.
        ("bindwith_reuseport", ..) => {
            return Some("enable_online_restart no bindwith_reuseport no".to_owned());
        }
        // Means something only beside a directory.
        ("unix_socket_dir", ..) => {
            return Some("unix_socket_dir \"/s\" unix_socket_mode \"0600\"".to_owned());
        }
        ("unix_socket_mode", ..) => "\"0600\"".to_owned(),
        ("log_syslog_facility", ..) => "\"local1\"".to_owned(),
        ("cpu_affinity", ..) => "\"auto\"".to_owned(),
        ("hba_file", ..) => "\"hba\"".to_owned(),
        ("log_format", ..) => return None,
        (_, _, Fallback::Flag(flag)) => if flag { "no" } else { "yes" }.to_owned(),
        (_, _, Fallback::Number(number)) => (number + 17).to_string(),
        (_, Ty::Text, _) => "\"other\"".to_owned(),
        (_, Ty::Int(_) | Ty::Size, _) => "23".to_owned(),
        (_, ty, default) => panic!("{}: no value for {ty:?}, {default:?}", row.name),
    };
    Some(format!("{} {value}", row.name))
}

#[test]
fn a_reload_takes_what_the_tables_say() {
    let mut tried = 0;
    for (_, row) in sections()
        .filter(|(name, _)| name.starts_with("global"))
        .flat_map(|(n, rows)| rows.map(move |r| (n, r)))
    {
        let Some(directive) = another(row) else { continue };
        let (running, new) = (read(&[]), read(&[("global", &directive)]));
        assert_ne!(running.global, new.global, "{directive}: the case changes nothing");
        for (running, new) in [(&running, &new), (&new, &running)] {
            let after = new.clone().after_reload(running).expect("any mixture of these is good");
            let wins = match row.reload {
                Reload::Restart => running,
                Reload::Applied | Reload::NewClients | Reload::Never => new,
            };
            assert_eq!(after.global, wins.global, "{}", row.name);
            // What is left to do is exactly what the lines of the difference call a restart.
            let left: Vec<Reload> = diff(&after, new).iter().map(|change| change.reload).collect();
            assert!(left.iter().all(|reload| *reload == Reload::Restart), "{}: {left:?}", row.name);
        }
        tried += 1;
    }
    assert!(tried > 55, "{tried}");
}

#[test]
fn a_reload_keeps_listeners_and_replaces_routes() {
    let running = read(&[
        ("listen", "backlog 1 tls \"disable\" storage \"old\" storage \"pg\""),
        ("storages", "storage \"old\" { type \"remote\" host \"o:1\" }"),
        ("global", "workers 2"),
        ("once", "soft_oom { limit 1m }"),
        ("rule", "pool_size 1"),
    ]);
    let new = read(&[
        ("listen", "backlog 2 tls \"require\" tls_cert_file \"c\" tls_key_file \"k\" tls_protocols \"p\""),
        ("listens", "listen { host \"*\" port 7000 }"),
        ("global", "workers 8 sequential_routing yes"),
        ("storage", "port 5"),
        ("rule", "pool_size 2"),
    ]);
    let after = new.clone().after_reload(&running).expect("loaded");
    let [listen] = after.listens.as_slice() else { panic!("one listener: {:?}", after.listens) };
    assert_eq!((listen.backlog, listen.tls.mode), (1, odyssey_config::TlsMode::Require));
    assert_eq!((listen.tls.cert.as_deref(), listen.tls.key.as_deref()), (Some("c"), Some("k")));
    assert_eq!(listen.tls.protocols, None, "this one waits for a restart");
    assert_eq!(listen.storages, ["pg"], "the other storage is gone");
    assert_eq!(after.global, running.global);
    // Derived from what is running, not from what waits for a restart.
    assert_eq!((after.storages[0].server_max_routing, after.storages[0].port), (2, 5));
    assert_eq!((after.rules.as_slice(), after.rule_order.as_slice()), (new.rules.as_slice(), &[0][..]));
    // Loading the same file again changes nothing more.
    assert_eq!(new.clone().after_reload(&after).expect("loaded"), after);
    let again = running.clone().after_reload(&after).expect("loaded");
    assert_eq!(again.rules, running.rules);
}

#[test]
fn the_running_order_of_rules_stays() {
    let rules =
        "database default { user default { authentication \"none\" storage \"pg\" pool \"session\" } }";
    let specific = read(&[("rules", rules)]);
    let sequential = read(&[("rules", rules), ("global", "sequential_routing yes")]);
    assert_eq!(
        (specific.rule_order.as_slice(), sequential.rule_order.as_slice()),
        (&[1, 0][..], &[0, 1][..])
    );
    assert_eq!(sequential.clone().after_reload(&specific).expect("loaded").rule_order, [1, 0]);
    assert_eq!(specific.clone().after_reload(&sequential).expect("loaded").rule_order, [0, 1]);
}

#[test]
fn what_needs_a_restart_to_be_possible_is_refused() {
    let socket = "unix_socket_dir \"/s\" unix_socket_mode \"0600\"";
    let new = read(&[("global", socket), ("storages", "storage \"here\" { type \"remote\" port 1 }")]);
    let refused = new.clone().after_reload(&read(&[])).expect_err("the directory waits for a restart");
    let messages: Vec<&str> = refused.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(messages, ["storage 'here': host is not set and no unix_socket_dir is specified"]);
    // With a directory at run time the storage follows the running one.
    let running = read(&[("global", "unix_socket_dir \"/r\" unix_socket_mode \"0600\"")]);
    let after = new.after_reload(&running).expect("loaded");
    let odyssey_config::EndpointAddress::Unix(path) = &after.storages[1].endpoints[0].address else {
        panic!("{:?}", after.storages[1])
    };
    assert_eq!(path, "/r/.s.PGSQL.1");
}

#[test]
fn no_text_of_a_configuration_shows_a_secret() {
    let config = read(&[(
        "rule",
        "password \"hunter2\" storage_password \"hunter2\"
         ldap_storage_credentials \"c\" { ldap_storage_username \"u\" ldap_storage_password \"hunter2\" }",
    )]);
    let plain = read(&[]);
    let texts =
        [format!("{config:?}"), format!("{:?}", diff(&plain, &config)), changes(&plain, &config).join("\n")];
    for text in texts {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn loading_a_file_over_itself_changes_nothing() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/valid");
    let text = |name: &str| std::fs::read_to_string(directory.join(name)).expect("part of the package");
    for name in ["everything.conf", "routes.conf", "warnings.conf"] {
        let loader = MemoryLoader::new().with("F", text(name));
        let (running, new) = (parse(&loader, "F").config, parse(&loader, "F").config);
        let (Some(running), Some(new)) = (running, new) else { panic!("{name} is valid") };
        assert_eq!(changes(&running, &new), Vec::<String>::new(), "{name}");
        assert_eq!(new.after_reload(&running).expect("loaded"), running, "{name}");
        // What is described is what is there, for whatever a file may hold.
        let rules = (0..running.rules.len()).map(|index| running.describe_rule(index));
        let storages = (0..running.storages.len()).map(|index| running.describe_storage(index));
        let listens = (0..running.listens.len()).map(|index| running.describe_listen(index));
        assert!(rules.chain(storages).chain(listens).all(|settings| !settings.is_empty()), "{name}");
        assert!((0..running.rules.len()).all(|index| !running.rule_place(index).is_empty()), "{name}");
    }
}
