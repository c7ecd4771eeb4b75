//! Coroutine stacks: mapped with a guard page below, kept for reuse.

use corosensei::stack::DefaultStack;
use std::io;

/// Size of a coroutine's stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackSize(usize);

impl StackSize {
    /// The configuration counts pages of 4096 bytes.
    pub fn from_pages(pages: usize) -> StackSize {
        StackSize(pages.saturating_mul(4096))
    }

    /// Size in bytes, without the guard page.
    pub fn bytes(self) -> usize {
        self.0
    }
}

/// Free stacks of one machine, most recently used first, so that a busy machine touches few pages.
pub(crate) struct StackCache {
    free: Vec<DefaultStack>,
    size: StackSize,
    keep: usize,
    /// Fewest free stacks since the last trim: nobody needed those.
    unneeded: usize,
}

/// Free stacks that even an idle machine keeps.
const IDLE_KEPT: usize = 4;

impl StackCache {
    pub(crate) fn new(size: StackSize, keep: usize) -> StackCache {
        StackCache { free: Vec::new(), size, keep, unneeded: 0 }
    }

    /// A free stack, or a new mapping.
    pub(crate) fn take(&mut self) -> io::Result<DefaultStack> {
        match self.free.pop() {
            Some(stack) => {
                self.unneeded = self.unneeded.min(self.free.len());
                Ok(stack)
            }
            None => DefaultStack::new(self.size.bytes()),
        }
    }

    /// Keeps the stack for the next coroutine, or unmaps it when enough are kept.
    pub(crate) fn give(&mut self, stack: DefaultStack) {
        if self.free.len() < self.keep {
            self.free.push(stack);
        }
    }

    /// Unmaps the stacks that nobody needed since the last trim, but for a few: a stack keeps every page it ever
    /// touched.
    pub(crate) fn trim(&mut self) {
        let excess = self.unneeded.min(self.free.len().saturating_sub(IDLE_KEPT));
        // The bottom ones were used longest ago.
        self.free.drain(..excess);
        self.unneeded = self.free.len();
    }

    /// Whether a later trim may find something.
    pub(crate) fn has_spare(&self) -> bool {
        self.free.len() > IDLE_KEPT
    }

    /// Stacks kept now.
    pub(crate) fn free(&self) -> usize {
        self.free.len()
    }
}
