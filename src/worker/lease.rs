//! A server in a client's hands, and the right to open one.
//!
//! Both give back what they hold when dropped, whatever happened: a panic of the client's coroutine, an early
//! return, a fault. Dropping never parks.

use crate::relay::policy::Pin;
use crate::server::{Server, Trace, reset};
use crate::worker::Worker;
use crate::worker::route_pool::RoutePool;
use odyssey_config::Discard;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// A server attached to one client. Dropped without [`Lease::release`], the server is closed.
pub struct Lease {
    /// The server, until the lease ends.
    pub server: Option<Box<Server>>,
    /// Its pool.
    pub pool: Rc<RoutePool>,
    /// Why it stays with its client.
    pub pin: Pin,
}

impl Lease {
    /// Attaches `server` to the client `client` of its worker.
    pub fn new(pool: &Rc<RoutePool>, server: Box<Server>, client: u64) -> Lease {
        pool.worker().link(server.slot, Some(client));
        pool.counters.attached.add(1);
        Lease { server: Some(server), pool: Rc::clone(pool), pin: Pin::None }
    }

    /// Marks it as something that must not be lent again.
    pub fn spoil(&mut self) {
        self.session.trace = Trace::Poisoned;
    }

    /// Gives the server back: at once when it is clean, else through a coroutine that makes it so.
    pub fn release(mut self) {
        if self.pin != Pin::None && self.pool.route.rule().pool.discard == Discard::None {
            // Nobody would make it forget what it listens to: the next client would hear it.
            return self.close();
        }
        let Some(server) = self.server.take() else { return };
        let worker = self.pool.worker();
        worker.link(server.slot, None);
        if reset::owes_nothing(&server, &self.pool.route.rule().pool) {
            self.pool.give_back(server);
        } else {
            Worker::clean(&worker, Rc::clone(&self.pool), server);
        }
    }

    /// Closes the server.
    pub fn close(self) {
        drop(self);
    }
}

impl Deref for Lease {
    type Target = Server;

    fn deref(&self) -> &Server {
        self.server.as_ref().expect("a lease has its server until it ends")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Server {
        self.server.as_mut().expect("a lease has its server until it ends")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.pool.close(server);
        }
    }
}

/// The right to open one server connection. Dropped unused, it goes back to the pool.
pub struct Permit {
    pool: Option<Rc<RoutePool>>,
}

impl Permit {
    /// A permit that the pool has counted as being dialled.
    pub fn new(pool: Rc<RoutePool>) -> Permit {
        Permit { pool: Some(pool) }
    }

    /// The connection was made: it carries the permit from now on.
    pub fn spend(mut self) {
        if let Some(pool) = self.pool.take() {
            pool.dialed();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.dial_failed();
        }
    }
}
