//! Connections of a machine.
//!
//! An [`Io`] is bound to the machine that registered it and never leaves its thread; [`DetachedIo`] is the form
//! that travels. Reading and writing try first and park only when the socket has nothing to give or take.

pub(crate) mod buffer;
mod detached;
pub(crate) mod memory;
pub(crate) mod socket;

pub use buffer::{SCRATCH_BYTES, Scratch};
pub use detached::DetachedIo;
pub use memory::{detached_pair, pair};

use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::IoError;
use crate::machine::Machine;
use crate::net::addr::PeerAddr;
use crate::reactor::{HostKey, Side, SourceId, Waiter};
use crate::tls::stream::{Reading, TlsStream};
use crate::wait_any::{Wait, wait_any};
use socket::Socket;
use std::io::{self, Read, Write};
use std::rc::Rc;

/// What carries the bytes.
pub(crate) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream>),
}

impl Stream {
    pub(crate) fn socket(&self) -> &Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => tls.socket(),
        }
    }

    pub(crate) fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Stream::Plain(socket) => socket,
            Stream::Tls(tls) => tls.socket_mut(),
        }
    }
}

/// What a sleeper waits for; see [`Io::watch`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watch {
    /// Bytes, the end, or an error.
    Readable,
    /// Only that the peer has gone.
    Gone,
}

/// A connection bound to a machine.
pub struct Io {
    machine: Rc<Machine>,
    source: SourceId,
    // Taken only by `detach`, `into_stream` and `drop`.
    stream: Option<Stream>,
}

impl Io {
    pub(crate) fn adopt(machine: &Rc<Machine>, mut stream: Stream, writable: bool) -> Result<Io, IoError> {
        let source = machine.sources.borrow_mut().add(stream.socket().may_read, writable);
        let registered = stream.socket_mut().register(machine, source);
        if let Err(error) = registered {
            machine.sources.borrow_mut().remove(source);
            return Err(IoError::Os(error));
        }
        Ok(Io { machine: Rc::clone(machine), source, stream: Some(stream) })
    }

    fn stream(&self) -> &Stream {
        self.stream.as_ref().expect("a connection has its stream until it is detached")
    }

    /// Runs one operation with the machine's latched readiness, and latches what it found.
    fn operate<R>(&mut self, operation: impl FnOnce(&mut Stream) -> R) -> R {
        let stream = self.stream.as_mut().expect("a connection has its stream until it is detached");
        let socket = stream.socket_mut();
        {
            let sources = self.machine.sources.borrow();
            socket.may_read = sources.is_ready(self.source, Side::Read);
            socket.may_write = sources.is_ready(self.source, Side::Write);
            socket.gone = sources.is_gone(self.source);
        }
        let (could_read, could_write) = (socket.may_read, socket.may_write);
        let result = operation(stream);
        let socket = stream.socket();
        if could_read && !socket.may_read {
            self.machine.sources.borrow_mut().blocked(self.source, Side::Read);
        }
        if could_write && !socket.may_write {
            self.machine.sources.borrow_mut().blocked(self.source, Side::Write);
        }
        result
    }

    /// Reads what is there, without parking. `None`: nothing now. `Some(0)`: the peer has closed.
    ///
    /// Makes no system call when the socket is known to be drained. `buf` is not empty.
    ///
    /// # Errors
    /// `Os` (reset and the like), `Tls`.
    pub fn try_read(&mut self, buf: &mut [u8]) -> Result<Option<usize>, IoError> {
        debug_assert!(!buf.is_empty(), "nothing read is how the end is told");
        self.operate(|stream| match stream {
            Stream::Plain(socket) => would_block(socket.read(buf)),
            Stream::Tls(tls) => tls.read(buf),
        })
    }

    /// Writes what is taken, without parking; 0: nothing now.
    ///
    /// # Errors
    /// `Os` (broken pipe, reset), `Tls`.
    pub fn try_write(&mut self, buf: &[u8]) -> Result<usize, IoError> {
        if buf.is_empty() {
            return Ok(0);
        }
        let written = self.operate(|stream| match stream {
            Stream::Plain(socket) => would_block(socket.write(buf)),
            Stream::Tls(tls) => tls.write(buf),
        })?;
        Ok(written.unwrap_or(0))
    }

    /// Reads at least one byte, parking while there is none; 0: the peer has closed.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`, `Os`, `Tls`.
    pub fn read(&mut self, co: &Co, buf: &mut [u8], by: Deadline) -> Result<usize, IoError> {
        loop {
            if let Some(n) = self.try_read(buf)? {
                co.spend(n);
                return Ok(n);
            }
            wait_any(co, &[Wait::Readable(self)], by)?;
        }
    }

    /// Fills `buf`, parking as needed.
    ///
    /// # Errors
    /// `Closed` when the peer closes before it is full; `Deadline`, `Cancelled`, `Os`, `Tls`.
    pub fn read_exact(&mut self, co: &Co, mut buf: &mut [u8], by: Deadline) -> Result<(), IoError> {
        while !buf.is_empty() {
            match self.read(co, buf, by)? {
                0 => return Err(IoError::Closed),
                n => buf = &mut buf[n..],
            }
        }
        Ok(())
    }

    /// Writes all of `buf`, parking while the peer does not take it.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`, `Os`, `Tls`; part of `buf` may have been written.
    pub fn write_all(&mut self, co: &Co, mut buf: &[u8], by: Deadline) -> Result<(), IoError> {
        while !buf.is_empty() {
            match self.try_write(buf)? {
                0 => {
                    wait_any(co, &[Wait::Writable(self)], by)?;
                }
                n => {
                    co.spend(n);
                    buf = &buf[n..];
                }
            }
        }
        Ok(())
    }

    /// Whether a read may find something: bytes, the end, or an error.
    pub fn may_read(&self) -> bool {
        let ready = self.machine.sources.borrow().is_ready(self.source, Side::Read);
        match self.stream() {
            Stream::Plain(_) => ready,
            Stream::Tls(tls) => match tls.reading() {
                Reading::Holds => true,
                Reading::Drained => ready,
                Reading::NeedsWrite => self.may_write(),
            },
        }
    }

    /// Whether a write may take something.
    pub fn may_write(&self) -> bool {
        self.machine.sources.borrow().is_ready(self.source, Side::Write)
    }

    /// Whether the peer is known to send no more; what it sent before may still be there to read.
    pub fn is_gone(&self) -> bool {
        self.machine.sources.borrow().is_gone(self.source)
    }

    /// Lets the machine's host be told `key` when this happens, once, without anybody parking. `false`: it has
    /// happened already, and nobody will be told.
    ///
    /// Over TLS a read that brought bytes may have left more behind: read until there is nothing first.
    pub fn watch(&self, key: HostKey, watch: Watch) -> bool {
        let waiter = match watch {
            Watch::Readable if self.may_read() => return false,
            Watch::Gone if self.is_gone() => return false,
            Watch::Readable => Waiter::Host(key),
            Watch::Gone => Waiter::HostIfGone(key),
        };
        self.set_reader(waiter);
        true
    }

    /// Takes [`Io::watch`] back.
    pub fn unwatch(&self) {
        self.set_reader(Waiter::Nobody);
    }

    pub(crate) fn set_waiter(&self, side: Side, waiter: Waiter) {
        self.machine.sources.borrow_mut().watch(self.source, side, waiter);
    }

    /// Names who is told when a read may find something.
    pub(crate) fn set_reader(&self, waiter: Waiter) {
        self.set_waiter(Side::Read, waiter);
        if let Stream::Tls(tls) = self.stream()
            && tls.reading() == Reading::NeedsWrite
        {
            self.set_waiter(Side::Write, waiter);
        }
    }

    /// Frees the connection from its machine, to be sent to another.
    pub fn detach(mut self) -> DetachedIo {
        DetachedIo::new(self.release().expect("a connection has its stream until it is detached"))
    }

    /// Swaps the stream for one made of it: how a plain connection becomes a TLS one.
    pub(crate) fn replace_stream(
        &mut self,
        make: impl FnOnce(Stream) -> Result<Stream, IoError>,
    ) -> Result<(), IoError> {
        let stream = self.stream.take().expect("a connection has its stream until it is detached");
        self.stream = Some(make(stream)?);
        Ok(())
    }

    /// Runs a TLS operation with the machine's readiness; the socket waits outside of it.
    pub(crate) fn with_tls<R>(&mut self, operation: impl FnOnce(&mut TlsStream) -> R) -> Option<R> {
        self.operate(|stream| match stream {
            Stream::Tls(tls) => Some(operation(tls)),
            Stream::Plain(_) => None,
        })
    }

    /// The TLS side of the connection, if it has one.
    pub fn tls(&self) -> Option<&TlsStream> {
        match self.stream() {
            Stream::Tls(tls) => Some(tls),
            Stream::Plain(_) => None,
        }
    }

    /// Address of the peer.
    pub fn peer_addr(&self) -> PeerAddr {
        PeerAddr::of_peer(&self.stream().socket().transport)
    }

    /// Address of this end.
    pub fn local_addr(&self) -> PeerAddr {
        PeerAddr::of_local(&self.stream().socket().transport)
    }

    /// The machine it is bound to.
    pub fn machine(&self) -> &Rc<Machine> {
        &self.machine
    }

    /// Sends an end after what was written; reading goes on.
    pub fn shutdown_write(&mut self) {
        self.operate(|stream| {
            if let Stream::Tls(tls) = stream {
                tls.say_farewell();
            }
        });
        // An error says that the peer is gone, which reading will say as well.
        self.stream().socket().transport.shutdown_write().ok();
    }

    pub(crate) fn fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.stream().socket().transport.fd()
    }

    /// A writable edge that turned out to mean nothing yet.
    pub(crate) fn forget_writable(&self) {
        self.machine.sources.borrow_mut().blocked(self.source, Side::Write);
    }

    fn release(&mut self) -> Option<Stream> {
        let mut stream = self.stream.take()?;
        if let Err(error) = stream.socket_mut().deregister(&self.machine) {
            log::error!("a socket could not be taken from its machine: {error}");
        }
        self.machine.sources.borrow_mut().remove(self.source);
        Some(stream)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        if self.stream.take().is_some() {
            // Closing the descriptor takes it out of the poll instance, without a system call of its own.
            self.machine.sources.borrow_mut().remove(self.source);
        }
    }
}

/// `None` for "not now".
pub(crate) fn would_block(result: io::Result<usize>) -> Result<Option<usize>, IoError> {
    match result {
        Ok(n) => Ok(Some(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(IoError::Os(error)),
    }
}
