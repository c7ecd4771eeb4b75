//! A version of the rules, and the routes made of it.
//!
//! Everything here is immutable once made and shared by reference count: every machine reads the version it was
//! sent. A reload makes the next version out of the one in force and a new configuration; a rule or storage that
//! did not change keeps its name, and what is known by that name (routes, pools, statistics) stays.

pub mod source;
pub mod tls;

use machinarium::tls::config::{ClientTls, ServerTls};
use odyssey_config::{Config, LdapEndpoint, Rule, SharedPool, Storage};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tls::TlsFault;

/// Names a rule in the process. A rule that a reload leaves alone keeps it, a changed one gets another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RuleId(u64);

/// Names a storage in the process, as [`RuleId`] a rule.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StorageId(u64);

/// Names a route in messages. Never used again in the life of the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RouteId(pub u64);

/// One host of a storage: a server address with pools of its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct EndpointId {
    /// The storage.
    pub storage: StorageId,
    /// Its place in the storage's list.
    pub index: u16,
}

/// A route's servers at one endpoint: what `pool_size` limits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct PoolId {
    /// The route.
    pub route: RouteId,
    /// Where its servers are.
    pub endpoint: EndpointId,
}

#[cfg(test)]
impl PoolId {
    /// Some pool; another number is another pool.
    pub(crate) const fn numbered(number: u64) -> PoolId {
        PoolId { route: RouteId(number), endpoint: EndpointId { storage: StorageId(0), index: 0 } }
    }
}

/// A storage of a version, ready to be connected to.
#[derive(Debug)]
pub struct StorageUse {
    /// Its name in the process.
    pub id: StorageId,
    /// What the operator wrote.
    pub storage: Arc<Storage>,
    /// Its TLS context; `None`: its servers are spoken to in the clear.
    pub tls: Option<ClientTls>,
}

/// One version of the configuration.
#[derive(Debug)]
pub struct Rules {
    /// Counts the versions; a reload makes the next.
    pub version: u64,
    /// What the operator wrote, checked.
    pub config: Config,
    /// TLS contexts by listener; `None`: it offers none.
    pub listener_tls: Vec<Option<ServerTls>>,
    /// By index of the configuration's rules.
    rules: Vec<RuleId>,
    /// By index of the configuration's storages.
    storages: Vec<Arc<StorageUse>>,
    /// The next name that nothing has had.
    next_id: u64,
}

impl Rules {
    /// The first version. Reads TLS files.
    ///
    /// # Errors
    /// Files that cannot be used, each of them.
    pub fn first(config: Config) -> Result<Rules, Vec<TlsFault>> {
        Rules::make(config, None)
    }

    /// The version after this one. What did not change keeps its name and its memory; TLS files are read again.
    ///
    /// # Errors
    /// Files that cannot be used, each of them. Nothing has changed then.
    pub fn next(&self, config: Config) -> Result<Rules, Vec<TlsFault>> {
        Rules::make(config, Some(self))
    }

    fn make(mut config: Config, before: Option<&Rules>) -> Result<Rules, Vec<TlsFault>> {
        let mut names = Names { next: before.map_or(0, |before| before.next_id) };
        let (listener_tls, storage_tls) = tls::load(&config)?;
        let storages = storages(&mut config, storage_tls, before, &mut names);
        let rules = rules(&mut config, &storages, before, &mut names);
        let version = before.map_or(1, |before| before.version + 1);
        Ok(Rules { version, config, listener_tls, rules, storages, next_id: names.next })
    }

    /// The rule at this index of the configuration.
    pub fn rule(&self, index: usize) -> Option<(RuleId, &Arc<Rule>)> {
        Some((*self.rules.get(index)?, self.config.rules.get(index)?))
    }

    /// The names of its rules.
    pub fn rule_ids(&self) -> impl Iterator<Item = RuleId> {
        self.rules.iter().copied()
    }

    /// What this version makes of a rule of an earlier one: the rule for the same clients.
    pub fn successor(&self, rule: &Rule) -> Option<&Arc<Rule>> {
        self.config.rules.iter().find(|other| are_for_the_same(other, rule))
    }

    /// How many rules came and how many went between `before` and this version.
    pub fn replaced(&self, before: &Rules) -> usize {
        let (old, new): (HashSet<RuleId>, HashSet<RuleId>) =
            (before.rule_ids().collect(), self.rule_ids().collect());
        old.symmetric_difference(&new).count()
    }

    /// Its storages, in file order.
    pub fn storages(&self) -> impl Iterator<Item = &Arc<StorageUse>> {
        self.storages.iter()
    }

    /// The storage of this name, if this version has it.
    pub fn storage(&self, id: StorageId) -> Option<&Arc<StorageUse>> {
        self.storages.iter().find(|storage| storage.id == id)
    }

    /// The storage the operator calls so.
    pub fn storage_named(&self, name: &str) -> Option<&Arc<StorageUse>> {
        self.storages.iter().find(|storage| storage.storage.name == name)
    }
}

/// Hands out names.
struct Names {
    next: u64,
}

impl Names {
    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

fn storages(
    config: &mut Config,
    tls: Vec<Option<ClientTls>>,
    before: Option<&Rules>,
    names: &mut Names,
) -> Vec<Arc<StorageUse>> {
    let unchanged = |storage: &Arc<Storage>| {
        let old = before?.storage_named(&storage.name)?;
        (old.storage == *storage).then_some(old)
    };
    let make = |(storage, tls): (&mut Arc<Storage>, Option<ClientTls>)| {
        let id = match unchanged(storage) {
            Some(old) => {
                *storage = Arc::clone(&old.storage);
                old.id
            }
            None => StorageId(names.fresh()),
        };
        Arc::new(StorageUse { id, storage: Arc::clone(storage), tls })
    };
    config.storages.iter_mut().zip(tls).map(make).collect()
}

fn rules(
    config: &mut Config,
    storages: &[Arc<StorageUse>],
    before: Option<&Rules>,
    names: &mut Names,
) -> Vec<RuleId> {
    let mut old = Old::of(before);
    let (pools, endpoints) = (&config.shared_pools, &config.ldap_endpoints);
    let fresh = |storage: &str| storages.iter().find(|used| used.storage.name == storage).map(|used| used.id);
    let mut make = |rule: &mut Arc<Rule>| match old.take(rule, fresh(&rule.storage), pools, endpoints) {
        Some((id, old)) => {
            *rule = old;
            id
        }
        None => RuleId(names.fresh()),
    };
    config.rules.iter_mut().map(&mut make).collect()
}

/// The rules of the version before, found by what clients are told apart by.
struct Old<'a> {
    before: Option<&'a Rules>,
    /// Indexes by title and selectors, last first: exact duplicates are taken in file order.
    by_key: HashMap<String, Vec<usize>>,
}

impl<'a> Old<'a> {
    fn of(before: Option<&'a Rules>) -> Old<'a> {
        let mut by_key: HashMap<String, Vec<usize>> = HashMap::new();
        let rules = before.map_or(&[][..], |before| &before.config.rules);
        for (index, rule) in rules.iter().enumerate().rev() {
            by_key.entry(key(rule)).or_default().push(index);
        }
        Old { before, by_key }
    }

    /// The old rule that is this one, with everything it refers to.
    fn take(
        &mut self,
        rule: &Rule,
        storage: Option<StorageId>,
        pools: &[SharedPool],
        endpoints: &[LdapEndpoint],
    ) -> Option<(RuleId, Arc<Rule>)> {
        let before = self.before?;
        let index = self.by_key.get_mut(&key(rule))?.pop()?;
        let (id, old) = before.rule(index)?;
        let shared = |pools: &[SharedPool], rule: &Rule| {
            let name = rule.pool.shared_pool.as_ref()?;
            pools.iter().find(|pool| pool.name == *name).cloned()
        };
        let ldap = |endpoints: &[LdapEndpoint], rule: &Rule| {
            let name = rule.ldap_endpoint_name.as_ref()?;
            endpoints.iter().find(|endpoint| endpoint.name == *name).cloned()
        };
        let same = **old == *rule
            && before.storage_named(&old.storage).map(|used| used.id) == storage
            && shared(&before.config.shared_pools, old) == shared(pools, rule)
            && ldap(&before.config.ldap_endpoints, old) == ldap(endpoints, rule);
        same.then(|| (id, Arc::clone(old)))
    }
}

fn are_for_the_same(a: &Rule, b: &Rule) -> bool {
    a.database == b.database
        && a.user == b.user
        && a.address.text() == b.address.text()
        && a.connection == b.connection
        && a.pool.routing == b.pool.routing
}

/// What tells rules apart: names, address text, connection type, and who sees it.
fn key(rule: &Rule) -> String {
    let (database, user, address) = (&rule.database, &rule.user, rule.address.text());
    format!("{database:?} {user:?} {address:?} {:?} {:?}", rule.connection, rule.pool.routing)
}

/// What clients of one rule share when they ask for the same database as the same user: pools of servers.
#[derive(Debug)]
pub struct Route {
    /// Its name in messages.
    pub id: RouteId,
    /// The name of its rule.
    pub rule_id: RuleId,
    /// Its rule.
    rule: Arc<Rule>,
    /// The storage its rule names.
    pub storage: Arc<StorageUse>,
    /// Database at the server.
    pub database: Arc<str>,
    /// User at the server.
    pub user: Arc<str>,
}

impl Route {
    /// The route of a rule for clients that reach the server as `user` in `database`.
    pub fn new(
        id: RouteId,
        (rule_id, rule): (RuleId, &Arc<Rule>),
        storage: &Arc<StorageUse>,
        database: &Arc<str>,
        user: &Arc<str>,
    ) -> Route {
        let (rule, storage) = (Arc::clone(rule), Arc::clone(storage));
        Route { id, rule_id, rule, storage, database: Arc::clone(database), user: Arc::clone(user) }
    }

    /// Its rule.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// Its storage.
    pub fn storage(&self) -> &Storage {
        &self.storage.storage
    }

    /// `database.user` as logs and error texts name it.
    pub fn title(&self) -> String {
        format!("{}.{}", self.database, self.user)
    }
}
