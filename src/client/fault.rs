//! Why a client's life ends early: what it is told, and what the log is told.

use crate::client::wire::WireFault;
use crate::log::Printable;
use crate::relay::RelayFault;
use crate::server::connect::ConnectFault;
use crate::server::login::LoginFault;
use kiwi::backend::errors::{ErrorFields, ErrorReply, Severity};
use kiwi::sqlstate::SqlState;
use kiwi::startup::ProtocolVersion;
use odyssey_config::TargetSessionAttrs;
use std::borrow::Cow;
use std::time::Duration;

/// Why a client's life ends early.
#[derive(Debug)]
pub enum Fault {
    /// The opening failed: no packet, no time, no TLS. Closed silently.
    Startup(WireFault),
    /// SSLRequest or GSSENCRequest came twice. Closed silently.
    AskedTwice,
    /// Bytes in the clear came behind an SSLRequest that was granted. Closed silently.
    PlainBehindTls,
    /// TLS could not be started. Closed silently.
    Tls(String),
    /// A protocol version that is not 3.
    ProtocolVersion(ProtocolVersion),
    /// The listener demands TLS.
    TlsRequired,
    /// The global `client_max` is reached.
    TooManyClients(u32),
    /// No rule matches.
    NoRoute {
        /// Database of the startup packet.
        database: String,
        /// User of the startup packet.
        user: String,
    },
    /// The route's `client_max` is reached.
    RouteFull {
        /// Database of the startup packet.
        database: String,
        /// User of the startup packet.
        user: String,
        /// The limit.
        limit: u32,
    },
    /// `replication` of the startup packet means nothing.
    BadReplication,
    /// This release does not relay replication.
    NoReplication,
    /// Host based authentication says no to this address and route.
    HbaRejected(String),
    /// The rule blocks the user.
    Blocked {
        /// Database of the startup packet.
        database: String,
        /// User of the startup packet.
        user: String,
    },
    /// The password is wrong; the SQLSTATE differs by method.
    WrongPassword {
        /// User of the startup packet.
        user: String,
        /// 28P01, or 28000 for SCRAM.
        code: SqlState,
    },
    /// The password message is none.
    BadPasswordMessage,
    /// A SCRAM message is wrong; the SQLSTATE and text say how.
    Scram(SqlState, &'static str),
    /// The rule's authentication method is not there in this release.
    NoSuchMethod(&'static str),
    /// The client waited longer than `pool_timeout`.
    PoolTimeout,
    /// No server connection could be made.
    Connect {
        /// Why.
        fault: ConnectFault,
        /// Name the connection would have had.
        server: String,
    },
    /// No host of its storage could be asked, or the one asked did not say what its role is.
    NoHost,
    /// No host has the role that the client wants.
    NoSuchRole(TargetSessionAttrs),
    /// Every replica it could read from, or the one it does, is too far behind.
    Lagging {
        /// How far the nearest is behind.
        lag: Duration,
        /// Database of the startup packet.
        database: String,
        /// User of the startup packet.
        user: String,
    },
    /// A parameter of the client could not be set on its server.
    Deploy {
        /// The server.
        server: String,
        /// Its ErrorResponse, if it sent one.
        refused: Option<Vec<u8>>,
        /// What happened.
        reason: String,
    },
    /// The relay stopped.
    Relay(RelayFault),
    /// Killed from the console.
    Killed,
    /// The process ends.
    Shutdown,
    /// It kept its server and did nothing for too long.
    Idle(Idle),
    /// A part of this process did not answer.
    Internal(&'static str),
}

/// In what a client was idle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idle {
    /// In its session: `pool_client_idle_timeout`.
    Session,
    /// In a transaction: `pool_idle_in_transaction_timeout`.
    Transaction,
}

impl std::fmt::Display for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Idle::Session => "idle",
            Idle::Transaction => "idle in transaction",
        })
    }
}

/// What a client is told, before the prefix.
pub struct Told<'a> {
    /// ERROR or FATAL.
    pub severity: Severity,
    /// Its SQLSTATE.
    pub code: SqlState,
    /// The text.
    pub message: Cow<'a, str>,
    /// The detail.
    pub detail: Option<Cow<'a, str>>,
    /// The hint.
    pub hint: Option<&'static str>,
}

fn error(code: SqlState, message: impl Into<Cow<'static, str>>) -> Option<Told<'static>> {
    Some(Told { severity: Severity::Error, code, message: message.into(), detail: None, hint: None })
}

fn fatal(code: SqlState, message: impl Into<Cow<'static, str>>) -> Option<Told<'static>> {
    Some(Told { severity: Severity::Fatal, code, message: message.into(), detail: None, hint: None })
}

const LAGGING: &str = "replication lag of the node you are trying to connect is too big, connection rejected";

const DROPPED: &str = "Odyssey has dropped the connection";

/// How much of a server's own words a client may read: the rule's `client_fwd_error`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forward {
    /// The server's error at login goes to the client.
    ServerErrors,
    /// It does not.
    Nothing,
}

impl Fault {
    /// What the client is told; `None`: nothing, it is gone or must not learn.
    pub fn told(&self, forward: Forward, pool: &PoolFacts<'_>) -> Option<Told<'_>> {
        let PoolFacts { title, size, server } = *pool;
        match self {
            Fault::Startup(_) | Fault::AskedTwice | Fault::PlainBehindTls | Fault::Tls(_) => None,
            Fault::ProtocolVersion(ProtocolVersion { major, minor }) => fatal(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0"),
            ),
            Fault::TlsRequired => error(SqlState::PROTOCOL_VIOLATION, "SSL is required"),
            Fault::TooManyClients(limit) => error(
                SqlState::TOO_MANY_CONNECTIONS,
                format!("too many tcp connections (global client_max {limit})"),
            ),
            Fault::NoRoute { database, user } => {
                error(SqlState::INVALID_CATALOG_NAME, format!("route for '{database}.{user}' is not found"))
            }
            Fault::RouteFull { database, user, limit } => error(
                SqlState::TOO_MANY_CONNECTIONS,
                format!("too many client tcp connections (client_max for user {database}.{user} {limit})"),
            ),
            Fault::BadReplication => {
                error(SqlState::CONNECTION_FAILURE, "invalid value for parameter \"replication\"")
            }
            Fault::NoReplication => {
                fatal(SqlState::FEATURE_NOT_SUPPORTED, "replication connections are not supported yet")
            }
            Fault::HbaRejected(_) => error(SqlState::INVALID_PASSWORD, "host based authentication rejected"),
            Fault::Blocked { database, user } => fatal(
                SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                format!("user blocked: {database} {user}"),
            ),
            Fault::WrongPassword { user, code } => {
                fatal(*code, format!("password authentication failed for user \"{user}\""))
            }
            Fault::BadPasswordMessage => error(SqlState::PROTOCOL_VIOLATION, "bad password message"),
            Fault::Scram(code, text) => error(*code, *text),
            Fault::NoSuchMethod(method) => fatal(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("authentication method {method} is not supported yet"),
            ),
            Fault::PoolTimeout => fatal(
                SqlState::TOO_MANY_CONNECTIONS,
                format!("too many active clients for user (pool_size for user {title} reached {size})"),
            ),
            Fault::Connect { fault: ConnectFault::Login(LoginFault::Refused(frame)), .. }
                if forward == Forward::ServerErrors =>
            {
                forwarded(frame)
            }
            Fault::Connect { server, .. } => {
                fatal(SqlState::CONNECTION_FAILURE, format!("failed to connect to remote server {server}"))
            }
            Fault::NoHost => fatal(SqlState::CONNECTION_FAILURE, "failed to get remote server connection"),
            Fault::NoSuchRole(attrs) => fatal(
                SqlState::CONNECTION_FAILURE,
                format!("can't find suitable host for tsa '{attrs}' of user {title}"),
            ),
            Fault::Lagging { lag, database, user } => Some(Told {
                severity: Severity::Fatal,
                code: SqlState::CONNECTION_FAILURE,
                message: format!(
                    "replication lag too big ({} seconds), connection rejected: {database} {user}",
                    lag.as_secs()
                )
                .into(),
                detail: Some(LAGGING.into()),
                hint: Some("wait until the replica catches up with the primary"),
            }),
            Fault::Deploy { refused: Some(frame), .. } => forwarded(frame),
            Fault::Deploy { server, reason, .. } => error(
                SqlState::CONNECTION_FAILURE,
                format!("remote server read/write error {server}: {reason}"),
            ),
            Fault::Relay(fault) => relay_told(fault, server),
            Fault::Killed => Some(Told {
                severity: Severity::Fatal,
                code: SqlState::CONNECTION_FAILURE,
                message: DROPPED.into(),
                detail: Some(
                    "Connection was killed by Odyssey configuration reloading or console command".into(),
                ),
                hint: Some("Try to reconnect"),
            }),
            Fault::Idle(idle) => Some(Told {
                severity: Severity::Fatal,
                code: SqlState::CONNECTION_FAILURE,
                message: DROPPED.into(),
                detail: Some(format!("Connection was dropped by Odyssey due to {idle} timeout").into()),
                hint: None,
            }),
            Fault::Shutdown => Some(Told {
                severity: Severity::Fatal,
                code: SqlState::CONNECTION_FAILURE,
                message: "Odyssey is gracefully shutting down".into(),
                detail: Some(
                    "The Odyssey instance is gracefully shutting down, and the connections are being drained"
                        .into(),
                ),
                hint: None,
            }),
            Fault::Internal(_) => fatal(SqlState::SYSTEM_ERROR, "client routing failed"),
        }
    }

    /// What the log is told.
    pub fn for_log(&self, pool: &PoolFacts<'_>) -> String {
        match self {
            Fault::Startup(fault) => fault.to_string(),
            Fault::AskedTwice => "encryption was asked for twice".to_owned(),
            Fault::PlainBehindTls => "bytes in the clear behind an encryption request".to_owned(),
            Fault::Tls(text) => format!("tls: {text}"),
            Fault::NoRoute { database, user } => {
                format!("route for '{}.{}' is not found, closing", Printable(database), Printable(user))
            }
            Fault::HbaRejected(whom) => format!("{}: host based authentication rejected", Printable(whom)),
            Fault::PoolTimeout => format!("server pool wait timed out, closing ({})", pool.title),
            Fault::Connect { fault, .. } => fault.to_string(),
            Fault::Internal(text) => (*text).to_owned(),
            Fault::Relay(fault) => fault.to_string(),
            other => match other.told(Forward::ServerErrors, pool) {
                Some(told) => Printable(&told.message).to_string(),
                None => String::new(),
            },
        }
    }

    /// Whether it deserves a line in the log even without `log_session`.
    pub fn is_an_error(&self) -> bool {
        !matches!(
            self,
            Fault::Relay(RelayFault::ClientGone(_)) | Fault::Shutdown | Fault::Killed | Fault::Idle(_)
        )
    }
}

/// What an error text may say of the client's pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolFacts<'a> {
    /// `database.user` of the route.
    pub title: &'a str,
    /// `pool_size` of the route.
    pub size: u32,
    /// Name of the server the client held.
    pub server: &'a str,
}

fn relay_told(fault: &RelayFault, server: &str) -> Option<Told<'static>> {
    let lost = |text: &str| {
        error(SqlState::CONNECTION_FAILURE, format!("remote server read/write error {server}: {text}"))
    };
    match fault {
        RelayFault::ClientGone(_) => None,
        // The server's own last word has reached the client: one FATAL is enough.
        RelayFault::ServerLeft => None,
        RelayFault::ServerGone(None) => lost("closed by peer"),
        RelayFault::ServerGone(Some(error)) => lost(&error.to_string()),
        RelayFault::ServerBroke(error) => lost(&error.to_string()),
        RelayFault::ServerStrayed(error) => lost(&error.to_string()),
        RelayFault::ServerStreams => lost("unexpected replication stream"),
        RelayFault::BlockRefused => {
            fatal(SqlState::PROTOCOL_VIOLATION, "transaction blocks are not allowed in statement pooling")
        }
        RelayFault::ClientBroke(_) | RelayFault::ClientSpoke(_) => fatal(
            SqlState::PROTOCOL_VIOLATION,
            "unexpected message type from client or other protocol violation",
        ),
        // Whoever cancelled it knows why, and says so instead.
        RelayFault::Cancelled => None,
    }
}

/// A server's own error, as it may be repeated to a client.
fn forwarded(frame: &[u8]) -> Option<Told<'static>> {
    let Ok(fields) = ErrorFields::parse(frame) else {
        return fatal(SqlState::CONNECTION_FAILURE, "server refused the connection");
    };
    Some(Told {
        severity: fields.severity().unwrap_or(Severity::Fatal),
        code: fields.code().unwrap_or(SqlState::CONNECTION_FAILURE),
        message: String::from_utf8_lossy(fields.message()).into_owned().into(),
        detail: fields.detail().map(|text| String::from_utf8_lossy(text).into_owned().into()),
        hint: None,
    })
}

impl Told<'_> {
    /// Appends it as an ErrorResponse; `prefix` is put before the text.
    pub fn write(&self, out: &mut Vec<u8>, prefix: &str) {
        let message = format!("{prefix}{}", self.message);
        ErrorReply {
            severity: self.severity,
            code: self.code,
            message: &message,
            detail: self.detail.as_deref(),
            hint: self.hint,
        }
        .write(out);
    }
}
