//! The last step of a login: what a new client is told of the server, and its cancel key.

use crate::base::ids::ClientKey;
use crate::client::attach::Attach;
use crate::client::fault::Fault;
use crate::client::{Client, choice};
use crate::router::{Greeting, GreetingText, ToRouter};
use crate::worker::lease::Lease;
use crate::worker::route_pool::RoutePool;
use kiwi::backend::status::{ParameterStatus, TxStatus, write_key_data, write_ready};
use kiwi::params::Params;
use machinarium::{Co, Deadline};
use std::sync::Arc;

/// What servers of the route say of themselves. The first client of a route opens a server to learn it; for all
/// others a login touches no server.
///
/// # Errors
/// `Connect`, `PoolTimeout`, and those of [`choice::take`].
pub fn greeting(co: &Co, client: &mut Client) -> Result<Greeting, Fault> {
    if let Some(greeting) = client.pool.greeting() {
        return Ok(greeting);
    }
    let found = choice::find(co, client, Attach::Ask, wait_for_server)?;
    let lease = found.ok_or(Fault::Internal("a login does not rest while it waits"))?;
    // Whoever opened it has asked it already, if it was opened by this worker.
    let greeting = lease.pool.greeting().unwrap_or_else(|| learn(&lease.pool, &lease.session.reported));
    lease.release();
    Ok(greeting)
}

/// Notes what a server said of itself at its login; told to the router, and so to other workers, when it is news:
/// the first server of a route, or one that was upgraded.
pub fn learn(pool: &RoutePool, reported: &Params) -> Greeting {
    let fresh = learned(reported);
    match pool.greeting() {
        Some(known) if known.frames == fresh.frames => known,
        _ => {
            pool.learn(Arc::clone(&fresh));
            let (route, greeting) = (pool.route.id, Arc::clone(&fresh));
            pool.worker().router.say(ToRouter::Learned { route, greeting });
            fresh
        }
    }
}

/// A server for a client whose login is under way: it waits on its stack, for no session exists to rest in.
fn wait_for_server(co: &Co, client: &Client, _by: Attach) -> Result<Option<Lease>, Fault> {
    let by = Deadline::maybe(co.now(), client.wait_limit(), "pool_timeout is off");
    client.pool.acquire(co, client.slot(), &client.who(), by).map(Some)
}

fn learned(reported: &Params) -> Greeting {
    let mut frames = Vec::new();
    let mut names: Vec<Box<[u8]>> = Vec::new();
    for (name, value) in reported.iter().filter(|(name, _)| *name != b"in_hot_standby") {
        ParameterStatus { name, value }.write(&mut frames);
        names.push(name.into());
    }
    Arc::new(GreetingText { frames: frames.into(), names: names.into() })
}

/// Appends the ParameterStatus messages, BackendKeyData and ReadyForQuery. A value the client asked for itself is
/// told after the server's, which it thereby replaces.
pub fn announce(greeting: &Greeting, wanted: &Params, key: ClientKey, out: &mut Vec<u8>) {
    out.reserve(greeting.frames.len() + 128);
    out.extend_from_slice(&greeting.frames);
    for (name, value) in wanted.iter() {
        if greeting.names.iter().any(|reported| reported.eq_ignore_ascii_case(name)) {
            ParameterStatus { name, value }.write(out);
        }
    }
    write_key_data(out, &key.to_wire());
    write_ready(out, TxStatus::Idle);
}
