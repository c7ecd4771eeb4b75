//! Who holds the permits of each pool, and who gets the next one. Pure: no io, no clock.
//!
//! A route's `pool_size` is a number of permits. Each is free here, spent on a connection of some worker, or inside
//! a message; what workers hold is counted here, so that a permit can be asked back only where there is one. See
//! `LIFECYCLE.md`.

#[cfg(test)]
mod tests;

use crate::pool::permits::{Call, CallId, Claim, Item, Tick, ToRouter, ToWorker};
use crate::router::WorkerId;
use crate::rules::PoolId;
use std::collections::HashMap;
use std::marker::PhantomData;

/// A message to a worker's pool.
#[derive(PartialEq, Eq, Debug)]
pub struct RouterEvent<S> {
    /// To whom.
    pub worker: WorkerId,
    /// Of which pool.
    pub pool: PoolId,
    /// What.
    pub says: ToWorker<S>,
}

/// Whether a route's `pool_size` could be changed in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resized {
    /// It was.
    InPlace,
    /// Between a limit and none there is no way: nobody counted the connections. The caller makes a new pool and
    /// lets this one fade.
    NeedsNewPool,
}

/// The permits of all pools.
#[derive(Debug)]
pub struct Permits<S> {
    pools: HashMap<PoolId, PoolPermits>,
    item: PhantomData<S>,
}

#[derive(Debug)]
struct PoolPermits {
    size: u32,
    free: u32,
    /// Permits that are out and will not be granted again: the size was lowered.
    debt: u32,
    workers: Vec<Holding>,
    /// Number of the next call.
    next_call: u64,
}

/// What is known of one worker's part of one pool.
#[derive(Debug, Default)]
struct Holding {
    /// Permits and connections it was granted and has not given up.
    held: u32,
    /// What it asked for and was not given.
    claim: Option<Claim>,
    /// What it was asked for and has not answered.
    call: Option<Call>,
    presence: Presence,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Presence {
    #[default]
    Works,
    /// It has ended; what it said before may still arrive.
    Gone,
}

impl<S> Default for Permits<S> {
    fn default() -> Permits<S> {
        Permits { pools: HashMap::new(), item: PhantomData }
    }
}

impl<S> Permits<S> {
    /// No pools.
    pub fn new() -> Permits<S> {
        Permits::default()
    }

    /// A new pool with this `pool_size`; 0: no limit, so nobody ever asks.
    pub fn add_pool(&mut self, pool: PoolId, size: u32) {
        let permits = PoolPermits { size, free: size, debt: 0, workers: Vec::new(), next_call: 0 };
        let before = self.pools.insert(pool, permits);
        debug_assert!(before.is_none(), "a pool is added once");
    }

    /// A pool whose route has no clients is forgotten. What is still said of it is not heard; a server
    /// in such a message is dropped.
    pub fn remove_pool(&mut self, pool: PoolId) {
        self.pools.remove(&pool);
    }

    /// A worker's pool says something; what follows from it is appended to `out`.
    pub fn heard(
        &mut self,
        worker: WorkerId,
        pool: PoolId,
        says: ToRouter<S>,
        out: &mut Vec<RouterEvent<S>>,
    ) {
        let Some(permits) = self.pools.get_mut(&pool) else { return };
        if permits.holding(worker).presence == Presence::Gone {
            return;
        }
        let mut tell = |worker, says| out.push(RouterEvent { worker, pool, says });
        match says {
            ToRouter::Want(claim) => permits.holding(worker).claim = Some(claim),
            ToRouter::Unwant => permits.holding(worker).claim = None,
            ToRouter::Yield { item, answers } => permits.yielded(worker, item, answers, &mut tell),
        }
        permits.settle(&mut tell);
    }

    /// Changes a route's `pool_size`. Lowering it takes free permits at once and calls the others in.
    pub fn resize(&mut self, pool: PoolId, size: u32, out: &mut Vec<RouterEvent<S>>) -> Resized {
        let Some(permits) = self.pools.get_mut(&pool) else { return Resized::NeedsNewPool };
        let old = permits.size;
        if (old == 0) != (size == 0) {
            return Resized::NeedsNewPool;
        }
        permits.size = size;
        if size >= old {
            permits.put_back(size - old);
        } else {
            let taken = permits.free.min(old - size);
            permits.free -= taken;
            permits.debt += old - size - taken;
        }
        permits.settle(&mut |worker, says| out.push(RouterEvent { worker, pool, says }));
        Resized::InPlace
    }

    /// A worker has ended, and with it all its connections: what it held comes back.
    pub fn retire(&mut self, worker: WorkerId, out: &mut Vec<RouterEvent<S>>) {
        for (&pool, permits) in &mut self.pools {
            let held = permits.holding(worker).held;
            *permits.holding(worker) = Holding { presence: Presence::Gone, ..Holding::default() };
            permits.put_back(held);
            permits.settle(&mut |worker, says| out.push(RouterEvent { worker, pool, says }));
        }
    }

    /// Free permits of a pool, and those that are out: for the invariant.
    pub fn count(&self, pool: PoolId) -> Option<(u32, u32)> {
        let permits = self.pools.get(&pool)?;
        Some((permits.free, permits.out()))
    }

    /// Permits that are out and will not be granted again.
    pub fn debt(&self, pool: PoolId) -> u32 {
        self.pools.get(&pool).map_or(0, |permits| permits.debt)
    }

    /// What a worker holds, asked for and was asked for: the same as its pool says, when no message is under way.
    #[cfg(test)]
    pub(crate) fn view(&self, pool: PoolId, worker: WorkerId) -> (u32, Option<Claim>, Option<Call>) {
        let holding = self.pools.get(&pool).and_then(|permits| permits.workers.get(usize::from(worker.0)));
        holding.map_or((0, None, None), |holding| (holding.held, holding.claim, holding.call))
    }
}

impl PoolPermits {
    fn holding(&mut self, worker: WorkerId) -> &mut Holding {
        let at = usize::from(worker.0);
        if at >= self.workers.len() {
            self.workers.resize_with(at + 1, Holding::default);
        }
        &mut self.workers[at]
    }

    fn out(&self) -> u32 {
        self.workers.iter().map(|holding| holding.held).sum()
    }

    /// Permits come home: debt is paid first.
    fn put_back(&mut self, count: u32) {
        let paid = count.min(self.debt);
        self.debt -= paid;
        self.free += count - paid;
    }

    /// The worker whose client waits longest; of equals, the first.
    fn longest_waiting(&self) -> Option<WorkerId> {
        let claims =
            self.workers.iter().enumerate().filter_map(|(at, holding)| Some((holding.claim?.since, at)));
        claims.min().and_then(|(_, at)| u16::try_from(at).ok()).map(WorkerId)
    }

    fn yielded<S>(
        &mut self,
        from: WorkerId,
        item: Item<S>,
        answers: Option<CallId>,
        tell: &mut impl FnMut(WorkerId, ToWorker<S>),
    ) {
        let giver = self.holding(from);
        assert!(giver.held > 0, "a worker gives up only what it holds");
        giver.held -= 1;
        // An answer to an older call leaves the newest standing: it is still on its way there.
        if answers.is_some() && answers == giver.call.map(|call| call.id) {
            giver.call = None;
        }
        match (self.longest_waiting(), item) {
            (_, Item::Permit) => self.put_back(1),
            (_, Item::Server(server)) if self.debt > 0 => {
                self.debt -= 1;
                tell(from, ToWorker::Close(server));
            }
            (Some(to), server) => self.grant(to, server, tell),
            // Whoever wanted it does not any more: a connection rests with a worker, never here.
            (None, server) => self.grant(from, server, tell),
        }
    }

    /// What is granted to who claimed answers the claim. Before it has something in its hands, a worker knows who else
    /// waits: the client it claimed for may be gone, and the next one there be younger than those elsewhere.
    fn grant<S>(&mut self, to: WorkerId, item: Item<S>, tell: &mut impl FnMut(WorkerId, ToWorker<S>)) {
        let taker = self.holding(to);
        taker.held += 1;
        let answers = taker.claim.take().map(|claim| claim.id);
        self.press(to, tell);
        tell(to, ToWorker::Grant { item, answers });
    }

    /// Gives free permits to who waits longest, and calls for more where there are any.
    fn settle<S>(&mut self, tell: &mut impl FnMut(WorkerId, ToWorker<S>)) {
        while self.free > 0
            && let Some(to) = self.longest_waiting()
        {
            self.free -= 1;
            self.grant(to, Item::Permit, tell);
        }
        for at in 0..self.workers.len() {
            if let Ok(id) = u16::try_from(at) {
                self.press(WorkerId(id), tell);
            }
        }
        self.audit();
    }

    /// Tells a worker that holds something since when the oldest client of the *other* workers waits, if that is not
    /// what it was told last.
    fn press<S>(&mut self, worker: WorkerId, tell: &mut impl FnMut(WorkerId, ToWorker<S>)) {
        let at = usize::from(worker.0);
        let others = self.workers.iter().enumerate().filter(|(other, _)| *other != at);
        // A debt is older than any wait.
        let debt = (self.debt > 0).then_some(Tick(0));
        let oldest = debt.or_else(|| others.filter_map(|(_, other)| Some(other.claim?.since)).min());
        let holding = &mut self.workers[at];
        let wanted = oldest.filter(|_| holding.held > 0);
        if holding.call.map(|call| call.since) != wanted {
            holding.call = wanted.map(|since| Call { id: CallId(self.next_call), since });
            self.next_call += 1;
            tell(worker, ToWorker::Pressure(holding.call));
        }
    }

    /// What holds whenever nothing is being decided.
    fn audit(&self) {
        debug_assert_eq!(self.free + self.out(), self.size + self.debt, "permits are neither made nor lost");
        debug_assert!(self.free == 0 || self.debt == 0, "a debt is paid before anything is free");
        debug_assert!(
            self.free == 0 || self.longest_waiting().is_none(),
            "nobody waits beside a free permit"
        );
    }
}
