//! Storages: where servers are.

use std::fmt;
use std::time::Duration;

/// One `storage "NAME" { ... }` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Its name, not empty.
    pub name: String,
    /// PostgreSQL or the console.
    pub kind: StorageKind,
    /// The servers; at least one for a remote storage, ports filled in.
    pub endpoints: Vec<Endpoint>,
    /// The `host` text as written, for the log flag `%H`; `None` when absent.
    pub host_text: Option<String>,
    /// Port of endpoints that give none; 0 when absent.
    pub port: u16,
    /// Encryption towards servers.
    pub tls: StorageTls,
    /// Server logins in progress at once; never 0.
    pub server_max_routing: u32,
    /// How long what is known about an endpoint (alive, role, lag) is trusted; not zero.
    pub endpoints_status_poll_interval: Duration,
    /// How an endpoint is chosen.
    pub balancing: Balancing,
    /// Background check of the endpoints.
    pub watchdog: Option<Watchdog>,
}

/// `type` of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageKind {
    /// PostgreSQL servers.
    Remote,
    /// The admin console.
    Local,
}

/// One server address of a storage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Where to connect.
    pub address: EndpointAddress,
    /// Availability zone, at most 15 bytes; `None` equals an unset own zone.
    pub zone: Option<String>,
}

/// How an endpoint is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EndpointAddress {
    /// TCP. A host containing `:` is an IPv6 literal, otherwise an IPv4 literal or a name to resolve.
    Tcp {
        /// Literal or name, without brackets; not empty.
        host: String,
        /// 0 when neither the endpoint nor the storage gives one; connecting then fails.
        port: u16,
    },
    /// Path of a unix socket file.
    Unix(String),
}

impl fmt::Display for EndpointAddress {
    /// `host:port`, `[v6]:port`, or the path.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndpointAddress::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            EndpointAddress::Tcp { host, port } => write!(f, "{host}:{port}"),
            EndpointAddress::Unix(path) => f.write_str(path),
        }
    }
}

/// TLS settings of a storage. Paths are not opened here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageTls {
    /// When to speak TLS.
    pub mode: super::TlsMode,
    /// Certificates of the authorities we trust.
    pub ca: Option<String>,
    /// Our private key.
    pub key: Option<String>,
    /// Our certificate chain.
    pub cert: Option<String>,
    /// Accepted and kept.
    pub protocols: Option<String>,
}

/// `balancing { ... }` of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balancing {
    /// How the next endpoint is picked; `None` is round robin unless the listener names a method.
    pub method: Option<BalancingMethod>,
    /// Prefer endpoints of our own zone.
    pub az_aware: bool,
    /// Tell the client by NOTICE which host was chosen.
    pub show_notice_messages: bool,
}

/// Ways to pick an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BalancingMethod {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest connections.
    LeastConn,
}

/// What role a client wants its server to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSessionAttrs {
    /// A primary.
    ReadWrite,
    /// A replica.
    ReadOnly,
    /// Either.
    Any,
    /// A replica if one answers, otherwise a primary.
    PreferStandby,
}

impl TargetSessionAttrs {
    /// The value this word names; letter case matters, and a prefix names nothing.
    pub fn named(word: &str) -> Option<TargetSessionAttrs> {
        match word {
            "read-write" => Some(TargetSessionAttrs::ReadWrite),
            "read-only" => Some(TargetSessionAttrs::ReadOnly),
            "any" => Some(TargetSessionAttrs::Any),
            "prefer-standby" => Some(TargetSessionAttrs::PreferStandby),
            _ => None,
        }
    }
}

impl fmt::Display for TargetSessionAttrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetSessionAttrs::ReadWrite => "read-write",
            TargetSessionAttrs::ReadOnly => "read-only",
            TargetSessionAttrs::Any => "any",
            TargetSessionAttrs::PreferStandby => "prefer-standby",
        })
    }
}

/// `watchdog { ... }` of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watchdog {
    /// Index in `Config::rules` of the hidden rule it connects by.
    pub rule: usize,
    /// Query that returns the replay time as seconds since 1970.
    pub lag_query: Option<String>,
    /// Accepted and kept; the period is three quarters of `endpoints_status_poll_interval`.
    pub lag_interval: Duration,
}
