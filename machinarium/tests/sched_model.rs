//! The scheduler against what it promises, over random programs: nobody is lost, runs twice, or wakes for
//! somebody else's reason.

mod util;

use machinarium::sync::{Semaphore, WaitGroup};
use machinarium::{ChannelError, Co, CoId, Deadline, WaitError, channel};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use util::{Rng, guard, seeds};

/// What the model knows of one actor.
#[derive(Default)]
struct Actor {
    id: Cell<Option<CoId>>,
    cancels_asked: Cell<u32>,
    cancels_seen: Cell<u32>,
    ended: Cell<bool>,
}

struct World {
    actors: Vec<Actor>,
    running: Cell<usize>,
}

impl World {
    /// Every wait of an actor comes through here: nobody else runs between its wake-up and its next wait.
    fn wait<R>(&self, who: usize, wait: impl FnOnce() -> R) -> R {
        assert_eq!(self.running.get(), who, "nobody runs inside of another");
        let result = wait();
        self.running.set(who);
        result
    }

    fn cancelled(&self, who: usize) {
        let seen = &self.actors[who].cancels_seen;
        seen.set(seen.get() + 1);
    }
}

fn live(co: &Co, world: &World, who: usize, seed: u64) {
    let mut rng = Rng(seed * 7919 + who as u64);
    let (sender, mut receiver) = channel::local(co.machine());
    world.running.set(who);
    for _ in 0..20 {
        let time = Duration::from_millis(rng.below(10));
        match rng.below(6) {
            0 => world.wait(who, || co.give_way()),
            1 => {
                let start = co.now();
                match world.wait(who, || co.sleep(time)) {
                    Ok(()) => assert!(co.now() - start >= time, "never early"),
                    Err(WaitError::Cancelled) => world.cancelled(who),
                    Err(WaitError::Deadline) => panic!("a sleep has no other deadline"),
                }
            }
            2 => {
                sender.send(who).expect("open");
                match world.wait(who, || receiver.recv(co, Deadline::after(co.now(), time))) {
                    Ok(from) => assert_eq!(from, who),
                    Err(error) => panic!("a message was there: {error}"),
                }
            }
            3 => {
                let until = co.now() + time;
                match world.wait(who, || receiver.recv(co, Deadline::at(until))) {
                    Err(ChannelError::Deadline) => assert!(co.now() >= until, "never early"),
                    Err(ChannelError::Cancelled) => world.cancelled(who),
                    other => panic!("{other:?}"),
                }
            }
            4 => {
                let victim = &world.actors[rng.below(world.actors.len() as u64) as usize];
                if let Some(id) = victim.id.get() {
                    let asked = co.machine().cancel(id);
                    assert_eq!(asked, !victim.ended.get(), "who has ended cannot be cancelled");
                    victim.cancels_asked.set(victim.cancels_asked.get() + u32::from(asked));
                }
            }
            _ => {
                let other = &world.actors[rng.below(world.actors.len() as u64) as usize];
                let Some(id) = other.id.get().filter(|id| *id != co.id()) else { continue };
                let by = Deadline::after(co.now(), time);
                match world.wait(who, || co.join(id, by)) {
                    Ok(()) => assert!(other.ended.get(), "joined before its end"),
                    Err(WaitError::Cancelled) => world.cancelled(who),
                    Err(WaitError::Deadline) => assert!(by.has_passed(co.now())),
                }
            }
        }
    }
    world.actors[who].ended.set(true);
}

#[test]
fn random_programs_end_and_hear_of_every_cancellation() {
    const ACTORS: usize = 12;
    seeds(0..200, |co, seed| {
        let actors = (0..ACTORS).map(|_| Actor::default()).collect();
        let world = Rc::new(World { actors, running: Cell::new(0) });
        let group = WaitGroup::new(co.machine());
        for who in 0..ACTORS {
            let (mine, member) = (Rc::clone(&world), group.join());
            let id = co.spawn("actor", move |co| {
                live(co, &mine, who, seed);
                drop(member);
            });
            world.actors[who].id.set(Some(id));
        }
        group.wait(co, guard(co)).expect("they all end");
        assert_eq!(co.machine().panics(), 0, "seed {seed}");
        for actor in &world.actors {
            assert!(actor.ended.get());
            // Two before one wait are one; one after the last wait is none.
            assert!(actor.cancels_seen.get() <= actor.cancels_asked.get(), "seed {seed}");
        }
        co.give_way();
        assert_eq!(co.machine().alive(), 1);
    });
}

#[test]
fn a_semaphore_serves_in_order_and_never_more_than_it_has() {
    seeds(0..100, |co, seed| {
        let (permits, users) = (1 + seed as usize % 3, 20);
        let semaphore = Semaphore::new(co.machine(), permits);
        let asked = Rc::new(RefCell::new(Vec::new()));
        let served = Rc::new(RefCell::new(Vec::new()));
        let inside = Rc::new(Cell::new(0));
        let given_up = Rc::new(RefCell::new(Vec::new()));
        let group = WaitGroup::new(co.machine());
        for who in 0..users {
            let (semaphore, inside, member) = (semaphore.clone(), Rc::clone(&inside), group.join());
            let (asked, served, given_up) = (Rc::clone(&asked), Rc::clone(&served), Rc::clone(&given_up));
            co.spawn("user", move |co| {
                let _member = member;
                let mut rng = Rng(seed * 31 + who);
                co.sleep(Duration::from_millis(rng.below(5))).expect("not cancelled");
                asked.borrow_mut().push(who);
                let Ok(permit) = semaphore.acquire(co, Deadline::after(co.now(), Duration::from_millis(20)))
                else {
                    return given_up.borrow_mut().push(who);
                };
                served.borrow_mut().push(who);
                inside.set(inside.get() + 1);
                assert!(inside.get() <= permits, "seed {seed}");
                co.sleep(Duration::from_millis(rng.below(8))).expect("not cancelled");
                inside.set(inside.get() - 1);
                drop(permit);
            });
        }
        group.wait(co, guard(co)).expect("they all end");
        assert_eq!(co.machine().panics(), 0, "seed {seed}");
        assert_eq!((semaphore.free(), semaphore.waiting()), (permits, 0), "seed {seed}: none is lost");
        assert_eq!(served.borrow().len() + given_up.borrow().len(), users as usize);
        if permits == 1 {
            let mut want = asked.borrow().clone();
            want.retain(|who| !given_up.borrow().contains(who));
            assert_eq!(*served.borrow(), want, "seed {seed}: first come, first served");
        }
    });
}
