//! An echo server: one machine accepts, another serves, a signal ends it.
//!
//! `cargo run -p machinarium --example echo [address:port]` prints where it listens; SIGTERM and SIGINT stop it.

use machinarium::channel::{self, SharedSender};
use machinarium::net::addr::Address;
use machinarium::net::listen::{Accept, ListenOptions, Listener};
use machinarium::net::options::TcpOptions;
use machinarium::signal::{self, Signal};
use machinarium::{Co, Deadline, DetachedIo, IoError, Machine, Spec};
use std::time::Duration;

/// A client that says nothing for so long is let go.
const IDLE: Duration = Duration::from_secs(300);
/// Pause after the system had no descriptor for a new connection.
const PAUSE: Duration = Duration::from_millis(100);

fn main() -> std::io::Result<()> {
    // Before any thread: they inherit it.
    signal::block(&[Signal::Interrupt, Signal::Terminate])?;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let address = Address::Tcp(address.parse().map_err(std::io::Error::other)?);

    let (tell, told) = std::sync::mpsc::channel();
    let worker = Machine::start(Spec::named("worker"), move |co| work(co, &tell))?;
    let connections = told.recv().map_err(std::io::Error::other)?;

    Machine::run_here(&Spec::named("system"), move |co| {
        let tcp = TcpOptions { nodelay: true, keepalive: None };
        let options = ListenOptions { backlog: 128, reuse_port: false, accept: Accept::AtOnce, tcp };
        let listener = Listener::bind(co.machine(), &address, &options).expect("an address to listen on");
        println!("listening on 127.0.0.1:{}", listener.port().unwrap_or_default());
        // Ends with this machine, and with it the channel, and with that the worker.
        co.spawn("listener", move |co| listen(co, &listener, &connections));
        let mut signals =
            signal::watch(co.machine(), &[Signal::Interrupt, Signal::Terminate]).expect("signals");
        let signal = signals.next(co, Deadline::never("until a signal comes")).expect("a signal");
        println!("{signal:?}: bye");
    })?;
    worker.join().map_err(|_| std::io::Error::other("the worker panicked"))
}

/// Hands every connection to the worker.
fn listen(co: &Co, listener: &Listener, connections: &SharedSender<DetachedIo>) {
    loop {
        match listener.accept(co, Deadline::never("clients come when they come")) {
            Ok((io, _peer)) => {
                if connections.send(io).is_err() {
                    return;
                }
            }
            Err(IoError::Cancelled) => return,
            Err(_) => {
                if co.sleep(PAUSE).is_err() {
                    return;
                }
            }
        }
    }
}

/// The worker machine: one coroutine per connection, until nobody sends more of them.
fn work(co: &Co, tell: &std::sync::mpsc::Sender<SharedSender<DetachedIo>>) {
    let (sender, mut connections) = channel::shared(co.machine());
    tell.send(sender).ok();
    while let Ok(io) = connections.recv(co, Deadline::never("connections come when they come")) {
        co.spawn("echo", move |co| {
            // A client's fault is its own.
            echo(co, io).ok();
        });
    }
}

fn echo(co: &Co, io: DetachedIo) -> Result<(), IoError> {
    let mut io = io.attach(co)?;
    let mut buf = [0; 4096];
    loop {
        let n = io.read(co, &mut buf, Deadline::after(co.now(), IDLE))?;
        if n == 0 {
            return Ok(());
        }
        io.write_all(co, &buf[..n], Deadline::after(co.now(), IDLE))?;
    }
}
