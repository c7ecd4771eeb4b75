//! What a reload does to the process: global settings, certificates, listeners, host based authentication, roles.

use std::fs;
use std::time::Duration;

use odyssey_tests::certificate;
use odyssey_tests::client::Client;
use odyssey_tests::pooler::{CONSOLE, Config, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::{Signal, TempDir, expect_soon, thread_names};
use odyssey_tests::psql;

const SOON: Duration = Duration::from_secs(20);

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

/// Puts another configuration in force; what was logged.
fn change(pooler: &Pooler, config: &Config) -> String {
    pooler.rewrite(config);
    let log = pooler.hup();
    assert!(log.contains("created/deleted"), "{log}");
    log
}

/// A value as SHOW CONFIG has it.
fn setting(pooler: &Pooler, key: &str) -> String {
    let table = pooler.console("show config");
    let row = table.rows().find(|row| row.get("key") == key);
    row.unwrap_or_else(|| panic!("no {key}")).get("value").to_owned()
}

#[test]
fn client_max_is_raised_and_lowered() {
    let pooler = start(&Config::new());
    let mut clients: Vec<Client> = (0..3).map(|_| pooler.client()).collect();
    change(&pooler, &Config::new().global("client_max 2"));
    let refused = pooler.connect().refused();
    assert_eq!(refused.sqlstate(), "53300");
    assert!(
        refused.message().ends_with("too many tcp connections (global client_max 2)"),
        "{}",
        refused.message()
    );
    assert!(clients.iter_mut().all(|client| client.value("select 1") == "1"), "those who are in stay");
    // The console is refused as everybody is: only the signal is left.
    change(&pooler, &Config::new().global("client_max 5"));
    assert_eq!(setting(&pooler, "client_max"), "5");
    assert_eq!(pooler.client().value("select 1"), "1");
    change(&pooler, &Config::new());
    assert_eq!(setting(&pooler, "client_max"), "0", "what the file no longer says is at its default again");
}

#[test]
fn logging_is_switched_on_and_off() {
    let base = |word: &str| {
        let of = |name: &str| format!("{name} {word}");
        Config::new().global(&of("log_session")).global(&of("log_query")).global(&of("log_debug"))
    };
    // A sign of each: a connection, a query, and a notice, of which only debugging tells.
    let signs = ["new client connection", "select 'sign'", "look here"];
    let seen = |pooler: &Pooler| {
        let before = pooler.log().len();
        let mut client = pooler.client();
        client.value("select 'sign'");
        client.query("do $$ begin raise notice 'look here'; end $$").expect("an answer");
        client.terminate();
        // What is logged comes in order: the last line of the reload ends the part that matters.
        pooler.hup();
        let log = pooler.log()[before..].to_owned();
        signs.map(|sign| log.contains(sign))
    };
    let pooler = start(&base("no"));
    assert_eq!(seen(&pooler), [false; 3]);
    change(&pooler, &base("yes"));
    assert_eq!(seen(&pooler), [true; 3], "{}", pooler.log());
    change(&pooler, &base("no"));
    assert_eq!(seen(&pooler), [false; 3], "{}", pooler.log());
}

#[test]
fn the_configuration_is_logged_on_request() {
    let verbose = |size: u32| {
        Config::new().global("log_config yes").pool_size(size).route("storage_password \"hidden-secret\"")
    };
    let pooler = start(&verbose(3));
    let said = |log: &str, line: &str| log.lines().any(|logged| logged.ends_with(line));
    let place = "database default user default";
    // At start everything, with secrets as stars.
    let lines = ["global: workers 1", "listen 0: backlog 1024", "storage \"postgres\": type \"remote\""];
    for line in lines
        .map(str::to_owned)
        .into_iter()
        .chain([format!("{place}: pool_size 3"), format!("{place}: storage_password ***")])
    {
        expect_soon(&line, SOON, || said(&pooler.log(), &line));
    }
    // At a reload the rules alone.
    let log = change(&pooler, &verbose(4));
    assert!(said(&log, &format!("{place}: pool_size 4")), "{log}");
    assert!(!said(&log, "global: workers 1"), "{log}");
    assert!(!pooler.log().contains("hidden-secret"));
    let log = change(&pooler, &Config::new().global("log_config no").pool_size(5));
    assert!(!said(&log, &format!("{place}: pool_size 5")), "{log}");
}

#[test]
fn max_sigterms_to_die_takes_effect() {
    let mut pooler = start(&Config::new().global("max_sigterms_to_die 3"));
    change(&pooler, &Config::new().global("max_sigterms_to_die 1"));
    pooler.signal(Signal::Term);
    expect_soon("it dies at once", SOON, || pooler.ended().is_some());
    assert_eq!(pooler.ended().and_then(|status| status.code()), Some(1));
}

/// Whether the kernel probes the pooler's connections to clients, one entry each: the timer of proc(5), net/tcp,
/// is 02 for keepalive.
fn probed(pooler: &Pooler) -> Vec<bool> {
    let own = format!("0100007F:{:04X}", pooler.port());
    let table = fs::read_to_string("/proc/net/tcp").expect("Linux has it");
    let rows = table.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let established = rows.filter(|row| row.get(1) == Some(&own.as_str()) && row.get(3) == Some(&"01"));
    established.map(|row| row.get(5).is_some_and(|timer| timer.starts_with("02"))).collect()
}

#[test]
fn keepalive_of_new_connections_follows() {
    for (old, new, want) in [("15", "0", false), ("0", "15", true)] {
        let config = |seconds: &str| Config::new().global(&format!("keepalive {seconds}"));
        let pooler = start(&config(old));
        change(&pooler, &config(new));
        let mut client = pooler.client();
        client.value("select 1");
        // Until an answer is acknowledged the timer is that of retransmission.
        expect_soon("the timer is set as the file says", SOON, || probed(&pooler) == [want]);
    }
}

/// Threads that are workers; a single one is part of the first thread.
fn workers(pooler: &Pooler) -> usize {
    let names = thread_names(pooler.pid()).expect("the pooler runs");
    names.iter().filter(|name| name.starts_with("worker")).count()
}

#[test]
fn what_only_a_restart_can_change_is_named_and_kept() {
    let pooler = start(&Config::new());
    let text = Config::new().workers(3).text().replace("backlog 1024", "backlog 512");
    pooler.rewrite_text(&text);
    let log = pooler.hup();
    for name in ["global: workers 1 -> 3", "backlog 1024 -> 512"] {
        let line = log.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("{name}: {log}"));
        assert!(line.contains("kept as it was until a restart"), "{line}");
    }
    assert_eq!((setting(&pooler, "workers").as_str(), workers(&pooler)), ("1", 0));
    let started_so = start(&Config::new().workers(3));
    // It listens before its workers are all there.
    expect_soon("three workers run", SOON, || workers(&started_so) == 3);
    // They differ still, and are told again.
    assert_eq!(pooler.console("show config diff").rows().count(), 2);
    assert!(pooler.hup().contains("workers 1 -> 3"));
}

#[test]
fn what_the_command_line_says_survives() {
    let quiet = Config::new().global("log_debug no").global("log_session no").global("log_query no");
    let pooler = Pooler::start_with(&["--verbose"], &quiet, Postgres::shared().port());
    assert_eq!(setting(&pooler, "log_session"), "yes");
    change(&pooler, &quiet.clone().global("client_max 9"));
    for name in ["log_session", "log_query", "log_debug"] {
        assert_eq!(setting(&pooler, name), "yes", "{name}");
    }
    pooler.client().value("select 'still verbose'");
    pooler.wait_log("select 'still verbose'", SOON);
}

/// What psql gets, whose trust is in the certificate `root`.
fn psql(pooler: &Pooler, sslmode: &str, root: &str) -> Result<String, String> {
    psql::ask(pooler.port(), &format!("sslmode={sslmode} sslrootcert={root}"), "select 6 * 7")
}

fn tls_text(dir: &TempDir, tls: &str) -> String {
    let dir = dir.path().display();
    let files = format!("tls_cert_file \"{dir}/a.crt\" tls_key_file \"{dir}/a.key\"");
    Config::new().text().replace("backlog 1024", &format!("backlog 1024 tls \"{tls}\" {files}"))
}

#[test]
fn a_renewed_certificate_is_served_after_a_reload() {
    let dir = TempDir::new("reload");
    certificate::make(dir.path(), "a");
    let pooler = Pooler::start_text(&tls_text(&dir, "allow"), Postgres::shared().port());
    let (old, new) = (dir.join("old.crt"), dir.join("a.crt"));
    fs::copy(&new, &old).expect("our own directory");
    let asks = |root: &std::path::Path| psql(&pooler, "verify-full", &root.display().to_string());
    assert_eq!(asks(&old), Ok("42".to_owned()));
    certificate::make(dir.path(), "a");
    assert!(asks(&new).is_err(), "not before the reload");
    assert_eq!(asks(&old), Ok("42".to_owned()));
    pooler.hup();
    assert_eq!(asks(&new), Ok("42".to_owned()), "{}", pooler.log());
    assert!(asks(&old).is_err(), "the old one is served no more");
    // One that cannot be read leaves the last good one in place.
    fs::write(dir.join("a.key"), "no key").expect("our own directory");
    assert!(pooler.hup().contains("nothing was changed"));
    assert_eq!(asks(&new), Ok("42".to_owned()));
}

#[test]
fn a_listeners_tls_mode_is_applied_to_new_connections() {
    let dir = TempDir::new("reload");
    certificate::make(dir.path(), "a");
    let pooler = Pooler::start_text(&tls_text(&dir, "disable"), Postgres::shared().port());
    let mut plain = pooler.client();
    for (mode, disable, require) in
        [("require", false, true), ("disable", true, false), ("allow", true, true), ("require", false, true)]
    {
        pooler.rewrite_text(&tls_text(&dir, mode));
        let log = pooler.hup();
        assert!(log.contains("created/deleted"), "{log}");
        let root = dir.join("a.crt").display().to_string();
        assert_eq!(psql(&pooler, "disable", &root).is_ok(), disable, "{mode}, in the clear");
        assert_eq!(psql(&pooler, "require", &root).is_ok(), require, "{mode}, encrypted");
        assert_eq!(plain.value("select 1"), "1", "{mode}: who is in stays");
    }
}

const REJECTED: &str = "host based authentication rejected";

#[test]
fn host_based_authentication_follows_its_file() {
    let dir = TempDir::new("reload");
    let file = dir.join("hba.conf");
    let write = |text: &str| {
        fs::write(&file, format!("# who may\nhost console all 127.0.0.1/32 trust\n{text}\n")).expect("ours");
    };
    let with = Config::new().global(&format!("hba_file \"{}\"", file.display()));
    let let_in = |pooler: &Pooler, user: &str, is_let: bool| {
        let opened = pooler.connect().user(user).open();
        match opened {
            Ok(mut client) => {
                assert!(is_let, "{user} was let in");
                assert_eq!(client.value("select current_user"), user);
            }
            Err(refused) => {
                assert!(!is_let, "{user}: {refused}");
                assert_eq!(refused.sqlstate(), "28P01", "{user}");
                assert!(refused.message().ends_with(REJECTED), "{}", refused.message());
                let line = format!("ip '127.0.0.1' user 'default_db.default_user': {REJECTED}");
                pooler.wait_log(&line, SOON);
            }
        }
    };
    write("host all all 127.0.0.1/32 reject");
    let pooler = start(&with);
    let_in(&pooler, "app", false);
    // Another file under the same name.
    for (record, is_let) in [
        ("host all all 127.0.0.1/32 allow", true),
        ("host all all 10.0.0.0/8 allow", false),
        ("host default_db default_user 127.0.0.1 255.255.255.255 trust", true),
        ("local all all allow", false),
        ("hostssl all all 127.0.0.1/32 allow", false),
        ("host app app 127.0.0.1/32 allow", false),
    ] {
        write(record);
        change(&pooler, &with);
        let_in(&pooler, "app", is_let);
    }
    let mut inside = pooler.connect().user(CONSOLE).database(CONSOLE).must();
    // Taken out of the configuration, and put into it again.
    change(&pooler, &Config::new());
    let_in(&pooler, "app", true);
    let mut client = pooler.client();
    write("host all all 127.0.0.1/32 deny");
    let log = change(&pooler, &with);
    assert!(log.contains("hba record"), "{log}");
    let_in(&pooler, "app", false);
    assert_eq!(client.value("select 1"), "1", "who is in stays");
    // A bad file leaves the last good one in force.
    write("host all all 127.0.0.1/32 md5");
    assert!(pooler.hup().contains("hba.conf:3:"), "{}", pooler.log());
    let_in(&pooler, "app", false);
    assert_eq!(inside.rows("show version").len(), 1);
}

/// The database `roles` with one console user of this role.
fn operator(role: &str) -> Config {
    Config::new().section(&format!(
        "database \"roles\" {{ user \"op\" {{ authentication \"none\" role \"{role}\" pool \"session\" \
         storage \"local\" }} }}\n"
    ))
}

fn answer(client: &mut Client, command: &str) -> String {
    client.query(command).expect("an answer").sqlstate()
}

#[test]
fn a_role_that_may_look_may_not_reload() {
    let pooler = start(&operator("stat"));
    let mut client = pooler.connect().user("op").database("roles").must();
    for (command, code) in [
        ("show config diff", ""),
        ("show config", ""),
        ("reload", "42501"),
        ("reload dry run", "42501"),
        ("show config diff", ""),
    ] {
        assert_eq!(answer(&mut client, command), code, "{command}");
    }
    assert!(!pooler.log().contains("importing changes"), "{}", pooler.log());
}

#[test]
fn a_changed_role_is_obeyed_by_all_sessions() {
    let pooler = start(&operator("admin"));
    let open = || pooler.connect().user("op").database("roles").must();
    let mut admin = open();
    change(&pooler, &operator("stat"));
    let mut stat = open();
    assert_eq!([answer(&mut stat, "show pools"), answer(&mut stat, "reload")], ["", "42501"]);
    assert_eq!([answer(&mut admin, "show pools"), answer(&mut admin, "reload")], ["", "42501"]);
    change(&pooler, &operator("admin"));
    assert_eq!([answer(&mut stat, "reload"), answer(&mut open(), "reload")], ["", ""]);
    change(&pooler, &Config::new());
    assert_eq!(answer(&mut admin, "show pools"), "42501", "its rule is gone");
}
