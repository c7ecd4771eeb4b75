//! A connection that is a queue in memory: what virtual machines use instead of sockets.
//!
//! It behaves like a UNIX stream socket: bounded, edge-triggered, with half close, and a reset when an end is
//! dropped with bytes unread. On a simulated machine reads and writes come short at random, drawn from the seed;
//! the rest is announced by a new edge, as if it had arrived later.

use super::{DetachedIo, Io, Stream};
use crate::error::IoError;
use crate::io::socket::{Socket, Transport};
use crate::machine::Machine;
use crate::reactor::{Edges, SourceId};
use crate::remote::Remote;
use crate::sched::core::step;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Two connected ends without a socket, each way holding at most `capacity` bytes (at least one), bound to
/// `machine`. They may be detached and attached like any connection.
///
/// # Errors
/// None today: nothing is asked of the kernel.
pub fn pair(machine: &Rc<Machine>, capacity: usize) -> Result<(Io, Io), IoError> {
    let (one, other) = detached_pair(capacity);
    Ok((one.attach_to(machine)?, other.attach_to(machine)?))
}

/// Like [`pair`], the ends bound to no machine yet: each may go to its own.
pub fn detached_pair(capacity: usize) -> (DetachedIo, DetachedIo) {
    let pipe = || Pipe { bytes: VecDeque::new(), state: PipeState::Open, starved: false };
    let shared = Arc::new(Mutex::new(Shared {
        capacity: capacity.max(1),
        pipes: [pipe(), pipe()],
        registered: [None, None],
    }));
    let end = |side| {
        let end = MemoryEnd { shared: Arc::clone(&shared), side, short: None };
        DetachedIo::new(Stream::Plain(Socket::new(Transport::Memory(end))))
    };
    (end(Side::One), end(Side::Other))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    One,
    Other,
}

impl Side {
    fn peer(self) -> Side {
        match self {
            Side::One => Side::Other,
            Side::Other => Side::One,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PipeState {
    /// Takes bytes. Left when the writer closes its half or either end is dropped.
    Open,
    /// The writer is done: what is left can be read, then the end.
    Ended,
    /// The reader is gone: a write fails.
    Broken,
    /// The writer went away with bytes unread: what is left can be read, then a reset, once, then the end.
    Reset,
}

/// One direction, named by its writer.
struct Pipe {
    bytes: VecDeque<u8>,
    state: PipeState,
    /// A write came short: its writer is told of the next room.
    starved: bool,
}

struct Shared {
    capacity: usize,
    pipes: [Pipe; 2],
    registered: [Option<(Arc<Remote>, SourceId)>; 2],
}

impl Shared {
    fn written_by(&mut self, side: Side) -> &mut Pipe {
        &mut self.pipes[side as usize]
    }

    fn tell(&self, side: Side, edges: Edges) {
        if let Some((remote, source)) = &self.registered[side as usize] {
            remote.latch(*source, edges);
        }
    }
}

/// One end of a memory connection. `Send`, so that a detached one may travel.
pub(crate) struct MemoryEnd {
    shared: Arc<Mutex<Shared>>,
    side: Side,
    /// State of the generator that draws how short an operation comes; `None`: never.
    short: Option<u64>,
}

impl MemoryEnd {
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds the end to a machine, which is told of what is there already.
    pub(crate) fn register(&mut self, remote: &Arc<Remote>, source: SourceId, seed: Option<u64>) {
        self.short = seed;
        let mut shared = self.lock();
        shared.registered[self.side as usize] = Some((Arc::clone(remote), source));
        let incoming = shared.written_by(self.side.peer());
        let ended = !matches!(incoming.state, PipeState::Open);
        let readable = ended || !incoming.bytes.is_empty();
        shared.tell(self.side, Edges { readable, writable: true, gone: ended });
    }

    pub(crate) fn deregister(&mut self) {
        self.lock().registered[self.side as usize] = None;
    }

    pub(crate) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut short = self.short;
        let result = {
            let mut shared = self.lock();
            let pipe = shared.written_by(self.side.peer());
            if pipe.bytes.is_empty() {
                return match pipe.state {
                    PipeState::Open => Err(io::ErrorKind::WouldBlock.into()),
                    PipeState::Ended | PipeState::Broken => Ok(0),
                    PipeState::Reset => {
                        pipe.state = PipeState::Ended;
                        Err(io::ErrorKind::ConnectionReset.into())
                    }
                };
            }
            let n = draw(&mut short, buf.len().min(pipe.bytes.len()));
            for (to, byte) in buf.iter_mut().zip(pipe.bytes.drain(..n)) {
                *to = byte;
            }
            let more = !pipe.bytes.is_empty();
            let starved = std::mem::take(&mut pipe.starved);
            if starved {
                shared.tell(self.side.peer(), Edges::WRITABLE);
            }
            if more {
                shared.tell(self.side, Edges::READABLE);
            }
            Ok(n)
        };
        self.short = short;
        result
    }

    pub(crate) fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut short = self.short;
        let result = {
            let mut shared = self.lock();
            let room = shared.capacity.saturating_sub(shared.written_by(self.side).bytes.len());
            let pipe = shared.written_by(self.side);
            if pipe.state != PipeState::Open {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if room == 0 {
                pipe.starved = true;
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let n = draw(&mut short, buf.len().min(room));
            pipe.bytes.extend(buf.iter().take(n));
            pipe.starved = n < buf.len() && n == room;
            let more = n < buf.len() && n < room;
            shared.tell(self.side.peer(), Edges::READABLE);
            if more {
                shared.tell(self.side, Edges::WRITABLE);
            }
            Ok(n)
        };
        self.short = short;
        result
    }

    /// Sends an end after what was written.
    pub(crate) fn shutdown_write(&self) {
        let mut shared = self.lock();
        let pipe = shared.written_by(self.side);
        if pipe.state == PipeState::Open {
            pipe.state = PipeState::Ended;
            shared.tell(self.side.peer(), Edges::READ_END);
        }
    }
}

impl Drop for MemoryEnd {
    fn drop(&mut self) {
        let mut shared = self.lock();
        shared.registered[self.side as usize] = None;
        let incoming = shared.written_by(self.side.peer());
        let lost = !incoming.bytes.is_empty();
        incoming.bytes.clear();
        incoming.state = PipeState::Broken;
        let outgoing = shared.written_by(self.side);
        if outgoing.state != PipeState::Broken {
            outgoing.state = if lost { PipeState::Reset } else { PipeState::Ended };
        }
        shared.tell(self.side.peer(), Edges::CLOSED);
    }
}

/// How many of `n` bytes an operation moves: all, or on a simulated machine every other time fewer.
fn draw(short: &mut Option<u64>, n: usize) -> usize {
    let Some(state) = short else { return n };
    let drawn = step(state);
    if n < 2 || drawn & 1 == 0 {
        return n;
    }
    1 + (drawn >> 1) as usize % n
}
