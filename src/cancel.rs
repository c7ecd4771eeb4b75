//! Sending a CancelRequest to a server: on a connection of its own, read until the server closes it.

use crate::server::Server;
use crate::worker::context::Facilities;
use kiwi::startup::{CancelKey, write_cancel_request};
use machinarium::net::addr::Address;
use machinarium::net::connect::connect;
use machinarium::{Co, Deadline, IoError};

/// Asks the server to cancel what it does for us, and waits until it has taken the request. Whether it worked is
/// seen from the server's own connection only.
pub fn send(co: &Co, facilities: &Facilities, server: &Server, by: Deadline) {
    if let Some(key) = &server.key {
        request(co, facilities, &server.address, key, by);
    }
}

/// The same for an address and a key.
pub fn request(co: &Co, facilities: &Facilities, address: &Address, key: &CancelKey, by: Deadline) {
    let global = &facilities.rules().config.global;
    let limit =
        Deadline::maybe(co.now(), global.cancel_timeout, "the operator switched the limit off").min(by);
    if let Err(error) = attempt(co, address, key, limit) {
        log::warn!("a cancel request to {address} failed: {error}");
    }
}

fn attempt(co: &Co, address: &Address, key: &CancelKey, by: Deadline) -> Result<(), IoError> {
    let mut io = connect(co, address, by)?;
    let mut out = Vec::with_capacity(16);
    write_cancel_request(&mut out, key);
    io.write_all(co, &out, by)?;
    // The server closes when it has passed the cancel on; nothing is ever answered.
    let mut scratch = [0; 64];
    while io.read(co, &mut scratch, by)? > 0 {}
    Ok(())
}
