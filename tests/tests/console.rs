//! The administrative console: how one gets in, what it answers, and the columns of its tables.

use std::time::Duration;

use odyssey_tests::client::Client;
use odyssey_tests::pooler::{CONSOLE, Config, Mode, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;
use odyssey_tests::wire;

const SOON: Duration = Duration::from_secs(10);

const INT4: i32 = 23;
const INT8: i32 = 20;
const TEXT: i32 = 25;

const CLIENTS: [(&str, i32); 18] = [
    ("type", TEXT),
    ("user", TEXT),
    ("database", TEXT),
    ("state", TEXT),
    ("storage_user", TEXT),
    ("addr", TEXT),
    ("port", INT4),
    ("local_addr", TEXT),
    ("local_port", INT4),
    ("connect_time", TEXT),
    ("request_time", TEXT),
    ("wait", INT4),
    ("wait_us", INT4),
    ("id", TEXT),
    ("ptr", TEXT),
    ("coro", INT4),
    ("remote_pid", INT4),
    ("tls", TEXT),
];

const SERVERS: [(&str, i32); 17] = [
    ("type", TEXT),
    ("user", TEXT),
    ("database", TEXT),
    ("state", TEXT),
    ("addr", TEXT),
    ("port", INT4),
    ("local_addr", TEXT),
    ("local_port", INT4),
    ("connect_time", TEXT),
    ("request_time", TEXT),
    ("wait", INT4),
    ("wait_us", INT4),
    ("ptr", TEXT),
    ("link", TEXT),
    ("remote_pid", INT4),
    ("tls", TEXT),
    ("offline", TEXT),
];

const POOLS: [(&str, i32); 12] = [
    ("database", TEXT),
    ("user", TEXT),
    ("cl_active", INT8),
    ("cl_waiting", INT8),
    ("sv_active", INT8),
    ("sv_idle", INT8),
    ("sv_used", INT8),
    ("sv_tested", INT8),
    ("sv_login", INT8),
    ("maxwait", INT8),
    ("maxwait_us", INT8),
    ("pool_mode", TEXT),
];

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

fn console(pooler: &Pooler) -> Client {
    pooler.connect().user(CONSOLE).database(CONSOLE).must()
}

#[test]
fn a_login_reports_five_parameters_and_no_key() {
    let pooler = start(&Config::new());
    let client = console(&pooler);
    assert!(client.key().is_empty(), "no BackendKeyData");
    let cases = [
        ("server_encoding", "UTF-8"),
        ("client_encoding", "UTF-8"),
        ("DateStyle", "ISO"),
        ("TimeZone", "GMT"),
    ];
    for (name, value) in cases {
        assert_eq!(client.parameter(name), Some(value), "{name}");
    }
    assert!(client.parameter("server_version").is_some());
}

#[test]
fn tables_have_the_columns_tools_know() {
    let pooler = start(&Config::new());
    let tables: [(&str, &[(&str, i32)]); 4] = [
        ("show version", &[("version", TEXT)]),
        ("show clients", &CLIENTS),
        ("show servers", &SERVERS),
        ("show pools", &POOLS),
    ];
    let mut client = console(&pooler);
    for (command, want) in tables {
        let reply = client.query(command).expect("an answer");
        let description = reply.messages.iter().find(|m| m.tag == b'T').expect("RowDescription");
        let got: Vec<(String, i32)> =
            description.columns().into_iter().map(|c| (c.name, c.type_oid)).collect();
        let want: Vec<(String, i32)> = want.iter().map(|(name, oid)| ((*name).to_owned(), *oid)).collect();
        assert_eq!(got, want, "{command}");
        assert_eq!((reply.command().as_str(), reply.status()), ("SHOW", 'I'), "{command}");
        let columns = want.len();
        assert!(reply.rows().iter().all(|row| row.len() == columns), "{command}: every row is whole");
    }
}

#[test]
fn show_version_names_the_program() {
    let pooler = start(&Config::new());
    let version = pooler.console("show version");
    let rows: Vec<_> = version.rows().collect();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].get("version").starts_with("odyssey "), "{}", rows[0].get("version"));
}

#[test]
fn show_pools_counts_clients_and_servers() {
    let pooler = start(&Config::new().pool_size(2));
    let mut busy = pooler.client();
    busy.query("begin").expect("an answer");
    busy.value("select 1");
    let mut idle = pooler.client();
    idle.value("select 1");
    let row = |column: &str| pooler.pools("app", column);
    // A client that wants nothing is not waiting.
    let want = [("cl_active", 1), ("cl_waiting", 0), ("sv_active", 1), ("sv_idle", 1)];
    expect_soon("the counts settle", SOON, || want.iter().all(|(column, n)| row(column) == *n));
    busy.query("commit").expect("an answer");
    let want = [("cl_active", 0), ("cl_waiting", 0), ("sv_active", 0), ("sv_idle", 2)];
    expect_soon("the server comes back", SOON, || want.iter().all(|(column, n)| row(column) == *n));
    busy.query("begin").expect("an answer");
    busy.value("select 1");
    idle.query("begin").expect("an answer");
    idle.value("select 1");
    let mut waiting = pooler.client();
    waiting.send(&wire::query("select 1")).expect("a listening peer");
    expect_soon("who waits is counted", SOON, || row("cl_waiting") == 1 && row("cl_active") == 2);
    idle.query("commit").expect("an answer");
    assert_eq!(waiting.reply().expect("its turn").status(), 'I');
    drop(waiting);
    drop((busy, idle));
    expect_soon("the clients are gone", SOON, || row("cl_active") + row("cl_waiting") == 0);
    let pools = pooler.console("show pools");
    let modes: Vec<_> =
        pools.rows().filter(|r| r.get("database") == "app").map(|r| r.get("pool_mode")).collect();
    assert_eq!(modes, ["transaction"]);
}

#[test]
fn show_clients_tells_the_states() {
    let pooler = start(&Config::new().pool_size(1));
    let mut active = pooler.client();
    active.query("begin").expect("an answer");
    active.value("select 1");
    let _pending = pooler.client();
    let mut queued = pooler.client();
    queued.send(&wire::query("select 1")).expect("a listening peer");
    expect_soon("each state is seen", SOON, || {
        let table = pooler.console("show clients");
        let mut states: Vec<_> =
            table.rows().filter(|r| r.get("database") == "app").map(|r| r.get("state")).collect();
        states.sort_unstable();
        states == ["active", "pending", "queue"]
    });
    let table = pooler.console("show clients");
    for row in table.rows().filter(|r| r.get("database") == "app") {
        assert_eq!((row.get("type"), row.get("user"), row.get("addr")), ("C", "app", "127.0.0.1"));
        let id = row.get("id");
        assert!(
            id.len() == 13 && id.starts_with('c') && id[1..].bytes().all(|b| b.is_ascii_hexdigit()),
            "{id}"
        );
        assert!(row.get("port").parse::<u16>().is_ok_and(|port| port > 0));
        assert_eq!(row.get("local_port"), pooler.port().to_string());
    }
    assert!(table.rows().any(|r| r.get("database") == CONSOLE), "the console itself is listed");
}

#[test]
fn show_servers_tells_where_they_are() {
    let pooler = start(&Config::new().mode(Mode::Session).pool_size(2));
    let mut client = pooler.client();
    client.value("select 1");
    let table = pooler.console("show servers");
    let rows: Vec<_> = table.rows().filter(|r| r.get("database") == "app").collect();
    assert!(!rows.is_empty());
    for row in &rows {
        assert_eq!((row.get("type"), row.get("user"), row.get("addr")), ("S", "app", "127.0.0.1"));
        assert_eq!(row.get("port"), Postgres::shared().port().to_string());
        let id = row.get("ptr");
        assert!(
            id.len() == 13 && id.starts_with('s') && id[1..].bytes().all(|b| b.is_ascii_hexdigit()),
            "{id}"
        );
        assert_eq!(row.get("offline"), "0");
    }
    assert_eq!(rows.iter().filter(|r| r.get("state") == "active").count(), 1);
}

#[test]
fn commands_are_words_and_the_rest_is_ignored() {
    let pooler = start(&Config::new());
    let mut client = console(&pooler);
    for command in [
        "show version",
        "SHOW VERSION;",
        "  show\n\tversion ",
        "show version foo",
        "show version; drop table x",
        "show # c\n version",
    ] {
        let reply = client.query(command).expect("an answer");
        assert_eq!((reply.error(), reply.rows().len()), (None, 1), "{command}");
    }
}

#[test]
fn what_it_does_not_know_is_an_error_and_the_session_goes_on() {
    let pooler = start(&Config::new());
    let mut client = console(&pooler);
    for command in ["", "show", "show nothing", "select 1", "help", "show 'version'", "-- x\nshow version"] {
        let reply = client.query(command).expect("an answer");
        assert_eq!((reply.tags().as_str(), reply.sqlstate().as_str()), ("EZ", "42601"), "{command}");
        let error = reply.error().expect("an ErrorResponse");
        assert_eq!(error.field(b'S').as_deref(), Some("ERROR"), "{command}");
        let text = error.field(b'M').expect("a text");
        assert!(text.starts_with("odyssey: c"), "{text}");
        assert!(text.ends_with(&format!("console command error: {command}")), "{text}");
    }
    assert_eq!(client.rows("show version").len(), 1);
}

#[test]
fn the_extended_protocol_is_refused_once_a_batch_and_stays_in_step() {
    let pooler = start(&Config::new());
    let mut client = console(&pooler);
    for _ in 0..3 {
        client.send(&[wire::unnamed("show version", &[]), wire::sync()].concat()).expect("a listening peer");
        let reply = client.reply().expect("an answer");
        assert_eq!((reply.tags().as_str(), reply.sqlstate().as_str()), ("EZ", "0A000"));
        let text = reply.error().and_then(|e| e.field(b'M')).expect("a text");
        assert!(text.ends_with("unsupported request 'Parse'"), "{text}");
        assert_eq!(client.rows("show version").len(), 1, "in step");
    }
}

#[test]
fn roles_decide_what_one_may_do() {
    let user = |name: &str, role: &str| {
        format!(
            "\tuser \"{name}\" {{\n\t\tauthentication \"none\"\n\t\trole \"{role}\"\n\t\tpool \"session\"\n\
             \t\tstorage \"local\"\n\t}}\n"
        )
    };
    let section =
        format!("database \"roles\" {{\n{}{}}}", user("viewer", "stat"), user("outsider", "notallow"));
    let pooler = start(&Config::new().section(&section));
    let ask = |name: &str, command: &str| {
        let mut client = pooler.connect().user(name).database("roles").must();
        client.query(command).expect("an answer").sqlstate()
    };
    assert_eq!(ask("viewer", "show pools"), "");
    assert_eq!(ask("viewer", "set x"), "42501");
    assert_eq!(ask("outsider", "show pools"), "42501");
}

#[test]
fn many_askers_while_clients_come_and_go() {
    let pooler = start(&Config::new().workers(2));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut client = pooler.client();
                    client.value("select 1");
                }
            });
            scope.spawn(|| {
                let mut client = console(&pooler);
                for _ in 0..50 {
                    for command in ["show clients", "show servers", "show pools"] {
                        assert_eq!(client.query(command).expect("an answer").command(), "SHOW");
                    }
                }
            });
        }
    });
    pooler.assert_healthy();
}
