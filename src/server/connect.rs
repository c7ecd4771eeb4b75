//! Dialling a server: addresses in order, each with its own deadline, then TLS if the storage wants it.

use crate::server::encrypt::Encryption;
use crate::server::login::{Credentials, LoginFault};
use crate::server::{Server, login};
use crate::worker::context::Facilities;
use kiwi::backend::errors::ErrorFields;
use kiwi::sqlstate::SqlState;
use machinarium::net::addr::Address;
use machinarium::net::connect::connect;
use machinarium::{Co, Deadline, Io, IoError};
use odyssey_config::EndpointAddress;
use std::fmt;
use std::path::PathBuf;

/// Why no server connection could be made.
#[derive(Debug)]
pub enum ConnectFault {
    /// The host's name stands for no address.
    NoAddress,
    /// The host's name has no address, or could not be resolved in time.
    Resolve {
        /// The host and port.
        endpoint: String,
        /// What the resolver said.
        reason: String,
    },
    /// No address of the endpoint answered.
    Connect {
        /// The last address tried.
        address: String,
        /// What happened there.
        source: IoError,
    },
    /// It answered, but did not let us in.
    Login(LoginFault),
}

impl fmt::Display for ConnectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectFault::NoAddress => f.write_str("the host has no address"),
            ConnectFault::Resolve { endpoint, reason } => write!(f, "failed to resolve {endpoint}: {reason}"),
            ConnectFault::Connect { address, source } => {
                write!(f, "failed to connect to {address}: {source}")
            }
            ConnectFault::Login(fault) => write!(f, "failed to log in: {fault}"),
        }
    }
}

impl std::error::Error for ConnectFault {}

impl ConnectFault {
    /// Whether it was not the host that gave up, but we.
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            ConnectFault::Connect { source: IoError::Cancelled, .. }
                | ConnectFault::Login(LoginFault::Io(IoError::Cancelled))
        )
    }

    /// Whether the host is to be left alone for a while: it cannot be reached, or is not in service. Not if it does
    /// its work and it is user, password or database that are wrong.
    pub fn is_the_hosts(&self) -> bool {
        match self {
            ConnectFault::NoAddress | ConnectFault::Resolve { .. } | ConnectFault::Connect { .. } => true,
            ConnectFault::Login(fault) => match fault {
                LoginFault::Refused(frame) => {
                    let code = ErrorFields::parse(frame).ok().and_then(|fields| fields.code());
                    let class = code.map(|code| code.class());
                    ![Some(*b"28"), Some(*b"3D"), Some(*b"53")].contains(&class)
                }
                LoginFault::Io(_) | LoginFault::Broke(_) | LoginFault::Unexpected(_) | LoginFault::NoTls => {
                    true
                }
                LoginFault::NoPassword | LoginFault::Unsupported(_) | LoginFault::Scram(_) => false,
            },
        }
    }
}

/// Connects to an endpoint and logs in; once more over TLS if it may want that.
///
/// # Errors
/// See [`ConnectFault`]; with several addresses, of the last one tried.
pub fn dial(
    co: &Co,
    facilities: &Facilities,
    endpoint: &EndpointAddress,
    encryption: Encryption<'_>,
    credentials: &Credentials<'_>,
) -> Result<Server, ConnectFault> {
    let dialled = dial_endpoint(co, facilities, endpoint, encryption.first(), credentials);
    if let (Err(ConnectFault::Login(LoginFault::Refused(frame))), Some(encryption)) =
        (&dialled, encryption.second())
        && may_want_encryption(frame)
    {
        return dial_endpoint(co, facilities, endpoint, encryption, credentials);
    }
    dialled
}

fn dial_endpoint(
    co: &Co,
    facilities: &Facilities,
    endpoint: &EndpointAddress,
    encryption: Encryption<'_>,
    credentials: &Credentials<'_>,
) -> Result<Server, ConnectFault> {
    let (mut io, address) = reach(co, facilities, endpoint)?;
    let by = limit(co, facilities);
    // Like libpq: a socket file needs no encryption.
    if let EndpointAddress::Tcp { host, .. } = endpoint {
        encryption.apply(co, &mut io, host, by).map_err(ConnectFault::Login)?;
    }
    login::run(co, facilities, io, address, credentials, by).map_err(ConnectFault::Login)
}

/// Whether a server that refused a login in the clear may accept an encrypted one: not if it said that it is
/// starting, is full, has no such database or that the password is wrong.
fn may_want_encryption(refusal: &[u8]) -> bool {
    let code = ErrorFields::parse(refusal).ok().and_then(|fields| fields.code());
    ![
        Some(SqlState::CANNOT_CONNECT_NOW),
        Some(SqlState::TOO_MANY_CONNECTIONS),
        Some(SqlState::INVALID_CATALOG_NAME),
        Some(SqlState::INVALID_PASSWORD),
    ]
    .contains(&code)
}

/// Connects to one endpoint: each of its addresses in turn.
///
/// # Errors
/// `Resolve`, `Connect`.
pub fn reach(
    co: &Co,
    facilities: &Facilities,
    endpoint: &EndpointAddress,
) -> Result<(Io, Address), ConnectFault> {
    let addresses = match endpoint {
        EndpointAddress::Unix(path) => vec![Address::Unix(PathBuf::from(path))],
        EndpointAddress::Tcp { host, port } => {
            let resolved = facilities.resolver.resolve(co, host, *port, limit(co, facilities));
            let resolved = resolved.map_err(|error| ConnectFault::Resolve {
                endpoint: format!("{host}:{port}"),
                reason: error.to_string(),
            })?;
            resolved.into_iter().map(Address::Tcp).collect()
        }
    };
    let mut last = ConnectFault::NoAddress;
    for address in addresses {
        match connect(co, &address, limit(co, facilities)) {
            Ok(io) => {
                if let Err(error) = io.set_tcp_options(&facilities.tcp_options()) {
                    log::debug!("options of a server's socket were refused: {error}");
                }
                return Ok((io, address));
            }
            Err(source) => last = ConnectFault::Connect { address: address.to_string(), source },
        }
    }
    Err(last)
}

fn limit(co: &Co, facilities: &Facilities) -> Deadline {
    let limit = facilities.rules().config.global.backend_connect_timeout;
    Deadline::maybe(co.now(), limit, "the operator switched the connect timeout off")
}
