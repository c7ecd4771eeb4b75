//! Ready queue and coroutine states.
//!
//! Pure: it knows neither stacks nor sockets. The machine asks it who runs next and tells it who parked;
//! whatever wakes a coroutine (readiness, a timer, a message, a cancellation) comes in through [`Scheduler::wake`]
//! or [`Scheduler::cancel`]. A wake-up names the *wait* it is for, so that one meant for an earlier wait is ignored.

use std::collections::VecDeque;

/// Names one coroutine of one machine; a number is used again only with another generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CoId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl std::fmt::Display for CoId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

/// Names one wait of one coroutine; stale as soon as that wait is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitId {
    pub(crate) index: u32,
    pub(crate) wait: u32,
}

/// Why a parked coroutine runs again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wake {
    /// Something it waits for may have happened: look again.
    Ready,
    /// Its deadline passed first.
    Deadline,
    /// It was cancelled.
    Cancelled,
}

/// In which order ready coroutines run.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// First come, first served: what a running program uses.
    Fifo,
    /// Any of the ready ones, drawn from this state: what tests use to find orders nobody thought of.
    Seeded(u64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// No coroutine here. Left by `spawn`.
    Free,
    /// In the ready queue with this cause. Left by `next`.
    Ready(Wake),
    /// The one that runs now. Left by `park`, `yield_now`, `finish`.
    Running,
    /// Waits. Left by `wake` with the current wait, and by `cancel`.
    Parked,
}

#[derive(Debug)]
struct Entry {
    generation: u32,
    wait: u32,
    state: State,
    cancel_asked: bool,
    joiner: Option<WaitId>,
}

/// Ready queue and states of the coroutines of one machine.
#[derive(Debug)]
pub(crate) struct Scheduler {
    entries: Vec<Entry>,
    free: Vec<u32>,
    ready: VecDeque<u32>,
    yielded: VecDeque<u32>,
    order: Order,
}

impl Scheduler {
    /// An empty scheduler.
    pub(crate) fn new(order: Order) -> Scheduler {
        Scheduler {
            entries: Vec::new(),
            free: Vec::new(),
            ready: VecDeque::new(),
            yielded: VecDeque::new(),
            order,
        }
    }

    /// Adds a coroutine at the end of the ready queue.
    pub(crate) fn spawn(&mut self) -> CoId {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 coroutines");
                self.entries.push(Entry {
                    generation: 0,
                    wait: 0,
                    state: State::Free,
                    cancel_asked: false,
                    joiner: None,
                });
                index
            }
        };
        let entry = &mut self.entries[index as usize];
        assert_eq!(entry.state, State::Free, "a free slot holds no coroutine");
        entry.state = State::Ready(Wake::Ready);
        entry.cancel_asked = false;
        self.ready.push_back(index);
        CoId { index, generation: entry.generation }
    }

    /// Takes the next coroutine to run, with why it runs. `None`: everyone waits or has given way.
    pub(crate) fn next(&mut self) -> Option<(CoId, Wake)> {
        let index = match &mut self.order {
            Order::Fifo => self.ready.pop_front()?,
            Order::Seeded(state) => {
                if self.ready.is_empty() {
                    return None;
                }
                let at = (step(state) % self.ready.len() as u64) as usize;
                self.ready.swap_remove_back(at)?
            }
        };
        let entry = &mut self.entries[index as usize];
        let State::Ready(cause) = entry.state else { unreachable!("only ready coroutines are queued") };
        entry.state = State::Running;
        Some((CoId { index, generation: entry.generation }, cause))
    }

    /// Starts a wait of the running coroutine: what it registers with is told this id. A cancellation that
    /// came while it ran ends the wait before it began (`None`).
    pub(crate) fn begin_wait(&mut self, id: CoId) -> Option<WaitId> {
        let entry = self.entry(id);
        assert_eq!(entry.state, State::Running, "only the running coroutine can wait");
        if std::mem::take(&mut entry.cancel_asked) {
            return None;
        }
        entry.wait = entry.wait.wrapping_add(1);
        entry.state = State::Parked;
        Some(WaitId { index: id.index, wait: entry.wait })
    }

    /// Wakes the coroutine if it still is in this very wait; otherwise nothing happens (`false`).
    pub(crate) fn wake(&mut self, wait: WaitId, cause: Wake) -> bool {
        let Some(entry) = self.entries.get_mut(wait.index as usize) else { return false };
        if entry.wait != wait.wait || entry.state != State::Parked {
            return false;
        }
        entry.state = State::Ready(cause);
        self.ready.push_back(wait.index);
        true
    }

    /// Lets the running coroutine run again only after the next look at the outside world.
    pub(crate) fn give_way(&mut self, id: CoId) {
        let entry = self.entry(id);
        assert_eq!(entry.state, State::Running, "only the running coroutine can give way");
        entry.state = State::Ready(Wake::Ready);
        self.yielded.push_back(id.index);
    }

    /// Makes those that gave way ready again: called once per turn, after the outside world was looked at.
    pub(crate) fn readmit(&mut self) {
        self.ready.append(&mut self.yielded);
    }

    /// Asks a coroutine to stop: its current wait, or else its next one, ends as cancelled. Delivered once, so
    /// that clean-up may wait. `false`: it has ended.
    pub(crate) fn cancel(&mut self, id: CoId) -> bool {
        let Some(entry) = self.entries.get_mut(id.index as usize) else { return false };
        if entry.generation != id.generation || entry.state == State::Free {
            return false;
        }
        if entry.state == State::Parked {
            entry.state = State::Ready(Wake::Cancelled);
            self.ready.push_back(id.index);
        } else {
            entry.cancel_asked = true;
        }
        true
    }

    /// Whether a cancellation waits for the running coroutine's next wait; it is delivered by this call.
    pub(crate) fn take_cancel(&mut self, id: CoId) -> bool {
        std::mem::take(&mut self.entry(id).cancel_asked)
    }

    /// A number that depends on the seed alone; `None`: nothing is random here.
    pub(crate) fn draw(&mut self) -> Option<u64> {
        match &mut self.order {
            Order::Fifo => None,
            Order::Seeded(state) => Some(step(state)),
        }
    }

    /// The running coroutine has ended; whoever joined it becomes ready.
    pub(crate) fn finish(&mut self, id: CoId) {
        let entry = self.entry(id);
        assert_eq!(entry.state, State::Running, "only the running coroutine can end");
        entry.state = State::Free;
        entry.generation = entry.generation.wrapping_add(1);
        // A wait registered by the ended coroutine must not match a wait of the next one in this slot.
        entry.wait = entry.wait.wrapping_add(1);
        let joiner = entry.joiner.take();
        self.free.push(id.index);
        if let Some(wait) = joiner {
            self.wake(wait, Wake::Ready);
        }
    }

    /// Registers who is woken when `id` ends; `false`: it already has.
    pub(crate) fn join(&mut self, id: CoId, wait: WaitId) -> bool {
        match self.entries.get_mut(id.index as usize) {
            Some(entry) if entry.generation == id.generation && entry.state != State::Free => {
                entry.joiner = Some(wait);
                true
            }
            _ => false,
        }
    }

    /// Whether `id` has not ended.
    pub(crate) fn is_alive(&self, id: CoId) -> bool {
        self.entries
            .get(id.index as usize)
            .is_some_and(|entry| entry.generation == id.generation && entry.state != State::Free)
    }

    /// Whether anybody could run now or after the next look at the outside world.
    pub(crate) fn has_work(&self) -> bool {
        !self.ready.is_empty() || !self.yielded.is_empty()
    }

    /// Coroutines that have not ended.
    pub(crate) fn alive(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    fn entry(&mut self, id: CoId) -> &mut Entry {
        let entry = &mut self.entries[id.index as usize];
        assert_eq!(entry.generation, id.generation, "an ended coroutine does nothing");
        entry
    }
}

/// One step of the splitmix64 generator.
pub(crate) fn step(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_first_come_first_served() {
        let mut sched = Scheduler::new(Order::Fifo);
        let ids: Vec<CoId> = (0..3).map(|_| sched.spawn()).collect();
        for want in ids {
            let (got, cause) = sched.next().expect("one is ready");
            assert_eq!((got, cause), (want, Wake::Ready));
            sched.finish(got);
        }
        assert!(sched.next().is_none());
        assert_eq!(sched.alive(), 0);
    }

    #[test]
    fn a_wake_up_for_an_earlier_wait_is_ignored() {
        let mut sched = Scheduler::new(Order::Fifo);
        let id = sched.spawn();
        sched.next();
        let first = sched.begin_wait(id).expect("not cancelled");
        assert!(sched.wake(first, Wake::Ready));
        assert!(!sched.wake(first, Wake::Ready), "already ready");
        sched.next();
        let second = sched.begin_wait(id).expect("not cancelled");
        assert!(!sched.wake(first, Wake::Deadline), "stale");
        assert!(sched.wake(second, Wake::Deadline));
        assert_eq!(sched.next(), Some((id, Wake::Deadline)));
    }

    #[test]
    fn a_slot_used_again_ignores_what_was_meant_for_its_last_owner() {
        let mut sched = Scheduler::new(Order::Fifo);
        let old = sched.spawn();
        sched.next();
        let stale = sched.begin_wait(old).expect("not cancelled");
        sched.cancel(old);
        sched.next();
        sched.finish(old);
        let new = sched.spawn();
        assert_eq!(old.index, new.index);
        sched.next();
        sched.begin_wait(new).expect("not cancelled");
        assert!(!sched.wake(stale, Wake::Ready));
        assert!(!sched.cancel(old));
        assert!(sched.is_alive(new) && !sched.is_alive(old));
    }

    #[test]
    fn a_cancellation_is_delivered_once_to_this_or_the_next_wait() {
        let mut sched = Scheduler::new(Order::Fifo);
        let id = sched.spawn();
        assert!(sched.cancel(id), "before it ran");
        sched.next();
        assert!(sched.begin_wait(id).is_none(), "the next wait ends at once");
        sched.begin_wait(id).expect("clean-up may wait");
        assert!(sched.cancel(id), "while parked");
        assert_eq!(sched.next(), Some((id, Wake::Cancelled)));
        sched.finish(id);
        assert!(!sched.cancel(id));
    }

    #[test]
    fn who_gave_way_runs_after_the_others() {
        let mut sched = Scheduler::new(Order::Fifo);
        let (a, b) = (sched.spawn(), sched.spawn());
        sched.next();
        sched.give_way(a);
        assert_eq!(sched.next().map(|(id, _)| id), Some(b));
        sched.finish(b);
        assert!(sched.next().is_none(), "not before the outside world was looked at");
        assert!(sched.has_work());
        sched.readmit();
        assert_eq!(sched.next().map(|(id, _)| id), Some(a));
    }

    #[test]
    fn a_seed_decides_the_order() {
        let order = |seed| {
            let mut sched = Scheduler::new(Order::Seeded(seed));
            (0..16).for_each(|_| {
                sched.spawn();
            });
            let mut seen = Vec::new();
            while let Some((id, _)) = sched.next() {
                seen.push(id.index);
                sched.finish(id);
            }
            seen
        };
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        let mut all = order(3);
        all.sort_unstable();
        assert_eq!(all, (0..16).collect::<Vec<_>>());
    }
}
