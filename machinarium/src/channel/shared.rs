//! The queue between machines.

use crate::error::ChannelError;
use crate::machine::Machine;
use crate::remote::Remote;
use crate::sched::core::WaitId;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

struct State<T> {
    messages: VecDeque<T>,
    waiter: Option<WaitId>,
    senders: usize,
    receiver: bool,
}

struct Queue<T> {
    state: Mutex<State<T>>,
    /// The receiver's machine.
    remote: Arc<Remote>,
}

impl<T> Queue<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sending end of a channel across machines: `Send` and `Clone`.
pub struct SharedSender<T>(Arc<Queue<T>>);

pub(super) struct SharedReceiver<T>(Arc<Queue<T>>);

pub(super) fn channel<T>(machine: &Rc<Machine>) -> (SharedSender<T>, SharedReceiver<T>) {
    let state = State { messages: VecDeque::new(), waiter: None, senders: 1, receiver: true };
    let queue = Arc::new(Queue { state: Mutex::new(state), remote: Arc::clone(machine.remote()) });
    (SharedSender(Arc::clone(&queue)), SharedReceiver(queue))
}

impl<T> SharedSender<T> {
    /// Queues a message and wakes the receiver if it waits. Never parks; may be called on any thread.
    ///
    /// # Errors
    /// The receiver is gone: the message comes back.
    pub fn send(&self, message: T) -> Result<(), T> {
        let waiter = {
            let mut state = self.0.lock();
            if !state.receiver {
                return Err(message);
            }
            state.messages.push_back(message);
            // Taken: further messages need not wake who is being woken.
            state.waiter.take()
        };
        if let Some(wait) = waiter {
            self.0.remote.wake(wait);
        }
        Ok(())
    }
}

impl<T> SharedSender<T> {
    /// Whether the receiver is still there.
    pub fn is_wanted(&self) -> bool {
        self.0.lock().receiver
    }
}

impl<T> Clone for SharedSender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        SharedSender(Arc::clone(&self.0))
    }
}

impl<T> Drop for SharedSender<T> {
    fn drop(&mut self) {
        let waiter = {
            let mut state = self.0.lock();
            state.senders -= 1;
            if state.senders == 0 { state.waiter.take() } else { None }
        };
        if let Some(wait) = waiter {
            self.0.remote.wake(wait);
        }
    }
}

impl<T> SharedReceiver<T> {
    pub(super) fn try_recv(&mut self) -> Result<Option<T>, ChannelError> {
        let mut state = self.0.lock();
        match state.messages.pop_front() {
            Some(message) => Ok(Some(message)),
            None if state.senders == 0 => Err(ChannelError::Closed),
            None => Ok(None),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        let state = self.0.lock();
        !state.messages.is_empty() || state.senders == 0
    }

    pub(super) fn set_waiter(&self, wait: Option<WaitId>) {
        self.0.lock().waiter = wait;
    }
}

impl<T> Drop for SharedReceiver<T> {
    fn drop(&mut self) {
        let messages = {
            let mut state = self.0.lock();
            state.receiver = false;
            std::mem::take(&mut state.messages)
        };
        // Outside the lock: dropping a message may drop a sender of this very queue.
        drop(messages);
    }
}
