//! Where a client looks for its servers, when that is not simply its route's only host: which hosts it tries, and
//! what of a server it was lent there makes it go on to the next.

use crate::balance::lag;
use crate::balance::order::Candidate;
use crate::balance::search::{Patience, Search, Verdict};
use crate::balance::status::Role;
use crate::balance::terms::{Hints, Terms, Wishes};
use crate::base::limits::{FAREWELL_DEADLINE, ROLE_DEADLINE};
use crate::client::attach::{self, Attach};
use crate::client::fault::Fault;
use crate::client::{Client, Names};
use crate::log::log_info;
use crate::relay::RelayFault;
use crate::rules::{EndpointId, PoolId, Route, StorageUse};
use crate::server::query;
use crate::worker::Worker;
use crate::worker::hosts::Hosts;
use crate::worker::lease::Lease;
use crate::worker::route_pool::RoutePool;
use kiwi::backend::errors::write_short_notice;
use machinarium::{Co, Deadline};
use odyssey_config::{Listen, StorageKind, TargetSessionAttrs};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// How a client comes to a server of the pool it was turned to; `None`: it is in that pool's queue.
type Get = fn(&Co, &Client, Attach) -> Result<Option<Lease>, Fault>;

/// A client's choice among hosts.
pub struct Choice {
    wishes: Wishes,
    /// Names of the storages its listener sends it to, in this order; empty: its route's.
    storages: Box<[String]>,
    /// How many of them the search has come to.
    visited: usize,
    /// Where it looks now.
    place: Option<(Rc<Hosts>, Terms)>,
    search: Search,
    /// Why the last host did not do.
    failure: Option<Fault>,
}

impl Choice {
    /// Of a client of this listener and route. `None`: there is one host at most, and whatever it is will do.
    pub fn of(listen: &Listen, route: &Route, hints: Hints) -> Option<Box<Choice>> {
        let wishes = Wishes::new(hints, listen, route.rule());
        let simple = wishes.attrs == TargetSessionAttrs::Any
            && wishes.lag_max.is_none()
            && listen.storages.is_empty()
            && route.storage().endpoints.len() <= 1;
        (!simple).then(|| {
            Box::new(Choice {
                wishes,
                storages: listen.storages.clone().into(),
                visited: 0,
                place: None,
                search: Search::default(),
                failure: None,
            })
        })
    }

    /// How long the client waits where it looks now.
    pub fn patience(&self) -> Patience {
        self.search.patience()
    }

    /// The pool a client belongs to before it has ever asked for a server.
    pub fn home(&self, worker: &Rc<Worker>, route: &Arc<Route>) -> Rc<RoutePool> {
        let storage =
            self.storage(worker, route, 0).map_or_else(|| Arc::clone(&route.storage), |(_, storage)| storage);
        worker.pool_at(route, &storage, 0)
    }

    /// Whether replicas are near enough to their primary for the client to go on: the one its server is at, or any
    /// of those its next could be at.
    ///
    /// # Errors
    /// `Lagging`.
    pub fn admit(
        &self,
        worker: &Rc<Worker>,
        route: &Arc<Route>,
        server: Option<&Lease>,
        names: &Names,
    ) -> Result<(), Fault> {
        if self.wishes.lag_max.is_none() {
            return Ok(());
        }
        let near_enough = match server {
            Some(lease) => {
                let status = worker.hosts(&lease.pool.storage).status(lease.pool.index);
                lag::admit(self.wishes.lag_max, std::iter::once(status.lag))
            }
            None => {
                let (mut visited, mut least) = (0, None);
                while let Some((next, storage)) = self.storage(worker, route, visited) {
                    least = worker.hosts(&storage).lags().chain(least).min();
                    visited = next;
                }
                lag::admit(self.wishes.lag_max, least.into_iter())
            }
        };
        near_enough.map_err(|lag| Fault::Lagging {
            lag,
            database: names.database.to_string(),
            user: names.user.to_string(),
        })
    }

    /// The first storage from number `from` on that is there and has servers, and the number of the next.
    fn storage(&self, worker: &Worker, route: &Route, from: usize) -> Option<(usize, Arc<StorageUse>)> {
        if self.storages.is_empty() {
            return (from == 0).then(|| (1, Arc::clone(&route.storage)));
        }
        let rules = worker.facilities.rules();
        let named = self.storages.iter().enumerate().skip(from);
        let mut usable = named.filter_map(|(number, name)| Some((number + 1, rules.storage_named(name)?)));
        let (next, found) = usable.find(|(_, used)| used.storage.kind == StorageKind::Remote)?;
        Some((next, Arc::clone(found)))
    }

    fn begin(&mut self, client: &Client, now: Instant) {
        (self.visited, self.place, self.failure) = (0, None, None);
        self.enter_next(client, now);
    }

    /// Goes on to the next storage in which there is a host to try. `false`: there is none.
    fn enter_next(&mut self, client: &Client, now: Instant) -> bool {
        let (worker, route) = (client.worker(), &client.pool.route);
        while let Some((next, storage)) = self.storage(worker, route, self.visited) {
            self.visited = next;
            let (hosts, terms) = (worker.hosts(&storage), self.wishes.at(&storage.storage));
            let candidate = |index: u16| {
                let endpoint = EndpointId { storage: storage.id, index };
                let pool = worker.known_pool(PoolId { route: route.id, endpoint });
                Candidate {
                    zone: hosts.zone(index),
                    status: hosts.status(index),
                    connections: pool.map_or(0, |pool| pool.connections()),
                }
            };
            let several = hosts.count() > 1;
            let patience = match route.rule().pool.acquire_fail_fast && several {
                true => Patience::Little,
                false => Patience::Full,
            };
            let turn = if several { hosts.next_turn() } else { 0 };
            self.search.begin(&terms, patience, turn, now, hosts.count(), candidate);
            self.place = Some((hosts, terms));
            if self.search.endpoint().is_some() {
                return true;
            }
        }
        false
    }

    /// The pool of the host to try now.
    fn pool(&self, client: &Client) -> Option<Rc<RoutePool>> {
        let (hosts, _) = self.place.as_ref()?;
        let index = self.search.endpoint()?;
        Some(client.worker().pool_at(&client.pool.route, &hosts.storage, index))
    }

    /// The host tried now did not do.
    fn go_on(&mut self, client: &Client, now: Instant) {
        self.search.next();
        if self.search.endpoint().is_none() && !self.search.again() {
            self.enter_next(client, now);
        }
    }

    fn look(
        &mut self,
        co: &Co,
        client: &mut Client,
        mut by: Attach,
        get: Get,
    ) -> Result<Option<Lease>, Fault> {
        if matches!(by, Attach::Ask) {
            self.begin(client, co.now());
        }
        loop {
            if matches!(by, Attach::Ask) {
                match self.pool(client) {
                    Some(pool) => client.turn_to(pool),
                    None => return Err(self.failure.take().unwrap_or(Fault::NoHost)),
                }
            }
            match get(co, client, by) {
                Ok(None) => return Ok(None),
                Ok(Some(lease)) => match self.examine(co, lease) {
                    Ok(lease) => return Ok(Some(lease)),
                    Err(fault) => self.failure = Some(fault),
                },
                Err(fault) => self.note(co.now(), fault)?,
            }
            by = Attach::Ask;
            self.go_on(client, co.now());
        }
    }

    /// Keeps a server if its host has the role the client wants; the first client that finds what is known of it
    /// too old asks it, for all.
    fn examine(&mut self, co: &Co, mut lease: Lease) -> Result<Lease, Fault> {
        let Some((hosts, terms)) = &self.place else { return Ok(lease) };
        let index = lease.pool.index;
        loop {
            match self.search.judge(terms, &hosts.status(index), co.now()) {
                Verdict::Suits => return Ok(lease),
                Verdict::Unfit => {
                    lease.release();
                    return Err(Fault::NoSuchRole(terms.attrs));
                }
                Verdict::Ask => match role(co, &mut lease) {
                    Some(role) => hosts.learn(index, |status| status.answered(role, co.now())),
                    None => {
                        lease.close();
                        return Err(Fault::NoHost);
                    }
                },
            }
        }
    }

    /// Takes note of why a host did not do.
    ///
    /// # Errors
    /// The fault, if no other host would do better.
    fn note(&mut self, now: Instant, fault: Fault) -> Result<(), Fault> {
        match &fault {
            Fault::Connect { fault: connect, .. } => {
                if connect.is_cancelled() {
                    return Err(fault);
                }
                if let (Some((hosts, _)), Some(index)) = (&self.place, self.search.endpoint())
                    && connect.is_the_hosts()
                {
                    hosts.learn(index, |status| status.died(now));
                }
            }
            Fault::PoolTimeout | Fault::Deploy { refused: None, .. } => {}
            _ => return Err(fault),
        }
        self.failure = Some(fault);
        Ok(())
    }

    /// What the client is told of the host it was given, if the storage wants it told.
    fn notice(&self, lease: &Lease) -> Option<Vec<u8>> {
        let storage = &lease.pool.storage.storage;
        if !storage.balancing.show_notice_messages || storage.endpoints.len() <= 1 {
            return None;
        }
        let endpoint = storage.endpoints.get(usize::from(lease.pool.index))?;
        let mut out = Vec::new();
        write_short_notice(&mut out, &format!("select host {}", endpoint.address));
        Some(out)
    }
}

/// A server for a client that has to choose among hosts; `None`: it waits at one of them.
///
/// # Errors
/// `NoHost`, `NoSuchRole`, or what the last host tried ended with.
pub fn take(co: &Co, client: &mut Client, by: Attach) -> Result<Option<Lease>, Fault> {
    let found = find(co, client, by, attach::take)?;
    if let Some(lease) = &found
        && let Some(notice) = client.choice.as_ref().and_then(|choice| choice.notice(lease))
    {
        let by = Deadline::after(co.now(), FAREWELL_DEADLINE);
        let told = client.io.write_all(co, &notice, by);
        told.map_err(|error| Fault::Relay(RelayFault::ClientGone(Some(error))))?;
    }
    Ok(found)
}

/// As [`take`], with another way to come to a server of a pool, and without a notice.
///
/// # Errors
/// As for [`take`].
pub fn find(co: &Co, client: &mut Client, by: Attach, get: Get) -> Result<Option<Lease>, Fault> {
    let Some(mut choice) = client.choice.take() else { return get(co, client, by) };
    let found = choice.look(co, client, by, get);
    client.choice = Some(choice);
    found
}

/// What the server says its role is; `None`: it does not say.
fn role(co: &Co, lease: &mut Lease) -> Option<Role> {
    let by = Deadline::after(co.now(), ROLE_DEADLINE);
    match query::role(co, lease, by) {
        Ok(Role::Unknown) => None,
        Ok(role) => Some(role),
        Err(fault) => {
            let who = crate::log::Who { server: Some(lease.id), ..crate::log::Who::default() };
            log_info!(&who, "main", "server did not say whether it is in recovery: {fault}");
            None
        }
    }
}
