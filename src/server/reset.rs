//! Making a server fit for the next client: cancel, roll back, discard. What cannot be proved clean is closed.

use crate::cancel;
use crate::server::query::{self, QueryFault};
use crate::server::{Server, Trace};
use crate::worker::context::Facilities;
use kiwi::backend::status::TxStatus;
use kiwi::flow::Copy;
use machinarium::{Co, Deadline};
use odyssey_config::{Discard, Pooling};
use std::fmt;

/// Why a server was closed rather than given back.
#[derive(Debug)]
pub enum Unclean {
    /// It reported that it is out of memory.
    OutOfMemory,
    /// It was in a COPY.
    InCopy,
    /// An extended batch was left without its end; ending it would commit what the client did not.
    InBatch,
    /// It was in a transaction, and `pool_rollback` is off.
    InTransaction,
    /// A query ran, and `pool_cancel` is off.
    InQuery,
    /// The protocol was lost track of, or part of a message was sent.
    OutOfStep,
    /// One of our own queries failed.
    Query(QueryFault),
    /// It was in a transaction even after ROLLBACK.
    StillInTransaction,
}

impl fmt::Display for Unclean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unclean::OutOfMemory => f.write_str("server in oom mode, closing and drop connection"),
            Unclean::InCopy => f.write_str("server left in copy, closing and drop connection"),
            Unclean::InBatch => f.write_str("server left in an unfinished batch, closing"),
            Unclean::InTransaction => f.write_str("in active transaction, closing"),
            Unclean::InQuery => f.write_str("server left in query, closing"),
            Unclean::OutOfStep => f.write_str("server out of step, closing"),
            Unclean::Query(fault) => write!(f, "reset failed: {fault}"),
            Unclean::StillInTransaction => f.write_str("still in transaction after rollback, closing"),
        }
    }
}

/// Whether a server can go back without a word to it.
pub fn owes_nothing(server: &Server, pooling: &Pooling) -> bool {
    let traces_matter = pooling.discard != Discard::None || pooling.discard_query.is_some();
    server.flow.is_settled()
        && !server.flow.is_lost()
        && server.flow.tx() == TxStatus::Idle
        && server.held.is_empty()
        && pooling.discard_query.is_none()
        && match server.session.trace {
            Trace::Clean => true,
            Trace::Owed => !traces_matter,
            Trace::Poisoned => false,
        }
}

/// Makes the server clean, parking as needed; each step within the rule's `pool_reset_timeout_ms`.
///
/// # Errors
/// Why it must be closed.
pub fn clean(
    co: &Co,
    facilities: &Facilities,
    server: &mut Server,
    pooling: &Pooling,
) -> Result<(), Unclean> {
    if server.session.trace == Trace::Poisoned {
        return Err(Unclean::OutOfMemory);
    }
    if server.flow.is_lost() {
        return Err(Unclean::OutOfStep);
    }
    if server.flow.in_copy() != Copy::None {
        return Err(Unclean::InCopy);
    }
    let step =
        |co: &Co| Deadline::maybe(co.now(), pooling.reset_timeout, "the operator switched the limit off");
    if !server.flow.is_settled() {
        let open_batch = server.flow.open_batch();
        if !pooling.cancel {
            return Err(if open_batch { Unclean::InBatch } else { Unclean::InQuery });
        }
        cancel::send(co, facilities, server, step(co));
        if open_batch {
            return Err(Unclean::InBatch);
        }
        query::settle(co, server, step(co)).map_err(Unclean::Query)?;
    }
    if server.flow.tx() != TxStatus::Idle {
        if !pooling.rollback {
            return Err(Unclean::InTransaction);
        }
        let tx = query::run(co, server, "ROLLBACK", step(co)).map_err(Unclean::Query)?;
        if tx != TxStatus::Idle {
            return Err(Unclean::StillInTransaction);
        }
    }
    if server.session.trace == Trace::Owed {
        let sql = match pooling.discard {
            Discard::None => None,
            // The piecewise reset exists to keep prepared statements for the next client. As long as clients do not
            // share them, a statement left behind would only be in its way.
            Discard::All | Discard::Smart => Some("DISCARD ALL"),
        };
        if let Some(sql) = sql {
            query::run(co, server, sql, step(co)).map_err(Unclean::Query)?;
            server.session.deployed = 0;
        }
    }
    if let Some(sql) = &pooling.discard_query {
        query::run(co, server, sql, step(co)).map_err(Unclean::Query)?;
        server.session.deployed = 0;
    }
    server.session.trace = Trace::Clean;
    if server.flow.tx() != TxStatus::Idle { Err(Unclean::StillInTransaction) } else { Ok(()) }
}
