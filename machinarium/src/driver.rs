//! Where readiness and time come from: the kernel and its clock, or a virtual clock for tests.

use mio::{Events, Poll, Registry, Token, Waker};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Token of the waker; sockets use the others.
pub(crate) const WAKER: Token = Token(usize::MAX);
const EVENTS_PER_TURN: usize = 512;

/// The outside world of one machine.
pub(crate) enum Driver {
    /// mio's poll and the monotonic clock.
    Kernel(Box<Kernel>),
    /// A clock that stands still while anybody can run, and jumps to the next timer when nobody can.
    Virtual {
        /// The present.
        now: Instant,
    },
}

pub(crate) struct Kernel {
    poll: Poll,
    events: Events,
}

/// What one look at the outside world brought.
pub(crate) enum Looked {
    /// Events were reported.
    Happened,
    /// Nothing can ever happen: no timer, and a virtual world has no peers.
    Dead,
}

impl Driver {
    /// The kernel's, with the waker other machines use.
    pub(crate) fn kernel() -> io::Result<(Driver, Arc<Waker>)> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        Ok((Driver::Kernel(Box::new(Kernel { poll, events: Events::with_capacity(EVENTS_PER_TURN) })), waker))
    }

    /// The time now.
    pub(crate) fn clock(&self) -> Instant {
        match self {
            Driver::Kernel(_) => Instant::now(),
            Driver::Virtual { now } => *now,
        }
    }

    /// Whether time passes by itself.
    pub(crate) fn is_real(&self) -> bool {
        matches!(self, Driver::Kernel(_))
    }

    /// Where sockets are registered.
    pub(crate) fn registry(&self) -> io::Result<&Registry> {
        match self {
            Driver::Kernel(kernel) => Ok(kernel.poll.registry()),
            Driver::Virtual { .. } => Err(io::Error::other("a virtual machine has no kernel sockets")),
        }
    }

    /// Waits at most `timeout` (`None`: until something happens), reports each event, and returns the time.
    pub(crate) fn look(
        &mut self,
        timeout: Option<Duration>,
        mut report: impl FnMut(&mio::event::Event),
    ) -> io::Result<(Instant, Looked)> {
        match self {
            Driver::Kernel(kernel) => {
                match kernel.poll.poll(&mut kernel.events, timeout) {
                    Ok(()) => kernel.events.iter().for_each(&mut report),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
                Ok((Instant::now(), Looked::Happened))
            }
            Driver::Virtual { now } => {
                let Some(timeout) = timeout else { return Ok((*now, Looked::Dead)) };
                *now += timeout;
                Ok((*now, Looked::Happened))
            }
        }
    }
}
