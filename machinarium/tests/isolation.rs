//! What a panic takes with it, and how a machine ends.

mod util;

use machinarium::channel;
use machinarium::{ChannelError, Co, Deadline, Machine, Spec, WaitError, pair};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;
use util::{guard, here, seeds};

#[test]
fn a_panic_ends_one_coroutine_and_is_counted() {
    seeds(0..16, |co, _| {
        let (sender, mut receiver) = channel::local(co.machine());
        for n in 0..10 {
            let sender = sender.clone();
            co.spawn("worker", move |co| {
                co.sleep(Duration::from_millis(n)).expect("nobody cancels");
                assert!(n % 2 == 0, "odd ones panic");
                sender.send(n).expect("it waits");
            });
        }
        drop(sender);
        let mut got = Vec::new();
        loop {
            match receiver.recv(co, guard(co)) {
                Ok(n) => got.push(n),
                Err(error) => break assert_eq!(error, ChannelError::Closed, "the panicked dropped theirs"),
            }
        }
        assert_eq!(got, [0, 2, 4, 6, 8]);
        assert_eq!(co.machine().panics(), 5);
    });
}

#[test]
fn a_connection_held_by_one_that_panics_is_closed() {
    seeds(0..4, |co, _| {
        let (mut one, other) = pair(co.machine(), 64).expect("memory");
        co.spawn("holder", move |_| {
            let _held = other;
            panic!("with a connection");
        });
        assert_eq!(one.read(co, &mut [0; 8], guard(co)).expect("an orderly end"), 0);
    });
}

#[test]
fn a_panic_of_the_first_coroutine_ends_its_machine_only() {
    let machine = Machine::start(Spec::named("doomed"), |co| {
        co.spawn("other", |co| co.sleep(Duration::from_secs(1000)).expect("never woken"));
        co.give_way();
        panic!("the end");
    })
    .expect("a thread");
    let payload = machine.join().expect_err("it panicked");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"the end"));
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn what_still_waits_at_the_end_is_unwound() {
    let (dropped, drops) = mpsc::channel();
    here(move |co| {
        for n in 0..10 {
            let dropped = dropped.clone();
            co.spawn("waits", move |co| {
                let _guard = OnDrop(move || dropped.send(n).expect("the test listens"));
                co.sleep(Duration::from_secs(1000)).ok();
                unreachable!("it is unwound where it waits");
            });
        }
        // One that never ran is dropped as well.
        co.give_way();
        let last = OnDrop(move || dropped.send(10).expect("the test listens"));
        co.spawn("never runs", move |_| drop(last));
    });
    let mut all: Vec<i32> = drops.iter().collect();
    all.sort_unstable();
    assert_eq!(all, (0..=10).collect::<Vec<_>>());
}

#[test]
fn destructors_at_the_end_can_do_little_harm() {
    let (said, says) = mpsc::channel();
    here(move |co| {
        fn hold(co: &Co, name: &'static str, at_end: impl FnMut() + 'static) {
            co.spawn(name, move |co| {
                let _guard = OnDrop(at_end);
                co.sleep(Duration::from_secs(1000)).ok();
            });
        }
        let machine = Rc::clone(co.machine());
        let spawned = said.clone();
        hold(co, "spawns", move || {
            let guard = spawned.clone();
            let guard = OnDrop(move || guard.send("the spawned one is dropped").expect("the test listens"));
            machine.spawn("too late", move |_| drop(guard));
        });
        let parks = said.clone();
        co.spawn("parks", move |co| {
            let _guard = OnDrop(|| {
                assert_eq!(co.sleep(Duration::from_secs(1)), Err(WaitError::Cancelled));
                co.give_way();
                parks.send("parking is refused").expect("the test listens");
            });
            co.sleep(Duration::from_secs(1000)).ok();
        });
        hold(co, "tells", move || said.send("the others are unwound").expect("the test listens"));
        co.give_way();
    });
    let mut all: Vec<&str> = says.iter().collect();
    all.sort_unstable();
    assert_eq!(all, ["parking is refused", "the others are unwound", "the spawned one is dropped"]);
}

#[test]
fn a_world_in_which_nothing_can_happen_ends_with_an_error() {
    let unwound = Rc::new(Cell::new(false));
    let seen = Rc::clone(&unwound);
    let ended = Machine::simulate(1, move |co| {
        let _guard = OnDrop(move || seen.set(true));
        let (_sender, mut receiver) = channel::local::<()>(co.machine());
        receiver.recv(co, Deadline::never("nobody sends")).ok();
    });
    assert!(ended.is_err());
    assert!(unwound.get());
}
