//! LISTEN in transaction pooling.

use std::time::Duration;

use odyssey_tests::pooler::{Config, Mode, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;

const SOON: Duration = Duration::from_secs(20);

fn start(directives: &str) -> Pooler {
    let config = Config::new().mode(Mode::Transaction).pool_size(2).route(directives);
    Pooler::start(&config, Postgres::shared().port())
}

const LISTENING: &str = "select count(*) from pg_listening_channels()";

#[test]
fn who_listens_keeps_its_server_and_hears() {
    for extended in [false, true] {
        let pooler = start("pool_pin_on_listen yes");
        let mut listener = pooler.client();
        if extended {
            listener.extended("LISTEN pinned", &[]).expect("it listens");
        } else {
            listener.query("LISTEN pinned").expect("it listens");
        }
        let server = listener.value("select pg_backend_pid()");
        let mut other = pooler.client();
        for n in 0..3 {
            assert_ne!(other.value("select pg_backend_pid()"), server, "its server is nobody else's");
            other.query(&format!("NOTIFY pinned, '{n}'")).expect("it is sent");
            // It says nothing itself: the notification comes by itself.
            let heard = listener.recv().expect("a notification");
            assert_eq!(heard.tag, b'A', "{heard:?}");
            let text = String::from_utf8_lossy(&heard.body[4..]).into_owned();
            assert_eq!(text, format!("pinned\0{n}\0"));
        }
        assert_eq!(listener.value("select pg_backend_pid()"), server);
        listener.terminate();
        expect_soon("its server is back", SOON, || pooler.pools("app", "sv_idle") == 2);
        // Both servers, each asked while the other is held.
        let (mut one, mut two) = (pooler.client(), pooler.client());
        one.rows("begin");
        two.rows("begin");
        assert_eq!([one.value(LISTENING), two.value(LISTENING)], ["0", "0"]);
    }
}

#[test]
fn a_server_that_nobody_resets_is_closed_with_its_listener() {
    let pooler = start("pool_pin_on_listen yes pool_discard no pool_reserve_prepared_statement no");
    let mut listener = pooler.client();
    listener.query("LISTEN pinned").expect("it listens");
    let server = listener.value("select pg_backend_pid()");
    listener.terminate();
    let mut next = pooler.client();
    expect_soon("the old server is gone", SOON, || next.value("select pg_backend_pid()") != server);
    assert_eq!(next.value(LISTENING), "0");
}

#[test]
fn without_the_directive_nobody_inherits_a_channel() {
    let pooler = start("");
    let mut listener = pooler.client();
    listener.query("LISTEN unpinned").expect("it is understood");
    assert_eq!(pooler.client().value(LISTENING), "0");
}
