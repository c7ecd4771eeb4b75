//! The only file that names corosensei: starting, resuming and parking a coroutine.
//!
//! A panic of a coroutine is caught here, once, around `resume`, on the scheduler's side: catching inside the
//! coroutine would also swallow the unwinding that drops a parked one.

use crate::sched::core::Wake;
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A coroutine between two resumes.
pub(crate) struct Suspended(Coroutine<Wake, (), (), DefaultStack>);

/// What a resumed coroutine did.
pub(crate) enum Resumed {
    /// It parked or gave way.
    Suspended(Suspended),
    /// It ended; its stack is free.
    Ended(DefaultStack),
    /// It panicked with this payload; its stack is free.
    Panicked(DefaultStack, Box<dyn Any + Send>),
}

/// The way back to the scheduler, handed to a coroutine's body.
#[derive(Clone, Copy)]
pub(crate) struct Parker(*const Yielder<Wake, ()>);

impl Parker {
    /// Suspends the running coroutine until the scheduler resumes it, and says why it did.
    pub(crate) fn park(self) -> Wake {
        // SAFETY: the pointer comes from the yielder that corosensei keeps on this coroutine's own stack for as
        // long as its body runs; a Parker lives in the coroutine's `Co`, which is lent to that body by reference,
        // is neither Send nor clonable by it, and so is only used while that body runs, on that very stack.
        unsafe { (*self.0).suspend(()) }
    }
}

impl Suspended {
    /// Puts `body` on `stack`; nothing runs before the first resume.
    pub(crate) fn new(stack: DefaultStack, body: impl FnOnce(Parker) + 'static) -> Suspended {
        Suspended(Coroutine::with_stack(stack, move |yielder: &Yielder<Wake, ()>, _: Wake| {
            body(Parker(std::ptr::from_ref(yielder)));
        }))
    }

    /// Unwinds a coroutine that will not run again: its destructors run, on its stack. `Err`: one panicked.
    pub(crate) fn unwind(self) -> std::thread::Result<()> {
        catch_unwind(AssertUnwindSafe(|| drop(self)))
    }

    /// Runs the coroutine until it parks, gives way or ends.
    pub(crate) fn resume(mut self, wake: Wake) -> Resumed {
        match catch_unwind(AssertUnwindSafe(|| self.0.resume(wake))) {
            Ok(CoroutineResult::Yield(())) => Resumed::Suspended(self),
            Ok(CoroutineResult::Return(())) => Resumed::Ended(self.0.into_stack()),
            Err(payload) => Resumed::Panicked(self.0.into_stack(), payload),
        }
    }
}
