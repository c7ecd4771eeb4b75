//! The last step of a login: what a new client is told of the server, and its cancel key.

use crate::base::ids::ClientKey;
use crate::client::Client;
use crate::client::fault::Fault;
use crate::router::{Greeting, ToRouter};
use crate::worker::lease::Lease;
use kiwi::backend::status::{ParameterStatus, TxStatus, write_key_data, write_ready};
use kiwi::params::Params;
use machinarium::{Co, Deadline};
use std::sync::Arc;

/// What servers of the route say of themselves. The first client of a route opens a server to learn it; for all
/// others a login touches no server.
///
/// # Errors
/// `Connect`, `PoolTimeout`.
pub fn greeting(co: &Co, client: &Client) -> Result<Greeting, Fault> {
    if let Some(greeting) = client.pool.greeting() {
        return Ok(greeting);
    }
    let lease = wait_for_server(co, client)?;
    let greeting = learned(&lease.session.reported);
    client.pool.learn(Arc::clone(&greeting));
    let route = client.pool.route.id;
    client.worker().router.say(ToRouter::Learned { route, greeting: Arc::clone(&greeting) });
    lease.release();
    Ok(greeting)
}

/// A server for a client whose login is under way: it waits on its stack, for no session exists to rest in.
fn wait_for_server(co: &Co, client: &Client) -> Result<Lease, Fault> {
    let by = Deadline::maybe(co.now(), client.pool.route.rule().pool.timeout, "pool_timeout is off");
    client.pool.acquire(co, client.slot(), &client.who(), by)
}

fn learned(reported: &Params) -> Greeting {
    reported
        .iter()
        .filter(|(name, _)| *name != b"in_hot_standby")
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// Appends the ParameterStatus messages, BackendKeyData and ReadyForQuery. A value the client asked for itself
/// is told in place of the server's.
pub fn announce(greeting: &Greeting, wanted: &Params, key: ClientKey, out: &mut Vec<u8>) {
    for (name, value) in greeting.iter() {
        let value = wanted.get(name).unwrap_or(value);
        ParameterStatus { name, value }.write(out);
    }
    write_key_data(out, &key.to_wire());
    write_ready(out, TxStatus::Idle);
}
