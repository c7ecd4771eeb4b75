//! Which rule a client gets, against a real server: one connection for each kind of selector. The order of the
//! rules has its tables in the `odyssey-config` crate.

use std::net::TcpListener;
use std::time::Duration;

use odyssey_tests::certificate;
use odyssey_tests::client::Connect;
use odyssey_tests::pooler::{Config, Pooler};
use odyssey_tests::postgres::{PASSWORD, Postgres, SCRAM_USER};
use odyssey_tests::process::{TempDir, until};
use odyssey_tests::psql;

const SOON: Duration = Duration::from_secs(20);

/// A configuration whose routes are these, each `(database, user and its selectors, directives)`. The route of the
/// base goes to a name nobody has.
fn config(routes: &[(&str, &str, &str)]) -> Config {
    let section = |(database, user, directives): &(&str, &str, &str)| {
        let storage = if directives.contains("storage ") { "" } else { "storage \"postgres\"" };
        let method = if directives.contains("authentication ") { "" } else { "authentication \"none\"" };
        let pool = "pool \"transaction\" client_fwd_error yes";
        format!("database {database} {{ user {user} {{ {method} {storage} {pool} {directives} }} }}\n")
    };
    routes
        .iter()
        .fold(Config::new().only("nobody", "nobody"), |config, route| config.section(&section(route)))
}

/// Marks a rule so that its clients can tell it: a setting every server connection of it gets.
fn mark(name: &str) -> String {
    format!("storage_db \"app\" storage_user \"app\" options {{ \"application_name\" \"{name}\" }}")
}

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

/// The mark of the rule that a client gets, or the SQLSTATE of its refusal.
fn rule_of(to: &Connect) -> String {
    match to.open() {
        Ok(mut client) => client.value("show application_name"),
        Err(refused) => refused.sqlstate(),
    }
}

#[test]
fn names_decide_and_the_more_exact_rule_wins() {
    let marks = ["both", "user", "database", "quoted", "any"].map(mark);
    let [both, user, database, quoted, any] = marks.each_ref().map(String::as_str);
    let pooler = start(&config(&[
        ("default", "default", any),
        ("default", "\"known\"", user),
        ("\"named\"", "default", database),
        ("\"named\"", "\"known\"", both),
        ("\"default\"", "\"default\"", quoted),
    ]));
    let cases = [
        ("named", "known", "both"),
        ("named", "stranger", "database"),
        ("elsewhere", "known", "user"),
        ("elsewhere", "stranger", "any"),
        ("Named", "Known", "any"),
        ("default", "default", "quoted"),
    ];
    for (database, user, want) in cases {
        let to = pooler.connect().database(database).user(user);
        assert_eq!(rule_of(&to), want, "{database}.{user}");
    }
}

#[test]
fn without_a_rule_there_is_no_route() {
    let pooler = start(&config(&[("\"app\"", "\"app\"", "")]));
    assert_eq!(pooler.client().value("select current_user"), "app");
    for (database, user) in [("app", "other"), ("other", "app"), ("APP", "app")] {
        let refused = pooler.connect().database(database).user(user).refused();
        assert_eq!(refused.sqlstate(), "3D000", "{database}.{user}");
        let want = format!("route for '{database}.{user}' is not found");
        assert!(refused.message().ends_with(&want), "{}", refused.message());
        pooler.wait_log(&want, SOON);
    }
}

#[test]
fn default_takes_the_names_of_the_client_to_the_server() {
    let pooler = start(&config(&[("default", "default", "")]));
    for (database, user) in [("app", "app"), ("other", "app"), ("app", "postgres")] {
        let mut client = pooler.connect().database(database).user(user).must();
        let row = client.rows("select current_database(), current_user").remove(0);
        assert_eq!(row, [database, user].map(|name| Some(name.to_owned())));
    }
    let refused = pooler.connect().database("no_such_database").refused();
    assert_eq!(refused.sqlstate(), "3D000", "the server's own word: {}", refused.message());
    assert!(!refused.message().contains("route for"), "{}", refused.message());
}

#[test]
fn a_storage_has_names_and_a_password_of_its_own() {
    let scram = |password: &str| {
        format!("storage_db \"other\" storage_user \"{SCRAM_USER}\" storage_password \"{password}\"")
    };
    let (right, wrong) = (scram(PASSWORD), scram("wrong"));
    let pooler = start(&config(&[("\"a\"", "\"u\"", &right), ("\"b\"", "\"u\"", &wrong)]));
    let mut client = pooler.connect().database("a").user("u").must();
    let row = client.rows("select current_database(), current_user").remove(0);
    assert_eq!(row, ["other", SCRAM_USER].map(|name| Some(name.to_owned())));
    let refused = pooler.connect().database("b").user("u").refused();
    assert_eq!(refused.sqlstate(), "28P01", "{}", refused.message());
}

/// The program's configuration with a second listener, on the IPv6 loopback.
fn with_v6(config: &Config) -> String {
    config.text() + "listen {\n\thost \"::1\"\n\tport {port}\n}\n"
}

#[test]
fn the_address_of_the_client_decides() {
    let [four, six, elsewhere, rest] = ["four", "six", "elsewhere", "rest"].map(mark);
    let pooler = Pooler::start_text(
        &with_v6(&config(&[
            ("\"app\"", "\"app\"", &rest),
            ("\"app\"", "\"app\" \"10.0.0.0/8\"", &elsewhere),
            ("\"app\"", "\"app\" \"127.0.0.0/8\"", &four),
            ("\"app\"", "\"app\" \"::1/128\"", &six),
        ])),
        Postgres::shared().port(),
    );
    assert_eq!(rule_of(&pooler.connect()), "four");
    if TcpListener::bind(("::1", 0)).is_err() {
        return eprintln!("skipped: this machine has no IPv6");
    }
    pooler.wait_log("listening on [::1]", SOON);
    let show = "show application_name";
    assert_eq!(psql::ask(pooler.port(), "hostaddr=::1 sslmode=disable", show), Ok("six".to_owned()));
}

#[test]
fn the_name_of_the_clients_host_decides() {
    // /etc/hosts calls 127.0.0.1 so on every machine.
    let [name, suffix, rest] = ["name", "suffix", "rest"].map(mark);
    let cases = [
        ("\"localhost\"", &name, "name"),
        ("\"LocalHost\"", &name, "name"),
        ("\"elsewhere.example\"", &name, "rest"),
        ("\".example\"", &suffix, "rest"),
    ];
    for (selector, marked, want) in cases {
        let user = format!("\"app\" {selector}");
        let pooler = start(&config(&[("\"app\"", &user, marked), ("\"app\"", "\"app\"", &rest)]));
        assert_eq!(rule_of(&pooler.connect()), want, "{selector}");
    }
}

#[test]
fn the_kind_of_connection_decides() {
    let dir = TempDir::new("routing");
    certificate::make(dir.path(), "a");
    let files = dir.path().display();
    let marks = ["local", "host", "hostssl", "hostnossl"].map(mark);
    let [local, host, ssl, no_ssl] = marks.each_ref().map(String::as_str);
    let tls =
        format!("backlog 1024 tls \"allow\" tls_cert_file \"{files}/a.crt\" tls_key_file \"{files}/a.key\"");
    let start = |routes: &[(&str, &str, &str)]| {
        let text = config(routes).text().replace("backlog 1024", &tls);
        let text = text + "listen {\n\tport {port}\n}\n";
        let pooler = Pooler::start_text(&text, Postgres::shared().port());
        // The harness has seen the TCP listener answer, which is bound first.
        pooler.wait_log(&format!(".s.PGSQL.{}\n", pooler.port()), SOON);
        pooler
    };
    let show = "show application_name";
    let all = [
        ("\"app\"", "\"app\" local", local),
        ("\"app\"", "\"app\" host", host),
        ("\"app\"", "\"app\" hostssl", ssl),
        ("\"app\"", "\"app\" hostnossl", no_ssl),
    ];
    // Of two that fit, `hostnossl` and `hostssl` come before `host`.
    let pooler = start(&all);
    let socket = pooler.dir().join(format!(".s.PGSQL.{}", pooler.port()));
    assert_eq!(rule_of(&Connect::unix(&socket)), "local");
    assert_eq!(rule_of(&pooler.connect()), "hostnossl");
    assert_eq!(psql::ask(pooler.port(), "sslmode=require", show), Ok("hostssl".to_owned()));
    // Alone, each serves its kind and no other.
    let alone = |route, want: [bool; 3]| {
        let pooler = start(&[route]);
        let socket = pooler.dir().join(format!(".s.PGSQL.{}", pooler.port()));
        let is_let = [
            Connect::unix(&socket).open().is_ok(),
            pooler.connect().open().is_ok(),
            psql::ask(pooler.port(), "sslmode=require", show).is_ok(),
        ];
        assert_eq!(is_let, want, "{route:?}: unix socket, in the clear, encrypted");
    };
    alone(all[0], [true, false, false]);
    alone(all[1], [false, true, true]);
    alone(all[2], [false, false, true]);
    alone(all[3], [false, true, false]);
}

#[test]
fn the_order_of_the_file_decides_if_the_operator_says_so() {
    let [any, exact] = ["any", "exact"].map(mark);
    let routes = [("default", "default", any.as_str()), ("\"app\"", "\"app\"", exact.as_str())];
    for (word, want) in [("no", "exact"), ("yes", "any")] {
        // The console's route of the base comes first, and stays within reach.
        let pooler = start(&config(&routes).global(&format!("sequential_routing {word}")));
        assert_eq!(rule_of(&pooler.connect()), want, "sequential_routing {word}");
    }
}

#[test]
fn a_blocked_user_is_told_so() {
    let pooler = start(&config(&[
        ("\"app\"", "default", ""),
        ("\"app\"", "\"intruder\"", "authentication \"block\""),
    ]));
    let refused = pooler.connect().user("intruder").refused();
    assert_eq!(refused.sqlstate(), "28000");
    assert!(refused.message().ends_with("user blocked: app intruder"), "{}", refused.message());
    assert_eq!(refused.error().and_then(|e| e.field(b'S')).as_deref(), Some("FATAL"));
    assert_eq!(pooler.client().value("select current_user"), "app");
}

#[test]
fn internal_rules_are_not_for_clients() {
    let (inner, outer) = (mark("inner") + " pool_routing \"internal\"", mark("outer"));
    let pooler = start(&config(&[
        ("\"app\"", "\"app\"", &inner),
        ("\"app\"", "default", &outer),
        ("\"hidden\"", "\"app\"", &inner),
    ]));
    assert_eq!(rule_of(&pooler.connect()), "outer");
    assert_eq!(rule_of(&pooler.connect().database("hidden")), "3D000");
}

#[test]
fn each_rule_has_its_own_limit_of_clients() {
    let pooler = start(&config(&[("\"app\"", "\"app\"", "client_max 2"), ("\"app\"", "\"postgres\"", "")]));
    let first = pooler.client();
    let mut second = pooler.client();
    let refused = pooler.connect().refused();
    assert_eq!(refused.sqlstate(), "53300");
    let want = "too many client tcp connections (client_max for user app.app 2)";
    assert!(refused.message().ends_with(want), "{}", refused.message());
    assert_eq!(pooler.connect().user("postgres").must().value("select 1"), "1", "another rule");
    assert_eq!(second.value("select 1"), "1");
    first.terminate();
    let again = until(SOON, || pooler.connect().open().ok());
    assert!(again.is_some(), "a place is free again");
}
