//! Channels: many senders, one receiver, values move.
//!
//! Two kinds share one interface. Inside one machine ([`local`]) a channel is a queue without an atomic or a lock.
//! Across machines ([`shared`]) it is a locked queue; its receiver is woken only when it waits, and its machine by
//! a system call only when that sleeps, once for many messages. Closing: when the receiver is dropped, sending
//! gives the value back; when the last sender is dropped, receiving ends after what is queued.
//! The queues are unbounded: every message here is sent by the program itself, at most a few per client.

mod local;
pub mod oneshot;
mod shared;

use crate::coroutine::{Co, STEP_BYTES};
use crate::deadline::Deadline;
use crate::error::ChannelError;
use crate::machine::Machine;
use crate::sched::core::WaitId;
use crate::wait_any::{Wait, wait_any};
use std::rc::Rc;

/// What [`wait_any`] needs of a channel. Not implemented outside this crate.
pub trait Receiving: sealed::Sealed {
    /// Whether a message or the end is there.
    fn is_ready(&self) -> bool;
    /// Who is woken when that changes.
    #[doc(hidden)]
    fn set_waiter(&self, wait: Option<WaitId>);
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// The sending end; clones send to the same receiver. Bound to the thread it is used on.
pub enum Sender<T> {
    /// To a receiver of the same machine.
    Local(local::LocalSender<T>),
    /// To a receiver of any machine.
    Shared(SharedSender<T>),
}

pub use shared::SharedSender;

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        match self {
            Sender::Local(sender) => Sender::Local(sender.clone()),
            Sender::Shared(sender) => Sender::Shared(sender.clone()),
        }
    }
}

impl<T> Sender<T> {
    /// Queues a message and wakes the receiver if it waits. Never parks.
    ///
    /// # Errors
    /// The receiver is gone: the message comes back.
    pub fn send(&self, message: T) -> Result<(), T> {
        match self {
            Sender::Local(sender) => sender.send(message),
            Sender::Shared(sender) => sender.send(message),
        }
    }
}

impl<T> From<SharedSender<T>> for Sender<T> {
    fn from(sender: SharedSender<T>) -> Sender<T> {
        Sender::Shared(sender)
    }
}

enum Kind<T> {
    Local(local::LocalReceiver<T>),
    Shared(shared::SharedReceiver<T>),
}

/// The receiving end, on the machine that made the channel (or adopted it).
pub struct Receiver<T>(Kind<T>);

/// A channel between coroutines of this machine.
pub fn local<T>(machine: &Rc<Machine>) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = local::channel(machine);
    (Sender::Local(sender), Receiver(Kind::Local(receiver)))
}

/// A channel to a coroutine of this machine from any thread.
pub fn shared<T: Send>(machine: &Rc<Machine>) -> (SharedSender<T>, Receiver<T>) {
    let (sender, receiver) = shared::channel(machine);
    (sender, Receiver(Kind::Shared(receiver)))
}

impl<T> Receiver<T> {
    /// Takes the next message if one is queued.
    ///
    /// # Errors
    /// `Closed`: nothing is queued and no sender is left.
    pub fn try_recv(&mut self) -> Result<Option<T>, ChannelError> {
        match &mut self.0 {
            Kind::Local(receiver) => receiver.try_recv(),
            Kind::Shared(receiver) => receiver.try_recv(),
        }
    }

    /// Takes the next message, parking until there is one.
    ///
    /// # Errors
    /// `Closed`, `Deadline`, `Cancelled`.
    pub fn recv(&mut self, co: &Co, by: Deadline) -> Result<T, ChannelError> {
        loop {
            if let Some(message) = self.try_recv()? {
                co.spend(STEP_BYTES);
                return Ok(message);
            }
            wait_any(co, &[Wait::Message(&*self)], by)?;
        }
    }
}

impl<T> sealed::Sealed for Receiver<T> {}

impl<T> Receiving for Receiver<T> {
    fn is_ready(&self) -> bool {
        match &self.0 {
            Kind::Local(receiver) => receiver.is_ready(),
            Kind::Shared(receiver) => receiver.is_ready(),
        }
    }

    fn set_waiter(&self, wait: Option<WaitId>) {
        match &self.0 {
            Kind::Local(receiver) => receiver.set_waiter(wait),
            Kind::Shared(receiver) => receiver.set_waiter(wait),
        }
    }
}
