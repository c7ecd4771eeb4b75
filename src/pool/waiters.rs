//! Clients that wait for a server, first come first served.

use super::WaiterId;
use super::permits::Tick;
use std::collections::{HashMap, VecDeque};

/// Vacant seats are swept out when they outnumber the taken ones by this many.
const VACANT_MAX: usize = 32;

/// The queue of one route in one worker. A client waits in it once, so it is bounded by the worker's clients.
#[derive(Debug, Default)]
pub struct Waiters {
    /// By number, without gaps in time; the first is never vacant.
    seats: VecDeque<Seat>,
    /// The seat of each client that waits.
    taken: HashMap<WaiterId, u64>,
    /// Number of the next seat.
    next: u64,
}

#[derive(Debug)]
struct Seat {
    number: u64,
    since: Tick,
    /// `None`: it left before its turn.
    who: Option<WaiterId>,
}

impl Waiters {
    /// Adds a client at the end. Times never go back, so the first is always the oldest.
    pub fn push(&mut self, who: WaiterId, since: Tick) {
        debug_assert!(self.seats.back().is_none_or(|last| last.since <= since), "time does not go back");
        let number = self.next;
        self.next += 1;
        self.seats.push_back(Seat { number, since, who: Some(who) });
        let before = self.taken.insert(who, number);
        debug_assert!(before.is_none(), "a client waits once");
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<WaiterId> {
        let who = self.seats.pop_front()?.who.expect("the first seat is never vacant");
        self.taken.remove(&who);
        self.clear_front();
        Some(who)
    }

    /// Takes a client out wherever it sits; `false`: it did not wait.
    pub fn remove(&mut self, who: WaiterId) -> bool {
        let Some(number) = self.taken.remove(&who) else { return false };
        let at = self.seats.binary_search_by_key(&number, |seat| seat.number);
        self.seats[at.expect("who waits has a seat")].who = None;
        self.clear_front();
        if self.seats.len() > 2 * self.taken.len() + VACANT_MAX {
            self.seats.retain(|seat| seat.who.is_some());
        }
        true
    }

    /// Since when the first waits.
    #[inline]
    pub fn oldest(&self) -> Option<Tick> {
        self.seats.front().map(|first| first.since)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.taken.len()
    }

    /// Whether nobody waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    fn clear_front(&mut self) {
        while self.seats.front().is_some_and(|first| first.who.is_none()) {
            self.seats.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_is_passed_over_and_the_rest_keep_their_order() {
        let cases: [(&str, &[u64], &[u64]); 5] = [
            ("nobody leaves", &[], &[0, 1, 2, 3, 4]),
            ("the first", &[0], &[1, 2, 3, 4]),
            ("the last", &[4], &[0, 1, 2, 3]),
            ("the first after the second", &[1, 0], &[2, 3, 4]),
            ("everybody", &[2, 0, 4, 1, 3], &[]),
        ];
        for (name, leaving, left) in cases {
            let mut waiters = Waiters::default();
            (0..5).for_each(|who| waiters.push(WaiterId(who), Tick(10 * who)));
            for who in leaving {
                assert!(waiters.remove(WaiterId(*who)), "{name}");
                assert!(!waiters.remove(WaiterId(*who)), "{name}: only once");
            }
            assert_eq!(waiters.len(), left.len(), "{name}");
            assert_eq!(waiters.oldest(), left.first().map(|who| Tick(10 * who)), "{name}");
            let popped: Vec<u64> = std::iter::from_fn(|| waiters.pop()).map(|who| who.0).collect();
            assert_eq!(popped, left, "{name}");
            assert!(waiters.is_empty(), "{name}");
        }
    }

    #[test]
    fn vacant_seats_do_not_pile_up_behind_one_that_waits_for_ever() {
        let mut waiters = Waiters::default();
        waiters.push(WaiterId(0), Tick(0));
        for who in 1..10_000 {
            waiters.push(WaiterId(who), Tick(who));
            waiters.remove(WaiterId(who));
            assert!(waiters.seats.len() <= VACANT_MAX + 4);
        }
        waiters.push(WaiterId(10_000), Tick(10_000));
        assert_eq!(
            [waiters.pop(), waiters.pop(), waiters.pop()],
            [Some(WaiterId(0)), Some(WaiterId(10_000)), None]
        );
    }
}
