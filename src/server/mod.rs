//! A server connection: the object that pools lend and messages carry.

pub mod connect;
pub mod encrypt;
pub mod login;
pub mod query;
pub mod reset;

use crate::base::ids::ServerId;
use kiwi::flow::Flow;
use kiwi::params::Params;
use kiwi::startup::CancelKey;
use machinarium::net::addr::Address;
use machinarium::{DetachedIo, Io, IoError, Machine};
use std::rc::Rc;
use std::time::Instant;

/// What the last client may have left in a server's session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trace {
    /// Nothing that another client could notice.
    Clean,
    /// Something: a reset is owed before it is lent again.
    Owed,
    /// What no reset mends: it must be closed.
    Poisoned,
}

/// What is known of a server's session.
#[derive(Debug)]
pub struct Session {
    /// Parameters it reported, as it reported them last.
    pub reported: Params,
    /// Client parameters that were set in it and are not its own defaults.
    pub applied: Params,
    /// Fingerprint of the client parameters its session was made to agree with; 0: none.
    pub deployed: u64,
    /// Whether a reset is owed.
    pub trace: Trace,
}

/// A connection to a server, logged in. `C` is [`Io`] on a machine and [`DetachedIo`] between two.
pub struct Server<C = Io> {
    /// Its name.
    pub id: ServerId,
    /// The connection.
    pub io: C,
    /// Replies owed and transaction status.
    pub flow: Flow,
    /// What is known of its session.
    pub session: Session,
    /// Its process id and cancel key.
    pub key: Option<CancelKey>,
    /// Where it is.
    pub address: Address,
    /// When it was logged in.
    pub born: Instant,
    /// When it was last given back.
    pub idle_since: Instant,
    /// Its number in the worker that owns it.
    pub slot: u64,
    /// The beginning of a message that came while it was idle.
    pub held: Vec<u8>,
}

/// A server connection between two machines.
pub type ParkedServer = Server<DetachedIo>;

impl<C> Server<C> {
    fn with<D>(self, io: impl FnOnce(C) -> D) -> Server<D> {
        let Server { id, io: old, flow, session, key, address, born, idle_since, slot, held } = self;
        Server { id, io: io(old), flow, session, key, address, born, idle_since, slot, held }
    }
}

impl Server {
    /// Takes it off its machine, to be sent to another.
    pub fn park(self) -> ParkedServer {
        self.with(Io::detach)
    }
}

impl ParkedServer {
    /// Binds it to a machine.
    ///
    /// # Errors
    /// The socket could not be registered; the connection is closed.
    pub fn unpark(self, machine: &Rc<Machine>) -> Result<Server, IoError> {
        let Server { id, io, flow, session, key, address, born, idle_since, slot, held } = self;
        let io = io.attach_to(machine)?;
        Ok(Server { id, io, flow, session, key, address, born, idle_since, slot, held })
    }
}
