//! The routes there are: made when a client first needs one, counted, and forgotten when nobody does. Pure.
//!
//! ```text
//!            first client           reload without its rule
//!   (none) ───────────────► in force ───────────────────────► fading
//!      ▲                       │ made for a default rule:        │ no client
//!      └───────────────────────┴ no client and no server ────────┘
//! ```

#[cfg(test)]
mod tests;

use crate::client::fault::Fault;
use crate::router::{Greeting, Holds, WorkerId};
use crate::rules::{EndpointId, PoolId, Route, RouteId, RuleId, Rules};
use odyssey_config::{Client, Name, Rule, RuleUser};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What tells two routes apart: the rule, and whom its servers are logged in as.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    rule: RuleId,
    database: Arc<str>,
    user: Arc<str>,
}

#[derive(Debug)]
struct Entry {
    route: Arc<Route>,
    key: Key,
    clients: u32,
    greeting: Option<Greeting>,
    life: Life,
    /// Endpoints with permits.
    pools: Vec<EndpointId>,
    /// Workers whose pool there may have a server.
    holders: HashSet<(EndpointId, WorkerId)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    /// New clients get it.
    InForce,
    /// Its rule is gone: it lives for the clients it has.
    Fading,
}

/// What nobody needs any more.
#[derive(PartialEq, Eq, Default, Debug)]
pub struct Done {
    /// Routes to be forgotten everywhere.
    pub routes: Vec<RouteId>,
    /// Pools whose permits are to be forgotten.
    pub pools: Vec<PoolId>,
}

/// All routes of the process.
#[derive(Debug)]
pub struct Routes {
    rules: Arc<Rules>,
    entries: HashMap<RouteId, Entry>,
    by_key: HashMap<Key, RouteId>,
    next: u64,
}

impl Routes {
    /// No routes, under these rules.
    pub fn new(rules: Arc<Rules>) -> Routes {
        Routes { rules, entries: HashMap::new(), by_key: HashMap::new(), next: 0 }
    }

    /// The route of a client, which is counted in, and what servers of the route said of themselves.
    ///
    /// # Errors
    /// `NoRoute`, `RouteFull`.
    pub fn admit(&mut self, who: &Client<'_>) -> Result<(Arc<Route>, Option<Greeting>), Fault> {
        let names = || (who.database.to_owned(), who.user.to_owned());
        let rules = Arc::clone(&self.rules);
        let found = rules.config.match_rule(who, &|_, _| false).and_then(|index| {
            let (id, rule) = rules.rule(index)?;
            Some((id, rule, rules.storage_named(&rule.storage)?))
        });
        let Some((rule_id, rule, storage)) = found else {
            let (database, user) = names();
            return Err(Fault::NoRoute { database, user });
        };
        let key = Key {
            rule: rule_id,
            database: rule.storage_db.as_deref().unwrap_or(who.database).into(),
            user: rule.storage_user.as_deref().unwrap_or(who.user).into(),
        };
        let next = &mut self.next;
        let id = *self.by_key.entry(key.clone()).or_insert_with(|| {
            *next += 1;
            RouteId(*next - 1)
        });
        let entry = self.entries.entry(id).or_insert_with(|| Entry {
            route: Arc::new(Route::new(id, (rule_id, rule), storage, &key.database, &key.user)),
            key,
            clients: 0,
            greeting: None,
            life: Life::InForce,
            pools: Vec::new(),
            holders: HashSet::new(),
        });
        if let Some(limit) = rule.client_max.filter(|limit| entry.clients >= *limit) {
            let (database, user) = names();
            return Err(Fault::RouteFull { database, user, limit });
        }
        entry.clients += 1;
        Ok((Arc::clone(&entry.route), entry.greeting.clone()))
    }

    /// A client that was admitted has left.
    pub fn left(&mut self, route: RouteId) -> Done {
        if let Some(entry) = self.entries.get_mut(&route) {
            entry.clients = entry.clients.saturating_sub(1);
        }
        self.look_at([route])
    }

    /// What servers of a route say of themselves.
    pub fn learned(&mut self, route: RouteId, greeting: Greeting) {
        if let Some(entry) = self.entries.get_mut(&route) {
            entry.greeting = Some(greeting);
        }
    }

    /// A worker's pool has begun, or ceased, to need its route.
    pub fn holds(&mut self, worker: WorkerId, pool: PoolId, holds: Holds) -> Done {
        if let Some(entry) = self.entries.get_mut(&pool.route) {
            let holder = (pool.endpoint, worker);
            match holds {
                Holds::Something => entry.holders.insert(holder),
                Holds::Nothing => entry.holders.remove(&holder),
            };
        }
        self.look_at([pool.route])
    }

    /// The `pool_size` of a pool that is heard of for the first time; `None`: it is known, or its route is not.
    pub fn new_pool(&mut self, pool: PoolId) -> Option<u32> {
        let entry = self.entries.get_mut(&pool.route)?;
        let at = pool.endpoint.storage;
        if at != entry.route.storage.id && self.rules.storage(at).is_none() {
            return None;
        }
        if entry.pools.contains(&pool.endpoint) {
            return None;
        }
        entry.pools.push(pool.endpoint);
        Some(entry.route.rule().pool.size)
    }

    /// The next version of the rules is in force. Routes of rules it does not have fade.
    pub fn replace(&mut self, rules: Arc<Rules>) -> Done {
        self.rules = rules;
        let known: HashSet<RuleId> = self.rules.rule_ids().collect();
        let mut gone = Done::default();
        for entry in self.entries.values_mut() {
            if !known.contains(&entry.route.rule_id) {
                entry.life = Life::Fading;
                self.by_key.remove(&entry.key);
                continue;
            }
            // A listener may have sent it to a storage that is no more.
            let (route, rules) = (entry.route.id, &self.rules);
            entry.pools.retain(|endpoint| {
                let stays = rules.storage(endpoint.storage).is_some();
                if !stays {
                    gone.pools.push(PoolId { route, endpoint: *endpoint });
                }
                stays
            });
            entry.holders.retain(|(endpoint, _)| rules.storage(endpoint.storage).is_some());
        }
        let all: Vec<RouteId> = self.entries.keys().copied().collect();
        let done = self.look_at(all);
        gone.routes.extend(done.routes);
        gone.pools.extend(done.pools);
        gone
    }

    /// Forgets those that nobody needs.
    fn look_at(&mut self, routes: impl IntoIterator<Item = RouteId>) -> Done {
        let mut done = Done::default();
        for route in routes {
            let Some(entry) = self.entries.get(&route).filter(|entry| entry.is_done()) else { continue };
            done.routes.push(route);
            done.pools.extend(entry.pools.iter().map(|endpoint| PoolId { route, endpoint: *endpoint }));
            if entry.life == Life::InForce {
                self.by_key.remove(&entry.key);
            }
            self.entries.remove(&route);
        }
        done
    }
}

impl Entry {
    fn is_done(&self) -> bool {
        self.clients == 0
            && match self.life {
                // Its idle servers are closed with it.
                Life::Fading => true,
                // Anybody could make any number of them by asking for names that nobody has.
                Life::InForce => self.holders.is_empty() && names_anybody(self.route.rule()),
            }
    }
}

/// Whether a rule has as many routes as clients have names.
fn names_anybody(rule: &Rule) -> bool {
    rule.database == Name::Any || !matches!(rule.user, RuleUser::Is(_))
}
