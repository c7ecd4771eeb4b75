//! `Co`: the right to park.
//!
//! Every function that may suspend its coroutine takes `&Co` as its first argument; one that does not take it
//! cannot. A `Co` belongs to one coroutine, is lent by reference and never stored.

pub(crate) mod stack;
pub(crate) mod switch;

use crate::deadline::Deadline;
use crate::error::WaitError;
use crate::machine::Machine;
use crate::sched::core::{CoId, WaitId, Wake};
use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};
use switch::Parker;

/// Work a coroutine may do between two parks before it gives way to the others of its machine, in bytes moved.
const BUDGET_BYTES: usize = 512 * 1024;
/// What taking a message or a connection counts: some thousand of them between two looks at the outside world.
pub(crate) const STEP_BYTES: usize = 256;

/// The running coroutine, seen from inside.
pub struct Co {
    machine: Rc<Machine>,
    id: CoId,
    parker: Parker,
    spent: Cell<usize>,
}

impl Co {
    pub(crate) fn new(machine: Rc<Machine>, id: CoId, parker: Parker) -> Co {
        Co { machine, id, parker, spent: Cell::new(0) }
    }

    /// The machine this coroutine runs on, for ever.
    pub fn machine(&self) -> &Rc<Machine> {
        &self.machine
    }

    /// Its id, for messages and `cancel`.
    pub fn id(&self) -> CoId {
        self.id
    }

    /// The time, read once per loop turn.
    pub fn now(&self) -> Instant {
        self.machine.now()
    }

    /// Parks until `register`'s wait is woken or `by` passes. `register` is called with the new wait's id
    /// before anything else can run, and `cleanup` after the wait, whatever ended it.
    pub(crate) fn park(
        &self,
        by: Deadline,
        register: impl FnOnce(WaitId),
        cleanup: impl FnOnce(),
    ) -> Result<(), WaitError> {
        if self.machine.is_ending() {
            return Err(WaitError::Cancelled);
        }
        let Some(wait) = self.machine.sched().begin_wait(self.id) else { return Err(WaitError::Cancelled) };
        register(wait);
        let timer = by.moment().map(|moment| self.machine.set_wait_timer(moment, wait));
        self.spent.set(0);
        let wake = self.parker.park();
        if let Some(timer) = timer {
            self.machine.cancel_timer(timer);
        }
        cleanup();
        match wake {
            Wake::Ready => Ok(()),
            Wake::Deadline => Err(WaitError::Deadline),
            Wake::Cancelled => Err(WaitError::Cancelled),
        }
    }

    /// Whether this coroutine was cancelled since it last waited: says so once, like a wait.
    pub(crate) fn take_cancel(&self) -> bool {
        !self.machine.is_ending() && self.machine.sched().take_cancel(self.id)
    }

    /// Parks for this long.
    ///
    /// # Errors
    /// `Cancelled`; never `Deadline`.
    pub fn sleep(&self, time: Duration) -> Result<(), WaitError> {
        match self.park(Deadline::after(self.now(), time), |_| (), || ()) {
            Err(WaitError::Deadline) => Ok(()),
            other => other,
        }
    }

    /// Lets everything else that is ready run first, and the machine look at its sockets.
    pub fn give_way(&self) {
        self.spent.set(0);
        if self.machine.is_ending() {
            return;
        }
        self.machine.sched().give_way(self.id);
        self.parker.park();
    }

    /// Counts work done without parking; past the budget the coroutine gives way, so that one bulk transfer
    /// cannot starve a thousand small queries. Reading, writing, receiving and accepting count by themselves;
    /// whoever uses `try_read` and `try_write` counts here.
    pub fn spend(&self, bytes: usize) {
        let spent = self.spent.get().saturating_add(bytes);
        self.spent.set(spent);
        if spent >= BUDGET_BYTES {
            self.give_way();
        }
    }

    /// Starts another coroutine on this machine; see [`Machine::spawn`].
    pub fn spawn(&self, name: &'static str, body: impl FnOnce(&Co) + 'static) -> CoId {
        self.machine.spawn(name, body)
    }

    /// Waits until the coroutine `id` of this machine has ended.
    ///
    /// # Errors
    /// `Deadline` and `Cancelled`, of this wait.
    pub fn join(&self, id: CoId, by: Deadline) -> Result<(), WaitError> {
        while self.machine.sched().is_alive(id) {
            self.park(
                by,
                |wait| {
                    self.machine.sched().join(id, wait);
                },
                || (),
            )?;
        }
        Ok(())
    }
}
