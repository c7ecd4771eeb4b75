//! A connection's place in its worker's list of clients and in the router's registry; given back when dropped.

use crate::base::ids::{ClientId, ClientKey};
use crate::client::Client;
use crate::router::ToRouter;
use crate::rules::RouteId;
use crate::worker::Worker;
use machinarium::net::addr::PeerAddr;
use std::rc::Rc;

/// See the module's description.
pub struct Entry {
    worker: Rc<Worker>,
    slot: u64,
    key: Option<ClientKey>,
    route: Option<RouteId>,
}

impl Entry {
    /// For a connection that was just accepted.
    pub fn new(worker: &Rc<Worker>, id: ClientId, peer: PeerAddr) -> Entry {
        Entry { worker: Rc::clone(worker), slot: worker.reserve(id, peer), key: None, route: None }
    }

    /// The worker.
    pub fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// Its number in the worker.
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// The router has let it in under this key.
    pub fn admitted(&mut self, key: ClientKey, route: RouteId) {
        self.key = Some(key);
        self.route = Some(route);
    }

    /// It has a session: the console sees it from now on.
    pub fn enroll(&self, client: &Client) {
        self.worker.enroll(self.slot, client);
    }

    /// It goes to the system machine, which gives its place with the router back.
    pub fn hand_over(mut self) {
        self.worker.forget(self.slot);
        self.slot = u64::MAX;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if self.slot != u64::MAX {
            self.worker.forget(self.slot);
            self.worker.router.say(ToRouter::Left { key: self.key, route: self.route });
        }
    }
}
