//! What a message costs: inside a machine, between machines in a stream, and there and back.

use machinarium::{Co, Deadline, Machine, Spec, channel};
use std::time::{Duration, Instant};

const STREAM: u64 = 2_000_000;
const ROUND_TRIPS: u64 = 50_000;

fn main() {
    Machine::run_here(&Spec::named("bench"), |co| {
        local_stream(co);
        shared_stream(co);
        shared_round_trip(co);
    })
    .expect("a machine can poll");
}

fn never() -> Deadline {
    Deadline::never("the other side is at work")
}

fn report(name: &str, took: Duration, rounds: u64) {
    println!("{name:24}{:9.1} ns/op", took.as_nanos() as f64 / rounds as f64);
}

fn local_stream(co: &Co) {
    let (sender, mut receiver) = channel::local(co.machine());
    let start = Instant::now();
    co.spawn("sender", move |co| {
        for n in 0..STREAM {
            sender.send(n).expect("the bench listens");
            if n % 128 == 0 {
                co.give_way();
            }
        }
    });
    let mut sum = 0;
    while let Ok(n) = receiver.recv(co, never()) {
        sum += n;
    }
    report("local, in a stream", start.elapsed(), STREAM);
    assert_eq!(sum, STREAM * (STREAM - 1) / 2);
}

fn shared_stream(co: &Co) {
    let (sender, mut receiver) = channel::shared(co.machine());
    let start = Instant::now();
    let body = move |_: &Co| (0..STREAM).for_each(|n| sender.send(n).expect("the bench listens"));
    let other = Machine::start(Spec::named("sender"), body).expect("a thread");
    let mut sum = 0;
    while let Ok(n) = receiver.recv(co, never()) {
        sum += n;
    }
    report("shared, in a stream", start.elapsed(), STREAM);
    assert_eq!(sum, STREAM * (STREAM - 1) / 2);
    other.join().expect("no panic");
}

fn shared_round_trip(co: &Co) {
    let (answer, mut answers) = channel::shared(co.machine());
    let (tell, mut told) = channel::shared(co.machine());
    let other = Machine::start(Spec::named("echo"), move |co| {
        let (ask, mut asked) = channel::shared::<u64>(co.machine());
        tell.send(ask).ok().expect("the bench listens");
        while let Ok(n) = asked.recv(co, never()) {
            answer.send(n + 1).expect("the bench listens");
        }
    })
    .expect("a thread");
    let ask = told.recv(co, never()).expect("it tells");
    let mut n = 0;
    let start = Instant::now();
    for _ in 0..ROUND_TRIPS {
        ask.send(n).expect("the echo listens");
        n = answers.recv(co, never()).expect("the echo answers");
    }
    report("shared, there and back", start.elapsed(), ROUND_TRIPS);
    assert_eq!(n, ROUND_TRIPS);
    drop(ask);
    other.join().expect("no panic");
}
