//! Clients that keep their server and do nothing.

use std::time::Duration;

use odyssey_tests::client::Client;
use odyssey_tests::pooler::{Config, Mode, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;

const SOON: Duration = Duration::from_secs(20);

fn start(mode: Mode, directive: &str) -> Pooler {
    let config = Config::new().mode(mode).pool_size(1).route(directive);
    Pooler::start(&config, Postgres::shared().port())
}

/// The last words a client gets: SQLSTATE and detail.
fn last_words(client: &mut Client) -> (String, String) {
    client.set_patience(SOON);
    let messages = client.recv_to_end().expect("it is told, and closed");
    let [last] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(last.field(b'S').as_deref(), Some("FATAL"));
    (last.field(b'C').unwrap_or_default(), last.field(b'D').unwrap_or_default())
}

#[test]
fn a_client_idle_in_a_transaction_is_dropped_in_every_mode() {
    for mode in [Mode::Session, Mode::Transaction] {
        let pooler = start(mode, "pool_idle_in_transaction_timeout 1");
        let mut idle = pooler.client();
        idle.rows("begin");
        idle.rows("create table left_behind (x int)");
        let detail = "Connection was dropped by Odyssey due to idle in transaction timeout";
        assert_eq!(last_words(&mut idle), ("08006".to_owned(), detail.to_owned()), "{}", mode.name());
        // What it did is rolled back, and its server is the next client's.
        let mut next = pooler.client();
        assert_eq!(next.value("select to_regclass('left_behind') is null"), "t");
        // A failed transaction is one, too.
        next.rows("begin");
        next.query("select 1/0").expect("an answer");
        assert_eq!(last_words(&mut next).1, detail);
    }
}

#[test]
fn an_idle_session_is_dropped_if_it_holds_a_server() {
    let pooler = start(Mode::Session, "pool_client_idle_timeout 1");
    let (mut holder, mut none) = (pooler.client(), pooler.client());
    assert_eq!(holder.value("select 1"), "1");
    let detail = "Connection was dropped by Odyssey due to idle timeout";
    assert_eq!(last_words(&mut holder), ("08006".to_owned(), detail.to_owned()));
    expect_soon("the server is free", SOON, || pooler.pools("app", "sv_idle") == 1);
    // Without a server nobody is kept waiting.
    assert_eq!(none.value("select 2"), "2");
}

#[test]
fn who_does_something_stays() {
    let pooler = start(Mode::Session, "pool_client_idle_timeout 2 pool_idle_in_transaction_timeout 2");
    let mut client = pooler.client();
    client.rows("begin");
    for _ in 0..4 {
        assert_eq!(client.value("select 1 from pg_sleep(0.7)"), "1");
    }
    // A query that takes longer than the limit is no idleness.
    assert_eq!(client.value("select 2 from pg_sleep(2.5)"), "2");
    client.rows("commit");
}

#[test]
fn transaction_pooling_has_no_idle_sessions() {
    let pooler = start(Mode::Transaction, "pool_client_idle_timeout 1");
    let mut client = pooler.client();
    assert_eq!(client.value("select 1"), "1");
    std::thread::sleep(Duration::from_millis(2500));
    assert_eq!(client.value("select 2"), "2");
}
