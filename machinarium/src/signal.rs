//! Signals as messages.
//!
//! A signal is blocked in every thread and read from a descriptor by one coroutine, so that no code ever runs in
//! a signal handler. Blocking is inherited by new threads: [`block`] is the first thing `main` does.

use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::IoError;
use crate::machine::Machine;
use crate::reactor::{Side, SourceId, Waiter};
use mio::Interest;
use mio::unix::SourceFd;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::rc::Rc;

/// A signal that a program may want to be told of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Signal {
    /// SIGHUP.
    Hangup,
    /// SIGINT.
    Interrupt,
    /// SIGQUIT.
    Quit,
    /// SIGTERM.
    Terminate,
    /// SIGUSR1.
    User1,
    /// SIGUSR2.
    User2,
    /// SIGCHLD.
    Child,
}

impl Signal {
    const ALL: [Signal; 7] = [
        Signal::Hangup,
        Signal::Interrupt,
        Signal::Quit,
        Signal::Terminate,
        Signal::User1,
        Signal::User2,
        Signal::Child,
    ];

    /// Its number on this system.
    pub fn number(self) -> i32 {
        match self {
            Signal::Hangup => libc::SIGHUP,
            Signal::Interrupt => libc::SIGINT,
            Signal::Quit => libc::SIGQUIT,
            Signal::Terminate => libc::SIGTERM,
            Signal::User1 => libc::SIGUSR1,
            Signal::User2 => libc::SIGUSR2,
            Signal::Child => libc::SIGCHLD,
        }
    }
}

/// Blocks these signals in this thread and those it starts from now on, and ignores SIGPIPE in the process.
/// Called before any other thread is started.
///
/// # Errors
/// The kernel's.
pub fn block(signals: &[Signal]) -> io::Result<()> {
    let set = set_of(signals);
    // SAFETY: SIG_IGN is a valid disposition of SIGPIPE; no handler is installed.
    if unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `set` is an initialised signal set that outlives the call; the old mask is not asked for.
    match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Blocked signals of the process, read on one machine.
pub struct Signals {
    machine: Rc<Machine>,
    source: SourceId,
    descriptor: File,
    read: VecDeque<Signal>,
}

/// Reads these signals, which [`block`] has blocked, on this machine.
///
/// # Errors
/// The kernel's: no descriptor, or it could not be watched.
pub fn watch(machine: &Rc<Machine>, signals: &[Signal]) -> io::Result<Signals> {
    let set = set_of(signals);
    // SAFETY: `set` is an initialised signal set that outlives the call; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: fd >= 0 was just returned to us and nobody else holds it.
    let descriptor = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let source = machine.sources.borrow_mut().add(false, false);
    let registered = machine.driver().registry().and_then(|registry| {
        registry.register(&mut SourceFd(&descriptor.as_raw_fd()), source.token(), Interest::READABLE)
    });
    if let Err(error) = registered {
        machine.sources.borrow_mut().remove(source);
        return Err(error);
    }
    Ok(Signals { machine: Rc::clone(machine), source, descriptor, read: VecDeque::new() })
}

impl Signals {
    /// The next signal, parking until there is one. The kernel merges equal signals that nobody has read yet.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`, `Os`.
    pub fn next(&mut self, co: &Co, by: Deadline) -> Result<Signal, IoError> {
        loop {
            if let Some(signal) = self.read.pop_front() {
                return Ok(signal);
            }
            if self.machine.sources.borrow().is_ready(self.source, Side::Read) {
                self.drain()?;
                continue;
            }
            let watch = |waiter| self.machine.sources.borrow_mut().watch(self.source, Side::Read, waiter);
            co.park(by, |wait| watch(Waiter::Coroutine(wait)), || watch(Waiter::Nobody))?;
        }
    }

    /// One read of the descriptor.
    fn drain(&mut self) -> Result<(), IoError> {
        const RECORD: usize = size_of::<libc::signalfd_siginfo>();
        let mut records = [0; RECORD * 8];
        match (&self.descriptor).read(&mut records) {
            Ok(n) => {
                for record in records[..n].chunks_exact(RECORD) {
                    // The first field is the signal's number, four bytes; see signalfd(2).
                    let number = record.first_chunk().map(|number| u32::from_ne_bytes(*number));
                    let known =
                        Signal::ALL.into_iter().find(|one| number == u32::try_from(one.number()).ok());
                    self.read.extend(known);
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.machine.sources.borrow_mut().blocked(self.source, Side::Read);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(IoError::Os(error)),
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.machine.sources.borrow_mut().remove(self.source);
    }
}

fn set_of(signals: &[Signal]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set it is given, which is ours.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: sigemptyset has just initialised it.
    let mut set = unsafe { set.assume_init() };
    for signal in signals {
        // SAFETY: the set is initialised, and every `Signal` has a valid number.
        unsafe { libc::sigaddset(&raw mut set, signal.number()) };
    }
    set
}
