//! The PostgreSQL wire protocol, versions 3.0 and 3.2, without input or output.
//!
//! Bytes go in, meanings come out; nothing here knows a socket, a file, a clock, a thread or a log. The way of a
//! message:
//!
//! 1. [`frame`] cuts a buffer into whole messages (or says how long the next one will be), bounded by the phase
//!    of the connection. A client's first packet has no tag: [`frame::opening`] and [`startup`].
//! 2. [`tag`] says which message it is; the same byte means different things in the two directions.
//! 3. [`flow`] follows one server connection by tags alone: which replies are owed, whether it is idle and in
//!    step. It neither allocates per message nor looks inside.
//! 4. [`frontend`] and [`backend`] have a struct for each message. `parse` takes a whole frame and borrows from
//!    it; `write` appends a whole frame to a `Vec<u8>`.
//!
//! Around them: [`params`] for session settings, [`md5`] and [`scram`] for passwords, [`quote`] for SQL text,
//! [`sqlstate`] for error codes.
//!
//! No byte a peer can send makes anything here panic. Sources are pages of the PostgreSQL 18 manual, by name:
//! `protocol-overview`, `protocol-flow`, `protocol-message-formats`, `protocol-error-fields`,
//! `sasl-authentication`; and RFC 5802, RFC 7677, RFC 4013.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]
#![cfg_attr(test, allow(clippy::type_complexity, reason = "tests are tables of cases"))]

pub mod backend;
pub mod error;
pub mod flow;
pub mod frame;
pub mod frontend;
pub mod fuzz;
pub mod md5;
pub mod params;
pub mod quote;
pub mod read;
pub mod scram;
pub mod secret;
pub mod sqlstate;
pub mod startup;
pub mod tag;
pub mod write;
