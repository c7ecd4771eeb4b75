//! What it costs to park and resume, and to start and end a coroutine.

use machinarium::{Co, Deadline, Machine, Spec, channel};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

const ROUNDS: u32 = 1_000_000;

fn main() {
    Machine::run_here(&Spec::named("bench"), |co| {
        park_and_resume(co);
        start_and_end(co);
    })
    .expect("a machine can poll");
}

/// Two coroutines hand one message back and forth: each round parks and resumes both.
fn park_and_resume(co: &Co) {
    let (ping, mut pinged) = channel::local(co.machine());
    let (pong, mut ponged) = channel::local(co.machine());
    let never = Deadline::never("the other answers");
    co.spawn("echo", move |co| {
        while let Ok(n) = pinged.recv(co, never) {
            pong.send(n + 1).expect("the bench listens");
        }
    });
    let mut n = 0_u32;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        ping.send(n).expect("the echo listens");
        n = ponged.recv(co, never).expect("the echo answers");
    }
    let took = start.elapsed();
    assert_eq!(n, ROUNDS);
    println!("park + resume:     {:8.1} ns/op", took.as_nanos() as f64 / f64::from(ROUNDS) / 2.0);
}

/// A coroutine that does nothing, on a stack from the cache.
fn start_and_end(co: &Co) {
    let count = Rc::new(Cell::new(0));
    let never = Deadline::never("it ends at once");
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let count = Rc::clone(&count);
        let id = co.spawn("short", move |_| count.set(count.get() + 1));
        co.join(id, never).expect("it ends");
    }
    let took = start.elapsed();
    assert_eq!(count.get(), ROUNDS);
    println!("spawn + end + join: {:7.1} ns/op", took.as_nanos() as f64 / f64::from(ROUNDS));
}
