//! Plain counters of one worker: read by message, never shared.

use std::cell::Cell;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(Cell<u64>);

impl Counter {
    /// Adds to it.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.set(self.0.get().wrapping_add(n));
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

/// What one worker counts of one route.
#[derive(Debug, Default)]
pub struct RouteCounters {
    /// Replies that ended a transaction.
    pub transactions: Counter,
    /// Statements sent: Query, Execute and FunctionCall messages.
    pub queries: Counter,
    /// Bytes that went from clients to servers.
    pub received: Counter,
    /// Bytes that went from servers to clients.
    pub sent: Counter,
    /// ErrorResponses of servers.
    pub errors: Counter,
    /// Times a server was attached to a client.
    pub attached: Counter,
    /// Server connections opened.
    pub connected: Counter,
    /// Cancel requests forwarded.
    pub cancels: Counter,
}
