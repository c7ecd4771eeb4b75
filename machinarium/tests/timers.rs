//! Sleeping and deadlines, on the virtual clock and on the real one.

mod util;

use machinarium::channel::{self, Receiver};
use machinarium::{ChannelError, Co, Deadline, Machine, WaitError};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use util::{Rng, guard, here, seeds};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn an_hour_passes_at_once_when_nobody_can_run() {
    let before = Instant::now();
    seeds(0..4, |co, _| {
        let start = co.now();
        co.sleep(HOUR).expect("nobody cancels");
        assert_eq!(co.now() - start, HOUR);
    });
    assert!(before.elapsed() < HOUR);
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    seeds(0..64, |co, seed| {
        let mut rng = Rng(seed);
        let order = Rc::new(RefCell::new(Vec::new()));
        let sleepers: Vec<_> = (0..50)
            .map(|_| {
                let (order, time) = (Rc::clone(&order), Duration::from_millis(rng.below(50_000)));
                co.spawn("sleeper", move |co| {
                    let start = co.now();
                    co.sleep(time).expect("nobody cancels");
                    let slept = co.now() - start;
                    assert!(
                        slept >= time && slept <= time + Duration::from_millis(1),
                        "{slept:?} for {time:?}"
                    );
                    order.borrow_mut().push(time);
                })
            })
            .collect();
        for id in sleepers {
            co.join(id, guard(co)).expect("they all wake");
        }
        assert!(order.borrow().is_sorted(), "seed {seed}: {:?}", order.borrow());
        assert_eq!(co.machine().panics(), 0);
    });
}

#[test]
fn a_wait_that_ends_early_leaves_no_timer_behind() {
    let ended = Machine::simulate(1, |co| {
        let (sender, mut receiver) = channel::local(co.machine());
        co.spawn("sender", move |_| sender.send(()).expect("open"));
        let late = Deadline::after(co.now(), HOUR);
        receiver.recv(co, late).expect("it is sent");
        // With the timer of that wait still set, the clock would first jump there instead of this world ending.
        let (_kept, mut silent) = channel::local::<()>(co.machine());
        silent.recv(co, Deadline::never("to see what else the machine would do")).ok();
    });
    assert!(ended.is_err(), "nothing can happen any more");
}

#[test]
fn a_deadline_in_the_past_ends_the_wait_all_the_same() {
    fn silent(co: &Co) -> (channel::Sender<()>, Receiver<()>) {
        channel::local(co.machine())
    }
    seeds(0..2, |co, _| {
        let (_sender, mut receiver) = silent(co);
        let past = Deadline::at(co.now());
        assert_eq!(receiver.recv(co, past), Err(ChannelError::Deadline));
    });
    here(|co| {
        let (_sender, mut receiver) = silent(co);
        assert_eq!(receiver.recv(co, Deadline::at(co.now())), Err(ChannelError::Deadline));
    });
}

#[test]
fn real_sleep_is_never_early() {
    here(|co| {
        for millis in [0, 1, 2, 5] {
            let (start, time) = (Instant::now(), Duration::from_millis(millis));
            co.sleep(time).expect("nobody cancels");
            // The machine's clock stood at its last look, which may be a little before `start`.
            assert!(start.elapsed() + Duration::from_millis(1) >= time);
        }
    });
}

#[test]
fn joining_has_a_deadline_of_its_own() {
    seeds(0..4, |co, _| {
        let id = co.spawn("slow", |co| co.sleep(HOUR).expect("nobody cancels"));
        let soon = Deadline::after(co.now(), Duration::from_secs(1));
        assert_eq!(co.join(id, soon), Err(WaitError::Deadline));
        assert_eq!(co.join(id, Deadline::never("it sleeps for an hour")), Ok(()));
        assert_eq!(co.join(id, soon), Ok(()), "it has ended");
    });
}
