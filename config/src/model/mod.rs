//! What the program runs on: plain typed data, one field per directive.
//!
//! Nothing here remembers where it was written, and an `Option` is left only where "unset" means something.
//! Zero-means-off numbers of the file have become `None`, seconds and milliseconds have become `Duration`.

mod global;
mod listen;
mod rule;
mod storage;

pub use global::{
    ConnDrop, CpuAffinity, CpuRole, CpuRule, CpuSet, Global, KeepAlive, OomDrop, OomSignal, QueryParsing,
    QueryParsingMode, SoftOom, SyslogFacility, Workers,
};
pub use listen::{Listen, ListenTls, TlsMode};
pub use rule::{
    AddressRange, AuthQuery, Authentication, Cidr, CommonName, ConnectionType, Discard, GroupCheck,
    HostMatch, LdapCredentials, Name, PoolMode, PoolRouting, Pooling, Role, Rule, RuleOrigin, RuleUser,
    Secret,
};
pub use storage::{
    Balancing, BalancingMethod, Endpoint, EndpointAddress, Storage, StorageKind, StorageTls,
    TargetSessionAttrs, Watchdog,
};

use crate::hba::Hba;
use crate::rule_index::RuleIndex;
use crate::source::Position;
use std::sync::Arc;

/// A whole configuration that passed every check.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Process-wide settings.
    pub global: Global,
    /// Listeners in file order; at least one.
    pub listens: Vec<Listen>,
    /// Storages in file order; at least one, names unique.
    pub storages: Vec<Arc<Storage>>,
    /// Rules in creation order: watchdogs first, then per `database` block its users, then its groups.
    pub rules: Vec<Arc<Rule>>,
    /// Indexes into `rules`, in the order in which they are tried (see `Config::match_rule`).
    pub rule_order: Vec<usize>,
    /// The same order filed by name, which `Config::match_rule` looks up.
    pub(crate) rule_index: RuleIndex,
    /// Pools several routes may share, in file order, names unique.
    pub shared_pools: Vec<SharedPool>,
    /// LDAP servers in file order, names unique.
    pub ldap_endpoints: Vec<LdapEndpoint>,
    /// Host based authentication records; `None` when no `hba_file` is set.
    pub hba: Option<Hba>,
    /// What the file asks for and this release does not do yet; each is worth one warning at start.
    pub not_effective: Vec<NotEffective>,
    /// Decisions taken on the operator's behalf (a switch turned off, a default made concrete), for the log.
    pub notes: Vec<String>,
}

/// `shared_pool "NAME" { pool_size N }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedPool {
    /// Its name, not empty.
    pub name: String,
    /// Server connections all member routes together may hold per endpoint; positive.
    pub pool_size: u32,
}

/// `ldap_endpoint "NAME" { ... }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapEndpoint {
    /// Its name, not empty.
    pub name: String,
    /// Host of the LDAP server.
    pub server: String,
    /// Its port; 0 leaves the choice to the LDAP library.
    pub port: u16,
    /// `ldap` or `ldaps`; any text is kept.
    pub scheme: String,
    /// Present: search and bind below this entry. Absent: simple bind as prefix + user + suffix.
    pub base_dn: Option<String>,
    /// Put before the user name in simple bind mode.
    pub prefix: String,
    /// Put behind the user name in simple bind mode.
    pub suffix: String,
    /// Who searches; `None` is anonymous.
    pub bind_dn: Option<String>,
    /// The searcher's password.
    pub bind_password: Option<Secret>,
    /// Attribute that holds the user name.
    pub search_attribute: String,
    /// Filter added to the search with "and".
    pub search_filter: Option<String>,
    /// Accepted and kept; every search covers the subtree.
    pub scope: Option<String>,
}

/// A directive or value the file uses and this release does not act on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEffective {
    /// The directive, with its value where only that value is meant: `pid_file`, `authentication "cert"`.
    pub name: String,
    /// Where it is used.
    pub at: Position,
    /// Why, and what happens instead.
    pub why: &'static str,
}
