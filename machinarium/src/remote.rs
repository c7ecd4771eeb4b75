//! How other threads wake a machine: a list of words, and one write to its waker only when it sleeps.

use crate::reactor::{Edges, SourceId};
use crate::sched::core::WaitId;
use mio::Waker;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What another thread has to say to a machine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    /// Wake this wait.
    Wake(WaitId),
    /// A source that the kernel does not know changed.
    Latch(SourceId, Edges),
}

/// The side of a machine that other threads may touch.
pub(crate) struct Remote {
    words: Mutex<Vec<Word>>,
    /// Something is in `words`.
    pending: AtomicBool,
    /// The machine is in, or about to enter, its wait for events and must be woken by a system call.
    sleeping: AtomicBool,
    waker: Option<Arc<Waker>>,
}

impl Remote {
    /// `None`: a virtual machine, which is never asleep while another thread runs.
    pub(crate) fn new(waker: Option<Arc<Waker>>) -> Arc<Remote> {
        Arc::new(Remote {
            words: Mutex::new(Vec::new()),
            pending: AtomicBool::new(false),
            sleeping: AtomicBool::new(false),
            waker,
        })
    }

    /// Wakes a wait of the machine, from any thread. Many calls while it works cost one list entry each and no
    /// system call; while it sleeps, the first costs one.
    pub(crate) fn wake(&self, wait: WaitId) {
        self.say(Word::Wake(wait));
    }

    /// Reports edges of a source, from any thread, at the same price.
    pub(crate) fn latch(&self, source: SourceId, edges: Edges) {
        self.say(Word::Latch(source, edges));
    }

    fn say(&self, word: Word) {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).push(word);
        self.pending.store(true, Ordering::SeqCst);
        if self.sleeping.swap(false, Ordering::SeqCst)
            && let Some(waker) = &self.waker
            && let Err(error) = waker.wake()
        {
            log::error!("a machine could not be woken: {error}");
        }
    }

    /// Whether something was said that nobody has heard yet.
    pub(crate) fn has_words(&self) -> bool {
        self.pending.load(Ordering::SeqCst)
    }

    /// The machine is about to wait for events: `false` if something came meanwhile and it must not.
    pub(crate) fn may_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        // Whoever stores `pending` after this load sees `sleeping` and writes to the waker.
        !self.pending.load(Ordering::SeqCst)
    }

    /// The machine looked: reports what others said.
    pub(crate) fn awake(&self, mut report: impl FnMut(Word)) {
        self.sleeping.store(false, Ordering::SeqCst);
        if self.pending.swap(false, Ordering::SeqCst) {
            self.words.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(&mut report);
        }
    }
}
