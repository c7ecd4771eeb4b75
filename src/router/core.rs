//! Who holds the permits of each route, and who gets the next one. Pure: no io, no clock.
//!
//! A route's `pool_size` is a number of permits. Each is free here, spent on a connection of some worker, or inside
//! a message; what workers hold is counted here, so that a permit can be asked back only where there is one. See
//! `LIFECYCLE.md`.

use crate::pool::permits::{Item, Tick, ToRouter, ToWorker};
use crate::router::WorkerId;
use crate::rules::RouteId;
use std::collections::HashMap;

/// A message to a worker's pool.
#[derive(Debug)]
pub struct RouterEvent<S> {
    /// To whom.
    pub worker: WorkerId,
    /// Of which route.
    pub route: RouteId,
    /// What.
    pub says: ToWorker<S>,
}

/// What is known of one worker's pool of one route.
#[derive(Debug, Default)]
struct Holding {
    /// Permits and connections it was granted and has not given up.
    held: u32,
    /// Since when its oldest client waits, as it said last.
    claim: Option<Tick>,
    /// What it was told of the others' clients.
    pressure: Told,
}

/// What a worker's pool knows of the clients that wait in other workers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Told {
    /// Nobody waits, as far as it knows.
    #[default]
    Nobody,
    /// Somebody waits since then: it was told, and gave nothing up since.
    Since(Tick),
    /// It gave something up and so forgot what it had heard by then; what was said last may have been on its way.
    Unsure,
}

#[derive(Debug)]
struct RoutePermits {
    free: u32,
    /// Permits that are out and will not be granted again: the size was lowered.
    debt: u32,
    workers: Vec<Holding>,
}

/// The permits of all routes.
#[derive(Debug, Default)]
pub struct Permits<S> {
    routes: HashMap<RouteId, RoutePermits>,
    item: std::marker::PhantomData<S>,
}

impl<S> Permits<S> {
    /// No routes.
    pub fn new() -> Permits<S> {
        Permits { routes: HashMap::new(), item: std::marker::PhantomData }
    }

    /// A new route with this `pool_size`; 0: no limit, so nobody ever asks.
    pub fn add_route(&mut self, route: RouteId, size: u32) {
        self.routes.insert(route, RoutePermits { free: size, debt: 0, workers: Vec::new() });
    }

    /// A route that has no clients and no connections is forgotten.
    pub fn remove_route(&mut self, route: RouteId) {
        self.routes.remove(&route);
    }

    /// A worker's pool says something; what follows from it is appended to `out`.
    pub fn heard(
        &mut self,
        worker: WorkerId,
        route: RouteId,
        says: ToRouter<S>,
        out: &mut Vec<RouterEvent<S>>,
    ) {
        let Some(permits) = self.routes.get_mut(&route) else { return };
        let mut tell = |worker, says| out.push(RouterEvent { worker, route, says });
        match says {
            ToRouter::Want { since } => permits.holding(worker).claim = Some(since),
            ToRouter::Unwant => permits.holding(worker).claim = None,
            ToRouter::Yield(item) => permits.yielded(worker, item, &mut tell),
        }
        permits.grant_free(&mut tell);
        permits.press(&mut tell);
    }

    /// Changes a route's `pool_size`. Lowering it takes free permits at once and the others as they come back.
    pub fn resize(&mut self, route: RouteId, old: u32, new: u32, out: &mut Vec<RouterEvent<S>>) {
        let Some(permits) = self.routes.get_mut(&route) else { return };
        if new >= old {
            let more = new - old;
            let forgiven = more.min(permits.debt);
            permits.debt -= forgiven;
            permits.free += more - forgiven;
        } else {
            let fewer = old - new;
            let taken = fewer.min(permits.free);
            permits.free -= taken;
            permits.debt += fewer - taken;
        }
        let mut tell = |worker, says| out.push(RouterEvent { worker, route, says });
        permits.grant_free(&mut tell);
        permits.press(&mut tell);
    }

    /// Free permits of a route, and those that are out: for the invariant.
    pub fn count(&self, route: RouteId) -> Option<(u32, u32)> {
        let permits = self.routes.get(&route)?;
        Some((permits.free, permits.workers.iter().map(|holding| holding.held).sum()))
    }

    /// Since when a worker's oldest client waits, as far as is known here: for the invariant.
    pub fn claim(&self, route: RouteId, worker: WorkerId) -> Option<Tick> {
        self.routes.get(&route)?.workers.get(usize::from(worker.0))?.claim
    }

    /// Permits that are out and will not be granted again.
    pub fn debt(&self, route: RouteId) -> u32 {
        self.routes.get(&route).map_or(0, |permits| permits.debt)
    }
}

impl RoutePermits {
    fn holding(&mut self, worker: WorkerId) -> &mut Holding {
        let at = usize::from(worker.0);
        if at >= self.workers.len() {
            self.workers.resize_with(at + 1, Holding::default);
        }
        &mut self.workers[at]
    }

    /// The worker whose client waits longest; of equals, one that is not `except`.
    fn longest_waiting(&self, except: Option<WorkerId>) -> Option<WorkerId> {
        let claims = self.workers.iter().enumerate().filter_map(|(at, holding)| {
            let id = WorkerId(u16::try_from(at).ok()?);
            holding.claim.map(|since| (since, Some(id) == except, id))
        });
        claims.min_by_key(|(since, same, id)| (*since, *same, *id)).map(|(_, _, id)| id)
    }

    fn yielded<S>(&mut self, from: WorkerId, item: Item<S>, tell: &mut impl FnMut(WorkerId, ToWorker<S>)) {
        let giver = self.holding(from);
        assert!(giver.held > 0, "a worker gives up only what it holds");
        giver.held -= 1;
        if giver.pressure != Told::Nobody {
            giver.pressure = Told::Unsure;
        }
        if matches!(item, Item::Permit) && self.debt > 0 {
            self.debt -= 1;
            return;
        }
        match (self.longest_waiting(Some(from)), item) {
            (Some(to), item) => self.grant(to, item, tell),
            (None, Item::Permit) => self.free += 1,
            // Whoever wanted it does not any more: a connection rests with a worker, never here.
            (None, server @ Item::Server(_)) => self.grant(from, server, tell),
        }
    }

    fn grant<S>(&mut self, to: WorkerId, item: Item<S>, tell: &mut impl FnMut(WorkerId, ToWorker<S>)) {
        let taker = self.holding(to);
        taker.held += 1;
        taker.claim = None;
        tell(to, ToWorker::Grant(item));
    }

    fn grant_free<S>(&mut self, tell: &mut impl FnMut(WorkerId, ToWorker<S>)) {
        while self.free > 0
            && let Some(to) = self.longest_waiting(None)
        {
            self.free -= 1;
            self.grant(to, Item::Permit, tell);
        }
    }

    /// Tells every worker that holds something since when the oldest client of the *other* workers waits, if that
    /// is not what it knows already.
    fn press<S>(&mut self, tell: &mut impl FnMut(WorkerId, ToWorker<S>)) {
        for at in 0..self.workers.len() {
            let Ok(id) = u16::try_from(at) else { return };
            let others = self.workers.iter().enumerate().filter(|(other, _)| *other != at);
            let wanted = others.filter_map(|(_, holding)| holding.claim).min();
            let holding = &mut self.workers[at];
            let told = wanted.map_or(Told::Nobody, Told::Since);
            if holding.held > 0 && holding.pressure != told {
                holding.pressure = told;
                tell(WorkerId(id), ToWorker::Pressure(wanted));
            }
        }
    }
}
