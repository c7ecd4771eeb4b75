//! A machine: one thread, one look at the outside world per turn, one scheduler, its coroutines and timers.

use crate::coroutine::Co;
use crate::coroutine::stack::{StackCache, StackSize};
use crate::coroutine::switch::{Resumed, Suspended};
use crate::driver::{Driver, Looked, WAKER};
use crate::io::buffer::ScratchPool;
use crate::reactor::{HostKey, Sources, Told};
use crate::remote::{Remote, Word};
use crate::sched::core::{CoId, Order, Scheduler, WaitId, Wake};
use crate::sched::timers::{TimerId, Timers};
use std::any::Any;
use std::cell::{Cell, RefCell, RefMut};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Resumes between two looks at the outside world, at most.
const RESUMES_PER_TURN: usize = 1024;

/// How often free stacks and buffers that nobody needed meanwhile are given back to the system.
const TRIM_EVERY: Duration = Duration::from_secs(1);

/// Rounds of unwinding at the end: a destructor that spawns whose destructor spawns, and so on.
const UNWIND_ROUNDS: usize = 16;

/// What a machine is made with.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Name of the thread, at most 15 bytes of it visible.
    pub name: String,
    /// Size of each coroutine's stack.
    pub stack: StackSize,
    /// Free stacks kept for reuse.
    pub stacks_kept: usize,
}

impl Spec {
    /// A machine of this name with 64 KiB stacks.
    pub fn named(name: &str) -> Spec {
        Spec { name: name.to_owned(), stack: StackSize::from_pages(16), stacks_kept: 128 }
    }
}

/// Why a sleeper without a stack is woken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rouse {
    /// Its socket has bytes, an end or an error to read.
    Readable,
    /// Its deadline passed.
    Deadline,
}

/// Owner of sleepers: things that wait for a socket or a deadline without holding a coroutine or a stack.
///
/// An idle client is one. The host is told the key that it gave, and usually spawns a coroutine.
pub trait Host {
    /// The sleeper `key` has to be looked at. Called between coroutines, on the machine's thread.
    fn rouse(&self, machine: &Rc<Machine>, key: HostKey, why: Rouse);
}

#[derive(Clone, Copy)]
enum TimerTarget {
    Wait(WaitId),
    Host(HostKey),
}

/// A deadline of a sleeper, to be cancelled when it wakes for another reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostTimer(TimerId);

struct Named {
    name: &'static str,
    suspended: Option<Suspended>,
}

/// One machine, seen from its own thread.
pub struct Machine {
    sched: RefCell<Scheduler>,
    coroutines: RefCell<Vec<Named>>,
    stacks: RefCell<StackCache>,
    timers: RefCell<Timers<TimerTarget>>,
    driver: RefCell<Driver>,
    pub(crate) sources: RefCell<Sources>,
    pub(crate) scratch: ScratchPool,
    remote: Arc<Remote>,
    host: RefCell<Option<Rc<dyn Host>>>,
    roused: RefCell<Vec<(HostKey, Rouse)>>,
    started: Instant,
    now: Cell<Instant>,
    panics: Cell<u64>,
    turns: Cell<u64>,
    trimmed: Cell<Instant>,
    /// The first coroutine has ended: what is left is being unwound, and nothing parks any more.
    ending: Cell<bool>,
}

/// A machine on a thread of its own, seen from another.
pub struct MachineHandle {
    thread: std::thread::JoinHandle<()>,
}

impl MachineHandle {
    /// Waits for the machine's end; `Err` carries the payload of a panic of its first coroutine.
    pub fn join(self) -> std::thread::Result<()> {
        self.thread.join()
    }

    /// Whether its thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

impl Machine {
    /// Starts a machine on a new thread; it ends when `body` returns.
    ///
    /// # Errors
    /// No thread could be started. Without a poll instance the thread panics, which `join` reports.
    pub fn start(spec: Spec, body: impl FnOnce(&Co) + Send + 'static) -> io::Result<MachineHandle> {
        let thread = std::thread::Builder::new()
            .name(spec.name.clone())
            .spawn(move || Machine::run_here(&spec, body).expect("a machine can poll"))?;
        Ok(MachineHandle { thread })
    }

    /// Runs a machine on this thread until `body` returns. A panic of `body` goes on from here.
    ///
    /// # Errors
    /// The poll instance or the first stack could not be made.
    pub fn run_here(spec: &Spec, body: impl FnOnce(&Co) + 'static) -> io::Result<()> {
        let (driver, waker) = Driver::kernel()?;
        let now = Instant::now();
        Machine::run(spec, driver, Remote::new(Some(waker)), Order::Fifo, now, body)
    }

    /// Runs `body` on a virtual clock, ready coroutines in an order drawn from `seed`: time stands still while
    /// anybody can run and jumps to the next timer when nobody can. A panic of `body` goes on from here.
    ///
    /// # Errors
    /// `body` waits for something that can never happen.
    pub fn simulate(seed: u64, body: impl FnOnce(&Co) + 'static) -> io::Result<()> {
        let now = Instant::now();
        let spec = Spec { stack: StackSize::from_pages(64), ..Spec::named("simulation") };
        Machine::run(&spec, Driver::Virtual { now }, Remote::new(None), Order::Seeded(seed), now, body)
    }

    fn run(
        spec: &Spec,
        driver: Driver,
        remote: Arc<Remote>,
        order: Order,
        now: Instant,
        body: impl FnOnce(&Co) + 'static,
    ) -> io::Result<()> {
        let machine = Rc::new(Machine {
            sched: RefCell::new(Scheduler::new(order)),
            coroutines: RefCell::new(Vec::new()),
            stacks: RefCell::new(StackCache::new(spec.stack, spec.stacks_kept)),
            timers: RefCell::new(Timers::new()),
            driver: RefCell::new(driver),
            sources: RefCell::new(Sources::default()),
            scratch: ScratchPool::default(),
            remote,
            host: RefCell::new(None),
            roused: RefCell::new(Vec::new()),
            started: now,
            now: Cell::new(now),
            panics: Cell::new(0),
            turns: Cell::new(0),
            trimmed: Cell::new(now),
            ending: Cell::new(false),
        });
        let main = machine.try_spawn("main", body)?;
        let ended = machine.turns(main);
        machine.unwind();
        match ended? {
            None => Ok(()),
            Some(payload) => std::panic::resume_unwind(payload),
        }
    }

    /// Unwinds what is left when the first coroutine has ended. Destructors may still use the machine, and even
    /// spawn: what they start is dropped as well, some rounds long.
    fn unwind(&self) {
        self.ending.set(true);
        drop(self.host.take());
        for _ in 0..UNWIND_ROUNDS {
            let left: Vec<Named> = self.coroutines.take();
            if left.is_empty() {
                return;
            }
            for named in left {
                if let Some(suspended) = named.suspended
                    && let Err(payload) = suspended.unwind()
                {
                    self.panics.set(self.panics.get() + 1);
                    log::error!(
                        "coroutine {} panicked at its end: {}",
                        named.name,
                        panic_text(payload.as_ref())
                    );
                }
            }
        }
    }

    /// Turns of the loop until the coroutine `main` has ended; `Some` is the payload of its panic.
    fn turns(self: &Rc<Self>, main: CoId) -> io::Result<Option<Box<dyn Any + Send>>> {
        let mut heard = false;
        loop {
            self.turns.set(self.turns.get() + 1);
            if let Some(payload) = self.run_ready(main) {
                return Ok(Some(payload));
            }
            if !self.sched().is_alive(main) {
                return Ok(None);
            }
            // What other threads (or replies of this one) said is heard without a system call; but not twice in a
            // row, or sockets would never be looked at.
            heard = !heard && self.remote.has_words();
            if heard {
                self.hear();
                continue;
            }
            self.look()?;
            self.expire();
            self.sched().readmit();
            self.rouse();
        }
    }

    /// Runs who is ready; `Some` is the payload of `main`'s panic.
    fn run_ready(self: &Rc<Self>, main: CoId) -> Option<Box<dyn Any + Send>> {
        for _ in 0..RESUMES_PER_TURN {
            let (id, wake) = self.sched().next()?;
            let suspended = self.coroutines.borrow_mut()[id.index as usize].suspended.take();
            let suspended = suspended.expect("a ready coroutine is suspended");
            match suspended.resume(wake) {
                Resumed::Suspended(suspended) => {
                    self.coroutines.borrow_mut()[id.index as usize].suspended = Some(suspended);
                }
                Resumed::Ended(stack) => {
                    self.stacks.borrow_mut().give(stack);
                    self.sched().finish(id);
                }
                Resumed::Panicked(stack, payload) => {
                    self.stacks.borrow_mut().give(stack);
                    self.sched().finish(id);
                    self.panics.set(self.panics.get() + 1);
                    let name = self.coroutines.borrow()[id.index as usize].name;
                    log::error!("coroutine {id} ({name}) panicked: {}", panic_text(payload.as_ref()));
                    if id == main {
                        return Some(payload);
                    }
                }
            }
        }
        None
    }

    /// Passes on what other threads said, without looking at the outside world.
    fn hear(&self) {
        let (mut sched, mut sources) = (self.sched.borrow_mut(), self.sources.borrow_mut());
        let mut roused = self.roused.borrow_mut();
        self.remote.awake(|word| pass_on(word, &mut sched, &mut sources, &mut roused));
    }

    /// One look at the outside world: waits only when nobody can run and nobody else's message is pending.
    fn look(self: &Rc<Self>) -> io::Result<()> {
        let timeout = if self.sched().has_work() || !self.remote.may_sleep() {
            Some(Duration::ZERO)
        } else {
            self.sleep_time()
        };
        let mut roused = self.roused.borrow_mut();
        let mut sched = self.sched.borrow_mut();
        let mut sources = self.sources.borrow_mut();
        let (now, looked) = self.driver.borrow_mut().look(timeout, |event| {
            if event.token() == WAKER {
                return;
            }
            sources.event(event, |told| match told {
                Told::Coroutine(wait) => {
                    sched.wake(wait, Wake::Ready);
                }
                Told::Host(key) => roused.push((key, Rouse::Readable)),
            });
        })?;
        self.now.set(now);
        self.remote.awake(|word| pass_on(word, &mut sched, &mut sources, &mut roused));
        if now.saturating_duration_since(self.trimmed.get()) >= TRIM_EVERY {
            self.trimmed.set(now);
            self.stacks.borrow_mut().trim();
            self.scratch.trim();
            sources.trim();
        }
        if matches!(looked, Looked::Dead) && !sched.has_work() && roused.is_empty() {
            return Err(io::Error::other("every coroutine waits for something that cannot happen"));
        }
        Ok(())
    }

    /// How long nothing has to be done; `None`: until an event.
    fn sleep_time(&self) -> Option<Duration> {
        let driver = self.driver.borrow();
        let next = self.timers.borrow().next_ms().map(|at_ms| self.started + Duration::from_millis(at_ms));
        // What a burst left behind is given back even if nothing happens any more.
        let trim = driver.is_real() && (self.stacks.borrow().has_spare() || self.scratch.has_spare());
        let trim = trim.then(|| self.trimmed.get() + TRIM_EVERY);
        let next = match (next, trim) {
            (Some(next), Some(trim)) => next.min(trim),
            (next, trim) => next.or(trim)?,
        };
        // The clock is read again: those who just ran took their time.
        Some(next.saturating_duration_since(driver.clock()))
    }

    fn expire(&self) {
        let now_ms = u64::try_from(self.now().duration_since(self.started).as_millis()).unwrap_or(u64::MAX);
        let mut timers = self.timers.borrow_mut();
        while let Some(target) = timers.expire(now_ms) {
            match target {
                TimerTarget::Wait(wait) => {
                    self.sched().wake(wait, Wake::Deadline);
                }
                TimerTarget::Host(key) => self.roused.borrow_mut().push((key, Rouse::Deadline)),
            }
        }
    }

    fn rouse(self: &Rc<Self>) {
        if self.roused.borrow().is_empty() {
            return;
        }
        let mut roused = self.roused.take();
        let host = self.host.borrow().clone();
        for (key, why) in roused.drain(..) {
            if let Some(host) = &host {
                host.rouse(self, key, why);
            }
        }
        // Keep the capacity: rousing allocates nothing once it has grown.
        if self.roused.borrow().is_empty() {
            self.roused.replace(roused);
        }
    }

    /// Starts a coroutine at the end of the ready queue. `name` says what it is in panics and lists.
    ///
    /// # Panics
    /// No memory for a stack could be mapped; see [`Machine::try_spawn`].
    pub fn spawn(self: &Rc<Self>, name: &'static str, body: impl FnOnce(&Co) + 'static) -> CoId {
        self.try_spawn(name, body).expect("memory for a coroutine's stack")
    }

    /// Starts a coroutine at the end of the ready queue.
    ///
    /// # Errors
    /// No memory for a stack could be mapped.
    pub fn try_spawn(
        self: &Rc<Self>,
        name: &'static str,
        body: impl FnOnce(&Co) + 'static,
    ) -> io::Result<CoId> {
        let stack = self.stacks.borrow_mut().take()?;
        let id = self.sched().spawn();
        let machine = Rc::clone(self);
        let suspended = Some(Suspended::new(stack, move |parker| body(&Co::new(machine, id, parker))));
        let mut coroutines = self.coroutines.borrow_mut();
        let index = id.index as usize;
        while coroutines.len() <= index {
            coroutines.push(Named { name, suspended: None });
        }
        coroutines[index] = Named { name, suspended };
        Ok(id)
    }

    /// Asks a coroutine of this machine to stop: its wait, or else its next one, ends as `Cancelled`, once.
    /// `false`: it has ended.
    pub fn cancel(&self, id: CoId) -> bool {
        self.sched().cancel(id)
    }

    /// The time, read once per loop turn.
    pub fn now(&self) -> Instant {
        self.now.get()
    }

    /// Names who is told about sleepers; one per machine.
    pub fn set_host(&self, host: Rc<dyn Host>) {
        self.host.replace(Some(host));
    }

    /// Wakes the sleeper `key` at `moment`.
    pub fn set_host_timer(&self, moment: Instant, key: HostKey) -> HostTimer {
        HostTimer(self.timers.borrow_mut().set(self.timer_ms(moment), TimerTarget::Host(key)))
    }

    /// Takes a sleeper's deadline back; one that has fired is ignored.
    pub fn cancel_host_timer(&self, timer: HostTimer) {
        self.timers.borrow_mut().cancel(timer.0);
    }

    /// How many coroutines have not ended, `main` included.
    pub fn alive(&self) -> usize {
        self.sched().alive()
    }

    /// Coroutines that have not ended, by name, in no order. The running one is not among them.
    pub fn coroutines(&self) -> Vec<&'static str> {
        let coroutines = self.coroutines.borrow();
        coroutines.iter().filter(|named| named.suspended.is_some()).map(|named| named.name).collect()
    }

    /// Coroutines that panicked since the machine started.
    pub fn panics(&self) -> u64 {
        self.panics.get()
    }

    /// Free stacks kept for reuse now.
    pub fn stacks_free(&self) -> usize {
        self.stacks.borrow().free()
    }

    /// Turns of the loop since the machine started.
    pub fn turn_count(&self) -> u64 {
        self.turns.get()
    }

    pub(crate) fn sched(&self) -> RefMut<'_, Scheduler> {
        self.sched.borrow_mut()
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.get()
    }

    /// A number that depends on a simulation's seed alone; `None` on a real machine.
    pub(crate) fn draw(&self) -> Option<u64> {
        self.sched().draw()
    }

    pub(crate) fn remote(&self) -> &Arc<Remote> {
        &self.remote
    }

    pub(crate) fn driver(&self) -> std::cell::Ref<'_, Driver> {
        self.driver.borrow()
    }

    pub(crate) fn set_wait_timer(&self, moment: Instant, wait: WaitId) -> TimerId {
        self.timers.borrow_mut().set(self.timer_ms(moment), TimerTarget::Wait(wait))
    }

    pub(crate) fn cancel_timer(&self, timer: TimerId) {
        self.timers.borrow_mut().cancel(timer);
    }

    /// The first whole millisecond at or after `moment`: a timer never fires early.
    fn timer_ms(&self, moment: Instant) -> u64 {
        let micros = moment.saturating_duration_since(self.started).as_micros();
        u64::try_from(micros.div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

/// Does what another thread asked for.
fn pass_on(word: Word, sched: &mut Scheduler, sources: &mut Sources, roused: &mut Vec<(HostKey, Rouse)>) {
    match word {
        Word::Wake(wait) => {
            sched.wake(wait, Wake::Ready);
        }
        Word::Latch(source, edges) => sources.latch(source, edges, |told| match told {
            Told::Coroutine(wait) => {
                sched.wake(wait, Wake::Ready);
            }
            Told::Host(key) => roused.push((key, Rouse::Readable)),
        }),
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text")
}
