//! Scratch buffers of a machine: borrowed while bytes are under way, so that an idle connection owns none.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;

use crate::machine::Machine;

/// Size of a scratch buffer: large enough that a bulk transfer is bound by copying, not by system calls.
pub const SCRATCH_BYTES: usize = 64 * 1024;
/// Free scratch buffers kept by a machine.
const SCRATCH_KEPT: usize = 16;

/// Free scratch buffers that even an idle machine keeps.
const IDLE_KEPT: usize = 2;

/// Free scratch buffers of one machine, most recently used first.
#[derive(Default)]
pub(crate) struct ScratchPool {
    free: RefCell<Vec<Box<[u8]>>>,
    /// Fewest free buffers since the last trim: nobody needed those.
    unneeded: Cell<usize>,
}

impl ScratchPool {
    /// Frees the buffers that nobody needed since the last trim, but for a few.
    pub(crate) fn trim(&self) {
        let mut free = self.free.borrow_mut();
        let excess = self.unneeded.get().min(free.len().saturating_sub(IDLE_KEPT));
        free.drain(..excess);
        self.unneeded.set(free.len());
    }

    /// Whether a later trim may find something.
    pub(crate) fn has_spare(&self) -> bool {
        self.free.borrow().len() > IDLE_KEPT
    }
}

/// A scratch buffer of [`SCRATCH_BYTES`], given back to its machine when dropped.
///
/// Whoever holds one across a park costs the machine one more buffer for that time, so only do so while there
/// are bytes in it that the other side would not take.
pub struct Scratch {
    machine: Rc<Machine>,
    bytes: Box<[u8]>,
}

impl Machine {
    /// Borrows a scratch buffer; its content is whatever was there last.
    pub fn scratch(self: &Rc<Self>) -> Scratch {
        let mut free = self.scratch.free.borrow_mut();
        let bytes = free.pop();
        self.scratch.unneeded.set(self.scratch.unneeded.get().min(free.len()));
        drop(free);
        let bytes = bytes.unwrap_or_else(|| vec![0; SCRATCH_BYTES].into_boxed_slice());
        Scratch { machine: Rc::clone(self), bytes }
    }
}

impl Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut free = self.machine.scratch.free.borrow_mut();
        if free.len() < SCRATCH_KEPT {
            free.push(std::mem::take(&mut self.bytes));
        }
    }
}
