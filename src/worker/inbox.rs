//! What a worker does with the messages it gets, and its housekeeping.

use crate::base::limits::CRON_PERIOD;
use crate::client::Client;
use crate::client::fault::Fault;
use crate::client::open::{self, Arrival};
use crate::log::{Who, log_error};
use crate::router::{Hears, ToRouter, ToWorker};
use crate::rules::PoolId;
use crate::stats::snapshot::{ClientRow, ClientState, Report, ServerRow, ServerState};
use crate::worker::{ClientCard, Rest, Worker, watchdog};
use machinarium::channel::Receiver;
use machinarium::net::addr::PeerAddr;
use machinarium::{ChannelError, Co, Deadline};
use std::rc::Rc;
use std::sync::Arc;

/// So many clients less are worth a look at the allocator.
const CROWD: usize = 256;

/// Whether a worker goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    Down,
}

/// Runs a worker until it was told to shut down and its last client has left.
pub fn run(co: &Co, worker: &Rc<Worker>, mut inbox: Receiver<ToWorker>) {
    watchdog::post(worker);
    let mut going = Going::On;
    let mut next_cron = co.now() + CRON_PERIOD;
    loop {
        match inbox.recv(co, Deadline::at(next_cron)) {
            Ok(message) => handle(co, worker, message, &mut going),
            Err(ChannelError::Deadline) => {}
            // Nobody is left to give work: the process ends.
            Err(ChannelError::Closed | ChannelError::Cancelled) => return,
        }
        if co.now() >= next_cron {
            next_cron = co.now() + CRON_PERIOD;
            worker.housekeeping();
            if going == Going::Down {
                worker.drain();
            }
        }
        if going == Going::Down && worker.clients.borrow().is_empty() {
            return;
        }
    }
}

fn handle(co: &Co, worker: &Rc<Worker>, message: ToWorker, going: &mut Going) {
    match message {
        ToWorker::Accepted { io, peer, listener, refused } => {
            let (host, arrival) = (Rc::clone(worker), Arrival { io, peer, listener, refused });
            let login = co.machine().try_spawn("login", move |co| open::run(co, &host, arrival));
            if let Err(error) = login {
                log_error!(&Who::NOBODY, "startup", "no memory for a login, connection closed: {error}");
                if refused.is_none() {
                    worker.router.say(ToRouter::Left { key: None, route: None });
                }
            }
        }
        ToWorker::Pool { pool, hears } => worker.pool_hears(pool, hears),
        ToWorker::Rules(rules) => worker.adopt_rules(rules),
        ToWorker::Seen { host, status } => worker.seen(host, status),
        ToWorker::Forget { route } => worker.forget_route(route),
        ToWorker::Cancel { slot, done } => worker.cancel(slot, done),
        ToWorker::Kill { id } => worker.kill(id),
        ToWorker::Report { reply } => {
            reply.send(worker.report()).ok();
        }
        ToWorker::Shutdown => {
            *going = Going::Down;
            worker.drain();
        }
    }
}

impl Worker {
    fn pool_hears(self: &Rc<Self>, pool: PoolId, hears: Hears) {
        // A pool may have been retired while this was under way; a server in the message is closed then.
        if let Some(pool) = self.known_pool(pool) {
            pool.hear(hears);
        }
    }

    fn kill(self: &Rc<Self>, id: crate::base::ids::ClientId) {
        let slot = self.clients.borrow().iter().find(|(_, card)| card.id == id).map(|(slot, _)| slot);
        if let Some(slot) = slot {
            self.dismiss(slot, Fault::Killed);
        }
    }

    /// Lets every client go that rests and is in no transaction.
    fn drain(self: &Rc<Self>) {
        let idle: Vec<u64> = self
            .clients
            .borrow()
            .iter()
            .filter(|(_, card)| match &card.rest {
                Rest::Awake => false,
                Rest::Queued(_) => true,
                Rest::Idle(client) => client.server.as_ref().is_none_or(|lease| {
                    lease.flow.is_settled() && lease.flow.tx() == kiwi::backend::status::TxStatus::Idle
                }),
            })
            .map(|(slot, _)| slot)
            .collect();
        for slot in idle {
            self.dismiss(slot, Fault::Shutdown);
        }
    }

    /// Once a second: closes servers that are idle too long or too old.
    fn housekeeping(&self) {
        for pool in self.all_pools() {
            pool.expire(self.machine.now());
            // The list's and this loop's.
            if Rc::strong_count(&pool) == 2 {
                pool.vacate();
            }
        }
        self.give_memory_back();
    }

    /// After a crowd has left, the memory of its clients goes back to the system.
    fn give_memory_back(&self) {
        let now = self.clients.borrow().len();
        let peak = self.clients_peak.get().max(now);
        if peak - now >= CROWD && now <= peak / 2 {
            self.clients_peak.set(now);
            machinarium::memory::give_back();
        } else {
            self.clients_peak.set(peak);
        }
    }

    /// A copy of everything the console shows.
    fn report(&self) -> Report {
        let mut report = Report::default();
        let (clients, servers) = (self.clients.borrow(), self.servers.borrow());
        for (slot, card) in clients.iter() {
            report.clients.push(ClientRow {
                id: card.id,
                user: card.names.as_ref().map_or_else(|| "".into(), |names| Arc::clone(&names.user)),
                database: card.names.as_ref().map_or_else(|| "".into(), |names| Arc::clone(&names.database)),
                state: client_state(card),
                storage_user: card
                    .pool
                    .as_ref()
                    .and_then(|pool| pool.route.rule().storage_user.as_deref().map(Arc::from)),
                peer: card.peer,
                local: resting(card).map_or(PeerAddr::Unknown, |client| client.io.local_addr()),
                slot,
                server: card.server.and_then(|slot| servers.get(slot)).map(|server| server.id),
                tls: resting(card).is_some_and(|client| client.io.tls().is_some()),
            });
        }
        for (_, card) in servers.iter() {
            let route = &card.pool.route;
            let client = card.client.and_then(|slot| clients.get(slot));
            let idle = card.client.is_none() && card.held.is_none();
            report.servers.push(ServerRow {
                id: card.id,
                user: Arc::clone(&route.user),
                database: Arc::clone(&route.database),
                state: if idle { ServerState::Idle } else { ServerState::Active },
                peer: card.peer,
                local: card.local,
                remote_pid: card.key.as_ref().map_or(0, |key| key.pid),
                client: client.map(|client| client.id),
                tls: route.storage().tls.mode,
            });
        }
        for (_, pool) in self.pools.borrow().iter() {
            let states = clients
                .iter()
                .filter(|(_, card)| card.pool.as_ref().is_some_and(|other| Rc::ptr_eq(other, pool)));
            report.pools.push(pool.row(states.map(|(_, card)| client_state(card))));
        }
        report
    }
}

fn client_state(card: &ClientCard) -> ClientState {
    match card.rest {
        Rest::Queued(_) => ClientState::Queue,
        _ if card.server.is_some() => ClientState::Active,
        _ => ClientState::Pending,
    }
}

/// A resting client's own view of its connection; one that is awake cannot be asked.
fn resting(card: &ClientCard) -> Option<&Client> {
    match &card.rest {
        Rest::Awake => None,
        Rest::Idle(client) | Rest::Queued(client) => Some(client),
    }
}
