//! Clients and servers that rest without a stack, and what wakes them.

use crate::client::fault::Fault;
use crate::client::waiting::Due;
use crate::client::{self, Client, Wake};
use crate::log::{Who, log_error, log_info};
use crate::server::Server;
use crate::worker::lease::{Lease, Permit};
use crate::worker::{ClientCard, Rest, Worker};
use kiwi::backend::status::ParameterStatus;
use kiwi::flow::Reply;
use kiwi::frame::{self, HEADER_LEN, Limits};
use kiwi::tag::Backend;
use machinarium::{Host, HostKey, Machine, Rouse, Watch};
use std::rc::{Rc, Weak};
use std::time::Instant;

/// The two lowest bits of a host key say what sleeps.
const KIND_BITS: u32 = 2;
const CLIENT: HostKey = 0;
const SERVER: HostKey = 1;
const POOL: HostKey = 2;

/// The host key of a client.
pub fn client_key(slot: u64) -> HostKey {
    slot << KIND_BITS | CLIENT
}

/// The host key of an idle server.
pub fn server_key(slot: u64) -> HostKey {
    slot << KIND_BITS | SERVER
}

/// The host key of a pool.
pub fn pool_key(slot: u64) -> HostKey {
    slot << KIND_BITS | POOL
}

/// Tells a worker about its sleepers.
pub struct Dispatcher(pub Weak<Worker>);

impl Host for Dispatcher {
    fn rouse(&self, _machine: &Rc<Machine>, key: HostKey, why: Rouse) {
        let Some(worker) = self.0.upgrade() else { return };
        let number = key >> KIND_BITS;
        match key & ((1 << KIND_BITS) - 1) {
            CLIENT => worker.rouse_client(number, why),
            SERVER => worker.rouse_server(number),
            _ => {
                let pool = worker.pools.borrow().get(number).map(Rc::clone);
                if let Some(pool) = pool {
                    pool.nudged();
                }
            }
        }
    }
}

impl Worker {
    /// Lets a client rest until it, or a server it keeps, has something to read. What is there already starts the
    /// next turn at once.
    pub fn lay_down(mut client: Box<Client>) {
        let key = client_key(client.slot());
        let watched = client.io.watch(key, Watch::Readable)
            && client.server.as_ref().is_none_or(|lease| lease.io.watch(key, Watch::Readable));
        if !watched {
            return Worker::wake(client, Wake::Bytes);
        }
        if let Some((limit, _)) = client.idle_limit() {
            let machine = client.io.machine();
            client.timer = Some(machine.set_host_timer(machine.now() + limit, key));
        }
        Worker::rest(client, Rest::Idle);
    }

    /// Lets a client rest that its pool has put into the queue. It is woken with a server, by its deadline, or
    /// when its peer is gone.
    pub fn queue(mut client: Box<Client>) {
        let (key, worker) = (client_key(client.slot()), Rc::clone(client.worker()));
        if !client.io.watch(key, Watch::Gone) {
            client.pool.leave(client.slot());
            return Worker::wake(client, Wake::Dismissed(Fault::gone()));
        }
        let due = client.begin_waiting(worker.machine.now());
        Worker::go_on_waiting(client, due);
    }

    /// Lets a client that is in the queue rest until this moment.
    fn go_on_waiting(mut client: Box<Client>, due: Option<Instant>) {
        let key = client_key(client.slot());
        client.timer = due.map(|due| client.io.machine().set_host_timer(due, key));
        Worker::rest(client, Rest::Queued);
    }

    fn rest(client: Box<Client>, rest: fn(Box<Client>) -> Rest) {
        let (slot, worker) = (client.slot(), Rc::clone(client.worker()));
        let dismissed = {
            let mut clients = worker.clients.borrow_mut();
            let card = clients.get_mut(slot).expect("a client has its place until it ends");
            card.awake = None;
            card.rest = rest(client);
            card.dismissed.take()
        };
        if let Some(fault) = dismissed {
            worker.dismiss(slot, fault);
        }
    }

    /// Starts a client's next turn.
    fn wake(client: Box<Client>, wake: Wake) {
        let (slot, worker) = (client.slot(), Rc::clone(client.worker()));
        client.io.unwatch();
        if let Some(lease) = &client.server {
            lease.io.unwatch();
        }
        match worker.machine.try_spawn("client", move |co| client::turn(co, client, wake)) {
            Ok(co) => {
                if let Some(card) = worker.clients.borrow_mut().get_mut(slot) {
                    card.awake = Some(co);
                }
            }
            // It was dropped with what it held: its place and its server are given back.
            Err(error) => log_error!(&Who::NOBODY, "main", "no memory for a client, closed: {error}"),
        }
    }

    /// Takes a client out of its rest; `None`: it does not rest.
    fn take_resting(&self, slot: u64) -> Option<(Box<Client>, Resting)> {
        let mut clients = self.clients.borrow_mut();
        let card: &mut ClientCard = clients.get_mut(slot)?;
        let (mut client, was) = match std::mem::replace(&mut card.rest, Rest::Awake) {
            Rest::Awake => return None,
            Rest::Idle(client) => (client, Resting::Idle),
            Rest::Queued(client) => (client, Resting::Queued),
        };
        if let Some(timer) = client.timer.take() {
            self.machine.cancel_host_timer(timer);
        }
        Some((client, was))
    }

    fn rouse_client(self: &Rc<Self>, slot: u64, why: Rouse) {
        let Some((mut client, was)) = self.take_resting(slot) else { return };
        match was {
            Resting::Idle => {
                let late = client.idle_limit().filter(|_| why == Rouse::Deadline);
                let wake = late.map_or(Wake::Bytes, |(_, idle)| Wake::Dismissed(Fault::Idle(idle)));
                Worker::wake(client, wake);
            }
            Resting::Queued if why == Rouse::Deadline && client.due(self.machine.now()) == Due::Notice => {
                match client.tell_it_waits() {
                    Ok(()) => {
                        let due = client.next_due();
                        Worker::go_on_waiting(client, due);
                    }
                    Err(fault) => {
                        client.pool.leave(slot);
                        Worker::wake(client, Wake::Dismissed(fault));
                    }
                }
            }
            Resting::Queued => {
                client.pool.leave(slot);
                let wake = match why {
                    Rouse::Deadline => Wake::PoolTimeout,
                    Rouse::Readable => Wake::Dismissed(Fault::gone()),
                };
                Worker::wake(client, wake);
            }
        }
    }

    /// Hands a waiting client the server it gets; `Err`: it waits no more.
    pub fn hand(&self, slot: u64, lease: Lease) -> Result<(), Lease> {
        match self.take_queued(slot) {
            Some(client) => {
                Worker::wake(client, Wake::Server(lease));
                Ok(())
            }
            None => Err(lease),
        }
    }

    /// Hands a waiting client the right to open a server; `Err`: it waits no more.
    pub fn hand_permit(&self, slot: u64, permit: Permit) -> Result<(), Permit> {
        match self.take_queued(slot) {
            Some(client) => {
                Worker::wake(client, Wake::Permit(permit));
                Ok(())
            }
            None => Err(permit),
        }
    }

    fn take_queued(&self, slot: u64) -> Option<Box<Client>> {
        let resting =
            self.clients.borrow().get(slot).is_some_and(|card| matches!(card.rest, Rest::Queued(_)));
        if resting { self.take_resting(slot).map(|(client, _)| client) } else { None }
    }

    /// Ends a client, at rest or awake: it is told `fault`.
    pub fn dismiss(self: &Rc<Self>, slot: u64, fault: Fault) {
        if let Some((client, was)) = self.take_resting(slot) {
            if was == Resting::Queued {
                client.pool.leave(slot);
            }
            return Worker::wake(client, Wake::Dismissed(fault));
        }
        let awake = match self.clients.borrow_mut().get_mut(slot) {
            Some(card) => {
                card.dismissed = Some(fault);
                card.awake
            }
            None => None,
        };
        if let Some(co) = awake {
            self.machine.cancel(co);
        }
    }

    /// An idle server has something to say: most often that it is gone.
    fn rouse_server(self: &Rc<Self>, slot: u64) {
        let pool = self.servers.borrow().get(slot).map(|card| Rc::clone(&card.pool));
        let Some(pool) = pool else { return };
        let Some(mut server) = pool.take_idle(slot) else { return };
        if still_good(&mut server) {
            pool.give_back(server);
        } else {
            let who = Who { server: Some(server.id), ..Who::default() };
            log_info!(&who, "main", "idle server connection ended");
            pool.close(server);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Resting {
    Idle,
    Queued,
}

/// Reads what an idle server said. What belongs to nobody (a notice, a notification) is dropped: it must not reach
/// the next client. `false`: the server closed, fails, or says what an idle server does not say.
pub fn still_good(server: &mut Server) -> bool {
    let mut chunk = [0; 4096];
    loop {
        match server.io.try_read(&mut chunk) {
            Ok(None) => break,
            Ok(Some(0)) | Err(_) => return false,
            Ok(Some(n)) => server.held.extend_from_slice(&chunk[..n]),
        }
    }
    let mut at = 0;
    while let Ok(Some(header)) = frame::header(&server.held[at..], &Limits::authentication()) {
        let Some(whole) = server.held.get(at..at + header.len) else { break };
        let Some(tag) = Backend::from_byte(header.tag) else { return false };
        if !matches!(server.flow.received(tag, &whole[HEADER_LEN..]), Ok(Reply::Async)) {
            return false;
        }
        if let Ok(status) = ParameterStatus::parse(whole) {
            server.session.reported.set(status.name, status.value);
            server.session.deployed = 0;
        }
        at += header.len;
    }
    server.held.drain(..at);
    // Part of a message: nobody can have it before the rest has come, and it should come at once.
    server.held.is_empty()
}

impl Fault {
    /// The client closed while it rested.
    pub fn gone() -> Fault {
        Fault::Relay(crate::relay::RelayFault::ClientGone(None))
    }
}
