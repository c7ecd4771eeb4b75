//! Rules: which client gets what.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::{KeepAlive, TargetSessionAttrs};

/// One `user` or `group` block of a `database` block, or the hidden rule of a watchdog.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Database the client asks for.
    pub database: Name,
    /// User or group of users.
    pub user: RuleUser,
    /// Addresses clients come from.
    pub address: AddressRange,
    /// How they connect.
    pub connection: ConnectionType,
    /// What made this rule.
    pub origin: RuleOrigin,
    /// How clients prove who they are.
    pub authentication: Authentication,
    /// The client's secret: plain text, `md5...` or a SCRAM verifier. Also a fallback for the server's login.
    pub password: Option<Secret>,
    /// Certificate names allowed by `cert`.
    pub auth_common_names: Vec<CommonName>,
    /// Secrets looked up in a database.
    pub auth_query: Option<AuthQuery>,
    /// Path of a loaded module.
    pub auth_module: Option<String>,
    /// PAM service.
    pub auth_pam_service: Option<String>,
    /// Ask the IAM proxy about clear-text passwords.
    pub enable_mdb_iamproxy_auth: bool,
    /// The proxy's socket.
    pub mdb_iamproxy_socket_path: String,
    /// Name of an existing LDAP endpoint.
    pub ldap_endpoint_name: Option<String>,
    /// LDAP attribute that selects the server's credentials.
    pub ldap_storage_credentials_attr: Option<String>,
    /// Credentials to select from; names unique.
    pub ldap_storage_credentials: Vec<LdapCredentials>,
    /// Keep the client's clear-text password for the server's login.
    pub password_passthrough: bool,
    /// Rights on the console; `None` only for remote storages.
    pub role: Option<Role>,
    /// Name of an existing storage.
    pub storage: String,
    /// Database at the server; `None` is the client's.
    pub storage_db: Option<String>,
    /// User at the server; `None` is the client's.
    pub storage_user: Option<String>,
    /// Password at the server.
    pub storage_password: Option<Secret>,
    /// How servers are shared.
    pub pool: Pooling,
    /// Clients per route (per actual database and user); `None` is no limit.
    pub client_max: Option<u32>,
    /// Idle servers older than this are closed; `None` keeps them.
    pub server_lifetime: Option<Duration>,
    /// Give the server's error at login to the client.
    pub client_fwd_error: bool,
    /// Put the client's id into error texts sent to it.
    pub client_show_id: bool,
    /// Kept, used by nothing.
    pub reserve_session_server_connection: bool,
    /// Append ` - host:port` of the client to its application_name.
    pub application_name_add_host: bool,
    /// Give the client's session parameters to the server it gets.
    pub maintain_params: bool,
    /// Client parameters forced after routing, in file order; a repeated name appears once, with the last value.
    pub options: Vec<(String, String)>,
    /// Parameters added to the startup message towards the server, in file order.
    pub backend_startup_options: Vec<(String, String)>,
    /// Close a server whose cached plan changed its result type.
    pub server_drop_on_cached_plan_error: bool,
    /// Quantiles of query and transaction times to keep, each within 0 and 1.
    pub quantiles: Vec<f64>,
    /// Role a server must have; a listener may override it.
    pub target_session_attrs: Option<TargetSessionAttrs>,
    /// Replica lag limit; `None` is the listener's.
    pub catchup_timeout: Option<Duration>,
    /// Debug messages for this rule even if the global switch is off.
    pub log_debug: bool,
    /// Log query texts for this rule even if the global switch is off.
    pub log_query: bool,
    /// Keepalive of the client socket once the rule is known; `None` leaves what the listener set.
    pub keepalive: Option<KeepAlive>,
    /// How members of a group are found; always set for a group rule, never otherwise.
    pub group: Option<GroupCheck>,
}

impl Rule {
    /// `DATABASE.USER` by the names rules are known by in logs, HBA records and the console.
    pub fn title(&self) -> String {
        format!("{}.{}", self.database.rule_name(), self.user.rule_name())
    }
}

/// A database, or all of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Name {
    /// The bare word `default`.
    Any,
    /// This name, compared by bytes.
    Is(String),
}

impl Name {
    /// The name in logs and HBA records; `default_db` for `Any`.
    pub fn rule_name(&self) -> &str {
        match self {
            Name::Any => "default_db",
            Name::Is(name) => name,
        }
    }
}

/// A user, a group of users, or all users.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RuleUser {
    /// The bare word `default`.
    Any,
    /// This name, compared by bytes.
    Is(String),
    /// Members of the group of this name.
    Group(String),
}

impl RuleUser {
    /// The name in logs and HBA records; `default_user` for `Any`, `group_NAME` for a group.
    pub fn rule_name(&self) -> std::borrow::Cow<'_, str> {
        match self {
            RuleUser::Any => "default_user".into(),
            RuleUser::Is(name) => name.into(),
            RuleUser::Group(name) => format!("group_{name}").into(),
        }
    }
}

/// What made a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleOrigin {
    /// A `user` or `group` block.
    Database,
    /// A `watchdog` block.
    Watchdog,
    /// Made by us so that `auth_query` has a way to the server.
    Generated,
}

/// Where clients of a rule come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AddressRange {
    /// Anywhere.
    Any,
    /// An address block.
    Cidr(Cidr),
    /// A host name, found by reverse lookup and confirmed by forward lookup.
    Host(HostMatch),
    /// `.example.com`: any host below that domain.
    Suffix(HostMatch),
}

impl AddressRange {
    /// The text as written; `None` for `Any`.
    pub fn text(&self) -> Option<&str> {
        match self {
            AddressRange::Any => None,
            AddressRange::Cidr(cidr) => Some(&cidr.text),
            AddressRange::Host(host) | AddressRange::Suffix(host) => Some(&host.text),
        }
    }
}

/// `ADDRESS/PREFIX`.
///
/// The base is kept as written: a client matches when its address, cut to the prefix, *equals* the base. A
/// base with bits set behind the prefix therefore matches nobody, which is reported as a warning.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// The address as written.
    pub base: IpAddr,
    /// Bits compared, at most 32 or 128.
    pub prefix: u8,
    /// The text as written; the order of rules depends on it.
    pub text: String,
}

/// A host name or suffix, compared without letter case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostMatch {
    /// The text as written; a suffix starts with its dot.
    pub text: String,
}

/// The word behind `user`: how clients connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionType {
    /// Absent or `default`: any way.
    Any,
    /// `local`: unix socket.
    Local,
    /// `host`: TCP.
    Host,
    /// `hostssl`: TCP with TLS.
    HostSsl,
    /// `hostnossl`: TCP without TLS.
    HostNoSsl,
}

/// `authentication` of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// Nothing is asked.
    None,
    /// The client is refused.
    Block,
    /// The password in the clear.
    ClearText,
    /// PostgreSQL's md5 challenge.
    Md5,
    /// RFC 5802 with SHA-256.
    ScramSha256,
    /// The client's certificate.
    Cert,
    /// A helper process.
    External,
}

/// A password or verifier; never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for authentication only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A certificate name `authentication "cert"` accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommonName {
    /// The bare word `default`: the rule's own user name.
    RuleUser,
    /// This name.
    Is(String),
}

/// `auth_query` and where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthQuery {
    /// SQL that returns a user and its secret.
    pub query: String,
    /// User whose internal rule it runs by.
    pub user: String,
    /// Database whose internal rule it runs by.
    pub db: String,
}

/// `ldap_storage_credentials "NAME" { ... }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapCredentials {
    /// Its name.
    pub name: String,
    /// User at the server.
    pub username: String,
    /// Password at the server.
    pub password: Secret,
}

/// Rights on the console, from most to least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Admin,
    /// Only SHOW.
    Stat,
    /// Nothing.
    NotAllow,
}

/// `group_query` and where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCheck {
    /// SQL that returns one column with one member per row.
    pub query: String,
    /// User whose internal rule it runs by.
    pub user: String,
    /// Database whose internal rule it runs by.
    pub db: String,
}

/// How a rule's routes share servers: the `pool*` directives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pooling {
    /// When a server goes back.
    pub mode: PoolMode,
    /// Who can see the rule.
    pub routing: PoolRouting,
    /// Servers per route and endpoint; 0 is no limit. 0 for members of a shared pool.
    pub size: u32,
    /// Servers kept connected ahead of need.
    pub min_size: u32,
    /// Longest wait for a server; `None` is for ever.
    pub timeout: Option<Duration>,
    /// Servers idle that long are closed; `None` keeps them.
    pub ttl: Option<Duration>,
    /// How a server is cleaned when it goes back, after the automatic choices were made.
    pub discard: Discard,
    /// Run when a server goes back, after the reset `discard` names.
    pub discard_query: Option<String>,
    /// Cancel a query that still runs when the client left; otherwise the server is closed.
    pub cancel: bool,
    /// Roll back a transaction the client left open; otherwise the server is closed.
    pub rollback: bool,
    /// Limit of each step of the cleaning; `None` is no limit.
    pub reset_timeout: Option<Duration>,
    /// Prepared statements in transaction and statement pooling; always off in session pooling.
    pub reserve_prepared_statement: bool,
    /// Keep the server after LISTEN.
    pub pin_on_listen: bool,
    /// Look at an idle server's socket before it is lent.
    pub attach_check: bool,
    /// With several endpoints: ask each once without waiting before waiting.
    pub acquire_fail_fast: bool,
    /// Tell a waiting client by NOTICE after this long; `None` never.
    pub notice_after_waiting: Option<Duration>,
    /// Session pooling: an attached client idle that long is dropped; `None` never.
    pub client_idle_timeout: Option<Duration>,
    /// A client idle in a transaction that long is dropped; `None` never.
    pub idle_in_transaction_timeout: Option<Duration>,
    /// Name of an existing shared pool.
    pub shared_pool: Option<String>,
}

/// `pool`: when a server goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// When the client leaves.
    Session,
    /// When a transaction ends.
    Transaction,
    /// When a statement ends.
    Statement,
}

/// `pool_routing`: who can see a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolRouting {
    /// Clients.
    ClientVisible,
    /// Only our own queries: auth_query, watchdogs, group checks.
    Internal,
}

/// How a server is cleaned when it goes back to the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discard {
    /// By nothing, or by `discard_query` alone.
    None,
    /// By `DISCARD ALL`.
    All,
    /// Piece by piece, keeping prepared statements.
    Smart,
}
