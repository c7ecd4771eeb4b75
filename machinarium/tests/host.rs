//! Sleepers without a stack: sockets and deadlines that tell the machine's host.

mod util;

use machinarium::{Co, Host, HostKey, Io, Machine, Rouse, Watch, pair};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use util::{guard, here, seeds, tcp_pair};

/// Writes down what it is told.
#[derive(Default)]
struct Diary(RefCell<Vec<(HostKey, Rouse)>>);

impl Host for Diary {
    fn rouse(&self, _machine: &Rc<Machine>, key: HostKey, why: Rouse) {
        self.0.borrow_mut().push((key, why));
    }
}

impl Diary {
    fn install(co: &Co) -> Rc<Diary> {
        let diary = Rc::new(Diary::default());
        co.machine().set_host(Rc::clone(&diary) as Rc<dyn Host>);
        diary
    }

    fn take(&self) -> Vec<(HostKey, Rouse)> {
        self.0.take()
    }

    /// Turns until something was written down.
    fn wait(&self, co: &Co) -> Vec<(HostKey, Rouse)> {
        while self.0.borrow().is_empty() {
            co.give_way();
        }
        self.take()
    }
}

/// The same over a TCP connection and over one in memory.
fn each_kind(check: fn(&Co, &str, Io, Io)) {
    here(move |co| {
        let (one, other) = tcp_pair(co);
        check(co, "tcp", one, other);
    });
    seeds(0..8, move |co, _| {
        let (one, other) = pair(co.machine(), 64).expect("memory");
        check(co, "memory", one, other);
    });
}

#[test]
fn a_readable_sleeper_is_told_once() {
    each_kind(|co, kind, mut one, mut other| {
        let diary = Diary::install(co);
        assert!(other.watch(7, Watch::Readable), "{kind}: nothing is there yet");
        one.write_all(co, b"ab", guard(co)).expect(kind);
        assert_eq!(diary.wait(co), [(7, Rouse::Readable)], "{kind}");
        one.write_all(co, b"c", guard(co)).expect(kind);
        (0..8).for_each(|_| co.give_way());
        assert_eq!(diary.take(), [], "{kind}: only once");
        assert!(!other.watch(7, Watch::Readable), "{kind}: there is something already");
        other.read_exact(co, &mut [0; 3], guard(co)).expect(kind);
    });
}

#[test]
fn one_who_waits_for_the_end_is_not_told_of_bytes() {
    each_kind(|co, kind, mut one, mut other| {
        let diary = Diary::install(co);
        assert!(other.watch(3, Watch::Gone), "{kind}");
        one.write_all(co, b"ab", guard(co)).expect(kind);
        (0..8).for_each(|_| co.give_way());
        assert_eq!(diary.take(), [], "{kind}");
        drop(one);
        assert_eq!(diary.wait(co), [(3, Rouse::Readable)], "{kind}");
        assert!(other.is_gone(), "{kind}");
        assert!(!other.watch(3, Watch::Gone), "{kind}: it has happened");
        let mut buf = [0; 2];
        other.read_exact(co, &mut buf, guard(co)).expect("what came before the end is still there");
        assert_eq!(&buf, b"ab", "{kind}");
        assert_eq!(other.read(co, &mut buf, guard(co)).expect(kind), 0, "{kind}");
    });
}

#[test]
fn a_watch_taken_back_tells_nothing() {
    each_kind(|co, kind, mut one, other| {
        let diary = Diary::install(co);
        assert!(other.watch(3, Watch::Readable), "{kind}");
        other.unwatch();
        one.write_all(co, b"ab", guard(co)).expect(kind);
        (0..8).for_each(|_| co.give_way());
        assert_eq!(diary.take(), [], "{kind}");
        assert!(other.may_read(), "{kind}: but the bytes were noticed");
    });
}

#[test]
fn a_closed_connection_tells_nothing_to_the_next_in_its_place() {
    here(|co| {
        let diary = Diary::install(co);
        let (mut one, other) = tcp_pair(co);
        assert!(other.watch(1, Watch::Readable));
        one.write_all(co, b"x", guard(co)).expect("open");
        drop(other);
        let (_three, four) = tcp_pair(co);
        assert!(four.watch(2, Watch::Readable));
        (0..8).for_each(|_| co.give_way());
        assert_eq!(diary.take(), []);
    });
}

#[test]
fn deadlines_of_sleepers_fire_unless_taken_back() {
    seeds(0..4, |co, _| {
        let diary = Diary::install(co);
        let machine = co.machine();
        let at = |millis| co.now() + Duration::from_millis(millis);
        machine.set_host_timer(at(20), 2);
        machine.set_host_timer(at(10), 1);
        let taken_back = machine.set_host_timer(at(15), 9);
        machine.cancel_host_timer(taken_back);
        co.sleep(Duration::from_millis(100)).expect("nobody cancels");
        assert_eq!(diary.take(), [(1, Rouse::Deadline), (2, Rouse::Deadline)]);
        machine.cancel_host_timer(taken_back);
    });
}

#[test]
fn a_host_starts_coroutines() {
    struct Starter;
    impl Host for Starter {
        fn rouse(&self, machine: &Rc<Machine>, key: HostKey, _why: Rouse) {
            if key > 0 {
                machine.spawn("turn", move |co| {
                    co.machine().set_host_timer(co.now() + Duration::from_millis(1), key - 1);
                });
            }
        }
    }
    seeds(0..4, |co, _| {
        co.machine().set_host(Rc::new(Starter));
        let start = co.now();
        co.machine().set_host_timer(start, 1000);
        co.sleep(Duration::from_secs(10)).expect("nobody cancels");
        assert_eq!(co.machine().alive(), 1);
        assert_eq!(co.machine().stacks_free(), 1, "one stack served a thousand turns");
    });
}
