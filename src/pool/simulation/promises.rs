//! What must hold: at every step, when nothing more is sent, and at the end.

use super::super::permits::{Item, ToRouter, ToWorker};
use super::{Place, REST_WITHIN, Stage, World};
use crate::router::WorkerId;
use crate::rules::RouteId;
use std::time::Duration;

impl World {
    /// What holds at every moment, whatever is under way.
    pub(super) fn check(&self) {
        let mut seen = vec![0_u32; self.open.len()];
        for route in 0..self.sizes.len() {
            let flying = self.flying(route, &mut seen);
            let here: u64 = (0..self.pools.len()).map(|worker| self.check_pool((worker, route))).sum();
            let (free, held) = self.router.count(RouteId(route as u64)).expect("a route of ours");
            let debt = self.router.debt(RouteId(route as u64));
            if self.sizes[route] == 0 {
                assert_eq!((free, held, flying), (0, 0, 0), "a route without a limit has no permits");
            } else {
                assert_eq!(u64::from(held), here + flying, "the router knows what is out");
                assert_eq!(free + held, self.sizes[route] + debt, "permits add up to pool_size");
            }
        }
        for pool in self.pools.iter().flatten() {
            pool.idle.iter().for_each(|server| seen[server.0] += 1);
        }
        let held = self.live.iter().filter_map(|client| match &self.clients[*client].stage {
            Stage::Holding(server) => Some(server),
            _ => None,
        });
        for server in held.chain(self.looked_at.iter().map(|(_, server)| server)) {
            seen[server.0] += 1;
        }
        for (number, open) in self.open.iter().enumerate() {
            assert_eq!(
                seen[number],
                u32::from(*open),
                "server {number} is in exactly one place while it is open"
            );
        }
    }

    /// Checks one pool and counts the permits it has.
    fn check_pool(&self, place @ (worker, route): Place) -> u64 {
        let pool = &self.pools[worker][route];
        let queue = &self.queues[worker][route];
        assert_eq!(pool.waiting(), queue.len(), "{place:?}: whom nobody served waits");
        assert!(pool.idle() == 0 || queue.is_empty(), "{place:?}: nobody waits beside an idle server");
        assert!(
            pool.idle() == 0 || pool.pressure.is_none(),
            "{place:?}: nothing rests while another wants it"
        );
        let at = |stage: fn(&Stage) -> bool| {
            let here = self.live.iter().map(|client| &self.clients[*client]);
            here.filter(|client| client.place == place && stage(&client.stage)).count() as u64
        };
        let looked_at = self.looked_at.iter().filter(|(from, _)| *from == place).count() as u64;
        let held = at(|stage| matches!(stage, Stage::Holding(_)));
        assert_eq!(u64::from(pool.attached()), held + looked_at, "{place:?}: attached");
        assert_eq!(u64::from(pool.dialing()), at(|stage| *stage == Stage::Dialing), "{place:?}: dialing");
        pool.idle() as u64 + u64::from(pool.attached() + pool.dialing())
    }

    /// Permits of a route inside messages; servers among them are marked as seen.
    fn flying(&self, route: usize, seen: &mut [u32]) -> u64 {
        let up = self.up.iter().flatten().filter_map(|(_, about, says)| match says {
            ToRouter::Yield(item) if *about == route => Some(item),
            _ => None,
        });
        let down = self.down.iter().flatten().filter_map(|(_, about, says)| match says {
            ToWorker::Grant(item) if *about == route => Some(item),
            _ => None,
        });
        let items = up.chain(down).inspect(|item| {
            if let Item::Server(server) = item {
                seen[server.0] += 1;
            }
        });
        items.count() as u64
    }

    /// Nobody releases anything until all has been said: then the router knows who waits, and the pools know whom
    /// they keep waiting.
    pub(super) fn freeze(&mut self) {
        self.settle();
        self.now = self.now.plus(Duration::from_secs(1));
        self.tick();
        self.settle();
        for route in 0..self.sizes.len() {
            let limited = self.sizes[route] > 0;
            let waits = |worker: usize| self.pools[worker][route].oldest().filter(|_| limited);
            for worker in 0..self.pools.len() {
                let claim = self.router.claim(RouteId(route as u64), WorkerId(super::id(worker)));
                assert_eq!(claim, waits(worker), "worker {worker} route {route}: what the router believes");
                let pool = &self.pools[worker][route];
                let theirs = (0..self.pools.len()).filter(|other| *other != worker).filter_map(waits).min();
                let owns = pool.idle() > 0 || pool.attached() + pool.dialing() > 0;
                if owns {
                    assert_eq!(pool.pressure, theirs, "worker {worker} route {route}: whom it keeps waiting");
                }
                let rests = pool.idle() > 0;
                let somebody = (0..self.pools.len()).any(|other| waits(other).is_some());
                assert!(!(rests && somebody), "route {route}: nobody waits while a server rests anywhere");
            }
        }
    }

    /// Delivers everything and lets every dial succeed, until there is nothing more to do without a release.
    fn settle(&mut self) {
        for _ in 0..REST_WITHIN {
            self.now = self.now.plus(Duration::from_micros(self.rng.below(self.stride_us)));
            let dials = self.live.iter().any(|client| self.clients[*client].stage == Stage::Dialing);
            if dials && self.rng.one_in(2) {
                self.somebody_dialed();
            } else if !self.deliver() && !dials {
                return;
            }
            self.check();
        }
        panic!("messages go round and round");
    }

    /// Nobody comes any more and who holds something releases it: all are served, and quiet comes without a tick.
    pub(super) fn drain(&mut self) {
        for _ in 0..REST_WITHIN {
            self.settle();
            let holds = |client: &usize| matches!(self.clients[*client].stage, Stage::Holding(_));
            if self.looked_at.is_empty() && !self.live.iter().any(holds) {
                break;
            }
            self.somebody_releases();
            self.check();
        }
        for (number, client) in self.clients.iter().enumerate() {
            assert_eq!(client.stage, Stage::Gone, "client {number} was served, or left");
        }
        self.check();
    }

    /// At rest, fresh clients of any one worker can attach all servers there may be at the same time. When they are
    /// done, all rests where it is and nothing is said: no claim and no permit is stuck anywhere.
    pub(super) fn every_worker_can_have_it_all(&mut self) {
        for place in self.places() {
            let (free, held) = self.router.count(RouteId(place.1 as u64)).expect("a route of ours");
            if self.sizes[place.1] == 0 {
                continue;
            }
            let all: Vec<usize> = (0..free + held).map(|_| self.request(place)).collect();
            self.settle();
            for client in &all {
                assert!(
                    matches!(self.clients[*client].stage, Stage::Holding(_)),
                    "{place:?}: {client} has its own"
                );
            }
            let one_more = self.request(place);
            self.settle();
            assert_eq!(
                self.clients[one_more].stage,
                Stage::Waiting,
                "{place:?}: there is no more than pool_size"
            );
            self.leave(one_more);
            self.settle();
            for client in &all {
                self.release(*client);
            }
            assert!(!self.deliver(), "{place:?}: nobody else wants anything");
            assert_eq!(
                self.pools[place.0][place.1].idle(),
                all.len(),
                "{place:?}: everything rests where it was used"
            );
        }
        self.debts_are_paid();
    }

    /// Once every server is closed, nothing is owed and every permit is at home.
    fn debts_are_paid(&mut self) {
        for route in 0..self.sizes.len() {
            for worker in 0..self.pools.len() {
                for server in self.with((worker, route), |pool, _, out| pool.expire(|_| true, out)) {
                    self.open[server.0] = false;
                }
            }
            self.settle();
            let counted = self.router.count(RouteId(route as u64)).expect("a route of ours");
            assert_eq!(counted, (self.sizes[route], 0), "route {route}: every permit is at home");
            assert_eq!(self.router.debt(RouteId(route as u64)), 0, "route {route}: nothing is owed");
        }
    }
}
