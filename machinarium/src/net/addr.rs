//! Who is at the other end of a socket, and where to connect or listen.

use crate::io::socket::Transport;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Where to connect or listen, resolved.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// The path of a UNIX socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(addr) => write!(f, "{addr}"),
            Address::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// One end of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PeerAddr {
    /// An IP address and port.
    Tcp(SocketAddr),
    /// A UNIX socket, whose connecting end has no name, or a [`pair`](crate::pair).
    Unix,
    /// The socket is no longer connected.
    Unknown,
}

impl PeerAddr {
    pub(crate) fn of_peer(transport: &Transport) -> PeerAddr {
        match transport {
            Transport::Tcp(stream) => stream.peer_addr().map_or(PeerAddr::Unknown, PeerAddr::Tcp),
            Transport::Unix(_) | Transport::Memory(_) => PeerAddr::Unix,
        }
    }

    pub(crate) fn of_local(transport: &Transport) -> PeerAddr {
        match transport {
            Transport::Tcp(stream) => stream.local_addr().map_or(PeerAddr::Unknown, PeerAddr::Tcp),
            Transport::Unix(_) | Transport::Memory(_) => PeerAddr::Unix,
        }
    }

    /// The IP address, if it has one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            PeerAddr::Tcp(addr) => Some(addr.ip()),
            PeerAddr::Unix | PeerAddr::Unknown => None,
        }
    }

    /// The port, if it has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            PeerAddr::Tcp(addr) => Some(addr.port()),
            PeerAddr::Unix | PeerAddr::Unknown => None,
        }
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PeerAddr::Tcp(addr) => write!(f, "{addr}"),
            PeerAddr::Unix => f.write_str("<unix socket>"),
            PeerAddr::Unknown => f.write_str("<unknown>"),
        }
    }
}
