//! The two-way relay of one turn: from a client's first byte until nothing is under way between it and its server.
//!
//! Bytes are read into a scratch buffer of the machine, framed in place, and what may go on goes on in one write,
//! straight from there. A side is read only when the other took everything, so memory is bounded whatever a peer
//! does; both directions run at once, so two full sockets do not block each other.

pub mod downstream;
pub mod lane;
pub mod observe;
pub mod policy;
pub mod report;
pub mod upstream;

use crate::server::Server;
use kiwi::error::DecodeError;
use kiwi::flow::FlowError;
use kiwi::tag::Frontend;
use lane::{Filled, Lane};
use machinarium::{Co, Deadline, Io, IoError, Wait, WaitError, wait_any};
use observe::Observer;
use std::fmt;
use upstream::Wants;

/// How a turn ended well: nothing is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// The client may send more.
    Settled,
    /// The client said goodbye.
    Terminated,
}

/// Why a relay stopped early.
#[derive(Debug)]
pub enum RelayFault {
    /// The client closed, or its connection failed; `None`: it closed in an orderly way.
    ClientGone(Option<IoError>),
    /// The server closed, or its connection failed; `None`: it closed in an orderly way.
    ServerGone(Option<IoError>),
    /// The server ended the connection with an error of its own, which the client has seen.
    ServerLeft,
    /// The client's bytes are no messages.
    ClientBroke(DecodeError),
    /// The client sent a message that has no place in a session.
    ClientSpoke(Frontend),
    /// The server's bytes are no messages.
    ServerBroke(DecodeError),
    /// The server answered what nobody asked.
    ServerStrayed(FlowError),
    /// The server began a replication stream in an ordinary session.
    ServerStreams,
    /// A transaction block was opened in statement pooling, where none can be kept.
    BlockRefused,
    /// The client was told to go: killed from the console, or the process ends.
    Cancelled,
}

impl fmt::Display for RelayFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RelayFault::ClientGone(None) => f.write_str("client closed the connection"),
            RelayFault::ClientGone(Some(error)) => write!(f, "client lost: {error}"),
            RelayFault::ServerGone(None) => f.write_str("server closed the connection"),
            RelayFault::ServerGone(Some(error)) => write!(f, "server lost: {error}"),
            RelayFault::ServerLeft => f.write_str("server ended the connection"),
            RelayFault::ClientBroke(error) => write!(f, "client sent {error}"),
            RelayFault::ClientSpoke(tag) => write!(f, "client sent {} in a session", tag.name()),
            RelayFault::ServerBroke(error) => write!(f, "server sent {error}"),
            RelayFault::ServerStrayed(error) => write!(f, "{error}"),
            RelayFault::ServerStreams => f.write_str("server began a replication stream"),
            RelayFault::BlockRefused => f.write_str("transaction block in statement pooling"),
            RelayFault::Cancelled => f.write_str("told to go"),
        }
    }
}

/// Relays until nothing is under way, beginning with what `up` holds already.
///
/// On an error the lanes say what went out in part: the caller decides what becomes of the server.
///
/// # Errors
/// See [`RelayFault`].
pub fn run(
    co: &Co,
    client: &mut Io,
    server: &mut Server,
    up: &mut Lane,
    down: &mut Lane,
    observer: &mut Observer<'_>,
) -> Result<Turn, RelayFault> {
    let machine = co.machine();
    let mut wants = Wants::More;
    loop {
        if wants == Wants::More {
            wants = upstream::scan(up, server, observer)?;
        }
        if up.has_pending() {
            up.drain(&mut server.io).map_err(|error| lost(observer, error))?;
        }
        if down.has_pending() {
            down.drain(client).map_err(|error| RelayFault::ClientGone(Some(error)))?;
        }
        if !down.has_pending() && server.io.may_read() {
            let filled = down.fill(machine, &mut server.io);
            match filled.map_err(|error| lost(observer, error))? {
                Filled::Bytes(n) => {
                    downstream::scan(down, server, observer)?;
                    co.spend(n);
                    continue;
                }
                Filled::End if observer.server_said_farewell() => return Err(RelayFault::ServerLeft),
                Filled::End => return Err(RelayFault::ServerGone(None)),
                Filled::Nothing => {}
            }
        }
        let quiet = !up.has_pending() && !up.is_cut() && down.is_empty() && server.flow.is_settled();
        if quiet {
            return Ok(if wants == Wants::ToLeave { Turn::Terminated } else { Turn::Settled });
        }
        if wants == Wants::More && !up.has_pending() && client.may_read() {
            match up.fill(machine, client).map_err(|error| RelayFault::ClientGone(Some(error)))? {
                Filled::Bytes(n) => {
                    co.spend(n);
                    continue;
                }
                Filled::End => return Err(RelayFault::ClientGone(None)),
                Filled::Nothing => {}
            }
        }
        if wants == Wants::ToLeave && server.flow.open_batch() && !server.flow.owes_ready() {
            // It left in the middle of a batch, which nobody will ever end.
            return Err(RelayFault::ClientGone(None));
        }
        park(co, client, server, up, down, wants)?;
    }
}

/// A server's connection failed: after a last word of its own that is no news, and the client has heard it.
fn lost(observer: &Observer<'_>, error: IoError) -> RelayFault {
    if observer.server_said_farewell() { RelayFault::ServerLeft } else { RelayFault::ServerGone(Some(error)) }
}

/// Waits for whatever can move a byte.
fn park(
    co: &Co,
    client: &Io,
    server: &Server,
    up: &Lane,
    down: &Lane,
    wants: Wants,
) -> Result<(), RelayFault> {
    let from_client = if up.has_pending() {
        Wait::Writable(&server.io)
    } else if wants == Wants::ToLeave {
        // Nothing more is read of a client that has said goodbye.
        Wait::Readable(&server.io)
    } else {
        Wait::Readable(client)
    };
    let from_server = if down.has_pending() { Wait::Writable(client) } else { Wait::Readable(&server.io) };
    let by = Deadline::never("a query takes as long as it takes; both peers are watched");
    match wait_any(co, &[from_client, from_server], by) {
        Ok(_) => Ok(()),
        Err(WaitError::Cancelled | WaitError::Deadline) => Err(RelayFault::Cancelled),
    }
}
