//! What a worker's pool and the router say to each other, and the times they compare.
//!
//! Messages between the two cross. So a claim and a call carry numbers, and what answers one says which: both sides
//! then agree, once nothing is under way, on whether a claim stands and whether a call does.

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
pub const TOLERANCE: Duration = Duration::from_millis(20);

/// A server that came to rest less than this ago is not given away, unless whoever wants it elsewhere has waited
/// longer than [`TOLERANCE`]: in a busy pool the next client here wants it at once, and a server that stays costs no
/// message and wakes no other thread.
pub const REST: Duration = Duration::from_millis(1);

/// A claim is renewed when the client it was made for is gone and the oldest now began to wait more than this later
/// (nobody waiting counts as a wait that begins now). Waits begin one after the other, so this is also how often, on
/// average, a worker speaks for one route at most.
pub const REFRESH: Duration = Duration::from_millis(10);

/// Number of a claim: unique within one route and worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimId(pub u64);

/// Number of a call: unique within one route and worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallId(pub u64);

/// A worker's wish for one server or permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Its number.
    pub id: ClaimId,
    /// Since when the client waits that was the worker's oldest when it was made.
    pub since: Tick,
}

/// The router's request that a worker give up one server or permit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// Its number.
    pub id: CallId,
    /// Since when the oldest client of the *other* workers waits; zero if the route holds more than it may.
    pub since: Tick,
}

/// What moves between pools: a permit, with or without the connection it is for.
#[derive(PartialEq, Eq, Debug)]
pub enum Item<S> {
    /// A connection, clean; its permit travels with it.
    Server(S),
    /// The right to open one.
    Permit,
}

/// From a worker's pool to the router.
#[derive(PartialEq, Eq, Debug)]
pub enum ToRouter<S> {
    /// A client waits here, and nothing is at hand. Replaces the claim made before, if that one stands.
    Want(Claim),
    /// Nobody waits any more: the claim is withdrawn.
    Unwant,
    /// Something this pool gives up.
    Yield {
        /// What.
        item: Item<S>,
        /// The call it answers; `None`: nobody here needs it, uncalled.
        answers: Option<CallId>,
    },
}

/// From the router to a worker's pool.
#[derive(PartialEq, Eq, Debug)]
pub enum ToWorker<S> {
    /// Something this pool gets.
    Grant {
        /// What.
        item: Item<S>,
        /// The claim it answers, which stands no more; `None`: a server given up that nobody wanted after all.
        answers: Option<ClaimId>,
    },
    /// What comes free here is wanted elsewhere by whoever waits longer; `None`: not any more. Replaces what was
    /// said before.
    Pressure(Option<Call>),
    /// A server this pool gave up, to be closed: `pool_size` was lowered, and its permit is gone.
    Close(S),
}
