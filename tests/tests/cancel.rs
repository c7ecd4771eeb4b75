//! Query cancel: it reaches the query of the client whose key it carries, and nobody else's.

use std::thread;
use std::time::Duration;

use odyssey_tests::client::Client;
use odyssey_tests::pooler::{Config, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;
use odyssey_tests::wire;

const SOON: Duration = Duration::from_secs(10);

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

/// Sends a query that sleeps under `name` and waits until PostgreSQL runs it.
fn sleeping(client: &mut Client, name: &str) {
    client.send(&wire::query(&format!("select pg_sleep(60), '{name}'"))).expect("a listening peer");
    await_running(name);
}

fn await_running(name: &str) {
    let mut watcher = Postgres::shared().client();
    let running = format!(
        "select count(*) from pg_stat_activity where state = 'active' and query like '%''{name}''%' \
         and pid <> pg_backend_pid()"
    );
    expect_soon(&format!("{name} runs"), SOON, || watcher.value(&running) == "1");
}

#[test]
fn a_cancel_ends_the_query_and_nothing_more() {
    for workers in [1, 2] {
        let pooler = start(&Config::new().workers(workers));
        let mut client = pooler.client();
        sleeping(&mut client, &format!("plain {workers}"));
        client.canceller().cancel().expect("a silent close");
        let reply = client.reply().expect("an answer");
        assert_eq!((reply.sqlstate().as_str(), reply.status()), ("57014", 'I'));
        assert_eq!(client.value("select 1"), "1", "the session goes on");
    }
}

#[test]
fn extended_queries_and_transactions_are_cancelled_too() {
    let pooler = start(&Config::new());
    let mut client = pooler.client();
    client.query("begin").expect("an answer");
    let message = [wire::unnamed("select pg_sleep(60), 'extended'", &[]), wire::sync()].concat();
    client.send(&message).expect("a listening peer");
    await_running("extended");
    client.canceller().cancel().expect("a silent close");
    let reply = client.reply().expect("an answer");
    assert_eq!((reply.sqlstate().as_str(), reply.status()), ("57014", 'E'));
    assert_eq!(client.query("rollback").expect("an answer").status(), 'I');
}

#[test]
fn a_cancel_reaches_its_own_client_among_many() {
    let pooler = start(&Config::new().workers(2).pool_size(8));
    let mut clients: Vec<Client> = (0..8).map(|_| pooler.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        sleeping(client, &format!("many {n}"));
    }
    clients[3].canceller().cancel().expect("a silent close");
    assert_eq!(clients[3].reply().expect("an answer").sqlstate(), "57014");
    let left = Postgres::shared().value(
        "select count(*) from pg_stat_activity where state = 'active' and query like '%''many %' \
         and pid <> pg_backend_pid()",
    );
    assert_eq!(left, "7");
    for (n, client) in clients.iter_mut().enumerate().filter(|(n, _)| *n != 3) {
        client.canceller().cancel().expect("a silent close");
        assert_eq!(client.reply().expect("an answer").sqlstate(), "57014", "client {n}");
    }
}

#[test]
fn a_cancel_of_an_idle_client_hits_nobody() {
    let pooler = start(&Config::new().pool_size(1));
    let mut idle = pooler.client();
    idle.value("select 1");
    let mut busy = pooler.client();
    busy.send(&wire::query("select pg_sleep(0.5), 'spared'")).expect("a listening peer");
    await_running("spared");
    for _ in 0..20 {
        idle.canceller().cancel().expect("a silent close");
    }
    assert_eq!(busy.reply().expect("an answer").error(), None, "somebody else's query");
}

#[test]
fn a_wrong_key_hits_nobody() {
    let pooler = start(&Config::new());
    let mut client = pooler.client();
    client.send(&wire::query("select pg_sleep(0.5), 'guarded'")).expect("a listening peer");
    await_running("guarded");
    for byte in 0..client.key().len() {
        let mut key = client.key().to_vec();
        key[byte] ^= 0x55;
        let mut side = pooler.connect().raw().expect("the listener accepts");
        side.send(&wire::cancel_request(&key)).expect("a listening peer");
        assert!(side.recv_to_end().expect("a close").is_empty());
    }
    assert_eq!(client.reply().expect("an answer").error(), None);
}

#[test]
fn late_cancels_never_hit_the_next_client_of_the_server() {
    let pooler = start(&Config::new().workers(2).pool_size(1));
    thread::scope(|scope| {
        let mut canceller_side = pooler.client();
        let mut victim = pooler.client();
        let canceller = canceller_side.canceller();
        // One client cancels its own short queries as they end; the other's must never notice.
        scope.spawn(move || {
            for _ in 0..100 {
                canceller_side.send(&wire::query("select 'mine'")).expect("a listening peer");
                canceller.cancel().expect("a silent close");
                let reply = canceller_side.reply().expect("an answer");
                assert!(["", "57014"].contains(&reply.sqlstate().as_str()), "{reply:?}");
            }
        });
        for _ in 0..100 {
            let reply = victim.query("select pg_sleep(0.005)").expect("an answer");
            assert_eq!(reply.error(), None, "a stranger's cancel");
        }
    });
    pooler.assert_healthy();
}
