//! Console sessions: the io around the pure [`Console`], and gathering what workers report.

use crate::base::limits::REPORT_DEADLINE;
use crate::base::slab::Slab;
use crate::cli::Build;
use crate::console::{ClientCounts, Console, Facts, Needs, Paused, Step};
use crate::log::{Who, log_error};
use crate::router::{RouterHandle, ToRouter, ToWorker, Visitor};
use crate::stats::snapshot::{ClientRow, ClientState, Report};
use crate::system::census::Census;
use crate::system::reload::{InForce, Plan, Refusal, Request};
use kiwi::frame::{self, Limits};
use machinarium::channel::{Sender, oneshot};
use machinarium::{Co, Deadline, Io};
use odyssey_config::{Change, Rule};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What console sessions may ask.
pub struct Desk {
    /// The rules in force.
    pub in_force: Rc<InForce>,
    /// Every worker.
    pub workers: Rc<[Sender<ToWorker>]>,
    /// The way to the router.
    pub router: RouterHandle,
    /// The way to who reloads.
    pub reloads: Sender<Request>,
    /// Connections.
    pub census: Rc<Census>,
    /// Console sessions now.
    pub sessions: RefCell<Slab<ClientRow>>,
}

/// A session's place in the list; given back when dropped.
struct Seat<'a> {
    desk: &'a Desk,
    slot: u64,
}

impl<'a> Seat<'a> {
    fn take(desk: &'a Desk, row: impl FnOnce(u64) -> ClientRow) -> Seat<'a> {
        Seat { desk, slot: desk.sessions.borrow_mut().insert_with(row) }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.desk.sessions.borrow_mut().remove(self.slot);
    }
}

/// Serves one console session until its client leaves.
pub fn serve(co: &Co, desk: &Desk, visitor: Visitor) {
    let Visitor { id, peer, io, route, key, surplus, user, database } = visitor;
    let who = Who {
        client: Some(id),
        user: Some(&user),
        database: Some(&database),
        peer: Some(peer),
        ..Who::default()
    };
    if let Ok(mut io) = io.attach(co) {
        let _seat = Seat::take(desk, |slot| ClientRow {
            id,
            user: Arc::clone(&user),
            database: Arc::clone(&database),
            state: ClientState::Pending,
            storage_user: None,
            peer,
            local: io.local_addr(),
            slot,
            server: None,
            tls: io.tls().is_some(),
        });
        let mut console = Console::of_rule(id, route.rule());
        converse(co, desk, &mut io, &mut console, route.rule(), surplus, &who);
    }
    desk.router.say(ToRouter::Left { key: Some(key), route: Some(route.id) });
}

fn converse(
    co: &Co,
    desk: &Desk,
    io: &mut Io,
    console: &mut Console,
    rule: &Rule,
    mut bytes: Vec<u8>,
    who: &Who<'_>,
) {
    // None: the rule it came by may be gone already.
    let mut obeyed = None;
    let by = Deadline::never("an operator may keep a session open");
    if io.write_all(co, &Console::welcome(&Build::current()), by).is_err() {
        return;
    }
    loop {
        let header = match frame::header(&bytes, &Limits::authentication()) {
            Ok(header) => header,
            Err(error) => return log_error!(who, "console", "bad console command: {error}"),
        };
        let Some(len) = header.map(|header| header.len).filter(|len| *len <= bytes.len()) else {
            let mut chunk = [0; 4096];
            match io.read(co, &mut chunk, by) {
                Ok(0) | Err(_) => return,
                Ok(n) => bytes.extend_from_slice(&chunk[..n]),
            }
            continue;
        };
        let message: Vec<u8> = bytes.drain(..len).collect();
        let rules = desk.in_force.get();
        if obeyed != Some(rules.version) {
            obeyed = Some(rules.version);
            console.obey(rules.successor(rule).map(AsRef::as_ref));
        }
        let reply = match console.message(&message) {
            Step::End => return,
            Step::Reply(reply) => reply,
            Step::Refused { reply, why } => {
                log_error!(who, "console", "{}", crate::log::Printable(&why));
                reply
            }
            Step::KillClient(id) => {
                for worker in desk.workers.iter() {
                    worker.send(ToWorker::Kill { id }).ok();
                }
                console.done()
            }
            Step::Reload => match reload(co, desk, Plan::Apply) {
                Ok(_) => console.reloaded(),
                Err(refusal) => console.not_reloaded(&refusal),
            },
            Step::Changes(tag) => match reload(co, desk, Plan::DryRun) {
                Ok(changes) => console.changes(tag, &changes),
                Err(refusal) => console.not_reloaded(&refusal),
            },
            Step::Show(show) => {
                let reports = match show.needs() {
                    Needs::Nothing => Vec::new(),
                    Needs::Reports => gather(co, desk),
                };
                let rules = desk.in_force.get();
                let facts = Facts {
                    build: &Build::current(),
                    config: &rules.config,
                    reports: &reports,
                    paused: Paused::No,
                    clients: ClientCounts { connected: u64::from(desk.census.connected()), routing: 0 },
                };
                console.show(show, &facts)
            }
        };
        if io.write_all(co, &reply, by).is_err() {
            return;
        }
    }
}

/// Asks for a reload, and waits for what comes of it.
fn reload(co: &Co, desk: &Desk, plan: Plan) -> Result<Vec<Change>, Refusal> {
    let (reply, answer) = oneshot::local(co.machine());
    desk.reloads.send(Request { plan, reply: Some(reply) }).ok();
    let by = Deadline::never("whoever reloads answers, or is gone");
    answer.wait(co, by).unwrap_or_else(|_| Err(vec!["the process is ending".to_owned()]))
}

/// Asks every worker at once, and waits for all within one deadline. One that does not answer is left out.
fn gather(co: &Co, desk: &Desk) -> Vec<Report> {
    let by = Deadline::after(co.now(), REPORT_DEADLINE);
    let asked: Vec<_> = desk
        .workers
        .iter()
        .map(|worker| {
            let (reply, answer) = oneshot::shared(co.machine());
            worker.send(ToWorker::Report { reply }).ok();
            answer
        })
        .collect();
    let mut reports: Vec<Report> = asked.into_iter().filter_map(|answer| answer.wait(co, by).ok()).collect();
    let clients = desk.sessions.borrow().iter().map(|(_, row)| row.clone()).collect();
    reports.push(Report { clients, ..Report::default() });
    reports
}
