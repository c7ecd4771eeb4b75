//! The owner of the router's state: receives, asks the core, answers. It does no input or output of its own, so no
//! client ever waits for another's.

use crate::base::ids::ClientKey;
use crate::client::fault::Fault;
use crate::router::core::{Permits, RouterEvent};
use crate::router::routes::{Done, Routes};
use crate::router::{Admitted, Candidate, ToRouter, ToWorker, Visitor, WorkerId};
use crate::rules::{RouteId, Rules};
use crate::server::ParkedServer;
use crate::system::census::Census;
use machinarium::channel::oneshot::SharedReply;
use machinarium::channel::{Receiver, Sender};
use machinarium::{Co, Deadline};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// The router's state.
pub struct Service {
    routes: Routes,
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
            routes: Routes::new(rules),
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
            ToRouter::Pool { worker, pool, says } => {
                if let Some(size) = self.routes.new_pool(pool) {
                    self.permits.add_pool(pool, size);
                }
                self.permits.heard(worker, pool, says, &mut self.events);
                self.tell_pools();
            }
            ToRouter::Holds { worker, pool, holds } => {
                let done = self.routes.holds(worker, pool, holds);
                self.forget(done);
            }
            ToRouter::Learned { route, greeting } => self.routes.learned(route, greeting),
            ToRouter::Seen { host, status } => {
                for worker in self.workers.iter() {
                    worker.send(ToWorker::Seen { host, status }).ok();
                }
            }
            ToRouter::Rules(rules) => {
                for worker in self.workers.iter() {
                    worker.send(ToWorker::Rules(Arc::clone(&rules))).ok();
                }
                let done = self.routes.replace(rules);
                self.forget(done);
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
        let Candidate { names, origin, key, slot } = candidate;
        let admitted = self.routes.admit(&origin.seen(&names));
        let admitted = admitted.map(|(route, greeting)| Admitted { route, greeting });
        let route = admitted.as_ref().ok().map(|admitted| admitted.route.id);
        if route.is_some() {
            self.keys.insert(key, (worker, slot));
        }
        // A client that left meanwhile was not told its route, and so will not give it back.
        if reply.send(admitted).is_err() {
            self.detach(Some(key), route);
        }
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
        if let Some(route) = route {
            let done = self.routes.left(route);
            self.forget(done);
        }
    }

    fn forget(&mut self, done: Done) {
        for pool in done.pools {
            self.permits.remove_pool(pool);
        }
        for route in done.routes {
            for worker in self.workers.iter() {
                worker.send(ToWorker::Forget { route }).ok();
            }
        }
    }

    fn tell_pools(&mut self) {
        let mut events = std::mem::take(&mut self.events);
        for RouterEvent { worker, pool, says } in events.drain(..) {
            self.tell(worker, ToWorker::Pool { pool, hears: says });
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
