//! Who overtook whom. First come, first served holds across workers but for what cannot be known in time.
//!
//! Let `D` be the longest flight of a message in the schedule. A client is *late* for another of the same route in
//! another worker if it came more than [`TOLERANCE`] after it. Serving a late client while the other waits at the
//! head of its own queue is allowed in these cases only:
//!
//! * from the worker's own servers, within `2 D` of the last of: the other came to the head of its queue (its claim
//!   goes to the router and comes back as pressure); the worker yielded something, or was granted something (the
//!   router says again who waits);
//! * within `D` of the service of the other: what it gets may be on its way;
//! * by a grant that answers a stale claim: one for each earlier client that this worker served while the other
//!   waited, and those that were still on their way when it came, of which a worker sends one each [`REFRESH`].

use super::super::permits::{REFRESH, TOLERANCE, Tick};
use super::Place;
use std::time::Duration;

/// Where a client's server came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    /// Its own worker.
    Local,
    /// The router.
    Grant,
}

#[derive(Debug)]
struct Visit {
    place: Place,
    came: Tick,
    /// Since when it was the first of its queue.
    heads: Option<Tick>,
    served: Option<Service>,
}

#[derive(Clone, Copy, Debug)]
struct Service {
    /// Counts all services.
    number: u64,
    at: Tick,
    cause: Cause,
    /// When its pool last yielded something, or was granted something.
    moved: Tick,
}

/// What was done for whom and when.
#[derive(Debug)]
pub(super) struct Chronicle {
    visits: Vec<Visit>,
    services: u64,
    moved: Vec<Vec<Tick>>,
    flight_max: Duration,
}

impl Chronicle {
    pub(super) fn new(workers: usize, routes: usize) -> Chronicle {
        let moved = vec![vec![Tick(0); routes]; workers];
        Chronicle { visits: Vec::new(), services: 0, moved, flight_max: Duration::ZERO }
    }

    /// Clients come in the order of their numbers.
    pub(super) fn arrived(&mut self, client: usize, place: Place, now: Tick) {
        assert_eq!(client, self.visits.len(), "clients are numbered as they come");
        self.visits.push(Visit { place, came: now, heads: None, served: None });
    }

    pub(super) fn heads(&mut self, client: usize, now: Tick) {
        self.visits[client].heads.get_or_insert(now);
    }

    pub(super) fn served(&mut self, client: usize, now: Tick, cause: Cause) {
        let visit = &mut self.visits[client];
        let moved = self.moved[visit.place.0][visit.place.1];
        visit.served = Some(Service { number: self.services, at: now, cause, moved });
        self.services += 1;
    }

    pub(super) fn moved(&mut self, (worker, route): Place, now: Tick) {
        self.moved[worker][route] = now;
    }

    pub(super) fn flew(&mut self, sent: Tick, now: Tick) {
        self.flight_max = self.flight_max.max(Duration::from_micros(now.0 - sent.0));
    }

    /// Judges every pair of visits.
    pub(super) fn check(&self) {
        for (number, waiting) in self.visits.iter().enumerate() {
            if let (Some(heads), Some(served)) = (waiting.heads, waiting.served) {
                for worker in (0..self.moved.len()).filter(|worker| *worker != waiting.place.0) {
                    self.check_overtaking(number, waiting, heads, served, worker);
                }
            }
        }
    }

    /// What one other worker did while this client was the first of its queue.
    fn check_overtaking(&self, number: usize, waiting: &Visit, heads: Tick, served: Service, worker: usize) {
        let late = waiting.came.plus(TOLERANCE);
        let (mut earlier, mut stale) = (0_u32, 0_u32);
        let meanwhile =
            self.visits.iter().enumerate().filter(|(_, other)| other.place == (worker, waiting.place.1));
        for (other, visit) in meanwhile {
            let Some(service) = visit.served else { continue };
            if service.number > served.number || service.at <= waiting.came {
                continue;
            }
            if visit.came <= late {
                earlier += 1;
            } else if service.at > heads && service.cause == Cause::Grant {
                stale += 1;
            } else if service.at > heads {
                let known = heads.max(service.moved).plus(2 * self.flight_max);
                let coming = served.at <= service.at.plus(self.flight_max);
                assert!(
                    coming || service.at <= known,
                    "client {other} overtook {number}, whom its worker kept waiting"
                );
            }
        }
        let crossing =
            u32::try_from(self.flight_max.as_micros() / REFRESH.as_micros()).expect("short flights");
        assert!(stale <= 1 + earlier + crossing, "{stale} late clients overtook {number} by grants");
    }
}
