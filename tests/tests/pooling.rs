//! When a server is lent, when it comes back, in what state, and who waits for it.

use std::thread;
use std::time::{Duration, Instant};

use odyssey_tests::client::{Client, ClientError};
use odyssey_tests::pooler::{Config, Mode, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;
use odyssey_tests::wire;

const SOON: Duration = Duration::from_secs(10);

/// Long enough to see that something does not happen.
const A_MOMENT: Duration = Duration::from_millis(300);

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

fn backend(client: &mut Client) -> String {
    client.value("select pg_backend_pid()")
}

/// Whether an answer stays away for a moment.
fn waits(client: &mut Client) -> bool {
    client.set_patience(A_MOMENT);
    let waits = matches!(client.recv(), Err(ClientError::Io(_)));
    client.set_patience(odyssey_tests::client::PATIENCE);
    waits
}

/// Waits until so many clients of the database `app` queue for a server.
fn queued(pooler: &Pooler, clients: usize) {
    expect_soon(&format!("{clients} clients queue"), SOON, || {
        let table = pooler.console("show clients");
        table.rows().filter(|row| row.get("state") == "queue").count() == clients
    });
}

#[test]
fn a_transaction_keeps_the_server_and_its_end_returns_it() {
    for end in ["commit", "rollback", "end", "abort"] {
        for workers in [1, 2] {
            let pooler = start(&Config::new().pool_size(1).workers(workers));
            let (mut a, mut b) = (pooler.client(), pooler.client());
            assert_eq!(a.query("begin").expect("an answer").status(), 'T');
            let server = backend(&mut a);
            b.send(&wire::query("select pg_backend_pid()")).expect("a listening peer");
            assert!(waits(&mut b), "{end}: the only server is lent");
            assert_eq!(backend(&mut a), server, "{end}: a transaction stays on its server");
            assert_eq!(a.query(end).expect("an answer").status(), 'I');
            let rows = b.reply().expect("the server is free").rows();
            assert_eq!(rows, [[Some(server.clone())]], "{end}: the very same server");
        }
    }
}

#[test]
fn a_failed_transaction_keeps_the_server_until_rollback() {
    let pooler = start(&Config::new().pool_size(1));
    let (mut a, mut b) = (pooler.client(), pooler.client());
    a.query("begin").expect("an answer");
    assert_eq!(a.query("select 1/0").expect("an answer").status(), 'E');
    b.send(&wire::query("select 1")).expect("a listening peer");
    assert!(waits(&mut b), "the only server is lent");
    assert_eq!(a.query("select 1").expect("an answer").sqlstate(), "25P02");
    assert_eq!(a.query("rollback").expect("an answer").status(), 'I');
    assert_eq!(b.reply().expect("the server is free").rows().len(), 1);
}

#[test]
fn an_extended_transaction_is_a_transaction() {
    let pooler = start(&Config::new().pool_size(1));
    let (mut a, mut b) = (pooler.client(), pooler.client());
    assert_eq!(a.extended("begin", &[]).expect("an answer").status(), 'T');
    b.send(&[wire::unnamed("select 1", &[]), wire::sync()].concat()).expect("a listening peer");
    assert!(waits(&mut b), "the only server is lent");
    assert_eq!(a.extended("commit", &[]).expect("an answer").status(), 'I');
    assert_eq!(b.reply().expect("the server is free").tags(), "12DCZ");
}

#[test]
fn messages_without_sync_or_flush_take_no_server() {
    let pooler = start(&Config::new().pool_size(1));
    let (mut a, mut b) = (pooler.client(), pooler.client());
    a.send(&wire::unnamed("select 7", &[])).expect("a listening peer");
    assert_eq!(b.value("select 1"), "1", "nobody holds the server");
    a.send(&wire::sync()).expect("a listening peer");
    assert_eq!(a.reply().expect("an answer").rows(), [[Some("7".to_owned())]]);
}

#[test]
fn a_flush_keeps_the_server_until_the_sync() {
    let pooler = start(&Config::new().pool_size(1));
    let (mut a, mut b) = (pooler.client(), pooler.client());
    a.send(&[wire::parse("", "select 7"), wire::flush()].concat()).expect("a listening peer");
    assert_eq!(a.recv().expect("ParseComplete").tag, b'1');
    b.send(&wire::query("select 1")).expect("a listening peer");
    assert!(waits(&mut b), "the only server is lent");
    a.send(&[wire::bind("", "", &[]), wire::execute("", 0), wire::sync()].concat())
        .expect("a listening peer");
    assert_eq!(a.reply().expect("an answer").tags(), "2DCZ");
    assert_eq!(b.reply().expect("the server is free").rows().len(), 1);
}

#[test]
fn pipelines_are_counted_by_sync() {
    let pooler = start(&Config::new().pool_size(2));
    let mut client = pooler.client();
    let many: Vec<u8> = (0..50)
        .flat_map(|n| [wire::unnamed("select $1::text", &[Some(&n.to_string())]), wire::sync()].concat())
        .collect();
    client.send(&many).expect("a listening peer");
    for n in 0..50 {
        let reply = client.reply().expect("an answer");
        assert_eq!((reply.tags().as_str(), reply.rows()), ("12DCZ", vec![vec![Some(n.to_string())]]));
    }
    let simple: Vec<u8> = (0..50).flat_map(|n| wire::query(&format!("select {n}"))).collect();
    client.send(&simple).expect("a listening peer");
    for n in 0..50 {
        assert_eq!(client.reply().expect("an answer").rows(), [[Some(n.to_string())]]);
    }
}

#[test]
fn an_error_in_a_pipeline_skips_to_its_sync_and_no_further() {
    let pooler = start(&Config::new().pool_size(1));
    let mut client = pooler.client();
    let batch = [
        wire::unnamed("select 1", &[]),
        wire::unnamed("select 1/0", &[]),
        wire::unnamed("select 2", &[]),
        wire::sync(),
        wire::unnamed("select 3", &[]),
        wire::sync(),
    ];
    client.send(&batch.concat()).expect("a listening peer");
    let first = client.reply().expect("an answer");
    assert_eq!((first.sqlstate().as_str(), first.status()), ("22012", 'I'));
    assert_eq!(first.rows(), [[Some("1".to_owned())]]);
    assert_eq!(client.reply().expect("an answer").rows(), [[Some("3".to_owned())]]);
}

#[test]
fn a_pipeline_whose_answers_fill_every_buffer_does_not_stall() {
    let pooler = start(&Config::new().pool_size(1));
    let client = pooler.client();
    let argument = "x".repeat(20_000);
    let one = [wire::bind("", "big", &[Some(&argument)]), wire::execute("", 0)].concat();
    let batch = [
        wire::parse("big", "select $1::text || $1::text"),
        one.repeat(500),
        wire::close_statement("big"),
        wire::sync(),
    ];
    let batch = batch.concat();
    // 10 MB go in and 20 MB come out, both at once: neither direction may wait for the other to finish.
    let reply = thread::scope(|scope| {
        let mut reader = client;
        let mut writer = reader.clone_stream().expect("a second handle");
        scope.spawn(move || writer.send(&batch).expect("a listening peer"));
        reader.reply().expect("an answer")
    });
    assert_eq!(reply.rows().len(), 500);
    assert!(reply.rows().iter().all(|row| row[0].as_ref().is_some_and(|v| v.len() == 40_000)));
}

#[test]
fn a_session_keeps_the_server_until_the_client_leaves() {
    let pooler = start(&Config::new().mode(Mode::Session).pool_size(1));
    let (mut a, mut b) = (pooler.client(), pooler.client());
    let server = backend(&mut a);
    b.send(&wire::query("select pg_backend_pid()")).expect("a listening peer");
    assert!(waits(&mut b), "the only server is kept");
    a.terminate();
    assert_eq!(b.reply().expect("the server is free").rows(), [[Some(server)]]);
}

#[test]
fn a_session_keeps_its_settings_and_its_prepared_statements() {
    let pooler = start(&Config::new().mode(Mode::Session).pool_size(2));
    let mut client = pooler.client();
    client.rows("set work_mem = '7MB'");
    client
        .send(&[wire::parse("mine", "select $1::int + 1"), wire::sync()].concat())
        .expect("a listening peer");
    client.reply().expect("an answer");
    assert_eq!(client.value("show work_mem"), "7MB");
    let bind = [wire::bind("", "mine", &[Some("41")]), wire::execute("", 0), wire::sync()].concat();
    client.send(&bind).expect("a listening peer");
    assert_eq!(client.reply().expect("an answer").rows(), [[Some("42".to_owned())]]);
}

#[test]
fn statement_pooling_lends_for_one_statement_and_refuses_transactions() {
    let pooler = start(&Config::new().mode(Mode::Statement).pool_size(1));
    let (mut a, mut b) = (pooler.client(), pooler.client());
    for _ in 0..5 {
        assert_eq!(backend(&mut a), backend(&mut b), "both use the only server in turn");
    }
    let refused = match a.query("begin") {
        Ok(reply) => !reply.sqlstate().is_empty() && reply.status() == 'I',
        Err(gone) => !gone.sqlstate().is_empty(),
    };
    assert!(refused, "a transaction cannot be kept on one server");
    assert_eq!(b.value("select 1"), "1");
}

#[test]
fn pool_size_is_never_exceeded() {
    let pg = Postgres::shared();
    for workers in [1, 2, 4] {
        // A server role of its own lets PostgreSQL itself count the connections of this route.
        let role = format!("counted_{workers}");
        pg.query(&format!("create role {role} superuser login"));
        let route = format!("storage_user \"{role}\"");
        let pooler = start(&Config::new().workers(workers).pool_size(3).route(&route));
        let count = format!("select count(*) from pg_stat_activity where usename = '{role}'");
        let most = thread::scope(|scope| {
            let work = || {
                let mut client = pooler.client();
                (0..20).for_each(|_| assert_eq!(client.value("select 1"), "1"));
            };
            let clients: Vec<_> = (0..40).map(|_| scope.spawn(work)).collect();
            let mut watcher = pg.client();
            let mut most = 0;
            while clients.iter().any(|client| !client.is_finished()) {
                most = most.max(watcher.value(&count).parse::<u32>().expect("a count"));
            }
            clients.into_iter().for_each(|client| client.join().expect("every client is served"));
            most
        });
        assert!((1..=3).contains(&most), "{workers} workers: {most} servers at once");
    }
}

#[test]
fn waiting_ends_at_pool_timeout_with_an_error_and_a_close() {
    let pooler = start(&Config::new().pool_size(1).route("pool_timeout 500"));
    let mut holder = pooler.client();
    holder.query("begin").expect("an answer");
    holder.value("select 1");
    let mut waiter = pooler.client();
    let began = Instant::now();
    let gone = waiter.query("select 1").expect_err("no server in time");
    let waited = began.elapsed();
    assert_eq!(gone.sqlstate(), "53300", "{gone}");
    let error = gone.error().expect("an ErrorResponse");
    assert_eq!(error.field(b'S').as_deref(), Some("FATAL"));
    let want = "too many active clients for user (pool_size for user app.app reached 1)";
    assert!(gone.message().ends_with(want), "{}", gone.message());
    assert!((450..3000).contains(&waited.as_millis()), "waited {waited:?}");
    holder.query("commit").expect("an answer");
    assert_eq!(pooler.client().value("select 1"), "1", "the server goes to the next");
}

#[test]
fn waiters_are_served_in_the_order_they_came() {
    for workers in [1, 2] {
        let pooler = start(&Config::new().workers(workers).pool_size(1));
        let mut holder = pooler.client();
        holder.query("begin").expect("an answer");
        holder.rows("create table if not exists turns (workers int, who int, at timestamptz default clock_timestamp())");
        holder.query("commit").expect("an answer");
        holder.query("begin").expect("an answer");
        holder.value("select 1");
        let mut waiters = Vec::new();
        for who in 0..6 {
            let mut waiter = pooler.client();
            waiter
                .send(&wire::query(&format!("insert into turns values ({workers}, {who})")))
                .expect("a listening peer");
            queued(&pooler, who + 1);
            // Over several workers the order holds for those who came more than the tolerance apart.
            thread::sleep(Duration::from_millis(35));
            waiters.push(waiter);
        }
        holder.query("commit").expect("an answer");
        for waiter in &mut waiters {
            assert_eq!(waiter.reply().expect("its turn comes").command(), "INSERT 0 1");
        }
        let order =
            Postgres::shared().query(&format!("select who from turns where workers = {workers} order by at"));
        let order: Vec<_> = order.into_iter().flatten().flatten().collect();
        assert_eq!(order, ["0", "1", "2", "3", "4", "5"], "{workers} workers");
    }
}

#[test]
fn a_waiter_that_left_never_gets_a_server() {
    for workers in [1, 2] {
        let pooler = start(&Config::new().workers(workers).pool_size(1));
        let mut holder = pooler.client();
        holder.query("begin").expect("an answer");
        holder.value("select 1");
        let mut leaver = pooler.client();
        leaver.send(&wire::query("create table must_not_exist ()")).expect("a listening peer");
        queued(&pooler, 1);
        let mut stayer = pooler.client();
        stayer.send(&wire::query("select 5")).expect("a listening peer");
        queued(&pooler, 2);
        drop(leaver);
        queued(&pooler, 1);
        holder.query("commit").expect("an answer");
        assert_eq!(stayer.reply().expect("its turn comes").rows(), [[Some("5".to_owned())]]);
        let made = Postgres::shared().value("select to_regclass('must_not_exist')");
        assert_eq!(made, "", "the query of a client that is gone was run");
    }
}

#[test]
fn a_client_that_vanishes_in_a_transaction_is_rolled_back() {
    let pooler = start(&Config::new().pool_size(1));
    Postgres::shared().query("create table vanished (n int)");
    for leave in [Client::terminate as fn(Client), drop] {
        let mut client = pooler.client();
        client.query("begin").expect("an answer");
        client.rows("insert into vanished values (1)");
        let server = backend(&mut client);
        leave(client);
        let mut next = pooler.client();
        assert_eq!(backend(&mut next), server, "the server is used again");
        assert_eq!(next.value("select count(*) from vanished"), "0");
        assert_eq!(next.value("select pg_current_xact_id_if_assigned()"), "", "no transaction is open");
    }
}

#[test]
fn without_pool_rollback_the_server_is_closed_instead() {
    let pooler = start(&Config::new().pool_size(1).route("pool_rollback no"));
    let mut client = pooler.client();
    client.query("begin").expect("an answer");
    let server = backend(&mut client);
    drop(client);
    assert_ne!(backend(&mut pooler.client()), server);
}

#[test]
fn a_query_whose_client_vanished_is_cancelled() {
    let pooler = start(&Config::new().pool_size(1));
    let simple = wire::query("select pg_sleep(600), 'vanish simple'");
    let extended = [wire::unnamed("select pg_sleep(600), 'vanish extended'", &[]), wire::sync()].concat();
    for (name, message) in [("vanish simple", simple), ("vanish extended", extended)] {
        let running = format!(
            "select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep(600), ''{name}%' \
             and pid <> pg_backend_pid()"
        );
        let mut client = pooler.client();
        client.send(&message).expect("a listening peer");
        let mut watcher = Postgres::shared().client();
        expect_soon(&format!("{name}: it runs"), SOON, || watcher.value(&running) == "1");
        drop(client);
        expect_soon(&format!("{name}: it is cancelled"), SOON, || watcher.value(&running) == "0");
        assert_eq!(pooler.client().value("select 1"), "1", "{name}: the pool has its place back");
    }
}

#[test]
fn what_a_client_changed_is_gone_when_the_server_is_lent_again() {
    let dirt = [
        ("setting", "set work_mem = '7MB'", "show work_mem", "4MB"),
        ("reported setting", "set datestyle = 'German, DMY'", "show datestyle", "ISO, MDY"),
        ("search path", "set search_path = pg_catalog", "show search_path", "\"$user\", public"),
        ("role", "set role md5_user", "select current_user", "app"),
        ("temporary table", "create temp table dirt ()", "select to_regclass('pg_temp.dirt') is null", "t"),
        (
            "advisory lock",
            "select pg_advisory_lock(77)",
            "select count(*) from pg_locks where locktype = 'advisory' and objid = 77",
            "0",
        ),
        ("listen", "listen dirt", "select count(*) from pg_listening_channels()", "0"),
        (
            "cursor",
            "begin; declare dirt cursor with hold for select 1; commit",
            "select count(*) from pg_cursors where name = 'dirt'",
            "0",
        ),
    ];
    for mode in [Mode::Session, Mode::Transaction] {
        let pooler = start(&Config::new().mode(mode).pool_size(1));
        for (name, make, look, clean) in dirt {
            let mut client = pooler.client();
            let server = backend(&mut client);
            client.rows(make);
            client.terminate();
            let mut next = pooler.client();
            assert_eq!(backend(&mut next), server, "{mode:?}, {name}: the same server");
            assert_eq!(next.value(look), clean, "{mode:?}, {name}");
        }
    }
}

#[test]
fn a_servers_own_parameters_follow_the_client() {
    let pooler = start(&Config::new().pool_size(1));
    let mut a = pooler.connect().param("application_name", "a").param("DateStyle", "SQL, DMY").must();
    let mut b = pooler.connect().param("application_name", "b").must();
    for _ in 0..3 {
        assert_eq!(a.value("show application_name"), "a");
        assert_eq!(a.value("show datestyle"), "SQL, DMY");
        assert_eq!(b.value("show application_name"), "b");
        assert_eq!(b.value("show datestyle"), "ISO, MDY");
    }
    a.rows("set application_name = 'renamed'");
    assert_eq!(b.value("show application_name"), "b");
    assert_eq!(a.value("show application_name"), "renamed", "reported by the server, so remembered");
}

#[test]
fn begin_and_a_typo_leave_a_client_that_can_go_on() {
    let pooler = start(&Config::new().pool_size(1));
    let mut client = pooler.client();
    for begin in ["begin", "BEGIN;", "begin work", "/* c */ begin transaction -- x"] {
        assert_eq!(client.query(begin).expect("an answer").status(), 'T', "{begin}");
        let typo = client.query("selec 1").expect("an answer");
        assert_eq!((typo.sqlstate().as_str(), typo.status()), ("42601", 'E'), "{begin}");
        let position = typo.error().and_then(|e| e.field(b'P'));
        assert_eq!(position.as_deref(), Some("1"), "{begin}: positions count from the client's own text");
        assert_eq!(client.query("rollback").expect("an answer").status(), 'I', "{begin}");
        assert_eq!(client.value("select 1"), "1");
    }
    client.query("begin").expect("an answer");
    assert_eq!(client.query("").expect("an answer").tags(), "IZ", "EmptyQueryResponse");
    assert_eq!(client.query("commit").expect("an answer").command(), "COMMIT");
    client.query("begin").expect("an answer");
    let extended = client.extended("select pg_current_xact_id() is not null", &[]).expect("an answer");
    assert_eq!((extended.tags().as_str(), extended.status()), ("12DCZ", 'T'));
    assert_eq!(client.query("rollback").expect("an answer").status(), 'I');
}

#[test]
fn an_idle_server_that_died_is_replaced_without_a_word() {
    let pooler = start(&Config::new().pool_size(1));
    let mut client = pooler.client();
    let server = backend(&mut client);
    let mut admin = Postgres::shared().client();
    admin.rows(&format!("select pg_terminate_backend({server})"));
    let still = format!("select count(*) from pg_stat_activity where pid = {server}");
    expect_soon("the server is gone", SOON, || admin.value(&still) == "0");
    assert_ne!(backend(&mut client), server);
}

#[test]
fn a_server_that_dies_in_a_transaction_ends_its_client_only() {
    let pooler = start(&Config::new().pool_size(2));
    let (mut a, mut b) = (pooler.client(), pooler.client());
    a.query("begin").expect("an answer");
    let server = backend(&mut a);
    a.send(&wire::query("select pg_sleep(600)")).expect("a listening peer");
    expect_soon("it sleeps", SOON, || {
        Postgres::shared().value(&format!("select state from pg_stat_activity where pid = {server}"))
            == "active"
    });
    Postgres::shared().query(&format!("select pg_terminate_backend({server})"));
    let told = a.recv_to_end().expect("a close");
    let codes: Vec<_> = told.iter().filter(|m| m.tag == b'E').filter_map(|m| m.field(b'C')).collect();
    assert_eq!(
        codes.first().map(String::as_str),
        Some("57P01"),
        "the server's own words come first: {told:?}"
    );
    assert_eq!(b.value("select 1"), "1");
    pooler.wait_all_idle();
}

#[test]
fn idle_servers_are_closed_after_pool_ttl() {
    let pooler = start(&Config::new().pool_size(2).route("pool_ttl 1"));
    let mut client = pooler.client();
    client.value("select 1");
    assert_eq!(pooler.pools("app", "sv_idle"), 1);
    expect_soon("the idle server is closed", SOON, || pooler.pools("app", "sv_idle") == 0);
    assert_eq!(client.value("select 1"), "1", "the client does not notice");
}

#[test]
fn multi_statement_queries_are_one_request() {
    let pooler = start(&Config::new().pool_size(1));
    let mut client = pooler.client();
    let reply = client.query("select 1; select 2; select 3").expect("an answer");
    assert_eq!(reply.tags(), "TDCTDCTDCZ");
    assert_eq!(client.query("begin; select 1").expect("an answer").status(), 'T');
    assert_eq!(client.query("commit; select 2").expect("an answer").status(), 'I');
}
