//! The one place where a client ends: it is told why, its server goes back clean or is closed, the log says so.

use crate::base::limits::FAREWELL_DEADLINE;
use crate::client::Client;
use crate::client::fault::{Fault, Forward, PoolFacts};
use crate::log::{Who, log_error, log_info};
use crate::relay::RelayFault;
use machinarium::{Co, Deadline, Io};

/// Ends a client that has a session. `None`: it said goodbye.
pub fn run(co: &Co, mut client: Box<Client>, fault: Option<Fault>) {
    let server = client.server.as_ref().map(|lease| lease.id.to_string()).unwrap_or_default();
    let fault = fault.map(|fault| match fault {
        // What a cancelled relay means is known to whoever cancelled it.
        Fault::Relay(RelayFault::Cancelled) => client.worker().dismissal(client.slot()),
        fault => fault,
    });
    let rule = client.pool.route.rule();
    let (show_id, log_session) =
        (rule.client_show_id, client.worker().facilities.rules().config.global.log_session);
    if let Some(fault) = &fault {
        let forward = if rule.client_fwd_error { Forward::ServerErrors } else { Forward::Nothing };
        let title = client.pool.route.title();
        let facts = PoolFacts { title: &title, size: rule.pool.size, server: &server };
        let mut out = Vec::new();
        if let Some(told) = fault.told(forward, &facts) {
            told.write(&mut out, &prefix(&client.id.to_string(), show_id));
        }
        if fault.is_an_error() {
            log_error!(&client.who(), "main", "client dropped: {}", fault.for_log(&facts));
        }
        farewell(co, &mut client.io, &out);
    }
    match (client.server.take(), fault.as_ref()) {
        (Some(lease), Some(Fault::Relay(fault))) if fault.is_the_servers() => lease.close(),
        (Some(lease), Some(Fault::Deploy { .. } | Fault::Lagging { .. })) => lease.close(),
        (Some(lease), _) => lease.release(),
        (None, _) => {}
    }
    if log_session {
        let why = fault.as_ref().map_or("terminate", |_| "error");
        let Who { peer, .. } = client.who();
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        let route = client.pool.route.rule().title();
        log_info!(&client.who(), "main", "client disconnected addr '{peer}', status {why}, route {route}");
    }
}

/// The beginning of every error text.
pub fn prefix(id: &str, show_id: bool) -> String {
    if show_id { format!("odyssey: {id}: ") } else { "odyssey: ".to_owned() }
}

/// Sends the last words and the end, and lets the peer take them: closing at once would send a reset, which makes
/// the peer's kernel throw away what it has not read yet.
pub fn farewell(co: &Co, io: &mut Io, out: &[u8]) {
    if out.is_empty() || io.is_gone() {
        return;
    }
    let by = Deadline::after(co.now(), FAREWELL_DEADLINE);
    if io.write_all(co, out, by).is_err() {
        return;
    }
    io.shutdown_write();
    let mut scratch = [0; 1024];
    let mut left = 64 * 1024;
    while left > 0 {
        match io.read(co, &mut scratch, by) {
            Ok(0) | Err(_) => return,
            Ok(n) => left -= n.min(left),
        }
    }
}

impl RelayFault {
    /// Whether the server is of no use after it.
    pub fn is_the_servers(&self) -> bool {
        match self {
            RelayFault::ServerGone(_)
            | RelayFault::ServerLeft
            | RelayFault::ServerBroke(_)
            | RelayFault::ServerStrayed(_)
            | RelayFault::ServerStreams => true,
            RelayFault::ClientGone(_)
            | RelayFault::ClientBroke(_)
            | RelayFault::ClientSpoke(_)
            | RelayFault::BlockRefused
            | RelayFault::Cancelled => false,
        }
    }
}
