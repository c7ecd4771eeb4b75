//! The router's only public door: what may be asked of it, and what it tells workers.
//!
//! The router decides, workers act. It owns the routes, their permits, the limits and the registry of clients and
//! cancel keys; it never touches a byte of a client's query.

pub mod core;
pub mod routes;
pub mod service;

use crate::balance::status::Status;
use crate::base::ids::{ClientId, ClientKey};
use crate::client::Names;
use crate::client::fault::Fault;
use crate::client::origin::Origin;
use crate::rules::{EndpointId, PoolId, Route, RouteId, Rules};
use crate::server::ParkedServer;
use crate::stats::snapshot::Report;
use kiwi::startup::CancelKey;
use machinarium::DetachedIo;
use machinarium::channel::Sender;
use machinarium::channel::oneshot::SharedReply;
use machinarium::net::addr::PeerAddr;
use std::sync::Arc;

/// Index of a worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct WorkerId(pub u16);

/// What a route's servers say of themselves: what a new client is told. Rendered once, sent to many.
#[derive(Debug)]
pub struct GreetingText {
    /// The ParameterStatus messages, in the order they came.
    pub frames: Box<[u8]>,
    /// The names of their parameters.
    pub names: Box<[Box<[u8]>]>,
}

/// See [`GreetingText`].
pub type Greeting = Arc<GreetingText>;

/// What the router gives a client that may come in.
pub struct Admitted {
    /// Its route.
    pub route: Arc<Route>,
    /// What servers of the route said of themselves; `None`: none has been asked yet.
    pub greeting: Option<Greeting>,
}

/// Who asks to be routed.
pub struct Candidate {
    /// What it called itself.
    pub names: Names,
    /// Where it comes from.
    pub origin: Origin,
    /// The key its cancel requests will carry.
    pub key: ClientKey,
    /// Its number in its worker.
    pub slot: u64,
}

/// What workers say to the router.
pub enum ToRouter {
    /// A client asks for its route.
    Admit {
        /// Who.
        candidate: Box<Candidate>,
        /// Its worker.
        worker: WorkerId,
        /// Where the answer goes.
        reply: SharedReply<Result<Admitted, Fault>>,
    },
    /// A connection ended; the route it was admitted to, if it was.
    Left {
        /// Its key, no longer valid.
        key: Option<ClientKey>,
        /// Its route.
        route: Option<RouteId>,
    },
    /// A worker's pool needs or gives something.
    Pool {
        /// The worker.
        worker: WorkerId,
        /// The pool.
        pool: PoolId,
        /// What it says.
        says: Says,
    },
    /// A worker's pool has begun, or ceased, to need its route.
    Holds {
        /// The worker.
        worker: WorkerId,
        /// The pool.
        pool: PoolId,
        /// What it may have.
        holds: Holds,
    },
    /// What a route's servers say of themselves.
    Learned {
        /// The route.
        route: RouteId,
        /// What they say.
        greeting: Greeting,
    },
    /// A client asks to cancel what the connection with this key does.
    Cancel {
        /// The key.
        key: CancelKey,
        /// Answered (or dropped) when the server has taken the request, or there is none.
        done: SharedReply<()>,
    },
    /// A client of a console route, logged in.
    Console(Box<Visitor>),
    /// A watchdog has looked at a host.
    Seen {
        /// The host.
        host: EndpointId,
        /// What it found.
        status: Status,
    },
    /// The next version of the rules, to be in force from now on.
    Rules(Arc<Rules>),
}

/// Whether a worker's pool needs its route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// It has clients or servers, or may have.
    Something,
    /// It has neither.
    Nothing,
}

/// A worker's pool to the router.
pub type Says = crate::pool::permits::ToRouter<Box<ParkedServer>>;

/// A console client on its way to the system machine.
pub struct Visitor {
    /// Its name.
    pub id: ClientId,
    /// Its address.
    pub peer: PeerAddr,
    /// Its connection.
    pub io: DetachedIo,
    /// Its route.
    pub route: Arc<Route>,
    /// Its key, given back when it leaves.
    pub key: ClientKey,
    /// What it sent beyond its login.
    pub surplus: Vec<u8>,
    /// User of its startup packet.
    pub user: Arc<str>,
    /// Database of its startup packet.
    pub database: Arc<str>,
}

/// What the router and the system machine say to a worker.
pub enum ToWorker {
    /// A new connection.
    Accepted {
        /// The connection.
        io: DetachedIo,
        /// Its address.
        peer: PeerAddr,
        /// Index of its listener in the configuration.
        listener: usize,
        /// The global `client_max`, if this one is beyond it.
        refused: Option<u32>,
    },
    /// A pool of this worker gets something.
    Pool {
        /// The pool.
        pool: PoolId,
        /// What it gets.
        hears: Hears,
    },
    /// A watchdog has looked at a host.
    Seen {
        /// The host.
        host: EndpointId,
        /// What it found.
        status: Status,
    },
    /// The version of the rules in force from now on.
    Rules(Arc<Rules>),
    /// A route that no client has, and none will: its idle servers are closed.
    Forget {
        /// The route.
        route: RouteId,
    },
    /// Cancel what this client's server does.
    Cancel {
        /// The client's number in the worker.
        slot: u64,
        /// Answered (or dropped) when the server has taken the request.
        done: SharedReply<()>,
    },
    /// End this client.
    Kill {
        /// Its name.
        id: ClientId,
    },
    /// Report everything.
    Report {
        /// Where the report goes.
        reply: SharedReply<Report>,
    },
    /// The process ends: let every client go that is in no transaction.
    Shutdown,
}

/// The router to a worker's pool.
pub type Hears = crate::pool::permits::ToWorker<Box<ParkedServer>>;

/// The way to the router.
#[derive(Clone)]
pub struct RouterHandle(Sender<ToRouter>);

impl RouterHandle {
    /// A handle that sends into this channel.
    pub fn new(sender: Sender<ToRouter>) -> RouterHandle {
        RouterHandle(sender)
    }

    /// Says something. The router outlives its workers; what is said while the process ends is lost.
    pub fn say(&self, message: ToRouter) {
        self.0.send(message).ok();
    }
}
