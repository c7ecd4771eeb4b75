//! Messages a server sends: read from a server, written to a client.

pub mod auth;
pub mod command;
pub mod errors;
pub mod notify;
pub mod rows;
pub mod status;
