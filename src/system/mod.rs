//! The system machine: owns signals, listeners, the router and the console, and starts the workers.

pub mod census;
pub mod console;
pub mod listen;
pub mod reload;

use crate::log::{self, LogHandle, Who, log_error, log_info};
use crate::router::service::Service;
use crate::router::{RouterHandle, ToWorker, Visitor, WorkerId};
use crate::rules::Rules;
use crate::rules::source::Source;
use crate::worker::context::{Facilities, Shared};
use crate::worker::sleepers::Dispatcher;
use crate::worker::{Worker, inbox};
use census::Census;
use console::Desk;
use listen::{Bound, Rota};
use machinarium::channel::{self, Receiver, Sender, SharedSender};
use machinarium::signal::{self, Signal};
use machinarium::{Co, CoId, Deadline, IoError, Machine, MachineHandle, Spec, StackSize};
use reload::{InForce, Plan, Reloader, Request};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Signals the process answers to; blocked before the first thread starts.
pub const SIGNALS: [Signal; 4] = [Signal::Hangup, Signal::Interrupt, Signal::Terminate, Signal::User1];

/// How often a process that shuts down looks whether its workers are done.
const SHUTDOWN_LOOK: Duration = Duration::from_millis(20);

/// Exit status when clients did not leave within `graceful_shutdown_timeout_ms`.
const EXIT_SHUTDOWN_TIMEOUT: i32 = 124;

/// The workers, as the system machine sees them.
enum Workers {
    /// One, on this very machine.
    Here(CoId),
    /// On machines of their own.
    Apart(Vec<MachineHandle>),
}

impl Workers {
    fn are_done(&self, co: &Co) -> bool {
        match self {
            Workers::Here(id) => co.join(*id, Deadline::at(co.now())).is_ok(),
            Workers::Apart(handles) => handles.iter().all(MachineHandle::is_finished),
        }
    }
}

/// Why the process ends with an error.
#[derive(Debug)]
pub enum SystemFault {
    /// No listener could be bound.
    NothingBound,
    /// The system refused something the process cannot do without.
    Os(&'static str, io::Error),
}

impl std::fmt::Display for SystemFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SystemFault::NothingBound => f.write_str("failed to bind any listen address"),
            SystemFault::Os(what, error) => write!(f, "{what}: {error}"),
        }
    }
}

/// Runs the process until it is told to end and its clients have left.
///
/// # Errors
/// See [`SystemFault`].
pub fn run(co: &Co, shared: Shared, source: Source, log: &LogHandle) -> Result<(), SystemFault> {
    let rules = Arc::clone(&shared.rules);
    let offload = shared.offload.clone();
    let mut signals =
        signal::watch(co.machine(), &SIGNALS).map_err(|error| SystemFault::Os("signals", error))?;
    let bound: Vec<Rc<Bound>> = listen::bind(co, &rules).into_iter().map(Rc::new).collect();
    if bound.is_empty() {
        return Err(SystemFault::NothingBound);
    }
    if rules.config.global.log_config {
        log::config::whole(&rules.config);
    }
    let census = Rc::new(Census::new(rules.config.global.client_max));
    let (router, senders, workers, to_router) = start_workers(co, shared)?;
    let senders: Rc<[Sender<ToWorker>]> = senders.into();

    let (visitors, visiting) = channel::local(co.machine());
    let service = Service::new(Arc::clone(&rules), Rc::clone(&senders), Rc::clone(&census), visitors);
    co.spawn("router", move |co| service.run(co, to_router));
    let in_force = Rc::new(InForce::new(Arc::clone(&rules)));
    let (reloads, requests) = channel::local(co.machine());
    let desk = Desk {
        in_force: Rc::clone(&in_force),
        workers: Rc::clone(&senders),
        router: router.clone(),
        reloads: reloads.clone(),
        census: Rc::clone(&census),
        sessions: RefCell::default(),
    };
    co.spawn("console", move |co| receive_visitors(co, Rc::new(desk), visiting));
    let rota = Rc::new(Rota::new(Rc::clone(&senders)));
    let mut ending: Vec<CoId> =
        bound.iter().map(|bound| start_accepting(co, Rc::clone(bound), &rota, &census)).collect();
    let reloader = Reloader {
        in_force: Rc::clone(&in_force),
        source,
        router,
        offload,
        census: Rc::clone(&census),
        listeners: bound,
    };
    ending.push(co.spawn("reload", move |co| reloader.run(co, requests)));

    serve_signals(co, &mut signals, &in_force, &reloads, log);
    for id in ending {
        co.machine().cancel(id);
    }
    for worker in senders.iter() {
        worker.send(ToWorker::Shutdown).ok();
    }
    drain(co, &mut signals, &in_force.get(), &workers);
    Ok(())
}

fn start_accepting(co: &Co, bound: Rc<Bound>, rota: &Rc<Rota>, census: &Rc<Census>) -> CoId {
    let (rota, census) = (Rc::clone(rota), Rc::clone(census));
    co.spawn("listener", move |co| listen::accept(co, &bound, &rota, &census))
}

fn receive_visitors(co: &Co, desk: Rc<Desk>, mut visiting: Receiver<Visitor>) {
    while let Ok(visitor) = visiting.recv(co, Deadline::never("the console lives as long as the router")) {
        let desk = Rc::clone(&desk);
        co.spawn("console session", move |co| console::serve(co, &desk, visitor));
    }
}

/// Answers signals until one says that the process shall end.
fn serve_signals(
    co: &Co,
    signals: &mut signal::Signals,
    in_force: &InForce,
    reloads: &Sender<Request>,
    log: &LogHandle,
) {
    let who = Who::default();
    loop {
        match signals.next(co, Deadline::never("a process lives until it is told to end")) {
            Ok(Signal::Terminate | Signal::Interrupt) => {
                log_info!(&who, "system", "termination signal received, shutting down");
                if in_force.get().config.global.max_sigterms_to_die <= 1 {
                    std::process::exit(1);
                }
                return;
            }
            Ok(Signal::Hangup) => {
                log_info!(&who, "system", "SIGHUP received");
                // The one who reloads lives as long as signals are read.
                reloads.send(Request { plan: Plan::Apply, reply: None }).ok();
            }
            Ok(Signal::User1) => {
                log_info!(&who, "system", "SIGUSR1 received, reopening log");
                if log.reopen().is_err() {
                    log_error!(&who, "system", "the log could not be told to reopen");
                }
            }
            Ok(_) => {}
            Err(error) => {
                log_error!(&who, "system", "signals can no longer be read, shutting down: {error}");
                return;
            }
        }
    }
}

/// Waits until the last client has left; ends the process when it takes too long or is told so again.
fn drain(co: &Co, signals: &mut signal::Signals, rules: &Rules, workers: &Workers) {
    let global = &rules.config.global;
    let end =
        Deadline::maybe(co.now(), global.graceful_shutdown_timeout, "the operator switched the limit off");
    let mut asked = 1;
    while !workers.are_done(co) {
        if end.has_passed(co.now()) {
            std::process::exit(EXIT_SHUTDOWN_TIMEOUT);
        }
        match signals.next(co, Deadline::after(co.now(), SHUTDOWN_LOOK)) {
            Ok(Signal::Terminate | Signal::Interrupt) => {
                asked += 1;
                if asked >= global.max_sigterms_to_die {
                    std::process::exit(1);
                }
            }
            Ok(_) | Err(IoError::Deadline) => {}
            Err(_) => return,
        }
    }
}

type Started = (RouterHandle, Vec<Sender<ToWorker>>, Workers, Receiver<crate::router::ToRouter>);

/// Starts the workers: one as coroutines of this machine, or each on a machine of its own.
fn start_workers(co: &Co, shared: Shared) -> Result<Started, SystemFault> {
    let global = &shared.rules.config.global;
    let count = global.workers.count();
    if count == 1 {
        let (to_router, router_inbox) = channel::local(co.machine());
        let (to_worker, worker_inbox) = channel::local(co.machine());
        let router = RouterHandle::new(to_router);
        let worker = Worker::new(WorkerId(0), co.machine(), router.clone(), Facilities::new(shared));
        co.machine().set_host(Rc::new(Dispatcher(Rc::downgrade(&worker))));
        let id = co.spawn("worker", move |co| inbox::run(co, &worker, worker_inbox));
        return Ok((router, vec![to_worker], Workers::Here(id), router_inbox));
    }
    let (to_router, router_inbox) = channel::shared(co.machine());
    let (mut senders, mut handles) = (Vec::new(), Vec::new());
    for index in 0..count {
        let id = WorkerId(u16::try_from(index).unwrap_or(u16::MAX));
        let (sender, handle) = start_worker(id, to_router.clone(), shared.clone())
            .map_err(|error| SystemFault::Os("a worker could not be started", error))?;
        senders.push(sender.into());
        handles.push(handle);
    }
    Ok((RouterHandle::new(to_router.into()), senders, Workers::Apart(handles), router_inbox))
}

/// Starts one worker on a machine of its own, and waits until it can be spoken to.
fn start_worker(
    id: WorkerId,
    router: SharedSender<crate::router::ToRouter>,
    shared: Shared,
) -> io::Result<(SharedSender<ToWorker>, MachineHandle)> {
    let (hello, ready) = std::sync::mpsc::channel();
    let handle = Machine::start(spec(&format!("worker: {}", id.0), &shared.rules), move |co| {
        let (sender, inbox) = channel::shared(co.machine());
        if hello.send(sender).is_err() {
            return;
        }
        let router = RouterHandle::new(router.into());
        let worker = Worker::new(id, co.machine(), router, Facilities::new(shared));
        co.machine().set_host(Rc::new(Dispatcher(Rc::downgrade(&worker))));
        inbox::run(co, &worker, inbox);
    })?;
    let sender = ready.recv().map_err(|_| io::Error::other("the worker ended before it began"))?;
    Ok((sender, handle))
}

/// How a machine of this process is made.
pub fn spec(name: &str, rules: &Rules) -> Spec {
    let global = &rules.config.global;
    let pages = usize::try_from(global.coroutine_stack_size).unwrap_or(16).max(16);
    Spec { stack: StackSize::from_pages(pages), ..Spec::named(name) }
}
