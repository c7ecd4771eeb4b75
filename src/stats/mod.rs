//! What the pooler counts, and the copies of it that readers get.

pub mod counters;
pub mod snapshot;
