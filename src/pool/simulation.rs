//! Seeded schedules: pools, the router and their clients on a virtual clock, with everything random that may be.
//!
//! `SEED` replays one schedule, `SIM_SCHEDULES` sets how many are run. What is checked stands in `checks`.

mod checks;
mod rng;

use super::permits::{Tick, ToRouter, ToWorker};
use super::{Action, Answer, Pool, WaiterId};
use crate::router::WorkerId;
use crate::router::core::{Permits, Resized, RouterEvent};
use crate::rules::PoolId;
use rng::Rng;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const SCHEDULES_DEFAULT: u64 = 10_000;
const POOL: PoolId = PoolId::numbered(7);
/// More steps than any schedule takes that ends.
const STEPS_MAX: u64 = 200_000;
const SECOND_US: u64 = 1_000_000;

#[test]
fn every_schedule_keeps_the_rules() {
    let set = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    if let Some(seed) = set("SEED") {
        return simulate(seed);
    }
    for seed in 0..set("SIM_SCHEDULES").unwrap_or(SCHEDULES_DEFAULT) {
        let failing = PrintSeed(seed);
        simulate(seed);
        std::mem::forget(failing);
    }
}

/// Says which schedule it was when a check unwinds through it.
struct PrintSeed(u64);

impl Drop for PrintSeed {
    fn drop(&mut self) {
        eprintln!("replay with SEED={}", self.0);
    }
}

fn simulate(seed: u64) {
    let mut world = World::new(seed);
    while let Some(((at, _, _), event)) = world.agenda.pop_first() {
        world.now = at;
        world.steps += 1;
        assert!(world.steps < STEPS_MAX, "the schedule does not come to rest");
        world.happen(event);
        world.check();
    }
    world.check_quiet();
}

/// A server connection. It cannot be copied, so it is in one place at a time.
#[derive(Debug)]
struct Conn {
    /// Which one it is, for who reads a failure.
    _number: u64,
}

#[derive(Debug)]
enum Event {
    /// A client wants a server.
    Request(usize),
    /// A client's `pool_timeout`, or its end, while it waits for the nth time.
    GiveUp(usize, u32),
    DialEnds(usize),
    /// A client is done with its server.
    Done(usize),
    /// A server that was kept back, as for a cancel, comes back.
    Kept(usize, Conn),
    ToRouter(usize),
    ToWorker(usize),
    Resize(u32),
    /// Once a second, per worker.
    Second(usize),
    /// An idle server of a worker dies.
    IdleDies(usize),
    /// A worker looks after a server that rests and is called for.
    Nudge(usize),
}

#[derive(Debug)]
enum Doing {
    Rests,
    Waits {
        since: Tick,
    },
    /// It waits no more, and nobody was told.
    Vanished {
        since: Tick,
    },
    Dials,
    Uses(Conn),
}

struct Client {
    worker: usize,
    doing: Doing,
    requests_left: u32,
    waits: u32,
}

/// What differs from schedule to schedule. Times in microseconds, each the most of its kind.
struct Odds {
    grid: u64,
    flight: u64,
    hold: u64,
    rest: u64,
    dial: u64,
    patience: Option<u64>,
    dies_percent: u64,
    dial_fails_percent: u64,
    vanishes_percent: u64,
    kept_percent: u64,
}

struct World {
    odds: Odds,
    rng: Rng,
    now: Tick,
    steps: u64,
    agenda: BTreeMap<(Tick, u32, u64), Event>,
    size: u32,
    pools: Vec<Pool<Conn>>,
    router: Permits<Conn>,
    to_router: Vec<VecDeque<ToRouter<Conn>>>,
    to_worker: Vec<VecDeque<ToWorker<Conn>>>,
    link_free: Vec<[Tick; 2]>,
    clients: Vec<Client>,
    kept: Vec<u32>,
    /// When each worker last gave something up.
    gave: Vec<Tick>,
    /// When each worker last got something.
    got: Vec<Tick>,
    born: u64,
    dead: u64,
    messages: u64,
    /// The client that waits longest of all, and since when it is the one.
    oldest: Option<(usize, Tick, Tick)>,
    actions: Vec<Action<Conn>>,
    events: Vec<RouterEvent<Conn>>,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng(seed);
        let workers = 1 + rng.below(4) as usize;
        let size = if rng.chance(5) { 0 } else { 1 + rng.below(6) as u32 };
        let odds = Odds {
            grid: rng.pick([1, 50, 400]),
            flight: rng.pick([1, 100, 300, 2_000]),
            hold: rng.pick([100, 2_000, 20_000, 60_000]),
            rest: rng.pick([50, 1_000, 30_000]),
            dial: rng.pick([300, 3_000]),
            patience: rng.pick([None, None, Some(3_000), Some(40_000)]),
            dies_percent: rng.pick([0, 0, 3, 20]),
            dial_fails_percent: rng.pick([0, 0, 10, 40]),
            vanishes_percent: rng.pick([0, 0, 10]),
            kept_percent: rng.pick([0, 5]),
        };
        let mut router = Permits::new();
        router.add_pool(POOL, size);
        let mut world = World {
            odds,
            now: Tick(rng.below(50_000)),
            steps: 0,
            agenda: BTreeMap::new(),
            size,
            pools: (0..workers).map(|_| Pool::new(size)).collect(),
            router,
            to_router: (0..workers).map(|_| VecDeque::new()).collect(),
            to_worker: (0..workers).map(|_| VecDeque::new()).collect(),
            link_free: vec![[Tick(0); 2]; workers],
            clients: Vec::new(),
            kept: vec![0; workers],
            gave: vec![Tick(0); workers],
            got: vec![Tick(0); workers],
            born: 0,
            dead: 0,
            messages: 0,
            oldest: None,
            actions: Vec::new(),
            events: Vec::new(),
            rng,
        };
        for number in 0..1 + world.rng.below(14) as usize {
            let worker = world.rng.below(workers as u64) as usize;
            let requests_left = 1 + world.rng.below(40) as u32;
            world.clients.push(Client { worker, doing: Doing::Rests, requests_left, waits: 0 });
            world.later(world.odds.rest, Event::Request(number));
        }
        if world.rng.chance(30) {
            for _ in 0..world.rng.below(4) {
                let size = if size == 0 { 0 } else { 1 + world.rng.below(7) as u32 };
                world.later(100_000, Event::Resize(size));
            }
        }
        for worker in 0..workers {
            world.later(SECOND_US, Event::Second(worker));
            for _ in 0..world.rng.pick([0, 0, 6]) {
                world.later(100_000, Event::IdleDies(worker));
            }
        }
        world
    }

    /// Within so many microseconds, but not before the next point of the grid.
    fn later(&mut self, within: u64, event: Event) {
        let at = Tick(self.now.0 + 1 + self.rng.below(within));
        self.at(at, event);
    }

    /// Of events at the same moment any may be the first.
    fn at(&mut self, at: Tick, event: Event) {
        let at = Tick(at.0.next_multiple_of(self.odds.grid));
        let key = (at, self.rng.next() as u32, self.agenda.len() as u64 + (self.steps << 20));
        let before = self.agenda.insert(key, event);
        assert!(before.is_none(), "every event has a key of its own");
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Request(client) => self.request(client),
            Event::GiveUp(client, wait) => self.give_up(client, wait),
            Event::DialEnds(client) => self.dial_ends(client),
            Event::Done(client) => self.done(client),
            Event::Kept(worker, conn) => {
                self.kept[worker] -= 1;
                self.ask(worker, |pool, now, out| pool.release(conn, now, out));
            }
            Event::ToRouter(worker) => {
                let says = self.to_router[worker].pop_front().expect("one event per message");
                self.router.heard(id(worker), POOL, says, &mut self.events);
                self.tell();
            }
            Event::ToWorker(worker) => {
                let says = self.to_worker[worker].pop_front().expect("one event per message");
                if matches!(says, ToWorker::Grant { .. }) {
                    self.got[worker] = self.now;
                }
                self.ask(worker, |pool, now, out| pool.hear(says, now, out));
            }
            Event::Resize(size) => {
                self.size = size;
                // Several permits come free at once, and each worker has claimed one.
                self.oldest = None;
                let resized = self.router.resize(POOL, size, &mut self.events);
                assert_eq!(resized, Resized::InPlace);
                self.tell();
            }
            Event::Second(worker) => {
                self.ask(worker, |pool, _, out| pool.tick(out));
                let ends = self.clients.iter().all(|client| client.requests_left == 0);
                if !ends || self.pools[worker].waiting() > 0 || self.rng.chance(50) {
                    self.at(self.now.plus(Duration::from_secs(1)), Event::Second(worker));
                }
            }
            Event::IdleDies(worker) => self.idle_dies(worker),
            Event::Nudge(worker) => self.ask(worker, |pool, now, out| pool.nudge(now, out)),
        }
    }

    fn request(&mut self, client: usize) {
        let worker = self.clients[client].worker;
        self.clients[client].requests_left -= 1;
        self.clients[client].waits += 1;
        let had_idle = self.pools[worker].idle() > 0;
        let said = self.messages;
        let answer = self.ask(worker, |pool, now, out| pool.request(WaiterId(client as u64), now, out));
        match answer {
            Answer::Lend(conn) => {
                assert_eq!(said, self.messages, "a server that is here is lent without a word");
                self.check_turn(client, self.now);
                self.use_server(client, conn);
            }
            Answer::Dial => {
                assert!(!had_idle, "no server is opened beside an idle one");
                self.dial(client);
            }
            Answer::Wait => {
                assert!(!had_idle, "nobody waits beside an idle server");
                self.clients[client].doing = Doing::Waits { since: self.now };
                let wait = self.clients[client].waits;
                if let Some(patience) = self.odds.patience {
                    self.later(patience, Event::GiveUp(client, wait));
                } else if self.rng.chance(10) {
                    self.later(10_000, Event::GiveUp(client, wait));
                }
            }
        }
    }

    fn give_up(&mut self, client: usize, wait: u32) {
        let Client { worker, doing: Doing::Waits { since }, waits, .. } = self.clients[client] else {
            return;
        };
        if waits != wait {
            return;
        }
        if self.rng.chance(self.odds.vanishes_percent) {
            self.clients[client].doing = Doing::Vanished { since };
            return;
        }
        self.rest(client);
        let waited = self.ask(worker, |pool, _, out| pool.leave(WaiterId(client as u64), out));
        assert!(waited, "who has got nothing still waits");
    }

    fn dial(&mut self, client: usize) {
        self.clients[client].doing = Doing::Dials;
        self.later(self.odds.dial, Event::DialEnds(client));
    }

    fn dial_ends(&mut self, client: usize) {
        let worker = self.clients[client].worker;
        if self.rng.chance(self.odds.dial_fails_percent) {
            self.rest(client);
            self.ask(worker, |pool, now, out| pool.dial_failed(now, out));
        } else {
            self.born += 1;
            let conn = Conn { _number: self.born };
            self.pools[worker].dialed();
            self.use_server(client, conn);
        }
    }

    fn use_server(&mut self, client: usize, conn: Conn) {
        self.clients[client].doing = Doing::Uses(conn);
        self.later(self.odds.hold, Event::Done(client));
    }

    fn done(&mut self, client: usize) {
        let worker = self.clients[client].worker;
        let Doing::Uses(conn) = std::mem::replace(&mut self.clients[client].doing, Doing::Rests) else {
            panic!("who is done has used a server");
        };
        self.rest(client);
        if self.rng.chance(self.odds.dies_percent) {
            self.dead += 1;
            self.ask(worker, |pool, now, out| pool.closed(now, out));
        } else if self.rng.chance(self.odds.kept_percent) {
            self.kept[worker] += 1;
            self.later(5_000, Event::Kept(worker, conn));
        } else {
            self.ask(worker, |pool, now, out| pool.release(conn, now, out));
        }
    }

    fn rest(&mut self, client: usize) {
        self.clients[client].doing = Doing::Rests;
        if self.clients[client].requests_left > 0 {
            self.later(self.odds.rest, Event::Request(client));
        }
    }

    /// Noticed at once, or by the sweep.
    fn idle_dies(&mut self, worker: usize) {
        let idle = self.pools[worker].idle();
        if idle == 0 {
            return;
        }
        let nth = self.rng.below(idle as u64) as usize;
        let mut seen = 0;
        let mut is_nth = |_: &Conn| {
            seen += 1;
            seen == nth + 1
        };
        if self.rng.chance(50) {
            let taken = self.pools[worker].take_idle(is_nth);
            assert!(taken.is_some(), "there are as many");
            self.dead += 1;
            self.ask(worker, |pool, now, out| pool.closed(now, out));
        } else {
            let expired = self.ask(worker, |pool, _, out| pool.expire(|conn| is_nth(conn), out));
            assert_eq!(expired.len(), 1);
            self.dead += 1;
        }
    }

    /// Asks a pool, then does what it says.
    fn ask<R>(
        &mut self,
        worker: usize,
        event: impl FnOnce(&mut Pool<Conn>, Tick, &mut Vec<Action<Conn>>) -> R,
    ) -> R {
        let mut actions = std::mem::take(&mut self.actions);
        let result = event(&mut self.pools[worker], self.now, &mut actions);
        for action in actions.drain(..) {
            match action {
                Action::Hand(WaiterId(who), conn) => self.hand(who as usize, conn),
                Action::DialFor(WaiterId(who)) => self.dial_for(who as usize),
                Action::Say(says) => {
                    if matches!(says, ToRouter::Yield { .. }) {
                        self.gave[worker] = self.now;
                    }
                    self.send(worker, Way::ToRouter, |world| world.to_router[worker].push_back(says));
                }
                Action::Close(_) => self.dead += 1,
            }
        }
        if let Some(due) = self.pools[worker].due() {
            self.at(due.max(self.now), Event::Nudge(worker));
        }
        // Doing them may have led to more of them.
        self.actions = actions;
        result
    }

    fn hand(&mut self, client: usize, conn: Conn) {
        match self.clients[client].doing {
            Doing::Waits { since } => {
                self.check_turn(client, since);
                self.use_server(client, conn);
            }
            Doing::Vanished { .. } => {
                let worker = self.clients[client].worker;
                self.rest(client);
                self.note_oldest();
                self.ask(worker, |pool, now, out| pool.release(conn, now, out));
            }
            ref doing => panic!("{client} gets {conn:?} and does not wait: {doing:?}"),
        }
    }

    fn dial_for(&mut self, client: usize) {
        match self.clients[client].doing {
            Doing::Waits { since } => {
                self.check_turn(client, since);
                self.dial(client);
            }
            Doing::Vanished { .. } => {
                let worker = self.clients[client].worker;
                self.rest(client);
                self.note_oldest();
                self.ask(worker, |pool, now, out| pool.dial_failed(now, out));
            }
            ref doing => panic!("{client} may dial and does not wait: {doing:?}"),
        }
    }

    fn tell(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        for RouterEvent { worker, pool, says } in events.drain(..) {
            assert_eq!(pool, POOL);
            let worker = usize::from(worker.0);
            self.send(worker, Way::ToWorker, |world| world.to_worker[worker].push_back(says));
        }
        self.events = events;
    }

    /// Messages of one way arrive in order, those of different ways in any.
    fn send(&mut self, worker: usize, way: Way, push: impl FnOnce(&mut World)) {
        assert!(self.size > 0, "without a limit nobody speaks");
        self.messages += 1;
        push(self);
        let flight = 1 + self.rng.below(self.odds.flight);
        let at = self.link_free[worker][way as usize].max(Tick(self.now.0 + flight));
        self.link_free[worker][way as usize] = at;
        self.at(
            at,
            match way {
                Way::ToRouter => Event::ToRouter(worker),
                Way::ToWorker => Event::ToWorker(worker),
            },
        );
    }
}

#[derive(Clone, Copy)]
enum Way {
    ToRouter,
    ToWorker,
}

fn id(worker: usize) -> WorkerId {
    WorkerId(u16::try_from(worker).expect("few workers"))
}
