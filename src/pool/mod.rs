//! One route's servers in one worker: idle ones, those in use, and clients that wait. Pure: no io, no clock.
//!
//! A client attaches to an idle server of its own worker with no message at all; only when none is here is the
//! router told, once. A permit never rests in a worker: it is spent at once or given up. See `LIFECYCLE.md`.

pub mod permits;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
pub mod waiters;

use permits::{Call, Claim, ClaimId, Item, REFRESH, REST, TOLERANCE, Tick, ToRouter, ToWorker};
use std::collections::VecDeque;
use waiters::Waiters;

/// Names a waiting client; chosen by the caller, one wait at a time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WaiterId(pub u64);

/// What a client that asks for a server gets.
#[derive(PartialEq, Eq, Debug)]
pub enum Answer<S> {
    /// This one.
    Lend(S),
    /// The right to open one: the caller reports [`Pool::dialed`] or [`Pool::dial_failed`].
    Dial,
    /// Nothing yet: it is in the queue.
    Wait,
}

/// What the caller must do, in order. A client is served last of all: if it turns out to be gone, the pool may be
/// asked again at once.
#[derive(PartialEq, Eq, Debug)]
pub enum Action<S> {
    /// Attach this server to this client, which waits no more. If the client is gone: [`Pool::release`] it.
    Hand(WaiterId, S),
    /// Let this client, which waits no more, open a server. If the client is gone: [`Pool::dial_failed`].
    DialFor(WaiterId),
    /// Tell the router.
    Say(ToRouter<S>),
    /// Close this server; it has no permit any more, so nothing is to be reported.
    Close(S),
}

/// One route's servers in one worker.
#[derive(Debug)]
pub struct Pool<S> {
    limited: Limited,
    /// Most recently used last.
    idle: VecDeque<(S, Tick)>,
    attached: u32,
    dialing: u32,
    waiters: Waiters,
    /// What the router was asked for and has not answered.
    claim: Option<Claim>,
    /// What the router asked for and has not got.
    call: Option<Call>,
    /// Number of the next claim.
    next_claim: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Limited {
    Yes,
    No,
}

/// Whose turn it is to get what came free.
enum Turn {
    /// The client of another worker.
    Theirs,
    /// The first that waits here.
    Ours(WaiterId),
    /// Nobody waits, as far as is known here.
    Nobodys,
}

impl<S> Pool<S> {
    /// An empty pool of a route with this `pool_size`; 0: no limit, so it never speaks with the router.
    pub fn new(size: u32) -> Pool<S> {
        Pool {
            limited: if size == 0 { Limited::No } else { Limited::Yes },
            idle: VecDeque::new(),
            attached: 0,
            dialing: 0,
            waiters: Waiters::default(),
            claim: None,
            call: None,
            next_claim: 0,
        }
    }

    /// A client asks for a server.
    #[inline]
    pub fn request(&mut self, who: WaiterId, now: Tick, out: &mut Vec<Action<S>>) -> Answer<S> {
        match self.idle.pop_back() {
            Some((server, _)) => {
                self.attached += 1;
                Answer::Lend(server)
            }
            None => self.request_elsewhere(who, now, out),
        }
    }

    /// An attached server comes back, clean.
    #[inline]
    pub fn release(&mut self, server: S, now: Tick, out: &mut Vec<Action<S>>) {
        debug_assert!(self.attached > 0, "only an attached server comes back");
        self.attached -= 1;
        if self.call.is_none() && self.claim.is_none() {
            // Whoever waits has a claim: nobody does.
            self.idle.push_back((server, now));
        } else {
            self.place(Item::Server(server), now, out);
        }
    }

    /// An attached server was closed: its permit is free.
    pub fn closed(&mut self, now: Tick, out: &mut Vec<Action<S>>) {
        debug_assert!(self.attached > 0, "only an attached server can be closed");
        self.attached -= 1;
        self.place(Item::Permit, now, out);
    }

    /// A connection was made with a permit: it is attached to the client that made it.
    pub fn dialed(&mut self) {
        debug_assert!(self.dialing > 0, "only who dials can be done with it");
        self.dialing -= 1;
        self.attached += 1;
    }

    /// No connection was made: the permit is free.
    pub fn dial_failed(&mut self, now: Tick, out: &mut Vec<Action<S>>) {
        debug_assert!(self.dialing > 0, "only who dials can fail");
        self.dialing -= 1;
        self.place(Item::Permit, now, out);
    }

    /// A waiting client has left, or its `pool_timeout` ran out. `false`: it did not wait.
    pub fn leave(&mut self, who: WaiterId, out: &mut Vec<Action<S>>) -> bool {
        let waited = self.waiters.remove(who);
        if waited {
            self.renew(out);
            if self.waiters.is_empty() {
                self.withdraw(out);
            }
        }
        self.audit();
        waited
    }

    /// The router has said something.
    pub fn hear(&mut self, message: ToWorker<S>, now: Tick, out: &mut Vec<Action<S>>) {
        match message {
            ToWorker::Grant { item, answers } => {
                // A claim made since then stands: the router will see it, or has.
                if answers.is_some() && answers == self.claim.map(|claim| claim.id) {
                    self.claim = None;
                }
                self.place(item, now, out);
            }
            ToWorker::Pressure(call) => {
                self.call = call;
                self.nudge(now, out);
            }
            ToWorker::Close(server) => out.push(Action::Close(server)),
        }
    }

    /// When [`Pool::nudge`] has something to do, if nothing happens before.
    #[inline]
    pub fn due(&self) -> Option<Tick> {
        let call = self.call?;
        let (_, resting_since) = self.idle.front()?;
        Some(resting_since.plus(REST).min(call.since.plus(TOLERANCE)))
    }

    /// Gives up a server that rests and is called for: one that has just come to rest is kept a moment, for most
    /// likely the next client here wants it.
    pub fn nudge(&mut self, now: Tick, out: &mut Vec<Action<S>>) {
        if self.due().is_some_and(|due| due <= now)
            && let Some((server, _)) = self.idle.pop_front()
        {
            // Least recently used first: the others stay warm.
            self.give_up(Item::Server(server), out);
        }
        self.audit();
    }

    /// Takes out the idle servers that `expired` names; the caller closes them. Their permits go to the router.
    pub fn expire(&mut self, expired: impl FnMut(&mut S) -> bool, out: &mut Vec<Action<S>>) -> Vec<S> {
        let mut expired = expired;
        let mut taken = Vec::new();
        for _ in 0..self.idle.len() {
            let Some((mut server, since)) = self.idle.pop_front() else { break };
            if expired(&mut server) {
                taken.push(server);
                self.give_up(Item::Permit, out);
            } else {
                self.idle.push_back((server, since));
            }
        }
        taken
    }

    /// Takes one idle server out to look at it: it counts as attached, and comes back by `release` or `closed`.
    pub fn take_idle(&mut self, mut which: impl FnMut(&S) -> bool) -> Option<S> {
        let at = self.idle.iter().position(|(server, _)| which(server))?;
        self.attached += 1;
        self.idle.remove(at).map(|(server, _)| server)
    }

    /// Once a second: withdraws a claim that nobody here needs any more.
    pub fn tick(&mut self, out: &mut Vec<Action<S>>) {
        if self.waiters.is_empty() {
            self.withdraw(out);
        }
        self.audit();
    }

    /// Servers at rest.
    pub fn idle(&self) -> usize {
        self.idle.len()
    }

    /// Servers in a client's hands, or being cleaned.
    pub fn attached(&self) -> u32 {
        self.attached
    }

    /// Servers being connected.
    pub fn dialing(&self) -> u32 {
        self.dialing
    }

    /// Clients that wait.
    pub fn waiting(&self) -> usize {
        self.waiters.len()
    }

    /// Since when the oldest client waits.
    pub fn oldest(&self) -> Option<Tick> {
        self.waiters.oldest()
    }

    /// None is idle here.
    fn request_elsewhere(&mut self, who: WaiterId, now: Tick, out: &mut Vec<Action<S>>) -> Answer<S> {
        if self.limited == Limited::No {
            self.dialing += 1;
            return Answer::Dial;
        }
        self.waiters.push(who, now);
        self.renew(out);
        self.audit();
        Answer::Wait
    }

    /// Something is free: it goes to whoever waits longest, here or elsewhere, and else stays or goes home.
    fn place(&mut self, item: Item<S>, now: Tick, out: &mut Vec<Action<S>>) {
        let turn = self.turn(&item, now);
        // What is said comes first: a claim that the router knows is answered by what is given up, if the others'
        // clients are gone by then; and to do the rest the caller may have to ask again, at once.
        self.renew(out);
        // The next client may come soon: a young claim is left standing for it.
        if self.waiters.is_empty() && self.claim.is_some_and(|claim| now > claim.since.plus(REFRESH)) {
            self.withdraw(out);
        }
        match (turn, item) {
            (Turn::Theirs, item) => self.give_up(item, out),
            (Turn::Ours(who), Item::Server(server)) => {
                self.attached += 1;
                out.push(Action::Hand(who, server));
            }
            (Turn::Ours(who), Item::Permit) => {
                self.dialing += 1;
                out.push(Action::DialFor(who));
            }
            (Turn::Nobodys, Item::Server(server)) => self.idle.push_back((server, now)),
            (Turn::Nobodys, Item::Permit) => self.give_up(Item::Permit, out),
        }
        self.audit();
    }

    fn turn(&mut self, item: &Item<S>, now: Tick) -> Turn {
        if let Some(call) = self.call {
            // Where nobody waits, a server waits itself for a moment: the next client here may want it at once.
            let ours = match (self.waiters.oldest(), item) {
                (None, Item::Permit) => return Turn::Theirs,
                (None, Item::Server(_)) => now,
                (Some(ours), _) => ours,
            };
            if ours > call.since.plus(TOLERANCE) {
                return Turn::Theirs;
            }
        }
        self.waiters.pop().map_or(Turn::Nobodys, Turn::Ours)
    }

    /// A call asks for one thing: with this it is answered. The router calls again if more is wanted.
    fn give_up(&mut self, item: Item<S>, out: &mut Vec<Action<S>>) {
        if self.limited == Limited::Yes {
            let answers = self.call.take().map(|call| call.id);
            out.push(Action::Say(ToRouter::Yield { item, answers }));
        }
    }

    /// Who waits has a claim, and one that is about as old as the wait.
    fn renew(&mut self, out: &mut Vec<Action<S>>) {
        let Some(since) = self.waiters.oldest() else { return };
        if self.claim.is_none_or(|claim| since > claim.since.plus(REFRESH)) {
            let claim = Claim { id: ClaimId(self.next_claim), since };
            self.next_claim += 1;
            self.claim = Some(claim);
            out.push(Action::Say(ToRouter::Want(claim)));
        }
    }

    fn withdraw(&mut self, out: &mut Vec<Action<S>>) {
        if self.claim.take().is_some() {
            out.push(Action::Say(ToRouter::Unwant));
        }
    }

    /// What holds whenever nothing is being decided.
    fn audit(&self) {
        debug_assert!(self.idle.is_empty() || self.waiters.is_empty(), "nobody waits beside an idle server");
        debug_assert!(self.waiters.is_empty() || self.claim.is_some(), "who waits has a claim");
        if self.limited == Limited::No {
            debug_assert!(self.claim.is_none(), "no limit, no claim");
            debug_assert!(self.call.is_none(), "no limit, no call");
        }
    }
}
