//! Waiting for one another inside one machine: no atomics, no lock.

use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::WaitError;
use crate::machine::Machine;
use crate::sched::core::{WaitId, Wake};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

struct Waiting {
    ticket: u64,
    wait: WaitId,
}

struct Shared {
    // Weak: a coroutine of the machine holds the semaphore.
    machine: Weak<Machine>,
    free: Cell<usize>,
    next_ticket: Cell<u64>,
    waiting: RefCell<VecDeque<Waiting>>,
    /// Tickets that were served while their owner was parked.
    served: RefCell<Vec<u64>>,
}

impl Shared {
    /// Hands one permit to whoever waits longest, or keeps it.
    fn release(&self) {
        let Some(machine) = self.machine.upgrade() else { return };
        loop {
            let Some(first) = self.waiting.borrow_mut().pop_front() else {
                self.free.set(self.free.get() + 1);
                return;
            };
            // One whose deadline came in this very turn does not take it.
            if machine.sched().wake(first.wait, Wake::Ready) {
                self.served.borrow_mut().push(first.ticket);
                return;
            }
        }
    }

    fn was_served(&self, ticket: u64) -> bool {
        let mut served = self.served.borrow_mut();
        match served.iter().position(|one| *one == ticket) {
            Some(at) => {
                served.swap_remove(at);
                true
            }
            None => false,
        }
    }
}

/// A number of permits, lent first come, first served, to coroutines of one machine. Clones share the permits.
#[derive(Clone)]
pub struct Semaphore(Rc<Shared>);

/// The right lent by a [`Semaphore`]; dropping it gives it to whoever waits longest.
pub struct Permit(Rc<Shared>);

impl Semaphore {
    /// A semaphore with so many permits.
    pub fn new(machine: &Rc<Machine>, permits: usize) -> Semaphore {
        Semaphore(Rc::new(Shared {
            machine: Rc::downgrade(machine),
            free: Cell::new(permits),
            next_ticket: Cell::new(0),
            waiting: RefCell::new(VecDeque::new()),
            served: RefCell::new(Vec::new()),
        }))
    }

    /// Takes a permit if one is free.
    pub fn try_acquire(&self) -> Option<Permit> {
        let left = self.0.free.get().checked_sub(1)?;
        self.0.free.set(left);
        Some(Permit(Rc::clone(&self.0)))
    }

    /// Takes a permit, parking behind those who came before.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`: no permit was taken.
    pub fn acquire(&self, co: &Co, by: Deadline) -> Result<Permit, WaitError> {
        if let Some(permit) = self.try_acquire() {
            return Ok(permit);
        }
        let ticket = self.0.next_ticket.get();
        self.0.next_ticket.set(ticket + 1);
        let ended = co.park(
            by,
            |wait| self.0.waiting.borrow_mut().push_back(Waiting { ticket, wait }),
            || self.0.waiting.borrow_mut().retain(|one| one.ticket != ticket),
        );
        if self.0.was_served(ticket) {
            return Ok(Permit(Rc::clone(&self.0)));
        }
        ended.map(|()| unreachable!("only a permit ends this wait well"))
    }

    /// Permits that are free now.
    pub fn free(&self) -> usize {
        self.0.free.get()
    }

    /// Coroutines that wait.
    pub fn waiting(&self) -> usize {
        self.0.waiting.borrow().len()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.release();
    }
}

struct Group {
    machine: Weak<Machine>,
    members: Cell<usize>,
    waiter: Cell<Option<WaitId>>,
}

/// Counts coroutines (or anything else) that are still at it; one waits for the last.
pub struct WaitGroup(Rc<Group>);

/// One member of a [`WaitGroup`]; dropping it leaves the group.
pub struct Member(Rc<Group>);

impl WaitGroup {
    /// An empty group.
    pub fn new(machine: &Rc<Machine>) -> WaitGroup {
        WaitGroup(Rc::new(Group {
            machine: Rc::downgrade(machine),
            members: Cell::new(0),
            waiter: Cell::new(None),
        }))
    }

    /// Adds a member.
    pub fn join(&self) -> Member {
        self.0.members.set(self.0.members.get() + 1);
        Member(Rc::clone(&self.0))
    }

    /// Members now.
    pub fn members(&self) -> usize {
        self.0.members.get()
    }

    /// Parks until there is no member; one coroutine at a time.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`.
    pub fn wait(&self, co: &Co, by: Deadline) -> Result<(), WaitError> {
        while self.0.members.get() > 0 {
            co.park(by, |wait| self.0.waiter.set(Some(wait)), || self.0.waiter.set(None))?;
        }
        Ok(())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.members.set(self.0.members.get() - 1);
        if self.0.members.get() == 0
            && let (Some(wait), Some(machine)) = (self.0.waiter.take(), self.0.machine.upgrade())
        {
            machine.sched().wake(wait, Wake::Ready);
        }
    }
}
