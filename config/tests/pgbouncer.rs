//! Configurations of PgBouncer under `pgbouncer/`: beside each `NAME.ini` the odyssey.conf it becomes, as
//! `NAME.conf`, and the notes, as `NAME.txt`. Files under `pgbouncer/bad/` become nothing; `NAME.txt` says why.
//!
//! After a deliberate change, run with `UPDATE=1` and read the difference.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use odyssey_config::{
    Authentication, Client, Config, FileLoader, Level, Loader, MemoryLoader, PoolRouting, convert, parse,
};

/// Reads names relative to one directory, so that messages do not depend on where the tests run.
struct Under(PathBuf);

impl Loader for Under {
    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        FileLoader.load(&self.0.join(path).to_string_lossy())
    }
}

fn directory(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("the directory is part of the package");
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".ini") && !name.ends_with("_limits.ini"))
        .collect();
    names.sort();
    names
}

/// Compares with the file, or writes it where that was asked for.
fn expect(file: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, text).expect("the directory can be written");
    }
    let want = fs::read_to_string(file).unwrap_or_default();
    assert_eq!(text, want, "{}", file.display());
}

fn lines<T: ToString>(items: &[T]) -> String {
    items.iter().map(|item| item.to_string() + "\n").collect()
}

/// What the text says, which has to be read without a word.
fn config(name: &str, text: &str) -> Config {
    let outcome = parse(&MemoryLoader::new().with("odyssey.conf", text), "odyssey.conf");
    assert_eq!(outcome.diagnostics, [], "{name}: {text}");
    outcome.config.expect("no diagnostic, so a configuration")
}

#[test]
fn every_file_becomes_what_it_became() {
    let directory = directory("pgbouncer");
    let names = names(&directory);
    assert!(names.len() >= 14, "{names:?}");
    for name in names {
        let converted = convert(&Under(directory.clone()), &name);
        assert_eq!(lines(&converted.diagnostics), "", "{name}");
        let text = converted.text.expect("no diagnostic, so a text");
        config(&name, &text);
        expect(&directory.join(&name).with_extension("conf"), &text);
        expect(&directory.join(&name).with_extension("txt"), &lines(&converted.notes));
    }
}

#[test]
fn bad_files_are_refused_with_every_place() {
    let directory = directory("pgbouncer/bad");
    for name in names(&directory) {
        let converted = convert(&Under(directory.clone()), &name);
        assert_eq!(converted.text, None, "{name}");
        assert!(!converted.diagnostics.is_empty(), "{name}");
        expect(&directory.join(&name).with_extension("txt"), &lines(&converted.diagnostics));
    }
}

/// Every setting of PgBouncer's manual with a value that is not its default.
const SETTINGS: [(&str, &str); 135] = [
    ("admin_users", "u"),
    ("application_name_add_host", "1"),
    ("auth_dbname", "other"),
    ("auth_file", "other.txt"),
    ("auth_hba_file", "records.hba"),
    ("auth_ident_file", "ident"),
    ("auth_ldap_options", "ldapserver=x"),
    ("auth_query", "SELECT 1"),
    ("auth_type", "trust"),
    ("auth_user", "u"),
    ("autodb_idle_timeout", "10"),
    ("cancel_wait_timeout", "3"),
    ("client_idle_timeout", "3"),
    ("client_login_timeout", "3"),
    ("client_tls13_ciphers", "x"),
    ("client_tls_ca_file", "x"),
    ("client_tls_cert_file", "x"),
    ("client_tls_ciphers", "x"),
    ("client_tls_dheparams", "x"),
    ("client_tls_ecdhcurve", "x"),
    ("client_tls_key_file", "x"),
    ("client_tls_protocols", "all"),
    ("client_tls_sslmode", "allow"),
    ("conffile", "x"),
    ("default_pool_size", "3"),
    ("disable_pqexec", "1"),
    ("dns_max_ttl", "3"),
    ("dns_nxdomain_ttl", "3"),
    ("dns_zone_check_period", "3"),
    ("idle_transaction_timeout", "3"),
    ("ignore_startup_parameters", "x"),
    ("job_name", "x"),
    ("listen_addr", "127.0.0.2"),
    ("listen_backlog", "3"),
    ("listen_port", "3"),
    ("log_connections", "0"),
    ("log_disconnections", "0"),
    ("log_pooler_errors", "0"),
    ("log_stats", "0"),
    ("logfile", "x"),
    ("login_notify_message", "x"),
    ("max_client_conn", "3"),
    ("max_db_client_connections", "3"),
    ("max_db_connections", "3"),
    ("max_packet_size", "3"),
    ("max_prepared_statements", "3"),
    ("max_user_client_connections", "3"),
    ("max_user_connections", "3"),
    ("min_pool_size", "3"),
    ("peer_id", "3"),
    ("pidfile", "x"),
    ("pkt_buf", "3"),
    ("pool_idle_timeout", "3"),
    ("pool_mode", "statement"),
    ("query_timeout", "3"),
    ("query_wait_notify", "3"),
    ("query_wait_timeout", "3"),
    ("reserve_pool_size", "3"),
    ("reserve_pool_timeout", "3"),
    ("resolv_conf", "x"),
    ("sbuf_loopcnt", "3"),
    ("scram_iterations", "3"),
    ("server_check_delay", "3"),
    ("server_check_query", "SELECT 1"),
    ("server_connect_timeout", "3"),
    ("server_fast_close", "1"),
    ("server_idle_timeout", "3"),
    ("server_lifetime", "3"),
    ("server_login_retry", "3"),
    ("server_reset_query", "RESET ALL"),
    ("server_reset_query_always", "1"),
    ("server_round_robin", "1"),
    ("server_tls13_ciphers", "x"),
    ("server_tls_ca_file", "x"),
    ("server_tls_cert_file", "x"),
    ("server_tls_ciphers", "x"),
    ("server_tls_key_file", "x"),
    ("server_tls_protocols", "all"),
    ("server_tls_sslmode", "allow"),
    ("service_name", "x"),
    ("so_reuseport", "1"),
    ("stats_period", "3"),
    ("stats_users", "u"),
    ("suspend_timeout", "3"),
    ("syslog", "1"),
    ("syslog_facility", "local1"),
    ("syslog_ident", "x"),
    ("tcp_defer_accept", "1"),
    ("tcp_keepalive", "0"),
    ("tcp_keepcnt", "3"),
    ("tcp_keepidle", "3"),
    ("tcp_keepintvl", "3"),
    ("tcp_socket_buffer", "3"),
    ("tcp_user_timeout", "3"),
    ("track_extra_parameters", "x"),
    ("transaction_timeout", "3"),
    ("unix_socket_dir", "/x"),
    ("unix_socket_group", "x"),
    ("unix_socket_mode", "0700"),
    ("user", "x"),
    ("verbose", "1"),
    // Of a line of [databases].
    ("db: auth_dbname", "other"),
    ("db: auth_query", "x"),
    ("db: auth_user", "x"),
    ("db: max_db_client_connections", "3"),
    ("db: max_db_connections", "3"),
    ("db: min_pool_size", "3"),
    ("db: pool_mode", "statement"),
    ("db: query_wait_timeout", "3"),
    ("db: reserve_pool_size", "3"),
    ("db: server_lifetime", "3"),
    ("db: application_name", "x"),
    ("db: client_encoding", "x"),
    ("db: connect_query", "x"),
    ("db: datestyle", "x"),
    ("db: dbname", "x"),
    ("db: host", "x"),
    ("db: load_balance_hosts", "disable"),
    ("db: password", "x"),
    ("db: pool_size", "3"),
    ("db: port", "3"),
    ("db: reserve_pool", "3"),
    ("db: target_session_attrs", "standby"),
    ("db: timezone", "x"),
    ("db: user", "x"),
    // Of a line of [users].
    ("u: pool_size", "3"),
    ("u: pool_mode", "statement"),
    ("u: query_timeout", "3"),
    ("u: query_wait_timeout", "3"),
    ("u: client_idle_timeout", "3"),
    ("u: idle_transaction_timeout", "3"),
    ("u: transaction_timeout", "3"),
    ("u: reserve_pool_size", "3"),
    ("u: max_user_connections", "3"),
    ("u: max_user_client_connections", "3"),
];

/// A configuration in which every setting matters, with one more.
fn with(name: &str, value: &str) -> (Option<String>, Vec<String>) {
    let extra = |section: &str| match name.split_once(": ") {
        Some((of, name)) if of == section => format!("{name}={value}"),
        None if section.is_empty() => format!("{name} = {value}"),
        _ => String::new(),
    };
    let mode = if name == "server_reset_query_always" { "pool_mode = transaction" } else { "" };
    let ini = format!(
        "[databases]\nother = host=o\ndb = host=h,i {}\n[users]\nu = {}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nauth_file = users.txt\nauth_user = u\n\
         client_tls_sslmode = require\nserver_tls_sslmode = verify-ca\nserver_check_delay = 0\n{mode}\n{}\n",
        extra("db"),
        extra("u"),
        extra("")
    );
    let loader = MemoryLoader::new()
        .with("p.ini", ini)
        .with("users.txt", "\"u\" \"p\"\n")
        .with("other.txt", "\"v\" \"q\"\n");
    let converted = convert(&loader, "p.ini");
    let errors: Vec<_> = converted.diagnostics.iter().filter(|found| found.level == Level::Error).collect();
    assert!(errors.is_empty(), "{name}: {errors:?}");
    (converted.text, converted.notes)
}

#[test]
fn every_setting_of_the_manual_is_converted_or_named() {
    let mut lost = Vec::new();
    for (name, value) in SETTINGS {
        let (text, notes) = with(name, value);
        let (without, _) = with("listen_port", "6432");
        let without =
            if name == "server_reset_query_always" { with("pool_mode", "transaction").0 } else { without };
        let note = notes.iter().find(|note| note.contains(&format!(": {name}: ")));
        assert!(note.is_none_or(|note| !note.contains("unknown setting")), "{note:?}");
        if note.is_none() && text == without {
            lost.push(name);
        }
    }
    assert!(lost.is_empty(), "neither converted nor named: {lost:?}");
    let (_, notes) = with("made_up", "1");
    assert!(notes.contains(&"p.ini:14: made_up: unknown setting, not converted".to_owned()), "{notes:?}");
}

/// Authentication and storage of the rule a client comes to.
fn rule_of(
    config: &Config,
    database: &str,
    user: &str,
    address: Option<&str>,
) -> Option<(Authentication, String)> {
    let who = Client {
        database,
        user,
        address: address.map(|address| address.parse().expect("an address")),
        unix: address.is_none(),
        tls: false,
        host_name: None,
        routing: PoolRouting::ClientVisible,
    };
    let rule = config.match_rule(&who, &|_, _| true).and_then(|index| config.rules.get(index))?;
    Some((rule.authentication, rule.storage.clone()))
}

#[test]
fn clients_come_to_the_rules_they_came_to() {
    use Authentication::{Block, Md5, None as Open, ScramSha256};
    let v4 = Some("10.9.9.9");
    let cases = [
        ("fallback.ini", "main", "alice", v4, Some((Md5, "postgres_1"))),
        ("fallback.ini", "main", "carol", v4, Some((ScramSha256, "postgres_1"))),
        ("fallback.ini", "main", "stranger", v4, Some((Md5, "postgres_1"))),
        ("fallback.ini", "closed", "bob", v4, Some((Md5, "postgres_2"))),
        ("fallback.ini", "closed", "stranger", v4, Some((Block, "postgres_2"))),
        ("fallback.ini", "elsewhere", "bob", v4, Some((Md5, "postgres_1"))),
        ("fallback.ini", "elsewhere", "stranger", v4, Some((Block, "postgres_1"))),
        ("fallback.ini", "pgbouncer", "alice", v4, Some((Md5, "console"))),
        ("fallback.ini", "pgbouncer", "looker", v4, Some((Block, "console"))),
        ("simple.ini", "shop", "stranger", v4, None),
        ("simple.ini", "pgbouncer", "alice", v4, None),
        ("simple.ini", "shop", "dave", v4, Some((Block, "postgres"))),
        ("hba.ini", "shop", "alice", None, Some((Open, "postgres_1"))),
        ("hba.ini", "shop", "alice", v4, Some((Md5, "postgres_1"))),
        ("hba.ini", "shop", "alice", Some("192.0.2.1"), Some((Block, "postgres_1"))),
        ("hba.ini", "shop", "looker", v4, Some((Block, "postgres_1"))),
        ("hba.ini", "other", "stranger", None, Some((Block, "postgres_2"))),
        ("hba.ini", "other", "alice", None, Some((Open, "postgres_2"))),
        ("any.ini", "pgbouncer", "stranger", v4, Some((Open, "console"))),
    ];
    for (name, database, user, address, want) in cases {
        let text = convert(&Under(directory("pgbouncer")), name).text.expect("a good file");
        let got = rule_of(&config(name, &text), database, user, address);
        let want = want.map(|(method, storage)| (method, storage.to_owned()));
        assert_eq!(got, want, "{name}: {user} in {database} from {address:?}");
    }
}
