//! One route's servers in one worker: idle ones, permits, and clients that wait. Pure: no io, no clock.
//!
//! A client attaches to an idle server of its own worker with no message at all; only when neither an idle server
//! nor a permit is here is the router told, once. See `LIFECYCLE.md`.

pub mod permits;
pub mod waiters;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use permits::{Item, REFRESH, TOLERANCE, Tick, ToRouter, ToWorker};
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

/// What the caller must do, in order.
#[derive(Debug)]
pub enum Action<S> {
    /// Attach this server to this client, which waits no more.
    Hand(WaiterId, S),
    /// Let this client, which waits no more, open a server.
    DialFor(WaiterId),
    /// Tell the router.
    Say(ToRouter<S>),
}

/// What the router believes of the clients that wait here.
#[derive(Clone, Copy, Debug)]
enum Claim {
    /// That nobody does.
    Nothing,
    /// That the oldest waits `since` then; it was `said` then.
    Said { since: Tick, said: Tick },
    /// Nobody does, but it may believe otherwise: its grant and a later claim may have crossed.
    Answered,
}

/// One route's servers in one worker.
#[derive(Debug)]
pub struct Pool<S> {
    limited: Limited,
    /// Most recently used last.
    idle: Vec<S>,
    attached: u32,
    dialing: u32,
    waiters: Waiters,
    claim: Claim,
    pressure: Option<Tick>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Limited {
    Yes,
    No,
}

impl<S> Pool<S> {
    /// An empty pool of a route with this `pool_size`; 0: no limit, so every connection has its permit.
    pub fn new(size: u32) -> Pool<S> {
        Pool {
            limited: if size == 0 { Limited::No } else { Limited::Yes },
            idle: Vec::new(),
            attached: 0,
            dialing: 0,
            waiters: Waiters::default(),
            claim: Claim::Nothing,
            pressure: None,
        }
    }

    /// A client asks for a server.
    #[inline]
    pub fn request(&mut self, who: WaiterId, now: Tick, out: &mut Vec<Action<S>>) -> Answer<S> {
        debug_assert!(self.idle.is_empty() || self.waiters.is_empty(), "nobody waits beside an idle server");
        if let Some(server) = self.idle.pop() {
            self.attached += 1;
            return Answer::Lend(server);
        }
        if self.limited == Limited::No {
            self.dialing += 1;
            return Answer::Dial;
        }
        self.waiters.push(who, now);
        self.refresh(now, out);
        Answer::Wait
    }

    /// An attached server comes back, clean.
    #[inline]
    pub fn release(&mut self, server: S, now: Tick, out: &mut Vec<Action<S>>) {
        debug_assert!(self.attached > 0, "only an attached server comes back");
        self.attached -= 1;
        if self.pressure.is_none() && self.waiters.is_empty() {
            self.idle.push(server);
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

    /// No connection could be made: the permit is free.
    pub fn dial_failed(&mut self, now: Tick, out: &mut Vec<Action<S>>) {
        debug_assert!(self.dialing > 0, "only who dials can fail");
        self.dialing -= 1;
        self.place(Item::Permit, now, out);
    }

    /// A waiting client has left. `false`: it did not wait.
    pub fn leave(&mut self, who: WaiterId, out: &mut Vec<Action<S>>) -> bool {
        let waited = self.waiters.remove(who);
        if waited && self.waiters.is_empty() {
            self.unclaim(out);
        }
        waited
    }

    /// The router has said something.
    pub fn hear(&mut self, message: ToWorker<S>, now: Tick, out: &mut Vec<Action<S>>) {
        match message {
            ToWorker::Grant(item) => {
                self.claim = Claim::Answered;
                self.give(item, out);
                self.refresh(now, out);
            }
            ToWorker::Pressure(since) => {
                self.pressure = since;
                // Least recently used first: the others stay warm.
                if since.is_some() && !self.idle.is_empty() {
                    let server = self.idle.remove(0);
                    self.say_yield(Item::Server(server), out);
                }
            }
        }
    }

    /// Takes out the idle servers that `expired` names; the caller closes them. Their permits go to the router.
    pub fn expire(&mut self, expired: impl FnMut(&mut S) -> bool, out: &mut Vec<Action<S>>) -> Vec<S> {
        let taken: Vec<S> = self.idle.extract_if(.., expired).collect();
        if self.limited == Limited::Yes {
            out.extend(taken.iter().map(|_| Action::Say(ToRouter::Yield(Item::Permit))));
        }
        taken
    }

    /// Takes one idle server out to look at it: it counts as attached, and comes back by `release` or `closed`.
    pub fn take_idle(&mut self, which: impl FnMut(&S) -> bool) -> Option<S> {
        let at = self.idle.iter().position(which)?;
        self.attached += 1;
        Some(self.idle.remove(at))
    }

    /// Once a second: corrects what the router believes of the clients that wait here.
    pub fn tick(&mut self, out: &mut Vec<Action<S>>) {
        match (self.claim, self.waiters.oldest()) {
            (_, None) => self.unclaim(out),
            (Claim::Said { since, said }, Some(oldest)) if since != oldest => self.claim(oldest, said, out),
            (_, Some(_)) => {}
        }
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

    /// Something is free: it goes to whoever waits longest, here or elsewhere, and else stays or goes home.
    fn place(&mut self, item: Item<S>, now: Tick, out: &mut Vec<Action<S>>) {
        if let Some(theirs) = self.pressure
            && self.waiters.oldest().is_none_or(|ours| ours > theirs.plus(TOLERANCE))
        {
            return self.say_yield(item, out);
        }
        self.give(item, out);
        self.refresh(now, out);
    }

    /// To the first client that waits here; to nobody, a server rests and a permit goes home.
    fn give(&mut self, item: Item<S>, out: &mut Vec<Action<S>>) {
        match (self.waiters.pop(), item) {
            (Some(who), Item::Server(server)) => {
                self.attached += 1;
                out.push(Action::Hand(who, server));
            }
            (Some(who), Item::Permit) => {
                self.dialing += 1;
                out.push(Action::DialFor(who));
            }
            (None, Item::Server(server)) if self.pressure.is_some() => {
                self.say_yield(Item::Server(server), out);
            }
            (None, Item::Server(server)) => self.idle.push(server),
            (None, Item::Permit) => self.say_yield(Item::Permit, out),
        }
    }

    fn say_yield(&mut self, item: Item<S>, out: &mut Vec<Action<S>>) {
        if self.limited == Limited::No && matches!(item, Item::Permit) {
            return;
        }
        // The router says again whether anybody else waits.
        self.pressure = None;
        out.push(Action::Say(ToRouter::Yield(item)));
    }

    /// Somebody came or was served: the router may be told since when the oldest waits, but not too often.
    fn refresh(&mut self, now: Tick, out: &mut Vec<Action<S>>) {
        match (self.claim, self.waiters.oldest()) {
            (Claim::Said { said, .. }, _) if now < said.plus(REFRESH) => {}
            (Claim::Said { since, .. }, Some(oldest)) if since == oldest => {}
            (_, Some(oldest)) => self.claim(oldest, now, out),
            (Claim::Said { .. }, None) => self.unclaim(out),
            (Claim::Nothing | Claim::Answered, None) => {}
        }
    }

    fn claim(&mut self, since: Tick, said: Tick, out: &mut Vec<Action<S>>) {
        self.claim = Claim::Said { since, said };
        out.push(Action::Say(ToRouter::Want { since }));
    }

    fn unclaim(&mut self, out: &mut Vec<Action<S>>) {
        if !matches!(self.claim, Claim::Nothing) {
            self.claim = Claim::Nothing;
            out.push(Action::Say(ToRouter::Unwant));
        }
    }
}
