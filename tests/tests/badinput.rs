//! Broken, hostile and truncated input: the documented error or a close, never a panic, a spin or a leak.

use std::time::Duration;

use odyssey_tests::client::{Client, ClientError};
use odyssey_tests::pooler::{Config, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;
use odyssey_tests::seed::Seed;
use odyssey_tests::server::{FakeServer, Step, complete, ready};
use odyssey_tests::wire::{self, Message};

/// The listener's login timeout of 3 s, and what a loaded machine needs on top.
const LOGIN_LIMIT: Duration = Duration::from_secs(6);

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

/// Runs, did not panic, does not spin, holds no connection of somebody who is gone, and serves.
fn assert_unharmed(pooler: &Pooler, rss_kib: u64) {
    pooler.assert_healthy();
    pooler.wait_all_idle();
    let before = pooler.cpu_ticks();
    let mut client = pooler.client();
    client.value("select pg_sleep(1)");
    let ticks = pooler.cpu_ticks() - before;
    assert!(ticks < 20, "{ticks} ticks of CPU in an idle second: something spins");
    let growth = pooler.rss_kib().saturating_sub(rss_kib);
    assert!(growth < 4096, "grew by {growth} KiB");
}

#[test]
fn random_bytes_before_login() {
    let pooler = start(&Config::new());
    pooler.client().value("select 1");
    let (seed, rss) = (Seed::from_env(), pooler.rss_kib());
    let mut rng = seed.rng();
    let mut open = Vec::new();
    for _ in 0..300 {
        let mut client = pooler.connect().raw().expect("the listener accepts");
        let len = 1 + rng.below(2000) as usize;
        let mut bytes = rng.bytes(len);
        // Half of them get past the first checks: a sane length and a known code.
        if rng.one_in(2) && bytes.len() > 8 {
            let length = (bytes.len() as i32).to_be_bytes();
            bytes[..4].copy_from_slice(&length);
            let codes = [196_608, 80_877_102, 80_877_103, 80_877_104, 196_610];
            bytes[4..8].copy_from_slice(&i32::to_be_bytes(*rng.pick(&codes)));
        }
        // The peer may close while we still write.
        let _ = client.send(&bytes);
        open.push(client);
    }
    for client in &mut open {
        assert!(client.closes_within(LOGIN_LIMIT), "still open after the login deadline");
    }
    drop(open);
    assert_unharmed(&pooler, rss);
}

#[test]
fn truncated_startups_at_every_byte() {
    let pooler = start(&Config::new());
    pooler.client().value("select 1");
    let rss = pooler.rss_kib();
    let whole = [wire::ssl_request(), wire::startup(3, 0, &[("user", "app"), ("database", "app")])].concat();
    let mut waiting = Vec::new();
    for cut in 0..whole.len() {
        let mut client = pooler.connect().raw().expect("the listener accepts");
        client.send(&whole[..cut]).expect("a listening peer");
        // One half says that no more will come, the other stays silent until the deadline.
        if cut % 2 == 0 {
            client.half_close().expect("our own socket");
        }
        waiting.push((cut, client));
    }
    for (cut, client) in &mut waiting {
        assert!(client.closes_within(LOGIN_LIMIT), "cut at {cut}: still open");
    }
    assert_unharmed(&pooler, rss);
}

/// Sends bytes after login and returns what came until the close; panics when it stays open.
fn told(mut client: Client, name: &str, bytes: &[u8]) -> Vec<Message> {
    let _ = client.send(bytes);
    client.set_patience(LOGIN_LIMIT);
    client.recv_to_end().unwrap_or_else(|e| panic!("{name}: still open: {e}"))
}

#[test]
fn messages_nobody_sends_after_login_are_a_protocol_violation() {
    let pooler = start(&Config::new());
    let rss = pooler.rss_kib();
    for tag in [b'z', b'y', b'R', b'Z', b'T', b'1', b'v', b'~'] {
        let name = format!("tag {:?}", char::from(tag));
        let told = told(pooler.client(), &name, &wire::frame(tag, b"abc\0"));
        let error =
            told.iter().find(|m| m.tag == b'E').unwrap_or_else(|| panic!("{name}: no error: {told:?}"));
        assert_eq!(error.field(b'C').as_deref(), Some("08P01"), "{name}");
        assert_eq!(error.field(b'S').as_deref(), Some("FATAL"), "{name}");
        let text = error.field(b'M').expect("a text");
        assert!(text.ends_with("unexpected message type from client or other protocol violation"), "{text}");
    }
    assert_unharmed(&pooler, rss);
}

#[test]
fn lengths_out_of_range_drop_the_client() {
    let pooler = start(&Config::new());
    let rss = pooler.rss_kib();
    let with_length = |tag: u8, length: i32| [vec![tag], length.to_be_bytes().to_vec(), vec![0; 64]].concat();
    let cases = [
        ("Query of -1", with_length(b'Q', -1)),
        ("Query of 0", with_length(b'Q', 0)),
        ("Query of 3", with_length(b'Q', 3)),
        ("Query of 2 GiB", with_length(b'Q', i32::MAX)),
        ("Sync of 10,001", with_length(b'S', 10_005)),
        ("Flush of 1 MB", with_length(b'H', 1_000_000)),
        ("Execute of 1 MB", with_length(b'E', 1_000_000)),
        ("Describe of 1 MB", with_length(b'D', 1_000_000)),
        ("Close of 1 MB", with_length(b'C', 1_000_000)),
        ("control byte as a tag", with_length(0x01, 8)),
        ("tag 0", with_length(0, 8)),
    ];
    for (name, bytes) in cases {
        told(pooler.client(), name, &bytes);
    }
    assert_unharmed(&pooler, rss);
}

#[test]
fn bodies_that_do_not_parse_are_an_error_or_a_close() {
    let pooler = start(&Config::new());
    let rss = pooler.rss_kib();
    let cases: [(&str, u8, &[u8]); 9] = [
        ("Query without a terminator", b'Q', b"select 1"),
        ("empty Query body", b'Q', b""),
        ("Parse without a terminator", b'P', b"name"),
        ("Parse of nothing", b'P', b""),
        ("Bind of nothing", b'B', b""),
        ("Bind that promises 32767 parameters", b'B', b"\0\0\0\0\x7f\xff"),
        ("Describe of neither kind", b'D', b"X\0"),
        ("Close without a name", b'C', b""),
        ("Execute without a count", b'E', b"p\0"),
    ];
    for (name, tag, body) in cases {
        let mut client = pooler.client();
        client.send(&[wire::frame(tag, body), wire::sync()].concat()).expect("a listening peer");
        match client.recv_until(b'E') {
            Ok(_) | Err(ClientError::Closed(_)) => {}
            Err(other) => panic!("{name}: {other}"),
        }
    }
    assert_unharmed(&pooler, rss);
}

#[test]
fn stray_copy_messages_are_ignored_as_postgresql_does() {
    let pooler = start(&Config::new());
    let mut client = pooler.client();
    let batch =
        [wire::query("select 1/0"), wire::copy_data(b"x"), wire::copy_done(), wire::query("select 5")];
    client.send(&batch.concat()).expect("a listening peer");
    assert_eq!(client.reply().expect("an answer").sqlstate(), "22012");
    assert_eq!(client.reply().expect("an answer").rows(), [[Some("5".to_owned())]]);
}

#[test]
fn random_messages_after_login() {
    let pooler = start(&Config::new().workers(2).pool_size(4));
    pooler.client().value("select 1");
    let (seed, rss) = (Seed::from_env(), pooler.rss_kib());
    let mut rng = seed.rng();
    for _ in 0..300 {
        let mut client = pooler.client();
        for _ in 0..1 + rng.below(6) {
            let len = rng.below(200) as usize;
            let body = rng.bytes(len);
            let message = match rng.below(4) {
                0 => body,
                1 => wire::frame(rng.next_u64() as u8, &body),
                2 => wire::frame(*rng.pick(b"QPBDECHSXdcfFp"), &body),
                _ => {
                    [wire::unnamed("select $1::text", &[Some("x")]), wire::frame(*rng.pick(b"PBDEC"), &body)]
                        .concat()
                }
            };
            // It may have closed already.
            if client.send(&message).is_err() {
                break;
            }
        }
        if rng.one_in(2) {
            let _ = client.send(&wire::sync());
            let _ = client.half_close();
            assert!(client.closes_within(Duration::from_secs(20)), "an ended client is not closed");
        }
    }
    assert_unharmed(&pooler, rss);
    expect_soon("every client is gone", Duration::from_secs(10), || {
        pooler.console("show clients").rows().filter(|row| row.get("database") == "app").count() == 0
    });
}

#[test]
fn a_message_cut_by_a_close_never_reaches_the_next_client() {
    let pooler = start(&Config::new().pool_size(1));
    let whole = [wire::unnamed("select 'half'", &[]), wire::sync()].concat();
    let query = wire::query(&format!("select '{}'", "x".repeat(100_000)));
    let begin = wire::query("begin");
    for bytes in [&whole, &query] {
        for part in [1, 4, 6, bytes.len() / 2, bytes.len() - 1] {
            for first in [&[][..], &begin[..]] {
                let mut client = pooler.client();
                client.send(&[first, &bytes[..part]].concat()).expect("a listening peer");
                drop(client);
                let mut next = pooler.client();
                assert_eq!(next.value("select 'mine'"), "mine", "after {part} of {} bytes", bytes.len());
            }
        }
    }
    pooler.assert_healthy();
}

#[test]
fn a_server_that_speaks_nonsense_is_dropped_and_its_client_told() {
    let garbage: [(&str, Vec<Step>); 5] = [
        ("a length of 2", vec![Step::Send(b"T\0\0\0\x02".to_vec())]),
        ("a negative length", vec![Step::Send(b"D\xff\xff\xff\xff".to_vec())]),
        ("an unknown tag", vec![Step::Send(Message::new(0x07, *b"xx").encode())]),
        ("a status that is none", vec![complete("SELECT 1"), Step::Send(b"Z\0\0\0\x05?".to_vec())]),
        ("a close in the middle", vec![Step::Send(b"T\0\0\0\x40\0\x01".to_vec()), Step::Close]),
    ];
    for (name, steps) in garbage {
        let server =
            FakeServer::start(vec![("bad", steps), ("select", vec![complete("SELECT 1"), ready('I')])]);
        let pooler = Pooler::start(&Config::new().pool_size(1).route("pool_discard no"), server.port());
        let mut client = pooler.client();
        let end = client.query("bad").expect_err(name);
        assert!(matches!(end, ClientError::Closed(_)), "{name}: {end}");
        // Behind half a message an error would be read as its other half.
        let told = if name == "a close in the middle" { ["", "08006"] } else { ["08006"; 2] };
        assert!(told.contains(&end.sqlstate().as_str()), "{name}: {end}");
        let next = pooler.client().query("select 1").expect("a new server");
        assert_eq!(next.command(), "SELECT 1", "{name}");
        pooler.assert_healthy();
    }
}

#[test]
fn a_server_that_speaks_nonsense_at_login_is_an_error() {
    let ok = Message::new(b'R', 0_i32.to_be_bytes()).encode();
    let startups: [(&str, Vec<Step>); 5] = [
        ("close", vec![Step::Close]),
        ("garbage", vec![Step::Send(vec![0xff; 64])]),
        ("unknown authentication", vec![Step::Send(Message::new(b'R', 99_i32.to_be_bytes()).encode())]),
        ("ready before ok", vec![Step::Send(Message::new(b'R', *b"\0").encode()), Step::Close]),
        ("close after ok", vec![Step::Send(ok), Step::Close]),
    ];
    for (name, startup) in startups {
        let server = FakeServer::start_with(startup, Vec::new());
        let pooler = Pooler::start(&Config::new(), server.port());
        let refused = pooler.connect().refused();
        assert_eq!(refused.sqlstate(), "08006", "{name}: {refused}");
        pooler.assert_healthy();
    }
}
