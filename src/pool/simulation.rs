//! Pools and router together under seeded schedules: virtual time, links that deliver late and in any order, clients
//! and servers that come, wait, die and go. What must always hold is asserted after every step.
//!
//! `SIM_SCHEDULES=10000` sets how many schedules run, `SEED=17` replays one.

mod fairness;
mod promises;

use super::permits::{Tick, ToRouter, ToWorker};
use super::{Action, Answer, Pool, WaiterId};
use crate::router::WorkerId;
use crate::router::core::{Permits, RouterEvent};
use crate::rules::RouteId;
use fairness::{Cause, Chronicle};
use std::collections::VecDeque;
use std::time::Duration;

/// How many schedules run when nothing else is asked for.
const SCHEDULES: u64 = 4_000;

/// Random actions of one schedule.
const STEPS: u32 = 300;

/// More actions than any schedule needs to come to rest.
const REST_WITHIN: u32 = 20_000;

#[test]
fn every_schedule_keeps_the_promises() {
    if let Some(seed) = number_of("SEED") {
        return simulate(seed);
    }
    (0..number_of("SIM_SCHEDULES").unwrap_or(SCHEDULES)).for_each(simulate);
}

fn number_of(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// One schedule, from the first client to the last permit.
fn simulate(seed: u64) {
    let replay = Replay(seed);
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
        world.check();
    }
    if world.rng.one_in(2) {
        world.freeze();
    }
    world.drain();
    if world.weather == Weather::Fair {
        world.chronicle.check();
    }
    world.every_worker_can_have_it_all();
    drop(replay);
}

/// Says how to see a failure again.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this schedule failed: replay it with SEED={}", self.0);
        }
    }
}

/// SplitMix64.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("less than a length")
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }
}

/// What a schedule may contain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Weather {
    /// Clients come, wait, hold, release.
    Fair,
    /// And anything may fail or end at any moment.
    Foul,
}

/// A connection: its number is given once.
#[derive(PartialEq, Eq, Debug)]
struct Server(usize);

#[derive(PartialEq, Eq, Debug)]
enum Stage {
    Waiting,
    /// It ended without a word, and the pool learns that when it hands something over.
    Ghost,
    Dialing,
    Holding(Server),
    Gone,
}

/// A pool: worker and route.
type Place = (usize, usize);

#[derive(Debug)]
struct Client {
    place: Place,
    stage: Stage,
}

/// What is under way between one worker and the router: when it was sent, about which route, what.
type Link<M> = VecDeque<(Tick, usize, M)>;

struct World {
    rng: Rng,
    weather: Weather,
    now: Tick,
    /// Virtual time passes in steps of up to so many microseconds.
    stride_us: u64,
    /// A message older than this is delivered before anything else happens.
    delay_max: Duration,
    clients_max: usize,
    /// One in so many steps is a release.
    patience: u64,
    pools: Vec<Vec<Pool<Server>>>,
    router: Permits<Server>,
    /// `pool_size` of each route; 0: no limit.
    sizes: Vec<u32>,
    up: Vec<Link<ToRouter<Server>>>,
    down: Vec<Link<ToWorker<Server>>>,
    /// All there ever were; their index is their [`WaiterId`].
    clients: Vec<Client>,
    /// Those that are not gone.
    live: Vec<usize>,
    /// Who should be served in which order.
    queues: Vec<Vec<VecDeque<usize>>>,
    /// Whether the server of this number is open.
    open: Vec<bool>,
    /// Idle servers taken out to be looked at.
    looked_at: Vec<(Place, Server)>,
    cause: Cause,
    chronicle: Chronicle,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng(seed);
        let workers = 1 + rng.index(4);
        let sizes: Vec<u32> = (0..1 + rng.index(2)).map(|_| rng.pick(&[0, 1, 1, 2, 2, 3, 4, 5, 6])).collect();
        let mut router = Permits::new();
        for (route, size) in sizes.iter().enumerate() {
            router.add_route(RouteId(route as u64), *size);
        }
        World {
            weather: rng.pick(&[Weather::Fair, Weather::Foul, Weather::Foul]),
            now: Tick(1_000_000),
            stride_us: rng.pick(&[20, 1_000, 8_000]),
            delay_max: rng.pick(&[100, 2_000, 2_000, 30_000].map(Duration::from_micros)),
            clients_max: 2 + rng.index(16),
            patience: rng.pick(&[2, 4, 12]),
            pools: (0..workers).map(|_| sizes.iter().map(|size| Pool::new(*size)).collect()).collect(),
            router,
            up: (0..workers).map(|_| Link::new()).collect(),
            down: (0..workers).map(|_| Link::new()).collect(),
            clients: Vec::new(),
            live: Vec::new(),
            queues: (0..workers).map(|_| sizes.iter().map(|_| VecDeque::new()).collect()).collect(),
            open: Vec::new(),
            looked_at: Vec::new(),
            cause: Cause::Local,
            chronicle: Chronicle::new(workers, sizes.len()),
            sizes,
            rng,
        }
    }

    // What happens.

    fn step(&mut self) {
        self.now = self.now.plus(Duration::from_micros(self.rng.below(self.stride_us)));
        self.deliver_overdue();
        if self.rng.one_in(self.patience) {
            return self.somebody_releases();
        }
        match self.rng.below(100) {
            0..30 => self.arrive(),
            30..65 => drop(self.deliver()),
            65..85 => self.somebody_dialed(),
            85..88 => self.tick(),
            _ if self.weather == Weather::Foul => self.misfortune(),
            _ => {}
        }
    }

    fn arrive(&mut self) {
        if self.live.len() < self.clients_max {
            let place = (self.rng.index(self.pools.len()), self.rng.index(self.sizes.len()));
            self.request(place);
        }
    }

    fn request(&mut self, place: Place) -> usize {
        let client = self.clients.len();
        self.clients.push(Client { place, stage: Stage::Waiting });
        self.live.push(client);
        self.chronicle.arrived(client, place, self.now);
        match self.with(place, |pool, now, out| pool.request(WaiterId(client as u64), now, out)) {
            Answer::Lend(server) => self.serve(client, Stage::Holding(server)),
            Answer::Dial => self.serve(client, Stage::Dialing),
            Answer::Wait => {
                self.queues[place.0][place.1].push_back(client);
                self.note_head(place);
            }
        }
        client
    }

    fn somebody_releases(&mut self) {
        if !self.looked_at.is_empty() && self.rng.one_in(2) {
            let at = self.rng.index(self.looked_at.len());
            let (place, server) = self.looked_at.swap_remove(at);
            return self.with(place, |pool, now, out| pool.release(server, now, out));
        }
        if let Some(client) = self.somebody(|stage| matches!(stage, Stage::Holding(_))) {
            self.release(client);
        }
    }

    fn release(&mut self, client: usize) {
        if let Stage::Holding(server) = self.gone(client) {
            let place = self.clients[client].place;
            self.with(place, |pool, now, out| pool.release(server, now, out));
        }
    }

    fn somebody_dialed(&mut self) {
        if let Some(client) = self.somebody(|stage| *stage == Stage::Dialing) {
            self.pools_of(client).dialed();
            self.open.push(true);
            self.clients[client].stage = Stage::Holding(Server(self.open.len() - 1));
        }
    }

    fn tick(&mut self) {
        for place in self.places() {
            self.with(place, |pool, _, out| pool.tick(out));
        }
    }

    fn misfortune(&mut self) {
        let place = (self.rng.index(self.pools.len()), self.rng.index(self.sizes.len()));
        match self.rng.below(8) {
            0 | 1 => self.somebody_ends(),
            2 => self.somebody_leaves(),
            3 => self.longest_times_out(place),
            4 => self.dial_fails(),
            5 => self.expire(place),
            6 => self.look_at_idle(place),
            _ => self.resize(place.1),
        }
    }

    /// A client is killed wherever it is; a server it holds, or is about to, is closed.
    fn somebody_ends(&mut self) {
        let Some(client) = self.somebody(|_| true) else { return };
        let place = self.clients[client].place;
        match &self.clients[client].stage {
            Stage::Holding(_) | Stage::Dialing => match self.gone(client) {
                Stage::Holding(server) => self.close(place, server),
                _ => self.with(place, |pool, now, out| pool.dial_failed(now, out)),
            },
            Stage::Waiting => self.clients[client].stage = Stage::Ghost,
            Stage::Ghost | Stage::Gone => {}
        }
    }

    fn somebody_leaves(&mut self) {
        if let Some(client) = self.somebody(|stage| *stage == Stage::Waiting) {
            self.leave(client);
        }
    }

    fn longest_times_out(&mut self, (worker, route): Place) {
        if let Some(client) = self.queues[worker][route].front() {
            self.leave(*client);
        }
    }

    fn leave(&mut self, client: usize) {
        let (worker, route) = self.clients[client].place;
        self.gone(client);
        self.queues[worker][route].retain(|waiting| *waiting != client);
        let who = WaiterId(client as u64);
        let waited = self.with((worker, route), |pool, _, out| pool.leave(who, out));
        assert!(waited, "{client} waited");
        let waits = self.with((worker, route), |pool, _, out| pool.leave(who, out));
        assert!(!waits, "{client} waits no more");
    }

    fn dial_fails(&mut self) {
        if let Some(client) = self.somebody(|stage| *stage == Stage::Dialing) {
            self.gone(client);
            let place = self.clients[client].place;
            self.with(place, |pool, now, out| pool.dial_failed(now, out));
        }
    }

    fn expire(&mut self, place: Place) {
        let chances = 1 + self.rng.below(3);
        let mut dice = Rng(self.rng.next());
        let expired = self.with(place, |pool, _, out| pool.expire(|_| dice.one_in(chances), out));
        for server in expired {
            self.open[server.0] = false;
        }
    }

    fn look_at_idle(&mut self, place: Place) {
        let Some(server) = self.pools[place.0][place.1].take_idle(|_| true) else { return };
        if self.rng.one_in(2) {
            return self.close(place, server);
        }
        self.looked_at.push((place, server));
    }

    fn close(&mut self, place: Place, server: Server) {
        self.open[server.0] = false;
        self.with(place, |pool, now, out| pool.closed(now, out));
    }

    fn resize(&mut self, route: usize) {
        let old = self.sizes[route];
        if old > 0 && self.rng.one_in(3) {
            let new = self.rng.pick(&[1, 2, 3, 4, 5, 6]);
            let mut events = Vec::new();
            self.router.resize(RouteId(route as u64), old, new, &mut events);
            self.sizes[route] = new;
            self.post(events);
        }
    }

    // Messages.

    /// Delivers the first message of a random link; `false`: nothing is under way.
    fn deliver(&mut self) -> bool {
        let workers = self.pools.len();
        let first = self.rng.index(2 * workers);
        (0..2 * workers).any(|offset| match (first + offset) % (2 * workers) {
            link if link < workers => self.deliver_up(link),
            link => self.deliver_down(link - workers),
        })
    }

    fn deliver_overdue(&mut self) {
        let (now, delay_max) = (self.now, self.delay_max);
        let overdue = |sent: Tick| sent.plus(delay_max) <= now;
        for worker in 0..self.pools.len() {
            while self.up[worker].front().is_some_and(|message| overdue(message.0)) {
                self.deliver_up(worker);
            }
            while self.down[worker].front().is_some_and(|message| overdue(message.0)) {
                self.deliver_down(worker);
            }
        }
    }

    fn deliver_up(&mut self, worker: usize) -> bool {
        let Some((sent, route, says)) = self.up[worker].pop_front() else { return false };
        self.chronicle.flew(sent, self.now);
        let mut events = Vec::new();
        self.router.heard(WorkerId(id(worker)), RouteId(route as u64), says, &mut events);
        self.post(events);
        true
    }

    fn deliver_down(&mut self, worker: usize) -> bool {
        let Some((sent, route, says)) = self.down[worker].pop_front() else { return false };
        self.chronicle.flew(sent, self.now);
        if matches!(says, ToWorker::Grant(_)) {
            self.chronicle.moved((worker, route), self.now);
            self.cause = Cause::Grant;
        }
        self.with((worker, route), |pool, now, out| pool.hear(says, now, out));
        self.cause = Cause::Local;
        true
    }

    fn post(&mut self, events: Vec<RouterEvent<Server>>) {
        for RouterEvent { worker, route, says } in events {
            let route = usize::try_from(route.0).expect("an index of ours");
            self.down[usize::from(worker.0)].push_back((self.now, route, says));
        }
    }

    /// Asks a pool and does what it says, as a worker does it: what follows from an action comes before the next.
    fn with<R>(
        &mut self,
        place: Place,
        ask: impl FnOnce(&mut Pool<Server>, Tick, &mut Vec<Action<Server>>) -> R,
    ) -> R {
        let mut out = Vec::new();
        let result = ask(&mut self.pools[place.0][place.1], self.now, &mut out);
        for action in out {
            self.act(place, action);
        }
        result
    }

    fn act(&mut self, place: Place, action: Action<Server>) {
        match action {
            Action::Hand(who, server) => match self.next_in_line(place, who) {
                (client, Stage::Waiting) => self.serve(client, Stage::Holding(server)),
                _ => self.with(place, |pool, now, out| pool.release(server, now, out)),
            },
            Action::DialFor(who) => match self.next_in_line(place, who) {
                (client, Stage::Waiting) => self.serve(client, Stage::Dialing),
                _ => self.with(place, |pool, now, out| pool.dial_failed(now, out)),
            },
            Action::Say(says) => {
                assert!(self.sizes[place.1] > 0, "a pool without a limit has nothing to tell: {says:?}");
                if matches!(says, ToRouter::Yield(_)) {
                    self.chronicle.moved(place, self.now);
                }
                self.up[place.0].push_back((self.now, place.1, says));
            }
        }
    }

    /// Checks that it is this client's turn, and takes it out of the queue.
    fn next_in_line(&mut self, place: Place, who: WaiterId) -> (usize, Stage) {
        let first = self.queues[place.0][place.1].pop_front().expect("only who waits is served");
        assert_eq!(who, WaiterId(first as u64), "first come, first served");
        self.note_head(place);
        (first, self.gone(first))
    }

    fn note_head(&mut self, place: Place) {
        if let Some(first) = self.queues[place.0][place.1].front() {
            self.chronicle.heads(*first, self.now);
        }
    }

    fn serve(&mut self, client: usize, stage: Stage) {
        self.clients[client].stage = stage;
        if !self.live.contains(&client) {
            self.live.push(client);
        }
        self.chronicle.served(client, self.now, self.cause);
    }

    // Who is where.

    fn places(&self) -> Vec<Place> {
        let routes = 0..self.sizes.len();
        (0..self.pools.len()).flat_map(|worker| routes.clone().map(move |route| (worker, route))).collect()
    }

    fn somebody(&mut self, at: impl Fn(&Stage) -> bool) -> Option<usize> {
        if self.live.is_empty() {
            return None;
        }
        let first = self.rng.index(self.live.len());
        let (before, after) = self.live.split_at(first);
        after.iter().chain(before).copied().find(|client| at(&self.clients[*client].stage))
    }

    fn gone(&mut self, client: usize) -> Stage {
        self.live.retain(|other| *other != client);
        std::mem::replace(&mut self.clients[client].stage, Stage::Gone)
    }

    fn pools_of(&mut self, client: usize) -> &mut Pool<Server> {
        let (worker, route) = self.clients[client].place;
        &mut self.pools[worker][route]
    }
}

fn id(worker: usize) -> u16 {
    u16::try_from(worker).expect("few workers")
}
