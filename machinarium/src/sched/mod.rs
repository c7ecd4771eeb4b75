//! The pure part of the runtime: who runs next, and what time wakes whom. No system call, no clock, no thread.

pub(crate) mod core;
pub(crate) mod timers;
