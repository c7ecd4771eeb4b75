//! The clients people use: psql, pgbench, psycopg and Rust's `postgres` crate, through the pooler.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output};

use odyssey_tests::pooler::{CONSOLE, Config, Mode, Pooler};
use odyssey_tests::postgres::{PASSWORD, Postgres, bindir};
use postgres::{NoTls, SimpleQueryMessage};

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

/// Runs a program of PostgreSQL's against the pooler; it must succeed and complain about nothing.
fn program(pooler: &Pooler, name: &str, args: &[&str]) -> String {
    let output = run(pooler, name, args);
    let [said, complained] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(
        output.status.success(),
        "{name} {args:?}: {}\n{said}\n{complained}\n{}",
        output.status,
        pooler.log()
    );
    let lower = complained.to_lowercase();
    assert!(!lower.contains("error") && !lower.contains("aborted"), "{name} {args:?}: {complained}");
    said
}

fn run(pooler: &Pooler, name: &str, args: &[&str]) -> Output {
    let beside = bindir().join(name);
    let path = if beside.exists() { beside } else { PathBuf::from(name) };
    // A thousand clients need a thousand files.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$(ulimit -H -n)\"; exec \"$0\" \"$@\""]).arg(path).args(args);
    command.env("PGHOST", "127.0.0.1").env("PGPORT", pooler.port().to_string());
    command.env("PGUSER", "app").env("PGDATABASE", "app").env("PGPASSWORD", PASSWORD);
    command.output().unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn psql(pooler: &Pooler, sql: &str) -> String {
    program(pooler, "psql", &["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
        .trim_end()
        .to_owned()
}

/// Makes pgbench's tables once, straight in PostgreSQL.
fn with_bench_tables() {
    static MADE: std::sync::Once = std::sync::Once::new();
    MADE.call_once(|| {
        let port = Postgres::shared().port().to_string();
        let done = Command::new(bindir().join("pgbench"))
            .args(["-i", "-q", "-s", "1", "-h", "127.0.0.1", "-p", &port, "-U", "app", "app"])
            .output()
            .expect("pgbench starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    });
}

#[test]
fn psql_asks_and_copies() {
    for mode in [Mode::Transaction, Mode::Session] {
        let pooler = start(&Config::new().mode(mode));
        assert_eq!(psql(&pooler, "select 6 * 7"), "42");
        let table = format!("psql_{}", mode.name());
        psql(&pooler, &format!("create table {table} (n int)"));
        let script = format!("\\copy {table} from program 'seq 1 1000'");
        program(&pooler, "psql", &["-X", "-q", "-c", &script]);
        assert_eq!(psql(&pooler, &format!("select sum(n) from {table}")), "500500");
        let described = program(&pooler, "psql", &["-X", "-c", &format!("\\d {table}")]);
        assert!(described.contains("integer"), "{described}");
        let rows = psql(
            &pooler,
            &format!("begin; declare c cursor for select n from {table}; fetch 3 from c; commit"),
        );
        assert_eq!(rows.lines().count(), 3, "{rows}");
    }
}

#[test]
fn psql_reads_the_console() {
    let pooler = start(&Config::new());
    let shown = program(&pooler, "psql", &["-X", "-U", CONSOLE, "-d", CONSOLE, "-c", "show pools"]);
    assert!(shown.contains("pool_mode"), "{shown}");
}

#[test]
fn pgbench_runs_in_every_protocol_its_pool_allows() {
    with_bench_tables();
    let cases = [
        (Mode::Transaction, "simple"),
        (Mode::Transaction, "extended"),
        (Mode::Session, "simple"),
        (Mode::Session, "extended"),
        (Mode::Session, "prepared"),
    ];
    for (mode, protocol) in cases {
        for workers in [1, 2] {
            let pooler = start(&Config::new().mode(mode).workers(workers).pool_size(16));
            for script in ["select-only", "tpcb-like"] {
                let said = program(
                    &pooler,
                    "pgbench",
                    &["-n", "-M", protocol, "-b", script, "-c", "16", "-j", "2", "-t", "100"],
                );
                let want = "number of transactions actually processed: 1600/1600";
                assert!(said.contains(want), "{mode:?}, {protocol}, {script}: {said}");
            }
            pooler.wait_all_idle();
        }
    }
}

#[test]
fn a_thousand_clients_share_twenty_servers() {
    with_bench_tables();
    let seconds = std::env::var("LOAD_SECONDS").unwrap_or_else(|_| "30".to_owned());
    for workers in [1, 2, 4] {
        let pooler = start(&Config::new().workers(workers).pool_size(20));
        let said = program(&pooler, "pgbench", &["-n", "-S", "-c", "1000", "-j", "2", "-T", &seconds]);
        assert!(said.contains("number of failed transactions: 0"), "{workers} workers: {said}");
        pooler.wait_all_idle();
        pooler.assert_healthy();
    }
}

#[test]
fn connecting_anew_for_each_transaction() {
    let pooler = start(&Config::new().workers(2));
    with_bench_tables();
    let said = program(&pooler, "pgbench", &["-n", "-S", "-C", "-c", "8", "-j", "4", "-t", "200"]);
    assert!(said.contains("number of transactions actually processed: 1600/1600"), "{said}");
    // Sockets of clients that left are closed: what stays is the pooler's own and its few servers.
    pooler.wait_all_idle();
    assert!(pooler.open_files() < 100, "{} files are open", pooler.open_files());
}

/// A script that exercises psycopg 2; it fails loudly.
const PSYCOPG: &str = r#"
import os, psycopg2, psycopg2.extras
c = psycopg2.connect("application_name=psycopg options='-c statement_timeout=30s'")
with c:
    with c.cursor() as k:
        k.execute("create temp table t (n int, s text) on commit drop")
        psycopg2.extras.execute_values(k, "insert into t values %s", [(i, "s%d" % i) for i in range(100)])
        k.execute("select sum(n), max(s) from t where n < %s", (50,))
        assert k.fetchone() == (1225, "s9"), "rows"
try:
    with c:
        with c.cursor() as k:
            k.execute("select 1/0")
except psycopg2.errors.DivisionByZero:
    pass
with c:
    with c.cursor("named") as k:
        k.itersize = 10
        k.execute("select generate_series(1, 100)")
        assert sum(r[0] for r in k) == 5050, "cursor"
c.autocommit = True
with c.cursor() as k:
    k.execute("show application_name")
    assert k.fetchone() == ("psycopg",), "application_name"
    assert c.get_parameter_status("server_encoding") == "UTF8"
c.close()
print("fine")
"#;

#[test]
fn psycopg_works() {
    for mode in [Mode::Transaction, Mode::Session] {
        let pooler = start(&Config::new().mode(mode).pool_size(2));
        // Debian's own Python, where Debian's psycopg is.
        let output = run(&pooler, "/usr/bin/python3", &["-c", PSYCOPG]);
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{mode:?}: {}\n{}", String::from_utf8_lossy(&said), pooler.log());
    }
}

fn driver(pooler: &Pooler) -> postgres::Client {
    let settings = format!("host=127.0.0.1 port={} user=app dbname=app", pooler.port());
    postgres::Client::connect(&settings, NoTls).unwrap_or_else(|e| panic!("{e:?}\n{}", pooler.log()))
}

#[test]
fn rusts_driver_in_session_pooling() {
    let pooler = start(&Config::new().mode(Mode::Session));
    let mut client = driver(&pooler);
    client.batch_execute("create temp table t (n int4, s text)").expect("created");
    let insert = client.prepare("insert into t values ($1, $2)").expect("prepared");
    for n in 0..100_i32 {
        assert_eq!(client.execute(&insert, &[&n, &format!("s{n}")]).expect("inserted"), 1);
    }
    let row = client.query_one("select sum(n), count(s) from t where n < $1", &[&50_i32]).expect("a row");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1225, 50));
    let mut writer = client.copy_in("copy t from stdin").expect("copying");
    writer.write_all(b"1000\tx\n1001\ty\n").expect("written");
    assert_eq!(writer.finish().expect("finished"), 2);
    let mut text = String::new();
    client
        .copy_out("copy (select n from t where n >= 1000 order by n) to stdout")
        .expect("copying")
        .read_to_string(&mut text)
        .expect("read");
    assert_eq!(text, "1000\n1001\n");
    let cancel = client.cancel_token();
    let canceller = std::thread::spawn(move || {
        // The query may not have begun yet: ask until one of them hit.
        for _ in 0..50 {
            cancel.cancel_query(NoTls).expect("sent");
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    });
    let cancelled = client.batch_execute("select pg_sleep(60)").expect_err("cancelled");
    assert_eq!(cancelled.code().map(|c| c.code()), Some("57014"));
    canceller.join().expect("the canceller ends");
}

#[test]
fn rusts_driver_in_transaction_pooling() {
    let pooler = start(&Config::new().pool_size(2));
    let mut client = driver(&pooler);
    for round in 0..20_i32 {
        let mut transaction = client.transaction().expect("begun");
        let row = transaction.query_one("select $1::int4 + 1", &[&round]).expect("a row");
        assert_eq!(row.get::<_, i32>(0), round + 1);
        transaction.commit().expect("committed");
    }
    let answer = client.simple_query("select 'simple'").expect("an answer");
    let row =
        answer.iter().find_map(|m| if let SimpleQueryMessage::Row(row) = m { row.get(0) } else { None });
    assert_eq!(row, Some("simple"));
}
