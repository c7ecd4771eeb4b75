//! What the simulation checks: after every step, whenever somebody is served, and at the end.

use super::{Client, Doing, Event, POOL, World, id};
use crate::pool::permits::{Item, REFRESH, TOLERANCE, Tick, ToRouter, ToWorker};
use crate::pool::{Answer, Pool, WaiterId};
use std::collections::VecDeque;
use std::time::Duration;

impl World {
    /// First come, first served: once the word of who waits longest has gone round, no worker serves a client that
    /// came later (by more than the tolerances). Unless it has just given something up for another worker's and not
    /// been called again; or the oldest's worker gets something, or has just got it and its next claim is under way.
    pub(super) fn check_turn(&mut self, served: usize, since: Tick) {
        let Some((oldest, waits_since, known_since)) = self.oldest else { return };
        // A message to the router and one to the worker, each with one before it on the same way, and the grid.
        let round = Duration::from_micros(2 * (self.odds.flight + self.odds.grid));
        let told = known_since.plus(round).plus(round);
        let waits_at = self.clients[oldest].worker;
        let claimed_again = self.got[waits_at].plus(round);
        let called_again = self.gave[self.clients[served].worker].plus(round);
        let mut on_its_way = self.to_worker[waits_at].iter();
        assert!(
            served == oldest
                || on_its_way.any(|says| matches!(says, ToWorker::Grant { .. }))
                || since <= waits_since.plus(TOLERANCE + REFRESH)
                || self.now <= told
                || self.now <= called_again
                || self.now <= claimed_again,
            "client {served}, here since {since:?}, is served before {oldest}, which waits since {waits_since:?} \
             and is the oldest since {known_since:?}"
        );
    }

    /// What holds after every step.
    pub(super) fn check(&mut self) {
        let (mut idle, mut in_use, mut dialing) = (0, 0, 0);
        for (worker, pool) in self.pools.iter().enumerate() {
            let here = |is: fn(&Doing) -> bool| {
                let doing = self.clients.iter().filter(|client| client.worker == worker);
                doing.filter(|client| is(&client.doing)).count()
            };
            let uses = here(|doing| matches!(doing, Doing::Uses(_))) as u32 + self.kept[worker];
            assert_eq!(pool.attached(), uses, "worker {worker} knows what is in use");
            assert_eq!(
                pool.dialing() as usize,
                here(|doing| matches!(doing, Doing::Dials)),
                "worker {worker}"
            );
            let waits = here(|doing| matches!(doing, Doing::Waits { .. } | Doing::Vanished { .. }));
            assert_eq!(pool.waiting(), waits, "worker {worker} knows who waits");
            assert!(pool.idle() == 0 || waits == 0, "worker {worker}: nobody waits beside an idle server");
            pool.audit();
            idle += pool.idle() as u32;
            in_use += pool.attached();
            dialing += pool.dialing();
        }
        let (mut servers, mut permits, mut closing) = (0, 0, 0);
        let up = self.to_router.iter().flatten().filter_map(|says| match says {
            ToRouter::Yield { item, .. } => Some(item),
            ToRouter::Want(_) | ToRouter::Unwant => None,
        });
        let down = self.to_worker.iter().flatten().filter_map(|says| match says {
            ToWorker::Grant { item, .. } => Some(item),
            ToWorker::Close(_) => {
                closing += 1;
                None
            }
            ToWorker::Pressure(_) => None,
        });
        for item in up.chain(down) {
            match item {
                Item::Server(_) => servers += 1,
                Item::Permit => permits += 1,
            }
        }
        let alive = u64::from(idle + in_use + servers + closing);
        assert_eq!(self.born - self.dead, alive, "no server is lost, none is in two places");
        if self.size > 0 {
            let (free, _) = self.router.count(POOL).expect("the route is there");
            let all = idle + in_use + dialing + servers + permits + free;
            assert_eq!(all, self.size + self.router.debt(POOL), "permits are neither made nor lost");
            if self.to_router.iter().all(VecDeque::is_empty) && self.to_worker.iter().all(VecDeque::is_empty)
            {
                self.check_agreed(idle + free);
            }
        }
        self.note_oldest();
    }

    /// What holds whenever no message is under way.
    fn check_agreed(&self, at_rest: u32) {
        let waiting: usize = self.pools.iter().map(Pool::waiting).sum();
        // A server that rests and is called for is given up as soon as it is due.
        let is_due = |pool: &Pool<_>| {
            pool.due().is_some_and(|due| due.0.next_multiple_of(self.odds.grid) >= self.now.0)
        };
        let moment = self.pools.iter().any(is_due);
        assert!(
            waiting == 0 || at_rest == 0 || moment,
            "nobody waits while a server rests or a permit is free"
        );
        assert!(
            self.router.debt(POOL) == 0 || at_rest == 0 || moment,
            "nothing rests while the route holds too much"
        );
        for (worker, pool) in self.pools.iter().enumerate() {
            let (held, claim, call) = self.router.view(POOL, id(worker));
            assert_eq!(held, pool.idle() as u32 + pool.attached() + pool.dialing(), "worker {worker} holds");
            assert_eq!(claim, pool.claim, "worker {worker} claims");
            assert_eq!(call, pool.call, "worker {worker} is called");
        }
    }

    pub(super) fn note_oldest(&mut self) {
        let waiting = self.clients.iter().enumerate().filter_map(|(client, it)| match it.doing {
            Doing::Waits { since } | Doing::Vanished { since } => Some((since, client)),
            Doing::Rests | Doing::Dials | Doing::Uses(_) => None,
        });
        let oldest = waiting.min();
        // While a debt is paid, what comes free is nobody's.
        let undisturbed = self.router.debt(POOL) == 0;
        self.oldest = oldest.map(|(since, client)| match self.oldest {
            Some(known) if known.0 == client && known.1 == since && undisturbed => known,
            _ => (client, since, self.now),
        });
    }

    /// What holds when nothing more happens.
    pub(super) fn check_quiet(&mut self) {
        for (number, client) in self.clients.iter().enumerate() {
            assert!(matches!(client.doing, Doing::Rests), "client {number} never ends: {:?}", client.doing);
            assert_eq!(client.requests_left, 0, "client {number} is not finished");
        }
        for pool in &self.pools {
            assert_eq!((pool.waiting(), pool.attached(), pool.dialing()), (0, 0, 0));
            assert_eq!((pool.claim, pool.call), (None, None), "nobody wants anything");
        }
        self.check_all_for_one();
        self.check();
    }

    /// All there is can be had by the clients of any one worker, at once.
    fn check_all_for_one(&mut self) {
        let worker = self.rng.below(self.pools.len() as u64) as usize;
        let first = self.clients.len();
        (self.odds.patience, self.odds.dial_fails_percent, self.odds.dies_percent) = (None, 0, 0);
        for client in first..first + self.size as usize {
            self.clients.push(Client { worker, doing: Doing::Rests, requests_left: 1, waits: 0 });
            self.now = self.now.plus(Duration::from_millis(1));
            let answer = self.ask(worker, |pool, now, out| pool.request(WaiterId(client as u64), now, out));
            self.clients[client].doing = match answer {
                Answer::Lend(conn) => Doing::Uses(conn),
                Answer::Wait => Doing::Waits { since: self.now },
                Answer::Dial => panic!("a limited pool asks first"),
            };
        }
        // Who is served keeps what it has.
        while let Some(((at, _, _), event)) = self.agenda.pop_first() {
            self.now = self.now.max(at);
            match event {
                Event::Done(_) => {}
                event => self.happen(event),
            }
        }
        for client in &self.clients[first..] {
            assert!(matches!(client.doing, Doing::Uses(_)), "somebody is not served: {:?}", client.doing);
        }
    }
}
