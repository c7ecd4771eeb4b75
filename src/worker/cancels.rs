//! Cancel requests on their way to servers: how many at once, who waits for a turn, and what a server under cancel may
//! not do meanwhile.

use crate::cancel;
use crate::log::{Who, log_error, log_info};
use crate::worker::Worker;
use machinarium::Deadline;
use machinarium::channel::oneshot::SharedReply;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

/// A worker's cancel requests.
#[derive(Default)]
pub struct Cancels {
    under_way: Cell<u32>,
    waiting: RefCell<VecDeque<Waiting>>,
}

/// One that waits for its turn.
struct Waiting {
    /// The client whose query is to end.
    client: u64,
    /// Answered (or dropped) when the server has taken the request.
    done: SharedReply<()>,
    /// When it is dropped; `None`: never.
    until: Option<Instant>,
}

impl Worker {
    /// Cancels what a client's server does, at once or when it is its turn.
    pub fn cancel(self: &Rc<Self>, client: u64, done: SharedReply<()>) {
        if self.cancels.under_way.get() < self.cancels_max() {
            return self.start_cancel(client, done);
        }
        let timeout = self.facilities.rules().config.global.cancel_queue_timeout;
        let until = timeout.map(|timeout| self.machine.now() + timeout);
        self.cancels.waiting.borrow_mut().push_back(Waiting { client, done, until });
    }

    /// The worker's share of `cancel_max_inflight`, at least one.
    fn cancels_max(&self) -> u32 {
        let rules = self.facilities.rules();
        let global = &rules.config.global;
        global.cancel_max_inflight.div_ceil(global.workers.count()).max(1)
    }

    /// On a coroutine of its own. Until the request has arrived the server is lent to nobody else, so that it cannot
    /// hit a stranger's query.
    fn start_cancel(self: &Rc<Self>, client: u64, done: SharedReply<()>) {
        let slot = self.clients.borrow().get(client).and_then(|card| card.server);
        let Some(slot) = slot else { return };
        let (address, key) = {
            let mut servers = self.servers.borrow_mut();
            let Some(card) = servers.get_mut(slot) else { return };
            let Some(key) = card.key.clone() else { return };
            card.cancels += 1;
            card.pool.counters.cancels.add(1);
            (card.address.clone(), key)
        };
        self.cancels.under_way.set(self.cancels.under_way.get() + 1);
        let guard = UnderWay { worker: Rc::clone(self), server: slot };
        let cancelling = self.machine.try_spawn("cancel", move |co| {
            let by = Deadline::never("cancel_timeout_ms bounds it, if the operator wants a bound");
            cancel::request(co, &guard.worker.facilities, &address, &key, by);
            done.send(()).ok();
        });
        if let Err(error) = cancelling {
            log_error!(&Who::NOBODY, "cancel", "no memory for a cancel request, dropped: {error}");
        }
    }

    /// One is done: the next has its turn. Some have waited too long, and some have nothing to cancel any more.
    fn next_cancel(self: &Rc<Self>) {
        let now = self.machine.now();
        while self.cancels.under_way.get() < self.cancels_max() {
            let Some(Waiting { client, done, until }) = self.cancels.waiting.borrow_mut().pop_front() else {
                return;
            };
            if until.is_some_and(|until| until <= now) {
                log_info!(&Who::NOBODY, "cancel", "a cancel request waited too long for its turn, dropped");
                continue;
            }
            self.start_cancel(client, done);
        }
    }
}

/// Counts a cancel request as under way; when dropped, the server may be lent again.
struct UnderWay {
    worker: Rc<Worker>,
    server: u64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let under_way = &self.worker.cancels.under_way;
        under_way.set(under_way.get() - 1);
        let held = self.worker.servers.borrow_mut().get_mut(self.server).and_then(|card| {
            card.cancels -= 1;
            let server = if card.cancels > 0 { None } else { card.held.take() };
            server.map(|server| (Rc::clone(&card.pool), server))
        });
        if let Some((pool, server)) = held {
            pool.give_back(server);
        }
        self.worker.next_cancel();
    }
}
