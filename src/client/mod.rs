//! A client's life: opened once, then turn after turn, closed once.
//!
//! ```text
//! open:  startup → route → auth → ready
//! turn:  attach → relay → detach
//! ```
//!
//! Between turns a client is this struct and nothing else: no coroutine, no stack, no buffer. Bytes (of its own or
//! of a server it keeps), a granted server or a deadline start the next turn on a stack from the cache. The only
//! places where a client rests are the returns of [`turn`].

pub mod attach;
pub mod cancel_request;
pub mod choice;
pub mod cleanup;
pub mod deploy;
pub mod fault;
pub mod open;
pub mod origin;
pub mod ready;
pub mod startup;
pub mod waiting;
pub mod wire;

use crate::balance::search::Patience;
use crate::base::ids::ClientId;
use crate::base::limits::FAIL_FAST_WAIT;
use crate::client::attach::Attach;
use crate::client::choice::Choice;
use crate::client::fault::{Fault, Idle};
use crate::client::waiting::{Ended, Waiting};
use crate::log::Who;
use crate::relay::lane::{Filled, Lane};
use crate::relay::observe::{LogQueries, Observer};
use crate::relay::policy::{self, After, Pin};
use crate::relay::upstream::{self, Need};
use crate::relay::{self, RelayFault, Turn};
use crate::worker::Worker;
use crate::worker::entry::Entry;
use crate::worker::lease::{Lease, Permit};
use crate::worker::route_pool::RoutePool;
use kiwi::backend::status::TxStatus;
use kiwi::params::Params;
use machinarium::net::addr::PeerAddr;
use machinarium::{Co, HostTimer, Io};
use odyssey_config::PoolMode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Capacity of a client's input that is kept while it rests.
const KEPT_INPUT_BYTES: usize = 256;

/// What a client called itself.
#[derive(Clone, Debug)]
pub struct Names {
    /// User of its startup packet.
    pub user: Arc<str>,
    /// Database of its startup packet.
    pub database: Arc<str>,
}

/// Session parameters a client wants its servers to have.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The parameters.
    pub params: Params,
    /// Their fingerprint: equal sets have equal ones.
    pub fingerprint: u64,
}

impl Wanted {
    /// These parameters.
    pub fn new(params: Params) -> Wanted {
        let fingerprint = params.fingerprint();
        Wanted { params, fingerprint }
    }
}

/// A client, logged in. Dropping it closes its connection and takes it out of every list.
pub struct Client {
    /// Its name.
    pub id: ClientId,
    /// Its connection.
    pub io: Io,
    /// The pool of its route at the host where it looks for its servers now.
    pub pool: Rc<RoutePool>,
    /// How it comes to another host; `None`: there is one, and it has nothing to ask of it.
    pub choice: Option<Box<Choice>>,
    /// What it called itself.
    pub names: Rc<Names>,
    /// Its address.
    pub peer: PeerAddr,
    /// Session parameters that follow it from server to server.
    pub wanted: Wanted,
    /// Bytes it sent that no server was given yet.
    pub input: Vec<u8>,
    /// Bytes it has yet to send of a message that means nothing any more.
    pub waste: usize,
    /// Its place in the worker's lists and the router's.
    pub entry: Entry,
    /// The server it holds.
    pub server: Option<Lease>,
    /// Its wait for a server, if it may have to be told of it.
    pub waiting: Option<Box<Waiting>>,
    /// A deadline while it rests.
    pub timer: Option<HostTimer>,
    /// Whether its queries are logged.
    pub log_queries: LogQueries,
}

impl Client {
    /// Its worker, for ever.
    pub fn worker(&self) -> &Rc<Worker> {
        self.entry.worker()
    }

    /// Its number in the worker.
    pub fn slot(&self) -> u64 {
        self.entry.slot()
    }

    /// Looks for its servers in this pool from now on.
    fn turn_to(&mut self, pool: Rc<RoutePool>) {
        if !Rc::ptr_eq(&self.pool, &pool) {
            self.worker().turned(self.slot(), &pool);
            self.pool = pool;
        }
    }

    /// How long it waits for a server of its pool; `None`: for ever.
    pub fn wait_limit(&self) -> Option<Duration> {
        let timeout = self.pool.route.rule().pool.timeout;
        match self.choice.as_ref().map(|choice| choice.patience()) {
            Some(Patience::Little) => {
                Some(timeout.map_or(FAIL_FAST_WAIT, |timeout| timeout.min(FAIL_FAST_WAIT)))
            }
            Some(Patience::Full) | None => timeout,
        }
    }

    /// How long it may go on resting with the server it holds, and what it is idle in; `None`: for ever.
    pub fn idle_limit(&self) -> Option<(Duration, Idle)> {
        let (lease, rule) = (self.server.as_ref()?, &self.pool.route.rule().pool);
        let (limit, idle) = match lease.flow.tx() {
            TxStatus::Idle => (rule.client_idle_timeout, Idle::Session),
            _ => (rule.idle_in_transaction_timeout, Idle::Transaction),
        };
        limit
            .filter(|_| idle == Idle::Transaction || self.pool.mode() == PoolMode::Session)
            .map(|limit| (limit, idle))
    }

    /// Whether the replicas it reads from are near enough to their primary for it to go on.
    fn admit(&self) -> Result<(), Fault> {
        match &self.choice {
            Some(choice) => choice.admit(self.worker(), &self.pool.route, self.server.as_ref(), &self.names),
            None => Ok(()),
        }
    }

    /// Who it is, for the log.
    pub fn who(&self) -> Who<'_> {
        Who {
            client: Some(self.id),
            server: self.server.as_ref().map(|lease| lease.id),
            user: Some(&self.names.user),
            database: Some(&self.names.database),
            peer: Some(self.peer),
            host: None,
        }
    }

    /// Keeps the beginning of a request until more of it comes or a server is there.
    fn keep(&mut self, up: &Lane) {
        // Room for a small request stays, so that waiting allocates nothing; a large one is given back.
        if self.input.capacity() > KEPT_INPUT_BYTES {
            self.input = Vec::new();
        }
        self.input.extend_from_slice(up.held());
        self.waste = up.unread_waste();
    }
}

/// Why a resting client is up.
pub enum Wake {
    /// Its socket, or that of a server it keeps, has something to read.
    Bytes,
    /// It waited for a server and gets this one.
    Server(Lease),
    /// It waited for a server and may open one.
    Permit(Permit),
    /// It waited too long for a server.
    PoolTimeout,
    /// It is told to go.
    Dismissed(Fault),
}

/// How a turn ended.
enum Rest {
    /// Nothing is at hand.
    Idle,
    /// It waits for a server.
    Queued,
    /// It said goodbye.
    Left,
}

/// One turn: everything that is at hand is done, then the client rests or is closed.
pub fn turn(co: &Co, mut client: Box<Client>, wake: Wake) {
    match serve(co, &mut client, wake) {
        Ok(Rest::Idle) => Worker::lay_down(client),
        Ok(Rest::Queued) => Worker::queue(client),
        Ok(Rest::Left) => cleanup::run(co, client, None),
        Err(fault) => cleanup::run(co, client, Some(fault)),
    }
}

fn serve(co: &Co, client: &mut Client, wake: Wake) -> Result<Rest, Fault> {
    let mut up = Lane::resume(co.machine(), &client.input, std::mem::take(&mut client.waste));
    client.input.clear();
    let mut offer = match wake {
        Wake::Bytes => Attach::Ask,
        Wake::Server(lease) => Attach::Use(lease),
        Wake::Permit(permit) => Attach::Dial(permit),
        Wake::PoolTimeout => Attach::TimedOut,
        Wake::Dismissed(fault) => return Err(fault),
    };
    loop {
        if client.server.is_none() {
            match gather(client, &mut up)? {
                Need::Server => {}
                Need::NoneLeaves => return Ok(Rest::Left),
                Need::MoreBytes | Need::NoneDrop(_) => {
                    client.keep(&up);
                    return Ok(Rest::Idle);
                }
            }
            client.admit()?;
            match choice::take(co, client, std::mem::replace(&mut offer, Attach::Ask)) {
                Ok(Some(lease)) => {
                    client.server = Some(lease);
                    client.end_waiting(co, Ended::Served);
                }
                Err(fault) => {
                    if matches!(fault, Fault::PoolTimeout) {
                        client.end_waiting(co, Ended::TimedOut);
                    }
                    return Err(fault);
                }
                Ok(None) => {
                    client.keep(&up);
                    return Ok(Rest::Queued);
                }
            }
        } else if client.io.may_read() {
            read_more(client, &mut up)?;
            client.admit()?;
        }
        match exchange(co, client, &mut up)? {
            Turn::Terminated => return Ok(Rest::Left),
            Turn::Settled => {}
        }
        if !client.io.may_read() && (client.server.is_some() || up.held().is_empty()) {
            client.keep(&up);
            return Ok(Rest::Idle);
        }
    }
}

/// Reads until it is clear what the client needs, or nothing more is there.
fn gather(client: &mut Client, up: &mut Lane) -> Result<Need, Fault> {
    loop {
        match upstream::needs_server(up.held()).map_err(Fault::Relay)? {
            Need::MoreBytes => {
                if !read_more(client, up)? {
                    return Ok(Need::MoreBytes);
                }
            }
            Need::NoneDrop(bytes) => up.discard(bytes),
            need => return Ok(need),
        }
    }
}

/// Reads once; `false`: nothing is there.
fn read_more(client: &mut Client, up: &mut Lane) -> Result<bool, Fault> {
    let machine = Rc::clone(client.io.machine());
    match up.fill(&machine, &mut client.io) {
        Ok(Filled::Bytes(_)) => Ok(true),
        Ok(Filled::Nothing) => Ok(false),
        Ok(Filled::End) => Err(Fault::Relay(RelayFault::ClientGone(None))),
        Err(error) => Err(Fault::Relay(RelayFault::ClientGone(Some(error)))),
    }
}

/// Relays until nothing is under way, and gives the server back if the pooling mode says so.
fn exchange(co: &Co, client: &mut Client, up: &mut Lane) -> Result<Turn, Fault> {
    let mut lease = client.server.take().expect("a server was attached");
    let mut down = Lane::default();
    let moved = (up.moved(), down.moved());
    let (turn, pin) = {
        let who = Who {
            client: Some(client.id),
            server: Some(lease.id),
            user: Some(&client.names.user),
            database: Some(&client.names.database),
            peer: Some(client.peer),
            host: None,
        };
        let Lease { server, pool, .. } = &mut lease;
        let server = server.as_mut().expect("a lease has its server until it ends");
        let mut observer = Observer::new(
            &mut client.wanted,
            &pool.counters,
            who,
            client.log_queries,
            &pool.route.rule().pool,
        );
        let turn = relay::run(co, &mut client.io, server, up, &mut down, &mut observer);
        (turn, observer.pin())
    };
    if pin != Pin::None {
        lease.pin = pin;
    }
    lease.pool.counters.received.add(up.moved() - moved.0);
    lease.pool.counters.sent.add(down.moved() - moved.1);
    // A message that went out in part: whatever comes next would be taken for the rest of it.
    if up.is_cut() {
        lease.spoil();
    }
    let turn = match turn {
        Ok(turn) => turn,
        Err(fault) => {
            client.server = Some(lease);
            return Err(Fault::Relay(fault));
        }
    };
    match policy::after(lease.pool.mode(), lease.flow.tx(), lease.pin) {
        After::Keep => client.server = Some(lease),
        After::Detach => lease.release(),
    }
    Ok(turn)
}
