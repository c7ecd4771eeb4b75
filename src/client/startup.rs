//! From a connection's first byte to its startup message: encryption, version, or a cancel request.

use crate::client::fault::Fault;
use crate::client::wire::{Wire, WireFault};
use kiwi::backend::auth::NegotiateProtocolVersion;
use kiwi::startup::{CancelKey, Opening, StartupMessage};
use machinarium::Co;
use machinarium::tls::config::ServerTls;
use machinarium::tls::stream::Role;
use odyssey_config::TlsMode;

/// What a connection turned out to want.
#[derive(Debug)]
pub enum Hello {
    /// A session.
    Session(StartupMessage),
    /// To cancel the query of another connection.
    Cancel(CancelKey),
}

/// What the listener demands.
pub struct Terms<'a> {
    /// Encryption.
    pub mode: TlsMode,
    /// Certificates; `None`: encryption cannot be offered.
    pub tls: Option<&'a ServerTls>,
}

/// Reads packets until a startup message or a cancel request.
///
/// SSLRequest and GSSENCRequest may come once each, in either order. Bytes in the clear behind an SSLRequest that
/// was granted are refused: they would be taken for encrypted ones.
///
/// # Errors
/// `Startup` for what is closed silently, and the errors of behaviour a client is told.
pub fn read(co: &Co, wire: &mut Wire, terms: &Terms<'_>) -> Result<Hello, Fault> {
    let (mut ssl_asked, mut gss_asked) = (false, false);
    loop {
        let packet = wire.opening(co).map_err(Fault::Startup)?;
        match Opening::parse(&packet).map_err(|error| Fault::Startup(WireFault::Broke(error)))? {
            Opening::Ssl if !ssl_asked => {
                ssl_asked = true;
                match terms.tls.filter(|_| terms.mode != TlsMode::Disable) {
                    None => refuse_encryption(co, wire)?,
                    Some(tls) => encrypt(co, wire, tls)?,
                }
            }
            Opening::Gss if !gss_asked => {
                gss_asked = true;
                refuse_encryption(co, wire)?;
            }
            Opening::Ssl | Opening::Gss => return Err(Fault::AskedTwice),
            Opening::Cancel(key) => return Ok(Hello::Cancel(key)),
            Opening::Startup(message) => return session(co, wire, terms, message),
        }
    }
}

fn session(co: &Co, wire: &mut Wire, terms: &Terms<'_>, message: StartupMessage) -> Result<Hello, Fault> {
    let version = message.version;
    if version.major != 3 {
        return Err(Fault::ProtocolVersion(version));
    }
    let demanded = matches!(terms.mode, TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull);
    if demanded && wire.io.tls().is_none() {
        return Err(Fault::TlsRequired);
    }
    let unknown: Vec<&[u8]> = message.unknown_options().collect();
    if version.minor > 0 || !unknown.is_empty() {
        NegotiateProtocolVersion::v3_0(&unknown).write(wire.out());
        wire.flush(co).map_err(Fault::Startup)?;
    }
    Ok(Hello::Session(message))
}

fn refuse_encryption(co: &Co, wire: &mut Wire) -> Result<(), Fault> {
    wire.out().push(b'N');
    wire.flush(co).map_err(Fault::Startup)
}

fn encrypt(co: &Co, wire: &mut Wire, tls: &ServerTls) -> Result<(), Fault> {
    if wire.has_surplus() {
        return Err(Fault::PlainBehindTls);
    }
    wire.out().push(b'S');
    wire.flush(co).map_err(Fault::Startup)?;
    let ssl = tls.accept().map_err(|error| Fault::Tls(error.to_string()))?;
    let by = wire.by;
    wire.io.start_tls(co, ssl, Role::Server, by).map_err(|error| Fault::Startup(WireFault::Io(error)))
}
