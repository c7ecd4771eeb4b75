//! The owner of the router's state: receives, asks the core, answers. It does no input or output of its own, so no
//! client ever waits for another's.

use crate::base::ids::ClientKey;
use crate::client::fault::Fault;
use crate::router::core::{Permits, RouterEvent};
use crate::router::{Admitted, Candidate, Encrypted, Greeting, ToRouter, ToWorker, Visitor, WorkerId};
use crate::rules::{Route, RouteId, Rules};
use crate::server::ParkedServer;
use crate::system::census::Census;
use machinarium::channel::oneshot::SharedReply;
use machinarium::channel::{Receiver, Sender};
use machinarium::net::addr::PeerAddr;
use machinarium::{Co, Deadline};
use odyssey_config::{Client, PoolRouting};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// What tells two routes apart: the rule, and whom its servers are logged in as.
#[derive(Clone, PartialEq, Eq, Hash)]
struct RouteKey {
    rule: usize,
    database: Arc<str>,
    user: Arc<str>,
}

struct RouteEntry {
    route: Arc<Route>,
    clients: u32,
    greeting: Option<Greeting>,
}

/// The router's state.
pub struct Service {
    rules: Arc<Rules>,
    routes: HashMap<RouteId, RouteEntry>,
    by_key: HashMap<RouteKey, RouteId>,
    next_route: u64,
    keys: HashMap<ClientKey, (WorkerId, u64)>,
    workers: Rc<[Sender<ToWorker>]>,
    permits: Permits<Box<ParkedServer>>,
    events: Vec<RouterEvent<Box<ParkedServer>>>,
    census: Rc<Census>,
    visitors: Sender<Visitor>,
}

impl Service {
    /// A router without routes.
    pub fn new(
        rules: Arc<Rules>,
        workers: Rc<[Sender<ToWorker>]>,
        census: Rc<Census>,
        visitors: Sender<Visitor>,
    ) -> Service {
        Service {
            rules,
            routes: HashMap::new(),
            by_key: HashMap::new(),
            next_route: 0,
            keys: HashMap::new(),
            workers,
            permits: Permits::new(),
            events: Vec::new(),
            census,
            visitors,
        }
    }

    /// Serves until nobody is left who could ask.
    pub fn run(mut self, co: &Co, mut inbox: Receiver<ToRouter>) {
        while let Ok(message) = inbox.recv(co, Deadline::never("the router lives as long as its workers")) {
            self.handle(message);
        }
    }

    fn handle(&mut self, message: ToRouter) {
        match message {
            ToRouter::Admit { candidate, worker, reply } => self.admit(*candidate, worker, reply),
            ToRouter::Left { key, route } => self.left(key, route),
            ToRouter::Pool { worker, route, says } => {
                self.permits.heard(worker, route, says, &mut self.events);
                self.tell_pools();
            }
            ToRouter::Learned { route, greeting } => {
                if let Some(entry) = self.routes.get_mut(&route) {
                    entry.greeting = Some(greeting);
                }
            }
            ToRouter::Cancel { key, done } => {
                let target = ClientKey::from_wire(&key).and_then(|key| self.keys.get(&key).copied());
                // Unknown key: `done` is dropped, which answers as well.
                if let Some((worker, slot)) = target {
                    self.tell(worker, ToWorker::Cancel { slot, done });
                }
            }
            ToRouter::Console(visitor) => {
                if let Err(visitor) = self.visitors.send(*visitor) {
                    self.left(Some(visitor.key), Some(visitor.route.id));
                }
            }
        }
    }

    fn admit(&mut self, candidate: Candidate, worker: WorkerId, reply: SharedReply<Result<Admitted, Fault>>) {
        let (key, slot) = (candidate.key, candidate.slot);
        let admitted = self.route(candidate);
        let route = admitted.as_ref().ok().map(|admitted| admitted.route.id);
        if route.is_some() {
            self.keys.insert(key, (worker, slot));
        }
        // A client that left meanwhile was not told its route, and so will not give it back.
        if reply.send(admitted).is_err() {
            self.detach(Some(key), route);
        }
    }

    /// Finds the client's route, and counts it in.
    fn route(&mut self, candidate: Candidate) -> Result<Admitted, Fault> {
        let Candidate { database, user, peer, encrypted, .. } = candidate;
        let config = &self.rules.config;
        let who = Client {
            database: &database,
            user: &user,
            address: peer.ip(),
            unix: peer == PeerAddr::Unix,
            tls: encrypted == Encrypted::Yes,
            host_name: None,
            routing: PoolRouting::ClientVisible,
        };
        let found = config.match_rule(&who, &|_, _| false).and_then(|index| {
            let rule = config.rules.get(index)?;
            let storage = config.storages.iter().position(|storage| storage.name == rule.storage)?;
            Some((index, rule, storage))
        });
        let Some((index, rule, storage)) = found else {
            return Err(Fault::NoRoute { database: database.to_string(), user: user.to_string() });
        };
        let key = RouteKey {
            rule: index,
            database: rule.storage_db.as_deref().map_or_else(|| Arc::clone(&database), Arc::from),
            user: rule.storage_user.as_deref().map_or_else(|| Arc::clone(&user), Arc::from),
        };
        let limit = rule.client_max;
        let size = rule.pool.size;
        let id = match self.by_key.get(&key) {
            Some(id) => *id,
            None => {
                let id = RouteId(self.next_route);
                self.next_route += 1;
                let route = Arc::new(Route {
                    id,
                    rules: Arc::clone(&self.rules),
                    rule: index,
                    storage,
                    database: Arc::clone(&key.database),
                    user: Arc::clone(&key.user),
                });
                self.routes.insert(id, RouteEntry { route, clients: 0, greeting: None });
                self.by_key.insert(key, id);
                self.permits.add_route(id, size);
                id
            }
        };
        let entry = self.routes.get_mut(&id).expect("a route has its entry as long as its key");
        if let Some(limit) = limit
            && entry.clients >= limit
        {
            return Err(Fault::RouteFull { database: database.to_string(), user: user.to_string(), limit });
        }
        entry.clients += 1;
        Ok(Admitted { route: Arc::clone(&entry.route), greeting: entry.greeting.clone() })
    }

    fn left(&mut self, key: Option<ClientKey>, route: Option<RouteId>) {
        self.census.leave();
        self.detach(key, route);
    }

    fn detach(&mut self, key: Option<ClientKey>, route: Option<RouteId>) {
        if let Some(key) = key {
            self.keys.remove(&key);
        }
        if self.keys.is_empty() {
            self.keys.shrink_to(1024);
        }
        if let Some(entry) = route.and_then(|id| self.routes.get_mut(&id)) {
            entry.clients = entry.clients.saturating_sub(1);
        }
    }

    fn tell_pools(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        for RouterEvent { worker, route, says } in events.drain(..) {
            self.tell(worker, ToWorker::Pool { route, hears: says });
        }
        self.events = events;
    }

    fn tell(&self, worker: WorkerId, message: ToWorker) {
        if let Some(sender) = self.workers.get(usize::from(worker.0)) {
            // A worker that has ended hears nothing more: the process ends.
            sender.send(message).ok();
        }
    }
}
