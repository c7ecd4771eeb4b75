//! Listeners.

use std::time::Duration;

use super::{BalancingMethod, TargetSessionAttrs};

/// One `listen { ... }` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Host name, address, or `*` for every address. `None` is the unix socket
    /// `unix_socket_dir/.s.PGSQL.PORT`.
    pub host: Option<String>,
    /// Port, 1 to 65535.
    pub port: u16,
    /// Length of the accept queue, see `listen(2)`.
    pub backlog: u32,
    /// Limit for startup, TLS handshake, authentication, and the wait for a routing slot.
    pub client_login_timeout: Duration,
    /// Encryption towards clients.
    pub tls: ListenTls,
    /// Overrides the rule's.
    pub target_session_attrs: Option<TargetSessionAttrs>,
    /// Overrides the storage's.
    pub balancing_method: Option<BalancingMethod>,
    /// Replica lag limit when the rule has none; `None` is no limit.
    pub catchup_timeout: Option<Duration>,
    /// Names of storages tried in this order instead of the rule's storage; each exists.
    pub storages: Vec<String>,
}

/// TLS settings of a listener. Paths are not opened here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenTls {
    /// What is demanded of clients.
    pub mode: TlsMode,
    /// Certificates of the authorities we trust.
    pub ca: Option<String>,
    /// Our private key.
    pub key: Option<String>,
    /// Our certificate chain.
    pub cert: Option<String>,
    /// Accepted and kept.
    pub protocols: Option<String>,
}

/// TLS modes of listeners and storages.
///
/// | mode | plaintext client | client certificate |
/// |---|---|---|
/// | disable | accepted, SSLRequest answered `N` | - |
/// | allow, prefer | accepted, SSLRequest answered `S` | not asked for |
/// | require | refused | asked for, checked if presented |
/// | verify_ca, verify_full | refused | demanded and checked |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// `disable`
    Disable,
    /// `allow`
    Allow,
    /// `prefer`
    Prefer,
    /// `require`
    Require,
    /// `verify_ca`
    VerifyCa,
    /// `verify_full`
    VerifyFull,
}
