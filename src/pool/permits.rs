//! What a worker's pool and the router say to each other, and the times they compare.

use std::time::Duration;

/// A moment of the process-wide clock, in microseconds: those of different workers compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tick(pub u64);

impl Tick {
    /// The moment `time` later.
    pub fn plus(self, time: Duration) -> Tick {
        Tick(self.0.saturating_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// A worker does not give a server away for a client of another that has waited no longer than this beyond its
/// own: it stops servers from being thrown back and forth.
pub const TOLERANCE: Duration = Duration::from_millis(10);

/// A worker tells the router at most this often that its oldest waiting client is another one by now.
pub const REFRESH: Duration = Duration::from_millis(5);

/// What moves between pools: a permit, with or without the connection it is for.
#[derive(Debug)]
pub enum Item<S> {
    /// A connection, clean; its permit travels with it.
    Server(S),
    /// The right to open one.
    Permit,
}

/// From a worker's pool to the router.
#[derive(Debug)]
pub enum ToRouter<S> {
    /// A client waits here since then, and nothing is at hand. Repeated, it replaces what was said before.
    Want {
        /// Since when the oldest client waits.
        since: Tick,
    },
    /// Nobody waits any more.
    Unwant,
    /// Something this pool gives up.
    Yield(Item<S>),
}

/// From the router to a worker's pool.
#[derive(Debug)]
pub enum ToWorker<S> {
    /// Something this pool gets. What it wanted is thereby forgotten.
    Grant(Item<S>),
    /// A client of another worker waits since then and would take what comes free here; `None`: nobody does.
    Pressure(Option<Tick>),
}
