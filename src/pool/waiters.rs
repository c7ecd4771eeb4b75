//! Clients that wait for a server, first come first served.

use super::WaiterId;
use super::permits::Tick;
use std::collections::VecDeque;

/// The queue of one route in one worker.
#[derive(Debug, Default)]
pub struct Waiters(VecDeque<(WaiterId, Tick)>);

impl Waiters {
    /// Adds a client at the end. Times never go back, so the first is always the oldest.
    pub fn push(&mut self, who: WaiterId, since: Tick) {
        debug_assert!(self.0.back().is_none_or(|last| last.1 <= since), "time does not go back");
        debug_assert!(self.0.iter().all(|waiting| waiting.0 != who), "a client waits once");
        self.0.push_back((who, since));
    }

    /// Takes the first.
    pub fn pop(&mut self) -> Option<WaiterId> {
        self.0.pop_front().map(|waiting| waiting.0)
    }

    /// Takes a client out wherever it stands; `false`: it did not wait. Who times out is near the front.
    pub fn remove(&mut self, who: WaiterId) -> bool {
        match self.0.iter().position(|waiting| waiting.0 == who) {
            Some(at) => self.0.remove(at).is_some(),
            None => false,
        }
    }

    /// Since when the first waits.
    pub fn oldest(&self) -> Option<Tick> {
        self.0.front().map(|waiting| waiting.1)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
