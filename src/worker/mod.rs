//! A worker: owns its clients for their whole life, and the servers it holds at the moment.

pub mod cancels;
pub mod context;
pub mod entry;
pub mod hosts;
pub mod inbox;
pub mod lease;
pub mod route_pool;
pub mod sleepers;
pub mod watchdog;

use crate::base::ids::{ClientId, ServerId};
use crate::base::slab::Slab;
use crate::client::fault::Fault;
use crate::client::{Client, Names};
use crate::log::{Who, log_error, log_info};
use crate::router::{RouterHandle, WorkerId};
use crate::rules::{EndpointId, PoolId, Route, RouteId, Rules, StorageId, StorageUse};
use crate::server::{Server, reset};
use cancels::Cancels;
use context::Facilities;
use hosts::Hosts;
use kiwi::startup::CancelKey;
use machinarium::net::addr::{Address, PeerAddr};
use machinarium::{CoId, Machine};
use route_pool::RoutePool;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

/// What a worker knows of one of its connections from clients, awake or at rest.
pub struct ClientCard {
    id: ClientId,
    peer: PeerAddr,
    names: Option<Rc<Names>>,
    pool: Option<Rc<RoutePool>>,
    server: Option<u64>,
    /// Where it rests; `None`: it is awake (or was lost with its coroutine).
    rest: Rest,
    /// Its coroutine while it is awake.
    awake: Option<CoId>,
    /// Why it was told to go while it was awake.
    dismissed: Option<Fault>,
}

/// Where a client rests.
enum Rest {
    /// It runs on a coroutine.
    Awake,
    /// It waits for bytes.
    Idle(Box<Client>),
    /// It waits for a server.
    Queued(Box<Client>),
}

/// What a worker knows of one of its servers.
struct ServerCard {
    id: ServerId,
    pool: Rc<RoutePool>,
    peer: PeerAddr,
    local: PeerAddr,
    address: Address,
    key: Option<CancelKey>,
    client: Option<u64>,
    /// Cancel requests under way: the server is lent to nobody else until they have arrived.
    cancels: u32,
    /// The server, given back while a cancel request was under way.
    held: Option<Box<Server>>,
}

/// One worker, seen from its own machine.
pub struct Worker {
    /// Its index.
    pub id: WorkerId,
    /// Its machine.
    pub machine: Rc<Machine>,
    /// The way to the router.
    pub router: RouterHandle,
    /// What its coroutines may use.
    pub facilities: Facilities,
    cancels: Cancels,
    clients: RefCell<Slab<ClientCard>>,
    servers: RefCell<Slab<ServerCard>>,
    pools: RefCell<Slab<Rc<RoutePool>>>,
    pool_slots: RefCell<HashMap<PoolId, u64>>,
    hosts: RefCell<HashMap<StorageId, Rc<Hosts>>>,
    /// Hosts that have a watchdog here.
    watched: RefCell<HashSet<EndpointId>>,
    /// Most clients since memory was last given back.
    clients_peak: Cell<usize>,
}

impl Worker {
    /// A worker without clients.
    pub fn new(
        id: WorkerId,
        machine: &Rc<Machine>,
        router: RouterHandle,
        facilities: Facilities,
    ) -> Rc<Worker> {
        Rc::new(Worker {
            id,
            machine: Rc::clone(machine),
            router,
            facilities,
            cancels: Cancels::default(),
            clients: RefCell::default(),
            servers: RefCell::default(),
            pools: RefCell::default(),
            pool_slots: RefCell::default(),
            hosts: RefCell::default(),
            watched: RefCell::default(),
            clients_peak: Cell::new(0),
        })
    }

    /// The pool of a route at one endpoint, made when it is first needed.
    pub fn pool_at(
        self: &Rc<Self>,
        route: &Arc<Route>,
        storage: &Arc<StorageUse>,
        index: u16,
    ) -> Rc<RoutePool> {
        let id = PoolId { route: route.id, endpoint: EndpointId { storage: storage.id, index } };
        let pool = self.known_pool(id).unwrap_or_else(|| {
            let mut pools = self.pools.borrow_mut();
            let make = |slot| RoutePool::new(self, slot, Arc::clone(route), Arc::clone(storage), index);
            let slot = pools.insert_with(make);
            self.pool_slots.borrow_mut().insert(id, slot);
            pools.get(slot).map(Rc::clone).expect("it was just put there")
        });
        pool.occupy();
        pool
    }

    /// A pool this worker has.
    pub fn known_pool(&self, id: PoolId) -> Option<Rc<RoutePool>> {
        let slot = self.pool_slots.borrow().get(&id).copied()?;
        self.pools.borrow().get(slot).map(Rc::clone)
    }

    /// All pools of this worker.
    fn all_pools(&self) -> Vec<Rc<RoutePool>> {
        self.pools.borrow().iter().map(|(_, pool)| Rc::clone(pool)).collect()
    }

    /// Takes the next version of the rules.
    fn adopt_rules(self: &Rc<Self>, rules: Arc<Rules>) {
        self.facilities.replace_rules(rules);
        self.forget_hosts();
        watchdog::post(self);
        let rules = self.facilities.rules();
        // Its route lives on, but the storage some listener sent it to is gone.
        self.retire(|pool| {
            let storage = pool.id().endpoint.storage;
            storage != pool.route.storage.id && rules.storage(storage).is_none()
        });
    }

    /// Nobody will need a route's pools any more.
    fn forget_route(self: &Rc<Self>, route: RouteId) {
        self.retire(|pool| pool.route.id == route);
    }

    /// Takes pools out of the list and closes their idle servers; others are closed when they come back. Who waits
    /// there waits in vain: the router knows of no such pool any more.
    fn retire(self: &Rc<Self>, which: impl Fn(&RoutePool) -> bool) {
        for pool in self.all_pools().into_iter().filter(|pool| which(pool)) {
            if let Some(slot) = self.pool_slots.borrow_mut().remove(&pool.id()) {
                self.pools.borrow_mut().remove(slot);
            }
            pool.retire();
            for slot in self.queued_at(&pool) {
                self.dismiss(slot, Fault::NoHost);
            }
        }
    }

    /// The clients that wait for a server of this pool.
    fn queued_at(&self, pool: &Rc<RoutePool>) -> Vec<u64> {
        let waits = |card: &ClientCard| {
            matches!(card.rest, Rest::Queued(_)) && card.pool.as_ref().is_some_and(|at| Rc::ptr_eq(at, pool))
        };
        let clients = self.clients.borrow();
        clients.iter().filter(|(_, card)| waits(card)).map(|(slot, _)| slot).collect()
    }

    /// A place in the list of clients for a connection that has no session yet.
    pub fn reserve(&self, id: ClientId, peer: PeerAddr) -> u64 {
        self.clients.borrow_mut().insert_with(|_| ClientCard {
            id,
            peer,
            names: None,
            pool: None,
            server: None,
            rest: Rest::Awake,
            awake: None,
            dismissed: None,
        })
    }

    /// The connection has become a client.
    pub fn enroll(&self, slot: u64, client: &Client) {
        if let Some(card) = self.clients.borrow_mut().get_mut(slot) {
            card.names = Some(Rc::clone(&client.names));
            card.pool = Some(Rc::clone(&client.pool));
        }
    }

    /// The client looks for its servers in this pool from now on.
    pub fn turned(&self, slot: u64, pool: &Rc<RoutePool>) {
        let mut clients = self.clients.borrow_mut();
        let old = clients.get_mut(slot).and_then(|card| card.pool.replace(Rc::clone(pool)));
        // Dropped outside of the borrow.
        drop(clients);
        drop(old);
    }

    /// The connection is no more.
    pub fn forget(&self, slot: u64) {
        let card = self.clients.borrow_mut().remove(slot);
        // Dropped outside of the borrow.
        drop(card);
    }

    /// Takes a new server connection into the list of servers.
    pub fn adopt(&self, pool: &Rc<RoutePool>, mut server: Server) -> Box<Server> {
        server.slot = self.servers.borrow_mut().insert_with(|_| ServerCard {
            id: server.id,
            pool: Rc::clone(pool),
            peer: server.io.peer_addr(),
            local: server.io.local_addr(),
            address: server.address.clone(),
            key: server.key.clone(),
            client: None,
            cancels: 0,
            held: None,
        });
        Box::new(server)
    }

    /// The server is no longer here: closed, or on its way to another worker.
    pub fn disown(&self, slot: u64) {
        let card = self.servers.borrow_mut().remove(slot);
        drop(card);
    }

    /// Notes which client a server is attached to: whom a cancel request for that client concerns.
    pub fn link(&self, server: u64, client: Option<u64>) {
        let mut servers = self.servers.borrow_mut();
        let Some(card) = servers.get_mut(server) else { return };
        let mut clients = self.clients.borrow_mut();
        if let Some(old) = card.client.and_then(|slot| clients.get_mut(slot)) {
            old.server = None;
        }
        card.client = client;
        if let Some(new) = client.and_then(|slot| clients.get_mut(slot)) {
            new.server = Some(server);
        }
    }

    /// Whether a cancel request for this server is under way; then it is kept here until that has arrived.
    pub fn hold_for_cancel(&self, server: Box<Server>) -> Option<Box<Server>> {
        match self.servers.borrow_mut().get_mut(server.slot) {
            Some(card) if card.cancels > 0 => {
                card.held = Some(server);
                None
            }
            _ => Some(server),
        }
    }

    /// Makes a server clean on a coroutine of its own, off any client's path, then gives it back.
    pub fn clean(worker: &Rc<Worker>, pool: Rc<RoutePool>, server: Box<Server>) {
        let mut custody = route_pool::Custody::new(pool, server);
        let cleaning = worker.machine.try_spawn("reset", move |co| {
            let worker = custody.pool().worker();
            let pooling = custody.pool().route.rule().pool.clone();
            match reset::clean(co, &worker.facilities, custody.server(), &pooling) {
                Ok(()) => custody.give_back(),
                Err(unclean) => {
                    let who = Who { server: Some(custody.server().id), ..Who::default() };
                    log_info!(&who, "reset", "{unclean}");
                }
            }
        });
        if let Err(error) = cleaning {
            // Its custody closed the server.
            log_error!(&Who::NOBODY, "reset", "no memory to clean a server, closed: {error}");
        }
    }

    /// Why a client whose relay was cancelled had to go.
    pub fn dismissal(&self, slot: u64) -> Fault {
        let mut clients = self.clients.borrow_mut();
        clients.get_mut(slot).and_then(|card| card.dismissed.take()).unwrap_or(Fault::Killed)
    }
}
