//! Getting a server for a client: an idle one, one just granted, or a new one.

use crate::base::ids::ServerId;
use crate::client::fault::Fault;
use crate::client::{Client, deploy, ready};
use crate::log::{Who, log_error, log_info};
use crate::server::connect;
use crate::server::encrypt::Encryption;
use crate::server::login::Credentials;
use crate::worker::lease::{Lease, Permit};
use crate::worker::route_pool::{Answer, RoutePool};
use crate::worker::sleepers;
use machinarium::{Co, Deadline};
use std::rc::Rc;

/// Servers that may die one after the other while they are made to agree with a client, before it is told.
const RETRIES_MAX: u32 = 3;

/// How a client comes to a server.
pub enum Attach {
    /// It asks its pool.
    Ask,
    /// It was handed this one.
    Use(Lease),
    /// It may open one.
    Dial(Permit),
    /// It waited too long for one.
    TimedOut,
}

/// A server of the client's pool whose session agrees with it, or `None`: the client has to wait, and is in the queue.
///
/// A server that turns out to be dead costs nothing but the look: the next one is taken.
///
/// # Errors
/// `PoolTimeout`. `Connect`: none could be opened. `Deploy`: a parameter was refused.
pub fn take(co: &Co, client: &Client, mut by: Attach) -> Result<Option<Lease>, Fault> {
    let mut retries = 0;
    loop {
        let mut lease = match by {
            Attach::TimedOut => return Err(Fault::PoolTimeout),
            Attach::Use(lease) => lease,
            Attach::Dial(permit) => {
                let who = client.who();
                dial(co, &client.pool, permit, client.slot(), &who)?
            }
            Attach::Ask => match client.pool.request(client.slot(), co.now()) {
                Answer::Lend(server) => Lease::new(&client.pool, server, client.slot()),
                Answer::Dial(permit) => {
                    by = Attach::Dial(permit);
                    continue;
                }
                Answer::Wait => return Ok(None),
            },
        };
        if lease.io.may_read() && !sleepers::still_good(&mut lease) {
            lease.close();
            by = Attach::Ask;
            continue;
        }
        if client.pool.route.rule().maintain_params && lease.session.deployed != client.wanted.fingerprint {
            let limit = client.worker().facilities.rules().config.global.backend_connect_timeout;
            let limit = Deadline::maybe(co.now(), limit, "the operator switched the limit off");
            match deploy::align(co, &mut lease, &client.wanted, limit) {
                Ok(()) => {}
                // It died before it was given a byte of the client's: another will do.
                Err(Fault::Deploy { refused: None, .. }) if retries < RETRIES_MAX => {
                    retries += 1;
                    lease.close();
                    by = Attach::Ask;
                    continue;
                }
                // The lease ends here and closes the server.
                Err(fault) => return Err(fault),
            }
        }
        return Ok(Some(lease));
    }
}

/// Opens a server connection for `client` with the permit it was given.
///
/// # Errors
/// `Connect`; the permit is back in the pool.
pub fn dial(
    co: &Co,
    pool: &Rc<RoutePool>,
    permit: Permit,
    client: u64,
    who: &Who<'_>,
) -> Result<Lease, Fault> {
    let worker = pool.worker();
    let route = &pool.route;
    let rule = route.rule();
    let password = rule.storage_password.as_ref().or(rule.password.as_ref());
    let credentials = Credentials {
        user: &route.user,
        database: &route.database,
        password: password.map(|secret| secret.expose()),
        options: &rule.backend_startup_options,
    };
    let tls = worker.facilities.storage_tls(&pool.storage);
    let Some(endpoint) = pool.storage.storage.endpoints.get(usize::from(pool.index)) else {
        return Err(Fault::Internal("the storage has no such host"));
    };
    let encryption = Encryption { mode: pool.storage.storage.tls.mode, tls: tls.as_ref() };
    match connect::dial(co, &worker.facilities, &endpoint.address, encryption, &credentials) {
        Ok(server) => {
            permit.spend();
            let server = worker.adopt(pool, server);
            ready::learn(pool, &server.session.reported);
            if worker.facilities.rules().config.global.log_session {
                let (local, address) = (server.io.local_addr(), &server.address);
                let who = Who { server: Some(server.id), ..*who };
                log_info!(&who, "setup", "new server connection {local} -> {address}");
            }
            Ok(Lease::new(pool, server, client))
        }
        Err(fault) => {
            log_error!(who, "setup", "{fault}");
            drop(permit);
            Err(Fault::Connect { fault, server: ServerId::random().to_string() })
        }
    }
}
