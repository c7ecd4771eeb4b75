//! The queue inside one machine: no atomics, no lock.

use crate::error::ChannelError;
use crate::machine::Machine;
use crate::sched::core::{WaitId, Wake};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

struct Queue<T> {
    // Weak: a queued message may own what owns the machine.
    machine: Weak<Machine>,
    messages: RefCell<VecDeque<T>>,
    waiter: Cell<Option<WaitId>>,
    senders: Cell<usize>,
    receiver: Cell<bool>,
}

impl<T> Queue<T> {
    fn wake(&self) {
        if let (Some(wait), Some(machine)) = (self.waiter.take(), self.machine.upgrade()) {
            machine.sched().wake(wait, Wake::Ready);
        }
    }
}

/// Sending end of a channel inside one machine.
pub struct LocalSender<T>(Rc<Queue<T>>);

pub(super) struct LocalReceiver<T>(Rc<Queue<T>>);

pub(super) fn channel<T>(machine: &Rc<Machine>) -> (LocalSender<T>, LocalReceiver<T>) {
    let queue = Rc::new(Queue {
        machine: Rc::downgrade(machine),
        messages: RefCell::new(VecDeque::new()),
        waiter: Cell::new(None),
        senders: Cell::new(1),
        receiver: Cell::new(true),
    });
    (LocalSender(Rc::clone(&queue)), LocalReceiver(queue))
}

impl<T> LocalSender<T> {
    pub(super) fn send(&self, message: T) -> Result<(), T> {
        if !self.0.receiver.get() {
            return Err(message);
        }
        self.0.messages.borrow_mut().push_back(message);
        self.0.wake();
        Ok(())
    }
}

impl<T> Clone for LocalSender<T> {
    fn clone(&self) -> Self {
        self.0.senders.set(self.0.senders.get() + 1);
        LocalSender(Rc::clone(&self.0))
    }
}

impl<T> Drop for LocalSender<T> {
    fn drop(&mut self) {
        self.0.senders.set(self.0.senders.get() - 1);
        if self.0.senders.get() == 0 {
            self.0.wake();
        }
    }
}

impl<T> LocalReceiver<T> {
    pub(super) fn try_recv(&mut self) -> Result<Option<T>, ChannelError> {
        match self.0.messages.borrow_mut().pop_front() {
            Some(message) => Ok(Some(message)),
            None if self.0.senders.get() == 0 => Err(ChannelError::Closed),
            None => Ok(None),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        !self.0.messages.borrow().is_empty() || self.0.senders.get() == 0
    }

    pub(super) fn set_waiter(&self, wait: Option<WaitId>) {
        self.0.waiter.set(wait);
    }
}

impl<T> Drop for LocalReceiver<T> {
    fn drop(&mut self) {
        self.0.receiver.set(false);
        // Taken out first: dropping a message may drop a sender of this very queue.
        let messages = self.0.messages.take();
        drop(messages);
    }
}
