//! A route's pool at one endpoint in one worker: doing what the pure core decides, and what is counted of it.

use crate::client::attach;
use crate::client::fault::Fault;
use crate::log::{Who, log_error};
use crate::pool::permits::{Item, Tick, ToRouter as Says, ToWorker as Told};
use crate::pool::{self, Action, Pool, WaiterId};
use crate::router::{Greeting, Hears, Holds, ToRouter};
use crate::rules::{EndpointId, PoolId, Route, StorageUse};
use crate::server::Server;
use crate::stats::counters::RouteCounters;
use crate::stats::snapshot::{ClientState, PoolRow};
use crate::worker::lease::{Lease, Permit};
use crate::worker::{Worker, sleepers};
use machinarium::channel::oneshot::{self, Reply};
use machinarium::{ChannelError, Co, Deadline, HostTimer, Machine, Watch};
use odyssey_config::PoolMode;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who waits by a number of its own is waking a coroutine, not a resting client.
const PARKED: u64 = 1 << 63;

/// What a client that asks for a server gets.
pub enum Answer {
    /// This one.
    Lend(Box<Server>),
    /// The right to open one.
    Dial(Permit),
    /// Nothing yet: it is in the queue.
    Wait,
}

/// What a coroutine that waits for a server gets.
enum Granted {
    Lease(Lease),
    Permit(Permit),
}

/// How far a pool is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The router was told that this worker does not need the route.
    Vacant,
    /// It may have clients or servers.
    Occupied,
    /// Its route is gone.
    Retired,
}

type Actions = Vec<Action<Box<Server>>>;

/// A route's pool at one endpoint in one worker.
pub struct RoutePool {
    /// The route.
    pub route: Arc<Route>,
    /// Where its servers are.
    pub storage: Arc<StorageUse>,
    /// Which host of the storage.
    pub index: u16,
    /// What is counted.
    pub counters: RouteCounters,
    this: Weak<RoutePool>,
    worker: Weak<Worker>,
    machine: Rc<Machine>,
    /// Its place in the worker's list.
    slot: u64,
    stage: Cell<Stage>,
    pool: RefCell<Pool<Box<Server>>>,
    actions: RefCell<Actions>,
    greeting: RefCell<Option<Greeting>>,
    parked: RefCell<HashMap<u64, Reply<Granted>>>,
    /// When a server that rests and is called for is looked after.
    nudge: Cell<Option<HostTimer>>,
}

impl RoutePool {
    /// An empty pool.
    pub fn new(
        worker: &Rc<Worker>,
        slot: u64,
        route: Arc<Route>,
        storage: Arc<StorageUse>,
        index: u16,
    ) -> Rc<RoutePool> {
        let size = route.rule().pool.size;
        Rc::new_cyclic(|this| RoutePool {
            this: Weak::clone(this),
            route,
            storage,
            index,
            slot,
            stage: Cell::new(Stage::Vacant),
            counters: RouteCounters::default(),
            worker: Rc::downgrade(worker),
            machine: Rc::clone(&worker.machine),
            pool: RefCell::new(Pool::new(size)),
            actions: RefCell::default(),
            greeting: RefCell::default(),
            parked: RefCell::default(),
            nudge: Cell::new(None),
        })
    }

    /// Its worker.
    pub fn worker(&self) -> Rc<Worker> {
        self.worker.upgrade().expect("a worker outlives its clients and servers")
    }

    /// Its name in messages.
    pub fn id(&self) -> PoolId {
        let endpoint = EndpointId { storage: self.storage.id, index: self.index };
        PoolId { route: self.route.id, endpoint }
    }

    /// A client is about to use it: its route is needed.
    pub fn occupy(&self) {
        if self.stage.get() == Stage::Vacant {
            self.turn(Stage::Occupied, Holds::Something);
        }
    }

    /// Nobody has it in hands. Without servers its route is not needed here.
    pub fn vacate(&self) {
        let pool = self.pool.borrow();
        if self.stage.get() == Stage::Occupied && pool.idle() == 0 && pool.attached() + pool.dialing() == 0 {
            self.turn(Stage::Vacant, Holds::Nothing);
        }
    }

    fn turn(&self, stage: Stage, holds: Holds) {
        self.stage.set(stage);
        let worker = self.worker();
        worker.router.say(ToRouter::Holds { worker: worker.id, pool: self.id(), holds });
    }

    /// Nobody will ask it for a server again: what is idle is closed, and what comes back will be.
    pub fn retire(&self) {
        self.stage.set(Stage::Retired);
        self.close_idle(|_| true);
        // Logins that wait for a server to ask: their wait ends.
        drop(self.parked.take());
    }

    /// The rule's pooling mode.
    #[inline]
    pub fn mode(&self) -> PoolMode {
        self.route.rule().pool.mode
    }

    /// What its servers say of themselves, if it is known here.
    pub fn greeting(&self) -> Option<Greeting> {
        self.greeting.borrow().clone()
    }

    /// What its servers say of themselves.
    pub fn learn(&self, greeting: Greeting) {
        self.greeting.replace(Some(greeting));
    }

    /// The client with this number asks for a server.
    pub fn request(self: &Rc<Self>, client: u64, now: Instant) -> Answer {
        let answer = self.with(|pool, actions| pool.request(WaiterId(client), tick(now), actions));
        match answer {
            pool::Answer::Lend(server) => {
                server.io.unwatch();
                Answer::Lend(server)
            }
            pool::Answer::Dial => Answer::Dial(Permit::new(Rc::clone(self))),
            pool::Answer::Wait => Answer::Wait,
        }
    }

    /// A server for a client that can wait on its coroutine only: one whose login is under way.
    ///
    /// # Errors
    /// `PoolTimeout`, `Connect`, or what the cancelled wait was cancelled for.
    pub fn acquire(
        self: &Rc<Self>,
        co: &Co,
        client: u64,
        who: &Who<'_>,
        by: Deadline,
    ) -> Result<Lease, Fault> {
        let number = client | PARKED;
        loop {
            let (reply, answer) = oneshot::local(&self.machine);
            let granted = match self.request(number, co.now()) {
                Answer::Lend(server) => Granted::Lease(Lease::new(self, server, client)),
                Answer::Dial(permit) => Granted::Permit(permit),
                Answer::Wait => {
                    self.parked.borrow_mut().insert(number, reply);
                    let waited = answer.wait(co, by);
                    self.parked.borrow_mut().remove(&number);
                    self.leave(number);
                    match waited {
                        Ok(granted) => granted,
                        Err(ChannelError::Deadline) => return Err(Fault::PoolTimeout),
                        Err(_) => return Err(self.worker().dismissal(client)),
                    }
                }
            };
            let mut lease = match granted {
                Granted::Lease(lease) => lease,
                Granted::Permit(permit) => attach::dial(co, self, permit, client, who)?,
            };
            if !lease.io.may_read() || sleepers::still_good(&mut lease) {
                return Ok(lease);
            }
            lease.close();
        }
    }

    /// A waiting client waits no more.
    pub fn leave(&self, client: u64) {
        self.with(|pool, actions| pool.leave(WaiterId(client), actions));
    }

    /// A server that was attached comes back clean.
    pub fn give_back(self: &Rc<Self>, server: Box<Server>) {
        let worker = self.worker();
        let Some(mut server) = worker.hold_for_cancel(server) else { return };
        if self.stage.get() == Stage::Retired {
            return self.close(server);
        }
        let now = self.machine.now();
        server.idle_since = now;
        let key = sleepers::server_key(server.slot);
        // While it rests, whatever it says is looked at at once: most often that it is gone.
        if !server.io.watch(key, Watch::Readable) {
            if !sleepers::still_good(&mut server) {
                return self.close(server);
            }
            server.io.watch(key, Watch::Readable);
        }
        self.with(|pool, actions| pool.release(server, tick(now), actions));
    }

    /// A server that was attached is closed.
    pub fn close(&self, server: Box<Server>) {
        let worker = self.worker();
        worker.link(server.slot, None);
        worker.disown(server.slot);
        drop(server);
        let now = tick(self.machine.now());
        self.with(|pool, actions| pool.closed(now, actions));
    }

    /// A connection was made with a permit.
    pub fn dialed(&self) {
        self.counters.connected.add(1);
        self.pool.borrow_mut().dialed();
    }

    /// No connection could be made: its permit is free.
    pub fn dial_failed(&self) {
        let now = tick(self.machine.now());
        self.with(|pool, actions| pool.dial_failed(now, actions));
    }

    /// The router has said something.
    pub fn hear(self: &Rc<Self>, hears: Hears) {
        let worker = self.worker();
        let told = match hears {
            Told::Pressure(call) => Told::Pressure(call),
            Told::Grant { item: Item::Permit, answers } => Told::Grant { item: Item::Permit, answers },
            Told::Grant { item: Item::Server(parked), answers } => {
                let item = match (*parked).unpark(&self.machine) {
                    Ok(server) => Item::Server(worker.adopt(self, server)),
                    Err(error) => {
                        log_error!(&Who::default(), "main", "a server could not be taken over: {error}");
                        Item::Permit
                    }
                };
                Told::Grant { item, answers }
            }
            Told::Close(parked) => match (*parked).unpark(&self.machine) {
                Ok(server) => Told::Close(worker.adopt(self, server)),
                // It is closed in any case.
                Err(_) => return,
            },
        };
        let now = tick(self.machine.now());
        self.with(|pool, actions| pool.hear(told, now, actions));
    }

    /// Takes an idle server out to look at it.
    pub fn take_idle(&self, slot: u64) -> Option<Box<Server>> {
        let server = self.pool.borrow_mut().take_idle(|server| server.slot == slot)?;
        server.io.unwatch();
        Some(server)
    }

    /// Once a second: closes idle servers that rest too long or are too old.
    pub fn expire(&self, now: Instant) {
        let rule = self.route.rule();
        self.with(|pool, actions| pool.tick(actions));
        self.close_idle(|server| {
            let rests = now.saturating_duration_since(server.idle_since);
            let lives = now.saturating_duration_since(server.born);
            rule.pool.ttl.is_some_and(|ttl| rests >= ttl)
                || rule.server_lifetime.is_some_and(|limit| lives >= server.id.lifetime(limit))
        });
    }

    fn close_idle(&self, which: impl FnMut(&mut Box<Server>) -> bool) {
        let expired = self.with(|pool, actions| pool.expire(which, actions));
        let worker = self.worker();
        for mut server in expired {
            worker.disown(server.slot);
            say_goodbye(&mut server);
        }
    }

    /// What the console shows of it.
    pub fn row(&self, clients: impl Iterator<Item = ClientState>) -> PoolRow {
        let pool = self.pool.borrow();
        let mut row = PoolRow {
            database: Arc::clone(&self.route.database),
            user: Arc::clone(&self.route.user),
            mode: match self.mode() {
                PoolMode::Session => "session",
                PoolMode::Transaction => "transaction",
                PoolMode::Statement => "statement",
            },
            clients_active: 0,
            clients_pending: 0,
            clients_queued: 0,
            servers_active: u64::from(pool.attached() + pool.dialing()),
            servers_idle: pool.idle() as u64,
            servers_login: u64::from(pool.dialing()),
            max_wait_us: pool.oldest().map_or(0, |since| tick(self.machine.now()).0.saturating_sub(since.0)),
        };
        for state in clients {
            match state {
                ClientState::Active => row.clients_active += 1,
                ClientState::Queue => row.clients_queued += 1,
                ClientState::Pending => row.clients_pending += 1,
            }
        }
        row
    }

    /// Servers it has, in whatever hands, and those being connected.
    pub fn connections(&self) -> u32 {
        let pool = self.pool.borrow();
        pool.attached() + pool.dialing() + u32::try_from(pool.idle()).unwrap_or(u32::MAX)
    }

    /// Asks the core, then does what it says. The core is not borrowed while that is done.
    fn with<R>(&self, ask: impl FnOnce(&mut Pool<Box<Server>>, &mut Actions) -> R) -> R {
        let mut actions = self.actions.take();
        let result = ask(&mut self.pool.borrow_mut(), &mut actions);
        for action in actions.drain(..) {
            self.act(action);
        }
        if self.actions.borrow().capacity() == 0 {
            self.actions.replace(actions);
        }
        if let Some(due) = self.pool.borrow().due()
            && self.nudge.get().is_none()
        {
            let moment = epoch() + Duration::from_micros(due.0);
            let timer = self.machine.set_host_timer(moment, sleepers::pool_key(self.slot));
            self.nudge.set(Some(timer));
        }
        result
    }

    /// A server that rests and is called for may be due.
    pub fn nudged(&self) {
        self.nudge.set(None);
        let now = tick(self.machine.now());
        self.with(|pool, actions| pool.nudge(now, actions));
    }

    #[cold]
    fn act(&self, action: Action<Box<Server>>) {
        let worker = self.worker();
        let pool = self.this.upgrade().expect("it is being used");
        match action {
            Action::Hand(who, server) => {
                server.io.unwatch();
                let lease = Lease::new(&pool, server, who.0 & !PARKED);
                let refused = if who.0 & PARKED == 0 {
                    worker.hand(who.0, lease).err()
                } else {
                    self.hand_parked(who.0, Granted::Lease(lease))
                };
                // It left at this very moment: the next in the queue gets it.
                if let Some(lease) = refused {
                    lease.release();
                }
            }
            Action::DialFor(who) => {
                let permit = Permit::new(pool);
                if who.0 & PARKED == 0 {
                    drop(worker.hand_permit(who.0, permit));
                } else {
                    self.hand_parked(who.0, Granted::Permit(permit));
                }
            }
            Action::Close(mut server) => {
                worker.disown(server.slot);
                say_goodbye(&mut server);
            }
            Action::Say(says) => {
                let says = match says {
                    Says::Want(claim) => Says::Want(claim),
                    Says::Unwant => Says::Unwant,
                    Says::Yield { item: Item::Permit, answers } => {
                        Says::Yield { item: Item::Permit, answers }
                    }
                    Says::Yield { item: Item::Server(server), answers } => {
                        worker.disown(server.slot);
                        server.io.unwatch();
                        Says::Yield { item: Item::Server(Box::new((*server).park())), answers }
                    }
                };
                worker.router.say(ToRouter::Pool { worker: worker.id, pool: self.id(), says });
            }
        }
    }

    fn hand_parked(&self, number: u64, granted: Granted) -> Option<Lease> {
        let reply = self.parked.borrow_mut().remove(&number);
        let refused = match reply {
            Some(reply) => reply.send(granted).err(),
            None => Some(granted),
        };
        match refused {
            Some(Granted::Lease(lease)) => Some(lease),
            // A permit goes back by itself.
            Some(Granted::Permit(_)) | None => None,
        }
    }
}

/// Tells a server that it is not needed any more, if it takes the word at once.
fn say_goodbye(server: &mut Server) {
    const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];
    // It is closed in any case.
    server.io.try_write(&TERMINATE).ok();
}

/// Microseconds of the process-wide clock.
fn tick(now: Instant) -> Tick {
    Tick(u64::try_from(now.saturating_duration_since(epoch()).as_micros()).unwrap_or(u64::MAX))
}

/// The process-wide beginning of time: set once, at the first use.
fn epoch() -> Instant {
    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    *EPOCH.get_or_init(machinarium::clock)
}

/// A server that is being cleaned: neither attached to a client nor idle. Closed when dropped.
pub struct Custody {
    pool: Rc<RoutePool>,
    server: Option<Box<Server>>,
}

impl Custody {
    /// Takes a server that counts as attached.
    pub fn new(pool: Rc<RoutePool>, server: Box<Server>) -> Custody {
        Custody { pool, server: Some(server) }
    }

    /// Its pool.
    pub fn pool(&self) -> Rc<RoutePool> {
        Rc::clone(&self.pool)
    }

    /// The server.
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("in custody until it goes back")
    }

    /// It is clean.
    pub fn give_back(mut self) {
        if let Some(server) = self.server.take() {
            self.pool.give_back(server);
        }
    }
}

impl Drop for Custody {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.pool.close(server);
        }
    }
}
