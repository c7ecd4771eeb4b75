//! Logging in to a server: startup message, its authentication request, parameters and key.

use crate::base::ids::ServerId;
use crate::server::{Server, Session, Trace};
use crate::worker::context::Facilities;
use kiwi::backend::auth::Authentication;
use kiwi::backend::errors::ErrorFields;
use kiwi::backend::status::{BackendKeyData, ParameterStatus};
use kiwi::error::DecodeError;
use kiwi::flow::Flow;
use kiwi::frame::{self, Limits};
use kiwi::frontend::auth as replies;
use kiwi::params::Params;
use kiwi::scram::client::ScramClient;
use kiwi::startup::{CancelKey, write_startup};
use kiwi::tag::Backend;
use machinarium::net::addr::Address;
use machinarium::{Co, Deadline, Io, IoError};
use std::fmt;

/// Who we say we are, and how we prove it.
pub struct Credentials<'a> {
    /// User at the server.
    pub user: &'a str,
    /// Database at the server.
    pub database: &'a str,
    /// Password or md5 hash; `None`: only a server that asks for none lets us in.
    pub password: Option<&'a str>,
    /// Put before user and database in the startup message.
    pub options: &'a [(String, String)],
}

/// Why a server did not let us in.
#[derive(Debug)]
pub enum LoginFault {
    /// The connection failed, or did not answer in time.
    Io(IoError),
    /// It answered with this ErrorResponse (the whole frame).
    Refused(Vec<u8>),
    /// Its bytes are no messages.
    Broke(DecodeError),
    /// It sent a message that has no place in a login.
    Unexpected(u8),
    /// It does not encrypt, and the storage demands it.
    NoTls,
    /// It asks for a password and none is configured.
    NoPassword,
    /// It asks for something that is not supported.
    Unsupported(&'static str),
    /// Its SCRAM messages are wrong, or it does not know the password itself.
    Scram(String),
}

impl fmt::Display for LoginFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoginFault::Io(error) => write!(f, "{error}"),
            LoginFault::Refused(frame) => match ErrorFields::parse(frame) {
                Ok(fields) => f.write_str(&String::from_utf8_lossy(fields.message())),
                Err(_) => f.write_str("server refused"),
            },
            LoginFault::Broke(error) => write!(f, "{error}"),
            LoginFault::Unexpected(tag) => {
                write!(f, "unexpected message {:?} during login", char::from(*tag))
            }
            LoginFault::NoTls => f.write_str("server does not encrypt and the storage demands it"),
            LoginFault::NoPassword => f.write_str("server asks for a password and none is configured"),
            LoginFault::Unsupported(what) => write!(f, "server asks for {what}, which is not supported"),
            LoginFault::Scram(text) => write!(f, "scram: {text}"),
        }
    }
}

/// Runs the login on a fresh connection.
///
/// # Errors
/// See [`LoginFault`]; the connection is closed.
pub fn run(
    co: &Co,
    facilities: &Facilities,
    io: Io,
    address: Address,
    credentials: &Credentials<'_>,
    by: Deadline,
) -> Result<Server, LoginFault> {
    let mut wire = Wire { io, bytes: Vec::new(), by };
    let mut out = Vec::with_capacity(256);
    let own = [("user", credentials.user), ("database", credentials.database)];
    let options = credentials.options.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    write_startup(&mut out, options.chain(own));
    wire.send(co, &out)?;
    authenticate(co, facilities, &mut wire, credentials)?;
    let mut session =
        Session { reported: Params::default(), applied: Params::default(), deployed: 0, trace: Trace::Clean };
    let mut key: Option<CancelKey> = None;
    loop {
        let frame = wire.receive(co)?;
        match Backend::from_byte(frame[0]) {
            Some(Backend::ParameterStatus) => {
                let status = ParameterStatus::parse(&frame).map_err(LoginFault::Broke)?;
                session.reported.set(status.name, status.value);
            }
            Some(Backend::BackendKeyData) => {
                key = Some(BackendKeyData::parse(&frame).map_err(LoginFault::Broke)?.key);
            }
            Some(Backend::ReadyForQuery) => break,
            Some(Backend::NoticeResponse) => {}
            Some(Backend::ErrorResponse) => return Err(LoginFault::Refused(frame)),
            _ => return Err(LoginFault::Unexpected(frame[0])),
        }
    }
    let now = co.now();
    Ok(Server {
        id: ServerId::random(),
        io: wire.io,
        flow: Flow::new(),
        session,
        key,
        address,
        born: now,
        idle_since: now,
        slot: 0,
        held: wire.bytes,
    })
}

fn authenticate(
    co: &Co,
    facilities: &Facilities,
    wire: &mut Wire,
    credentials: &Credentials<'_>,
) -> Result<(), LoginFault> {
    let mut scram: Option<ScramClient> = None;
    let password = || credentials.password.ok_or(LoginFault::NoPassword);
    loop {
        let frame = wire.receive(co)?;
        match Backend::from_byte(frame[0]) {
            Some(Backend::Authentication) => {}
            Some(Backend::NoticeResponse) => continue,
            Some(Backend::ErrorResponse) => return Err(LoginFault::Refused(frame)),
            // A PostgreSQL of any version answers our 3.0 without negotiating.
            _ => return Err(LoginFault::Unexpected(frame[0])),
        }
        let mut out = Vec::new();
        match Authentication::parse(&frame).map_err(LoginFault::Broke)? {
            // A server that asked for SCRAM has to prove that it knows the password as well.
            Authentication::Ok if scram.as_ref().is_some_and(|scram| !scram.is_finished()) => {
                return Err(LoginFault::Unexpected(b'R'));
            }
            Authentication::Ok => return Ok(()),
            Authentication::CleartextPassword => {
                replies::PasswordMessage { password: password()?.as_bytes() }.write(&mut out);
            }
            Authentication::Md5Password { salt } => {
                let answer = kiwi::md5::md5_response(password()?, credentials.user, salt);
                replies::PasswordMessage { password: answer.as_bytes() }.write(&mut out);
            }
            Authentication::Sasl(mechanisms) => {
                if !mechanisms.iter().any(|name| name == b"SCRAM-SHA-256") {
                    return Err(LoginFault::Unsupported("a SASL mechanism other than SCRAM-SHA-256"));
                }
                let client = ScramClient::new().map_err(|error| LoginFault::Scram(error.to_string()))?;
                let first = client.first();
                replies::SaslInitialResponse { mechanism: b"SCRAM-SHA-256", data: Some(first.as_bytes()) }
                    .write(&mut out);
                scram = Some(client);
            }
            Authentication::SaslContinue(data) => {
                let client = scram.take().ok_or(LoginFault::Unexpected(b'R'))?;
                let (client, last) = facilities.prove(co, client, data, password()?, wire.by)?;
                replies::SaslResponse { data: last.as_bytes() }.write(&mut out);
                scram = Some(client);
            }
            Authentication::SaslFinal(data) => {
                let client = scram.as_mut().ok_or(LoginFault::Unexpected(b'R'))?;
                client.finish(data).map_err(|error| LoginFault::Scram(error.to_string()))?;
            }
            _ => return Err(LoginFault::Unsupported("Kerberos, GSSAPI or SSPI")),
        }
        if !out.is_empty() {
            wire.send(co, &out)?;
        }
    }
}

/// A connection during login: whole messages only, small ones.
struct Wire {
    io: Io,
    bytes: Vec<u8>,
    by: Deadline,
}

impl Wire {
    fn send(&mut self, co: &Co, out: &[u8]) -> Result<(), LoginFault> {
        self.io.write_all(co, out, self.by).map_err(LoginFault::Io)
    }

    /// The next whole message.
    fn receive(&mut self, co: &Co) -> Result<Vec<u8>, LoginFault> {
        loop {
            let header = frame::header(&self.bytes, &Limits::authentication()).map_err(LoginFault::Broke)?;
            if let Some(header) = header
                && header.len <= self.bytes.len()
            {
                return Ok(self.bytes.drain(..header.len).collect());
            }
            let mut scratch = [0; 4096];
            match self.io.read(co, &mut scratch, self.by).map_err(LoginFault::Io)? {
                0 => return Err(LoginFault::Io(IoError::Closed)),
                n => self.bytes.extend_from_slice(&scratch[..n]),
            }
        }
    }
}
