//! Waiting for the first of several things.

use crate::channel::Receiving;
use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::WaitError;
use crate::io::Io;
use crate::reactor::{Side, Waiter};
use crate::sched::core::WaitId;

/// One thing that [`wait_any`] waits for.
pub enum Wait<'a> {
    /// This connection has bytes, an end or an error to read.
    Readable(&'a Io),
    /// This connection takes bytes.
    Writable(&'a Io),
    /// A message (or the end) of this channel.
    Message(&'a dyn Receiving),
}

impl Wait<'_> {
    fn is_ready(&self) -> bool {
        match self {
            Wait::Readable(io) => io.may_read(),
            Wait::Writable(io) => io.may_write(),
            Wait::Message(channel) => channel.is_ready(),
        }
    }

    fn register(&self, wait: WaitId) {
        match self {
            Wait::Readable(io) => io.set_reader(Waiter::Coroutine(wait)),
            Wait::Writable(io) => io.set_waiter(Side::Write, Waiter::Coroutine(wait)),
            Wait::Message(channel) => channel.set_waiter(Some(wait)),
        }
    }

    fn unregister(&self) {
        match self {
            Wait::Readable(io) => io.set_reader(Waiter::Nobody),
            Wait::Writable(io) => io.set_waiter(Side::Write, Waiter::Nobody),
            Wait::Message(channel) => channel.set_waiter(None),
        }
    }
}

/// Parks until one of `waits` is ready and returns its place in the list, the first if several are.
///
/// What is ready already is returned without parking. Nothing is consumed: the caller reads, writes or receives
/// next, and may find that there was nothing after all.
///
/// # Errors
/// `Deadline` when `by` passes first, `Cancelled` when this coroutine is cancelled.
pub fn wait_any(co: &Co, waits: &[Wait<'_>], by: Deadline) -> Result<usize, WaitError> {
    // A coroutine that always finds something ready never parks; it is to hear of its end all the same.
    if co.take_cancel() {
        return Err(WaitError::Cancelled);
    }
    loop {
        if let Some(at) = waits.iter().position(Wait::is_ready) {
            return Ok(at);
        }
        co.park(
            by,
            |wait| {
                for one in waits {
                    one.register(wait);
                    // Another thread may have sent between the look above and here.
                    if let Wait::Message(channel) = one
                        && channel.is_ready()
                    {
                        co.machine().sched().wake(wait, crate::sched::core::Wake::Ready);
                    }
                }
            },
            || waits.iter().for_each(Wait::unregister),
        )?;
    }
}
