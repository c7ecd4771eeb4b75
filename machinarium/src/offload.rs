//! A bounded pool of helper threads for calls that block or compute for long.
//!
//! A coroutine hands over a job and parks until its result comes back as a message. The queue is bounded: a full
//! one is an answer. A job that panics ends alone. Threads are started when they are first needed.

use crate::channel::oneshot;
use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::ChannelError;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Why there is no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OffloadError {
    /// As many jobs wait as may.
    Full,
    /// The deadline passed first; the job may still run, and its result is dropped.
    Deadline,
    /// The waiting coroutine was cancelled; the job may still run, and its result is dropped.
    Cancelled,
    /// The job panicked.
    Panicked,
}

impl fmt::Display for OffloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OffloadError::Full => "too many jobs wait for a helper thread",
            OffloadError::Deadline => "timed out",
            OffloadError::Cancelled => "cancelled",
            OffloadError::Panicked => "the job on a helper thread panicked",
        })
    }
}

impl std::error::Error for OffloadError {}

type Job = Box<dyn FnOnce() + Send>;

struct State {
    jobs: VecDeque<Job>,
    /// Threads started, and those of them that wait for a job.
    threads: usize,
    idle: usize,
    /// Handles left; without any, the threads end when the queue is empty.
    handles: usize,
}

struct Pool {
    state: Mutex<State>,
    changed: Condvar,
    name: String,
    threads_max: usize,
    queue_max: usize,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                if catch_unwind(AssertUnwindSafe(job)).is_err() {
                    log::error!("a job of the helper threads \"{}\" panicked", self.name);
                }
                state = self.lock();
            } else if state.handles == 0 {
                return;
            } else {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}

/// A handle of a pool of helper threads: clones share the pool, any machine may use it.
///
/// When the last handle is dropped, queued jobs are still done and then the threads end.
pub struct Offload(Arc<Pool>);

impl Offload {
    /// A pool of at most `threads` (at least one) named `name`, with at most `queue_max` jobs waiting for one.
    pub fn new(name: &str, threads: usize, queue_max: usize) -> Offload {
        let state = State { jobs: VecDeque::new(), threads: 0, idle: 0, handles: 1 };
        Offload(Arc::new(Pool {
            state: Mutex::new(state),
            changed: Condvar::new(),
            name: name.to_owned(),
            threads_max: threads.max(1),
            queue_max,
        }))
    }

    /// Runs `job` on a helper thread and parks until its result is there.
    ///
    /// # Errors
    /// `Full`: not even queued. `Deadline`, `Cancelled`: this wait is over, while the job may go on. `Panicked`.
    pub fn run<T: Send + 'static>(
        &self,
        co: &Co,
        by: Deadline,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, OffloadError> {
        let (reply, answer) = oneshot::shared(co.machine());
        self.post(move || {
            // Whoever asked has given up: so does this.
            if reply.is_wanted() {
                reply.send(job()).ok();
            }
        })?;
        answer.wait(co, by).map_err(|error| match error {
            // Only unwinding drops the reply unanswered.
            ChannelError::Closed => OffloadError::Panicked,
            ChannelError::Deadline => OffloadError::Deadline,
            ChannelError::Cancelled => OffloadError::Cancelled,
        })
    }

    /// Queues `job` for a helper thread; nobody waits for it.
    ///
    /// # Errors
    /// `Full`.
    pub fn post(&self, job: impl FnOnce() + Send + 'static) -> Result<(), OffloadError> {
        let mut state = self.0.lock();
        // A job that an idle thread is about to take does not wait.
        if state.jobs.len() >= self.0.queue_max + state.idle + (self.0.threads_max - state.threads) {
            return Err(OffloadError::Full);
        }
        state.jobs.push_back(Box::new(job));
        if state.idle < state.jobs.len() && state.threads < self.0.threads_max {
            let pool = Arc::clone(&self.0);
            match std::thread::Builder::new().name(self.0.name.clone()).spawn(move || pool.work()) {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => {
                    let unrun = state.jobs.pop_back();
                    drop(state);
                    drop(unrun);
                    log::error!("no helper thread \"{}\" could be started: {error}", self.0.name);
                    return Err(OffloadError::Full);
                }
                // Those that run will come to it.
                Err(error) => log::warn!("one helper thread \"{}\" less: {error}", self.0.name),
            }
        }
        drop(state);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl Clone for Offload {
    fn clone(&self) -> Offload {
        self.0.lock().handles += 1;
        Offload(Arc::clone(&self.0))
    }
}

impl Drop for Offload {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.handles -= 1;
        if state.handles == 0 {
            drop(state);
            self.0.changed.notify_all();
        }
    }
}
