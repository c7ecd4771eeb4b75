//! Large results and large queries, and peers that stop reading them: memory stays bounded and others go on.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use odyssey_tests::client::Client;
use odyssey_tests::pooler::{Config, Mode, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::{Signal, expect_soon, send_signal};
use odyssey_tests::wire;

/// How much one stuck peer may cost.
const GROWTH_KIB_MAX: u64 = 2 * 1024;

/// Samples behind one percentile.
const SAMPLES: usize = 1500;

/// How often a noisy machine may be asked again; the best answer counts, before and during alike.
const ROUNDS: usize = 5;

/// These tests measure time and look at the whole of PostgreSQL, so each has the machine for itself.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    // A test that failed before us did not break the machine.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(config: &Config) -> Pooler {
    Pooler::start(config, Postgres::shared().port())
}

/// A worker that waits for a stuck peer waits for ever; one on a machine that does something else besides, for some
/// milliseconds.
const HELD_UP: Duration = Duration::from_millis(500);

/// Small queries are answered as before. The times are shown; only a client that was held up fails.
fn slows_nobody(name: &str, before: Duration, during: Duration) {
    println!("{name}: p99 {before:?} before, {during:?} during");
    assert!(during < HELD_UP, "{name}: p99 {before:?} before, {during:?} during");
}

/// The 99th percentile of a trivial query's time.
fn p99(client: &mut Client) -> Duration {
    let round = |client: &mut Client| {
        let mut times: Vec<Duration> = (0..SAMPLES)
            .map(|_| {
                let began = Instant::now();
                assert_eq!(client.value("select 1"), "1");
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[SAMPLES * 99 / 100]
    };
    (0..ROUNDS).map(|_| round(client)).min().expect("at least one round")
}

/// Warms a pooler up so that what is measured afterwards is the stuck peer alone.
fn warm(pooler: &Pooler) -> Client {
    let mut client = pooler.client();
    client.value("select 1");
    let big = client.query("select repeat('x', 1000000) from generate_series(1, 20)").expect("an answer");
    assert_eq!(big.rows().len(), 20);
    client
}

#[test]
fn a_client_that_does_not_read_200_mb_costs_little_and_slows_nobody() {
    let _alone = alone();
    let results = [
        ("many rows", "select repeat('x', 1000) from generate_series(1, 200000)"),
        ("large rows", "select repeat('x', 1000000) from generate_series(1, 200)"),
        ("one value", "select repeat('x', 200000000)"),
    ];
    for (name, sql) in results {
        let pooler = start(&Config::new());
        let mut other = warm(&pooler);
        let before = p99(&mut other);
        let rss = pooler.rss_kib();
        let mut stuck = pooler.client();
        stuck.send(&wire::query(sql)).expect("a listening peer");
        let mut first = [0; 1];
        assert_eq!(stuck.read_raw(&mut first).expect("the result begins"), 1);
        let mut watcher = Postgres::shared().client();
        let blocked = "select count(*) from pg_stat_activity where wait_event = 'ClientWrite'";
        expect_soon(&format!("{name}: the server is held back"), Duration::from_secs(20), || {
            watcher.value(blocked) == "1"
        });
        let during = p99(&mut other);
        let growth = pooler.rss_kib().saturating_sub(rss);
        assert!(growth <= GROWTH_KIB_MAX, "{name}: grew by {growth} KiB");
        slows_nobody(name, before, during);
        // It gets everything as soon as it reads again.
        let mut left: usize = 0;
        let mut tail = Vec::new();
        let mut chunk = vec![0; 1 << 20];
        while !tail.ends_with(b"Z\0\0\0\x05I") {
            let n = stuck.read_raw(&mut chunk).expect("the rest");
            assert!(n > 0, "{name}: closed after {left} bytes");
            left += n;
            tail.extend_from_slice(&chunk[n.saturating_sub(6)..n]);
            tail.drain(..tail.len().saturating_sub(6));
        }
        assert!(left > 200_000_000, "{name}: {left} bytes");
        assert_eq!(stuck.value("select 1"), "1", "{name}: in step");
    }
}

#[test]
fn a_stuck_client_that_leaves_gives_its_server_back() {
    let _alone = alone();
    let pooler = start(&Config::new().pool_size(1));
    let mut stuck = pooler.client();
    stuck
        .send(&wire::query("select repeat('x', 1000) from generate_series(1, 10000000)"))
        .expect("a listening peer");
    assert_eq!(stuck.read_raw(&mut [0; 1]).expect("the result begins"), 1);
    drop(stuck);
    assert_eq!(pooler.client().value("select 1"), "1");
}

#[test]
fn a_server_that_does_not_read_a_200_mb_query_costs_little_and_slows_nobody() {
    let _alone = alone();
    let pooler = start(&Config::new().mode(Mode::Session));
    let mut other = warm(&pooler);
    let mut client = pooler.client();
    let backend: u32 = client.value("select pg_backend_pid()").parse().expect("a process id");
    let before = p99(&mut other);
    let rss = pooler.rss_kib();
    send_signal(backend, Signal::Stop).expect("root or PostgreSQL's own user runs the tests");
    let (during, growth, length) = thread::scope(|scope| {
        let mut writer = client.clone_stream().expect("a second handle");
        let writing = scope.spawn(move || {
            let header = b"select length('";
            let footer = b"')\0";
            let total = header.len() + 200_000_000 + footer.len() + 4;
            let mut head = vec![b'Q'];
            head.extend_from_slice(&i32::try_from(total).expect("200 MB").to_be_bytes());
            head.extend_from_slice(header);
            // The socket's timeout must not end what is meant to be stuck.
            writer.set_write_patience(Duration::from_secs(300));
            writer.send(&head).expect("a listening peer");
            let piece = vec![b'x'; 1_000_000];
            (0..200).for_each(|_| writer.send(&piece).expect("a listening peer"));
            writer.send(footer).expect("a listening peer");
        });
        let during = p99(&mut other);
        let stuck = !writing.is_finished();
        let growth = pooler.rss_kib().saturating_sub(rss);
        send_signal(backend, Signal::Cont).expect("it is still there");
        assert!(stuck, "somebody swallowed 200 MB for a server that reads nothing");
        writing.join().expect("the query was written");
        client.set_patience(Duration::from_secs(120));
        (during, growth, client.reply().expect("an answer").rows())
    });
    assert_eq!(length, [[Some("200000000".to_owned())]], "nothing was lost");
    assert!(growth <= GROWTH_KIB_MAX, "grew by {growth} KiB");
    slows_nobody("a large query", before, during);
}

#[test]
fn values_of_every_size_pass_unchanged() {
    let _alone = alone();
    let pooler = start(&Config::new().pool_size(1));
    let mut client = pooler.client();
    // Around every power of two: where buffers end.
    let sizes = (0..22).flat_map(|power| [(1 << power) - 1, 1 << power, (1 << power) + 1]);
    for size in sizes {
        let value = "v".repeat(size);
        let simple = client.query(&format!("select '{value}'"));
        let simple = simple.unwrap_or_else(|e| panic!("simple, {size} bytes: {e}"));
        assert!(simple.rows() == [[Some(value.clone())]], "simple, {size} bytes");
        let extended = client.extended("select $1::text", &[Some(&value)]);
        let extended = extended.unwrap_or_else(|e| panic!("extended, {size} bytes: {e}"));
        assert!(extended.rows() == [[Some(value.clone())]], "extended, {size} bytes");
    }
}

#[test]
fn a_bulk_transfer_and_small_queries_share_a_worker() {
    let _alone = alone();
    let pooler = start(&Config::new());
    let mut small = warm(&pooler);
    thread::scope(|scope| {
        let mut bulk = pooler.client();
        let reading = scope.spawn(move || {
            let reply =
                bulk.query("select repeat('x', 1000) from generate_series(1, 100000)").expect("an answer");
            assert_eq!(reply.rows().len(), 100_000);
        });
        let mut worst = Duration::ZERO;
        while !reading.is_finished() {
            let began = Instant::now();
            assert_eq!(small.value("select 1"), "1");
            worst = worst.max(began.elapsed());
        }
        // 100 MB take far longer than this: a small query does not wait for them.
        assert!(worst < Duration::from_millis(500), "a small query waited {worst:?}");
        reading.join().expect("the transfer ends well");
    });
}
