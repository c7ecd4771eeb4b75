//! Copies of a worker's state for the console: plain values, sent by message.

use crate::base::ids::{ClientId, ServerId};
use machinarium::net::addr::PeerAddr;
use odyssey_config::TlsMode;
use std::sync::Arc;

/// What a client is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientState {
    /// Holds no server: idle between transactions, or not logged in yet.
    Pending,
    /// Waits for a server.
    Queue,
    /// Holds a server.
    Active,
}

/// What a server connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerState {
    /// In a pool.
    Idle,
    /// Attached to a client, being connected, or being cleaned.
    Active,
}

/// One row of SHOW CLIENTS.
#[derive(Clone, Debug)]
pub struct ClientRow {
    /// Its name.
    pub id: ClientId,
    /// User of its startup packet.
    pub user: Arc<str>,
    /// Database of its startup packet.
    pub database: Arc<str>,
    /// What it is doing.
    pub state: ClientState,
    /// The rule's `storage_user`.
    pub storage_user: Option<Arc<str>>,
    /// Its address.
    pub peer: PeerAddr,
    /// Our end of its connection.
    pub local: PeerAddr,
    /// The worker's number of it.
    pub slot: u64,
    /// The server it holds.
    pub server: Option<ServerId>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// One row of SHOW SERVERS.
#[derive(Clone, Debug)]
pub struct ServerRow {
    /// Its name.
    pub id: ServerId,
    /// User it is logged in as.
    pub user: Arc<str>,
    /// Database it is connected to.
    pub database: Arc<str>,
    /// What it is doing.
    pub state: ServerState,
    /// Its address.
    pub peer: PeerAddr,
    /// Our end of its connection.
    pub local: PeerAddr,
    /// Process id of the backend, from its BackendKeyData.
    pub remote_pid: i32,
    /// The client it is attached to.
    pub client: Option<ClientId>,
    /// The storage's `tls` setting.
    pub tls: TlsMode,
}

/// Counts of one route in one worker; SHOW POOLS adds those of all workers.
#[derive(Clone, Debug)]
pub struct PoolRow {
    /// Server-side database of the route.
    pub database: Arc<str>,
    /// Server-side user of the route.
    pub user: Arc<str>,
    /// `session`, `transaction` or `statement`.
    pub mode: &'static str,
    /// Clients that hold a server.
    pub clients_active: u64,
    /// Clients that hold none and want none.
    pub clients_pending: u64,
    /// Clients that wait for a server.
    pub clients_queued: u64,
    /// Servers attached, being connected or being cleaned.
    pub servers_active: u64,
    /// Servers in the pool.
    pub servers_idle: u64,
    /// Servers being connected, part of `servers_active`.
    pub servers_login: u64,
    /// How long the oldest waiting client has waited, in microseconds.
    pub max_wait_us: u64,
}

/// Everything one worker reports at once.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its clients.
    pub clients: Vec<ClientRow>,
    /// Its servers.
    pub servers: Vec<ServerRow>,
    /// Its routes.
    pub pools: Vec<PoolRow>,
}
