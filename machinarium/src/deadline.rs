//! How long a wait may last.

use std::time::{Duration, Instant};

/// The end of a wait: a moment, or never for a reason that can be searched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// Ends at this moment of the machine's clock.
    pub fn at(moment: Instant) -> Deadline {
        Deadline(Some(moment))
    }

    /// Ends `after` past `now`; a moment beyond the clock's range is never.
    pub fn after(now: Instant, after: Duration) -> Deadline {
        Deadline(now.checked_add(after))
    }

    /// Like [`Deadline::after`]; `None` means that the wait is ended by something else, which `reason` names.
    pub fn maybe(now: Instant, after: Option<Duration>, reason: &'static str) -> Deadline {
        match after {
            Some(after) => Deadline::after(now, after),
            None => Deadline::never(reason),
        }
    }

    /// No end in time; `reason` says what ends the wait instead.
    pub fn never(_reason: &'static str) -> Deadline {
        Deadline(None)
    }

    /// The moment, if there is one.
    pub fn moment(&self) -> Option<Instant> {
        self.0
    }

    /// The earlier of two.
    pub fn min(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }

    /// Whether it has passed at `now`.
    pub fn has_passed(&self, now: Instant) -> bool {
        self.0.is_some_and(|moment| moment <= now)
    }
}

/// The monotonic clock, for what happens before a machine runs; on a machine, [`crate::Co::now`] costs nothing.
pub fn clock() -> Instant {
    Instant::now()
}
