//! Listening and accepting.

use super::addr::{Address, PeerAddr};
use super::options::{TcpOptions, defer_accept};
use crate::coroutine::{Co, STEP_BYTES};
use crate::deadline::Deadline;
use crate::error::IoError;
use crate::io::socket::{Socket, Transport};
use crate::io::{DetachedIo, Stream};
use crate::machine::Machine;
use crate::reactor::{Side, SourceId, Waiter};
use mio::Interest;
use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, Protocol, Type};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

/// When a connection is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accept {
    /// As soon as it is made.
    AtOnce,
    /// With its first bytes, or about a second after it was made without any (TCP only): for protocols in which the
    /// client speaks first.
    WithFirstBytes,
}

/// How to listen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListenOptions {
    /// Connections the kernel keeps until they are accepted.
    pub backlog: i32,
    /// Whether another process may listen on the same port at the same time (SO_REUSEPORT; TCP only).
    pub reuse_port: bool,
    /// When a connection is handed over.
    pub accept: Accept,
    /// Handed on by the kernel to every accepted socket (TCP only).
    pub tcp: TcpOptions,
}

enum Kind {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A listening socket bound to a machine.
pub struct Listener {
    machine: Rc<Machine>,
    source: SourceId,
    kind: Kind,
    accept: Accept,
}

impl Listener {
    /// Changes the TCP options of connections accepted from now on; nothing happens on a UNIX socket.
    ///
    /// # Errors
    /// The kernel's, of the first option it refuses.
    pub fn set_tcp_options(&self, options: &TcpOptions) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(listener) => options.apply(listener),
            Kind::Unix(_) => Ok(()),
        }
    }

    /// Listens on `address`. Port 0 takes a free one, which [`Listener::port`] tells.
    ///
    /// # Errors
    /// The kernel's: address in use, no permission, no such directory.
    pub fn bind(machine: &Rc<Machine>, address: &Address, options: &ListenOptions) -> io::Result<Listener> {
        let domain = match address {
            Address::Tcp(addr) => Domain::for_address(*addr),
            Address::Unix(_) => Domain::UNIX,
        };
        let kind = Type::STREAM.nonblocking().cloexec();
        let mut kind = match address {
            Address::Tcp(addr) => {
                let socket = socket2::Socket::new(domain, kind, Some(Protocol::TCP))?;
                socket.set_reuse_address(true)?;
                if options.reuse_port {
                    socket.set_reuse_port(true)?;
                }
                if addr.is_ipv6() {
                    socket.set_only_v6(true)?;
                }
                options.tcp.apply(&socket)?;
                socket.bind(&(*addr).into())?;
                if options.accept == Accept::WithFirstBytes {
                    defer_accept(&socket)?;
                }
                socket.listen(options.backlog)?;
                Kind::Tcp(TcpListener::from_std(OwnedFd::from(socket).into()))
            }
            Address::Unix(path) => {
                let socket = socket2::Socket::new(domain, kind, None)?;
                socket.bind(&socket2::SockAddr::unix(path)?)?;
                socket.listen(options.backlog)?;
                Kind::Unix(UnixListener::from_std(OwnedFd::from(socket).into()))
            }
        };
        let source = machine.sources.borrow_mut().add(false, false);
        let registered = match &mut kind {
            Kind::Tcp(listener) => register(machine, listener, source),
            Kind::Unix(listener) => register(machine, listener, source),
        };
        if let Err(error) = registered {
            machine.sources.borrow_mut().remove(source);
            return Err(error);
        }
        Ok(Listener { machine: Rc::clone(machine), source, kind, accept: options.accept })
    }

    /// The TCP port listened on.
    pub fn port(&self) -> Option<u16> {
        match &self.kind {
            Kind::Tcp(listener) => listener.local_addr().ok().map(|addr| addr.port()),
            Kind::Unix(_) => None,
        }
    }

    /// Takes the next connection, parking until there is one. It belongs to no machine yet.
    ///
    /// # Errors
    /// `Os`: out of descriptors or memory (wait before the next try), or that one connection was aborted.
    /// `Deadline`, `Cancelled`.
    pub fn accept(&self, co: &Co, by: Deadline) -> Result<(DetachedIo, PeerAddr), IoError> {
        loop {
            if self.machine.sources.borrow().is_ready(self.source, Side::Read) {
                let accepted = match &self.kind {
                    Kind::Tcp(listener) => {
                        listener.accept().map(|(stream, addr)| (Transport::Tcp(stream), PeerAddr::Tcp(addr)))
                    }
                    Kind::Unix(listener) => {
                        listener.accept().map(|(stream, _)| (Transport::Unix(stream), PeerAddr::Unix))
                    }
                };
                match accepted {
                    Ok((transport, peer)) => {
                        co.spend(STEP_BYTES);
                        let mut socket = Socket::new(transport);
                        socket.may_read = self.accept == Accept::WithFirstBytes;
                        return Ok((DetachedIo::new(Stream::Plain(socket)), peer));
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.machine.sources.borrow_mut().blocked(self.source, Side::Read);
                    }
                    Err(error) => return Err(IoError::Os(error)),
                }
            }
            let watch = |waiter| self.machine.sources.borrow_mut().watch(self.source, Side::Read, waiter);
            co.park(by, |wait| watch(Waiter::Coroutine(wait)), || watch(Waiter::Nobody))?;
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match &self.kind {
            Kind::Tcp(listener) => listener.as_fd(),
            Kind::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.machine.sources.borrow_mut().remove(self.source);
    }
}

fn register(machine: &Rc<Machine>, listener: &mut impl Source, source: SourceId) -> io::Result<()> {
    machine.driver().registry()?.register(listener, source.token(), Interest::READABLE)
}
