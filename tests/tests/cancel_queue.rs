//! Cancel requests take turns: `cancel_max_inflight` and `cancel_queue_timeout_ms`.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use odyssey_tests::client::Client;
use odyssey_tests::pooler::{Config, Pooler};
use odyssey_tests::postgres::Postgres;
use odyssey_tests::process::expect_soon;
use odyssey_tests::wire;

const SOON: Duration = Duration::from_secs(20);

/// Code of a CancelRequest (`protocol-message-formats`).
const CANCEL: u32 = 80_877_102;

/// A way to PostgreSQL on which cancel requests are taken, never passed on, and never closed; how many there were.
fn without_cancels(pg_port: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let count = Arc::clone(&count);
            thread::spawn(move || pass_on(stream, pg_port, &count));
        }
    });
    (port, taken)
}

fn pass_on(mut client: TcpStream, pg_port: u16, taken: &AtomicUsize) -> io::Result<()> {
    let mut head = [0; 8];
    client.read_exact(&mut head)?;
    if head[4..] == CANCEL.to_be_bytes() {
        taken.fetch_add(1, Relaxed);
        // Until the pooler loses patience.
        return io::copy(&mut client, &mut io::sink()).map(drop);
    }
    let mut server = TcpStream::connect(("127.0.0.1", pg_port))?;
    server.write_all(&head)?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to));
    io::copy(&mut client, &mut server)?;
    server.shutdown(std::net::Shutdown::Write)
}

fn sleeping(pooler: &Pooler, name: &str) -> Client {
    let mut client = pooler.client();
    client.send(&wire::query(&format!("select pg_sleep(60), '{name}'"))).expect("a listening peer");
    let mut watcher = Postgres::shared().client();
    let running = format!(
        "select count(*) from pg_stat_activity where state = 'active' and query like '%''{name}''%' \
         and pid <> pg_backend_pid()"
    );
    expect_soon(&format!("{name} runs"), SOON, || watcher.value(&running) == "1");
    client
}

#[test]
fn all_are_served_one_after_the_other() {
    for workers in [1, 2] {
        let config = Config::new().workers(workers).pool_size(6).global("cancel_max_inflight 1");
        let pooler = Pooler::start(&config, Postgres::shared().port());
        let clients: Vec<Client> =
            (0..6).map(|n| sleeping(&pooler, &format!("turn {workers} {n}"))).collect();
        let cancels: Vec<_> = clients.iter().map(Client::canceller).collect();
        thread::scope(|scope| {
            for cancel in &cancels {
                scope.spawn(|| cancel.cancel().expect("a silent close"));
            }
        });
        for mut client in clients {
            assert_eq!(client.reply().expect("an answer").sqlstate(), "57014");
        }
    }
}

#[test]
fn the_second_waits_for_the_first_and_not_for_ever() {
    // How long the second may wait, and how many requests arrive in the end.
    for (patience, arrive) in [(60_000, 2), (100, 1)] {
        let (port, taken) = without_cancels(Postgres::shared().port());
        let config = Config::new()
            .global("cancel_max_inflight 1")
            .global("cancel_timeout_ms 1000")
            .global(&format!("cancel_queue_timeout_ms {patience}"));
        let pooler = Pooler::start(&config, port);
        let clients = ["first", "second"].map(|name| sleeping(&pooler, &format!("{name} {patience}")));
        let [first, second] = [clients[0].canceller(), clients[1].canceller()];
        thread::scope(|scope| {
            scope.spawn(|| first.cancel().expect("a silent close"));
            expect_soon("the first is under way", SOON, || taken.load(Relaxed) == 1);
            // Answered when the first has had its time.
            second.cancel().expect("a silent close");
        });
        assert_eq!(taken.load(Relaxed), arrive, "patience {patience}");
        let dropped = pooler.log().contains("waited too long for its turn");
        assert_eq!(dropped, arrive == 1, "patience {patience}");
    }
}
