//! One query of our own on a server that nobody else uses.

use crate::balance::status::Role;
use crate::server::Server;
use kiwi::backend::errors::ErrorFields;
use kiwi::backend::rows::DataRow;
use kiwi::backend::status::{ParameterStatus, TxStatus};
use kiwi::error::DecodeError;
use kiwi::flow::{FlowError, Reply};
use kiwi::frame::{self, HEADER_LEN, Limits};
use kiwi::frontend::simple::Query;
use kiwi::tag::{Backend, Frontend};
use machinarium::{Co, Deadline, IoError};
use std::fmt;

/// Longest reply to one of our own queries that is kept while it is incomplete.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// Why one of our own queries did not do what it should.
#[derive(Debug)]
pub enum QueryFault {
    /// The connection failed, or did not answer in time.
    Io(IoError),
    /// The server closed it.
    Closed,
    /// The server answered with this ErrorResponse (the whole frame).
    Refused(Vec<u8>),
    /// Its bytes are no messages.
    Broke(DecodeError),
    /// It answered what nobody asked.
    Strayed(FlowError),
    /// A message of it is longer than any reply to such a query.
    TooLong,
}

impl fmt::Display for QueryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryFault::Io(error) => write!(f, "{error}"),
            QueryFault::Closed => f.write_str("server closed the connection"),
            QueryFault::Refused(frame) => match ErrorFields::parse(frame) {
                Ok(fields) => f.write_str(&String::from_utf8_lossy(fields.message())),
                Err(_) => f.write_str("server answered with an error"),
            },
            QueryFault::Broke(error) => write!(f, "{error}"),
            QueryFault::Strayed(error) => write!(f, "{error}"),
            QueryFault::TooLong => f.write_str("server sent a message too long"),
        }
    }
}

/// What came back from a server that was read until it owed nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The first ErrorResponse among the replies (the whole frame).
    pub error: Option<Vec<u8>>,
    /// The status of the last ReadyForQuery.
    pub tx: TxStatus,
}

/// Runs `sql` and reads all of its replies; no client sees them.
///
/// # Errors
/// `Refused` when any statement of it failed; see [`QueryFault`]. After any other error the server is of no use.
pub fn run(co: &Co, server: &mut Server, sql: &str, by: Deadline) -> Result<TxStatus, QueryFault> {
    send(co, server, sql, by)?;
    let outcome = settle(co, server, by)?;
    match outcome.error {
        Some(frame) => Err(QueryFault::Refused(frame)),
        None => Ok(outcome.tx),
    }
}

fn send(co: &Co, server: &mut Server, sql: &str, by: Deadline) -> Result<(), QueryFault> {
    let mut request = Vec::with_capacity(sql.len() + 6);
    Query { sql: sql.as_bytes() }.write(&mut request);
    server.io.write_all(co, &request, by).map_err(QueryFault::Io)?;
    server.flow.sent(Frontend::Query);
    Ok(())
}

/// The first column of the first row that `sql` returns: `None` without a row or column, `Some(None)` for NULL.
///
/// # Errors
/// As for [`run`].
pub fn value(co: &Co, server: &mut Server, sql: &str, by: Deadline) -> Result<Value, QueryFault> {
    let mut found = None;
    send(co, server, sql, by)?;
    let outcome = read(co, server, by, |row| {
        if found.is_none() {
            found = row.values.iter().next().map(|value| value.map(<[u8]>::to_vec));
        }
    })?;
    outcome.error.map_or(Ok(found), |frame| Err(QueryFault::Refused(frame)))
}

/// The answer of a query that asks for one value.
pub type Value = Option<Option<Vec<u8>>>;

/// What role the server says it has.
///
/// # Errors
/// As for [`run`].
pub fn role(co: &Co, server: &mut Server, by: Deadline) -> Result<Role, QueryFault> {
    let answer = value(co, server, "SELECT pg_is_in_recovery()", by)?;
    Ok(match answer.flatten().as_deref() {
        Some(b"t") => Role::Standby,
        Some(b"f") => Role::Primary,
        _ => Role::Unknown,
    })
}

/// Reads until the server owes nothing, and throws the replies away, except for the parameters it reports.
///
/// # Errors
/// See [`QueryFault`]; never `Refused`. The server is of no use then.
pub fn settle(co: &Co, server: &mut Server, by: Deadline) -> Result<Outcome, QueryFault> {
    read(co, server, by, |_| {})
}

/// As [`settle`]; `row` is given every row of up to [`REPLY_BYTES_MAX`].
fn read(
    co: &Co,
    server: &mut Server,
    by: Deadline,
    mut row: impl FnMut(DataRow<'_>),
) -> Result<Outcome, QueryFault> {
    let mut bytes = std::mem::take(&mut server.held);
    let mut skip = 0;
    let mut error = None;
    while !server.flow.is_settled() || !bytes.is_empty() || skip > 0 {
        let mut scratch = co.machine().scratch();
        let n = match server.io.try_read(&mut scratch).map_err(QueryFault::Io)? {
            Some(0) => return Err(QueryFault::Closed),
            Some(n) => n,
            None => {
                drop(scratch);
                machinarium::wait_any(co, &[machinarium::Wait::Readable(&server.io)], by)
                    .map_err(|error| QueryFault::Io(error.into()))?;
                continue;
            }
        };
        let mut fresh = &scratch[..n];
        let passing = skip.min(fresh.len());
        fresh = &fresh[passing..];
        skip -= passing;
        bytes.extend_from_slice(fresh);
        let mut at = 0;
        while let Some(header) = frame::header(&bytes[at..], &Limits::backend()).map_err(QueryFault::Broke)? {
            let tag = Backend::from_byte(header.tag)
                .ok_or(QueryFault::Broke(DecodeError::UnknownTag { tag: header.tag }))?;
            let here = bytes.len() - at;
            let whole_or_none = match tag {
                Backend::DataRow => header.len <= REPLY_BYTES_MAX,
                Backend::CopyData => false,
                _ => true,
            };
            if here < header.len && whole_or_none {
                if header.len > REPLY_BYTES_MAX {
                    return Err(QueryFault::TooLong);
                }
                break;
            }
            let whole = &bytes[at..at + header.len.min(here)];
            let reply = server.flow.received(tag, &whole[HEADER_LEN..]).map_err(QueryFault::Strayed)?;
            if error.is_none() && matches!(reply, Reply::Error | Reply::Farewell) {
                error = Some(whole.to_vec());
            }
            if let Ok(data) = DataRow::parse(whole) {
                row(data);
            }
            if let Ok(status) = ParameterStatus::parse(whole) {
                server.session.reported.set(status.name, status.value);
                server.session.deployed = 0;
            }
            skip = header.len - whole.len();
            at += whole.len();
        }
        bytes.drain(..at);
        co.spend(n);
    }
    Ok(Outcome { error, tx: server.flow.tx() })
}
