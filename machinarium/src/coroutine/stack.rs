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
}

impl StackCache {
    pub(crate) fn new(size: StackSize, keep: usize) -> StackCache {
        StackCache { free: Vec::new(), size, keep }
    }

    /// A free stack, or a new mapping.
    pub(crate) fn take(&mut self) -> io::Result<DefaultStack> {
        match self.free.pop() {
            Some(stack) => Ok(stack),
            None => DefaultStack::new(self.size.bytes()),
        }
    }

    /// Keeps the stack for the next coroutine, or unmaps it when enough are kept.
    pub(crate) fn give(&mut self, stack: DefaultStack) {
        if self.free.len() < self.keep {
            self.free.push(stack);
        }
    }
}
