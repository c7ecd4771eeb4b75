//! What a client is told while it waits for a server, and when the wait is over.

use std::time::Duration;

use odyssey_tests::client::Client;
use odyssey_tests::pooler::{Config, Mode, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;
use odyssey_tests::wire;

/// A pooler with one server, and a client that holds it.
fn busy(directives: &[&str]) -> (Pooler, Client) {
    let config = Config::new().mode(Mode::Transaction).pool_size(1);
    let config = directives.iter().fold(config, |config, directive| config.route(directive));
    let pooler = Pooler::start(&config, Postgres::shared().port());
    let mut holder = pooler.client();
    holder.query("BEGIN").expect("the only server is free");
    (pooler, holder)
}

/// The text of a notice.
fn notice(client: &mut Client) -> String {
    let message = client.recv().expect("a message comes");
    assert_eq!(message.tag, b'N', "{message:?}");
    message.field(b'M').expect("a notice has a text")
}

#[test]
fn a_waiting_client_is_told_and_served() {
    let (pooler, mut holder) = busy(&["pool_notice_after_waiting_ms 50"]);
    let mut waiter = pooler.client();
    waiter.send(&wire::query("SELECT 1")).expect("it is sent");
    assert_eq!(notice(&mut waiter), "waiting for free backend connection");
    // It keeps its place: the next one comes later.
    let mut later = pooler.client();
    later.send(&wire::query("SELECT 2")).expect("it is sent");
    assert_eq!(notice(&mut later), "waiting for free backend connection");
    holder.query("COMMIT").expect("it is released");
    for (client, answer) in [(&mut waiter, "1"), (&mut later, "2")] {
        let text = notice(client);
        assert!(text.starts_with("waiting took ") && text.ends_with(" ms"), "{text}");
        let reply = client.reply().expect("its answer follows");
        assert_eq!(reply.rows(), [[Some(answer.to_owned())]]);
        // Nothing was held up: no more notices.
        assert_eq!(client.query("SELECT 3").expect("it goes on").tags(), "TDCZ");
    }
}

#[test]
fn a_client_that_waited_too_long_is_told_how_long() {
    let (pooler, _holder) = busy(&["pool_notice_after_waiting_ms 0", "pool_timeout 300"]);
    let mut waiter = pooler.client();
    waiter.send(&wire::query("SELECT 1")).expect("it is sent");
    assert_eq!(notice(&mut waiter), "waiting for free backend connection");
    let text = notice(&mut waiter);
    assert!(text.starts_with("waiting took ") && text.ends_with(" ms, timeout"), "{text}");
    let last = waiter.recv_to_end().expect("then it is closed");
    assert_eq!(
        last.iter().map(|message| message.field(b'C').unwrap_or_default()).collect::<Vec<_>>(),
        ["53300"]
    );
}

#[test]
fn a_wait_that_ends_before_nobody_hears_of() {
    let (pooler, mut holder) = busy(&["pool_notice_after_waiting_ms 60000", "pool_timeout 60000"]);
    let mut waiter = pooler.client();
    waiter.send(&wire::query("SELECT 1")).expect("it is sent");
    expect_soon("it waits", Duration::from_secs(10), || pooler.pools("app", "cl_waiting") == 1);
    holder.query("COMMIT").expect("it is released");
    assert_eq!(waiter.reply().expect("its answer").tags(), "TDCZ");
}
