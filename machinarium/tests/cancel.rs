//! Cancelling: every wait ends as cancelled, once.

mod util;

use machinarium::channel;
use machinarium::sync::Semaphore;
use machinarium::{Co, Deadline, IoError, Wait, WaitError, pair, wait_any};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;
use util::{guard, here, seeds};

/// Parks until it is cancelled.
type Park = fn(&Co) -> WaitError;

fn forever() -> Deadline {
    Deadline::never("it is cancelled")
}

fn park_in_sleep(co: &Co) -> WaitError {
    co.sleep(Duration::from_secs(1_000_000)).expect_err("cancelled")
}

fn park_in_recv(co: &Co) -> WaitError {
    let (_sender, mut receiver) = channel::local::<()>(co.machine());
    receiver.recv(co, forever()).expect_err("cancelled");
    WaitError::Cancelled
}

fn park_in_read(co: &Co) -> WaitError {
    let (mut one, _other) = pair(co.machine(), 16).expect("memory");
    match one.read(co, &mut [0; 8], forever()) {
        Err(IoError::Cancelled) => WaitError::Cancelled,
        other => panic!("{other:?}"),
    }
}

fn park_in_write(co: &Co) -> WaitError {
    let (mut one, _other) = pair(co.machine(), 16).expect("memory");
    match one.write_all(co, &[0; 64], forever()) {
        Err(IoError::Cancelled) => WaitError::Cancelled,
        other => panic!("{other:?}"),
    }
}

fn park_in_join(co: &Co) -> WaitError {
    let id = co.spawn("sleeper", |co| co.sleep(Duration::from_secs(1)).expect("nobody cancels"));
    co.join(id, forever()).expect_err("cancelled")
}

fn park_in_semaphore(co: &Co) -> WaitError {
    Semaphore::new(co.machine(), 0).acquire(co, forever()).err().expect("cancelled")
}

/// Always finds something ready, so that it never parks.
fn busy(co: &Co) -> WaitError {
    let (sender, receiver) = channel::local::<()>(co.machine());
    sender.send(()).expect("open");
    loop {
        if let Err(error) = wait_any(co, &[Wait::Message(&receiver)], forever()) {
            return error;
        }
        co.give_way();
    }
}

#[test]
fn every_wait_ends_as_cancelled_and_only_once() {
    let waits: [(&str, Park); 7] = [
        ("sleep", park_in_sleep),
        ("recv", park_in_recv),
        ("read", park_in_read),
        ("write", park_in_write),
        ("join", park_in_join),
        ("semaphore", park_in_semaphore),
        ("busy", busy),
    ];
    for (name, wait) in waits {
        seeds(0..4, move |co, _| {
            let cleaned = Rc::new(Cell::new(false));
            let done = Rc::clone(&cleaned);
            let id = co.spawn(name, move |co| {
                assert_eq!(wait(co), WaitError::Cancelled, "{name}");
                co.sleep(Duration::from_millis(5)).expect("clean-up may wait");
                done.set(true);
            });
            // Not a sleep: virtual time stands still while anybody is busy.
            (0..4).for_each(|_| co.give_way());
            assert!(co.machine().cancel(id), "{name} is alive");
            co.join(id, guard(co)).expect("it ends");
            assert!(cleaned.get(), "{name} cleaned up");
            assert!(!co.machine().cancel(id), "{name} has ended");
            assert_eq!(co.machine().panics(), 0, "{name}");
        });
    }
}

#[test]
fn one_cancelled_before_it_ran_ends_at_its_first_wait() {
    seeds(0..4, |co, _| {
        let id = co.spawn("late", |co| assert_eq!(park_in_sleep(co), WaitError::Cancelled));
        assert!(co.machine().cancel(id));
        co.join(id, guard(co)).expect("it ends");
        assert_eq!(co.machine().panics(), 0);
    });
}

#[test]
fn a_socket_may_be_used_again_after_a_cancelled_read() {
    here(|co| {
        let (mut client, mut server) = util::tcp_pair(co);
        let id = co.spawn("reader", move |co| {
            assert!(matches!(server.read(co, &mut [0; 8], forever()), Err(IoError::Cancelled)));
            let mut buf = [0; 8];
            assert_eq!(server.read(co, &mut buf, guard(co)).expect("bytes"), 2);
        });
        co.give_way();
        co.machine().cancel(id);
        co.give_way();
        client.write_all(co, b"hi", guard(co)).expect("open");
        co.join(id, guard(co)).expect("it ends");
        assert_eq!(co.machine().panics(), 0);
    });
}
