//! What a round trip over loopback TCP costs, one connection and a hundred on one machine each side.

use machinarium::net::addr::Address;
use machinarium::net::connect::connect;
use machinarium::net::listen::{Accept, ListenOptions, Listener};
use machinarium::net::options::TcpOptions;
use machinarium::sync::WaitGroup;
use machinarium::{Co, Deadline, Io, Machine, Spec};
use std::time::Instant;

const ROUND_TRIPS: u32 = 100_000;

fn main() {
    let (tell, told) = std::sync::mpsc::channel();
    let server = Machine::start(Spec::named("server"), move |co| {
        let any = Address::Tcp(([127, 0, 0, 1], 0).into());
        let tcp = TcpOptions { nodelay: true, keepalive: None };
        let options = ListenOptions { backlog: 256, reuse_port: false, accept: Accept::AtOnce, tcp };
        let listener = Listener::bind(co.machine(), &any, &options).expect("a free port");
        tell.send(listener.port().expect("a TCP port")).expect("the bench listens");
        for _ in 0..1 + 100 {
            let (io, _) = listener.accept(co, never()).expect("a connection");
            let mut io = io.attach(co).expect("a descriptor");
            co.spawn("echo", move |co| while echo(co, &mut io) {});
        }
        while co.machine().alive() > 1 {
            co.sleep(std::time::Duration::from_millis(10)).expect("nobody cancels");
        }
    })
    .expect("a thread");
    let address = Address::Tcp(([127, 0, 0, 1], told.recv().expect("a port")).into());
    for connections in [1, 100] {
        let address = address.clone();
        Machine::run_here(&Spec::named("client"), move |co| measure(co, &address, connections))
            .expect("a machine can poll");
    }
    server.join().expect("no panic");
}

fn never() -> Deadline {
    Deadline::never("the other side is at work")
}

fn echo(co: &Co, io: &mut Io) -> bool {
    let mut buf = [0; 512];
    match io.read(co, &mut buf, never()) {
        Ok(n @ 1..) => io.write_all(co, &buf[..n], never()).is_ok(),
        _ => false,
    }
}

fn measure(co: &Co, address: &Address, connections: u32) {
    let each = ROUND_TRIPS / connections;
    let group = WaitGroup::new(co.machine());
    let ios: Vec<Io> = (0..connections).map(|_| connect(co, address, never()).expect("it listens")).collect();
    let start = Instant::now();
    for mut io in ios {
        let member = group.join();
        co.spawn("asker", move |co| {
            let _member = member;
            for n in 0..each {
                let (question, mut answer) = (n.to_be_bytes(), [0; 4]);
                io.write_all(co, &question, never()).expect("open");
                io.read_exact(co, &mut answer, never()).expect("an answer");
                assert_eq!(answer, question);
            }
        });
    }
    group.wait(co, never()).expect("nobody cancels");
    let took = start.elapsed();
    assert_eq!(co.machine().panics(), 0);
    let rounds = f64::from(each * connections);
    println!("echo, {connections:3} connections: {:9.1} ns/op", took.as_nanos() as f64 / rounds);
}
