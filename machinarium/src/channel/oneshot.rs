//! A single reply: the asker waits with a deadline and learns when nobody is left to answer.

use super::{Receiver, Receiving, Sender, SharedSender, local as local_channel, shared as shared_channel};
use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::ChannelError;
use crate::machine::Machine;
use crate::sched::core::WaitId;
use std::rc::Rc;

/// The right to answer once. Dropping it unanswered tells the asker `Closed`.
pub struct Reply<T>(Sender<T>);

/// The right to answer once, from another thread.
pub struct SharedReply<T>(SharedSender<T>);

/// The asker's end.
pub struct Answer<T>(Receiver<T>);

/// For an answer from the same machine.
pub fn local<T>(machine: &Rc<Machine>) -> (Reply<T>, Answer<T>) {
    let (sender, receiver) = local_channel(machine);
    (Reply(sender), Answer(receiver))
}

/// For an answer from any thread.
pub fn shared<T: Send>(machine: &Rc<Machine>) -> (SharedReply<T>, Answer<T>) {
    let (sender, receiver) = shared_channel(machine);
    (SharedReply(sender), Answer(receiver))
}

impl<T> Reply<T> {
    /// Answers; the value comes back if the asker has gone.
    ///
    /// # Errors
    /// The asker is gone.
    pub fn send(self, value: T) -> Result<(), T> {
        self.0.send(value)
    }
}

impl<T> SharedReply<T> {
    /// Answers; the value comes back if the asker has gone.
    ///
    /// # Errors
    /// The asker is gone.
    pub fn send(self, value: T) -> Result<(), T> {
        self.0.send(value)
    }
}

impl<T> SharedReply<T> {
    /// Whether the asker still waits.
    pub fn is_wanted(&self) -> bool {
        self.0.is_wanted()
    }
}

impl<T> From<SharedReply<T>> for Reply<T> {
    fn from(reply: SharedReply<T>) -> Reply<T> {
        Reply(Sender::Shared(reply.0))
    }
}

impl<T> Answer<T> {
    /// Waits for the answer.
    ///
    /// # Errors
    /// `Closed`: it was dropped unanswered. `Deadline`, `Cancelled`.
    pub fn wait(mut self, co: &Co, by: Deadline) -> Result<T, ChannelError> {
        self.0.recv(co, by)
    }

    /// Takes the answer if it is there.
    ///
    /// # Errors
    /// `Closed`: it was dropped unanswered.
    pub fn try_take(&mut self) -> Result<Option<T>, ChannelError> {
        self.0.try_recv()
    }
}

impl<T> super::sealed::Sealed for Answer<T> {}

impl<T> Receiving for Answer<T> {
    fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    fn set_waiter(&self, wait: Option<WaitId>) {
        self.0.set_waiter(wait);
    }
}
