//! Machines, stackful coroutines, channels and sockets: everything a network server needs to be written as
//! straight-line code without a thread per client.
//!
//! A [`Machine`] is one thread with one poll instance, one scheduler, its coroutines and its timers. A function
//! that may suspend its coroutine takes [`Co`] as its first argument; one that does not take it cannot. Nothing
//! but a message ([`channel`], [`channel::oneshot`]) or a [`DetachedIo`] crosses from one machine to another.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod channel;
mod coroutine;
mod deadline;
pub mod dns;
mod driver;
mod error;
mod io;
mod machine;
pub mod memory;
pub mod net;
pub mod offload;
mod reactor;
mod remote;
mod sched;
pub mod signal;
pub mod sync;
pub mod tls;
mod wait_any;

pub use coroutine::Co;
pub use coroutine::stack::StackSize;
pub use deadline::{Deadline, clock};
pub use error::{ChannelError, IoError, WaitError};
pub use io::{DetachedIo, Io, SCRATCH_BYTES, Scratch, Watch, detached_pair, pair};
pub use machine::{Host, HostTimer, Machine, MachineHandle, Rouse, Spec};
pub use reactor::HostKey;
pub use sched::core::CoId;
#[doc(hidden)]
pub use sched::core::WaitId;
pub use wait_any::{Wait, wait_any};
