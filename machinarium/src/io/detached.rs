//! A connection between two machines.

use super::{Io, Stream};
use crate::coroutine::Co;
use crate::error::IoError;
use crate::machine::Machine;
use crate::net::addr::PeerAddr;
use std::rc::Rc;

/// A connection that belongs to no machine and may be sent to one. Dropping it closes it.
pub struct DetachedIo {
    stream: Stream,
}

impl DetachedIo {
    pub(crate) fn new(stream: Stream) -> DetachedIo {
        DetachedIo { stream }
    }

    /// Binds it to the machine of `co`.
    ///
    /// # Errors
    /// `Os`: it could not be registered; the connection is closed.
    pub fn attach(self, co: &Co) -> Result<Io, IoError> {
        self.attach_to(co.machine())
    }

    /// Binds it to `machine`, whose thread this is.
    ///
    /// # Errors
    /// `Os`: it could not be registered; the connection is closed.
    pub fn attach_to(self, machine: &Rc<Machine>) -> Result<Io, IoError> {
        Io::adopt(machine, self.stream, true)
    }

    /// Address of the peer.
    pub fn peer_addr(&self) -> PeerAddr {
        PeerAddr::of_peer(&self.stream.socket().transport)
    }
}
