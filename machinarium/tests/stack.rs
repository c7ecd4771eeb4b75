//! Stacks are reused, and given back after a burst.

mod util;

use machinarium::{Machine, Spec, StackSize};
use std::time::Duration;
use util::{guard, here};

#[test]
fn one_after_the_other_needs_one_stack() {
    here(|co| {
        for _ in 0..1000 {
            let id = co.spawn("short", |_| ());
            co.join(id, guard(co)).expect("it ends");
        }
        assert_eq!(co.machine().stacks_free(), 1);
    });
}

#[test]
fn one_that_panicked_gives_its_stack_back() {
    here(|co| {
        for _ in 0..10 {
            let id = co.spawn("short", |_| panic!("for the test"));
            co.join(id, guard(co)).expect("it ends");
        }
        assert_eq!(co.machine().stacks_free(), 1);
        assert_eq!(co.machine().panics(), 10);
    });
}

#[test]
fn a_burst_leaves_a_capped_cache_that_an_idle_machine_gives_back() {
    let spec = Spec { stack: StackSize::from_pages(8), stacks_kept: 32, ..Spec::named("test") };
    Machine::run_here(&spec, |co| {
        let all: Vec<_> = (0..300).map(|_| co.spawn("burst", |co| co.give_way())).collect();
        for id in all {
            co.join(id, guard(co)).expect("it ends");
        }
        assert!(co.machine().stacks_free() <= 32, "{} kept", co.machine().stacks_free());
        while co.machine().stacks_free() > 4 {
            // Nothing happens meanwhile: the machine wakes for the trim by itself.
            co.sleep(Duration::from_millis(500)).expect("nobody cancels");
        }
    })
    .expect("a machine can poll");
}

#[test]
fn the_size_of_a_stack_is_what_was_asked_for() {
    /// Needs some 100 KiB of stack.
    fn deep(level: u32) -> u32 {
        let room = std::hint::black_box([level; 256]);
        if level == 0 { room[7] } else { deep(level - 1) + std::hint::black_box(room)[3] }
    }
    let spec = Spec { stack: StackSize::from_pages(128), ..Spec::named("test") };
    Machine::run_here(&spec, |co| {
        let id = co.spawn("deep", |_| assert_eq!(deep(100), 5050));
        co.join(id, guard(co)).expect("it ends");
        assert_eq!(co.machine().panics(), 0);
    })
    .expect("a machine can poll");
}
