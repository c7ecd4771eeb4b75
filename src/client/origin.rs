//! Where a client comes from, as rules and host based authentication see it.

use crate::client::Names;
use crate::client::wire::Wire;
use crate::log::{Who, log_debug};
use crate::worker::context::Facilities;
use machinarium::Co;
use machinarium::net::addr::PeerAddr;
use odyssey_config::{Client, PoolRouting};

/// Where a client comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Its address.
    pub peer: PeerAddr,
    /// Whether its connection is encrypted.
    pub tls: bool,
    /// Its host's name, checked; `None`: it has none, or no rule asks for names.
    pub host_name: Option<String>,
}

impl Origin {
    /// Of a client that has sent its startup message. Its host's name is looked up only if a rule may ask for it.
    pub fn of(co: &Co, facilities: &Facilities, who: &Who<'_>, wire: &Wire, peer: PeerAddr) -> Origin {
        let asked = peer.ip().filter(|_| facilities.rules().config.needs_host_names());
        let host_name = asked.and_then(|ip| match facilities.resolver.name_of(co, ip, wire.by) {
            Ok(name) => Some(name),
            Err(error) => {
                log_debug!(who, "startup", "no host name for {ip}: {error}");
                None
            }
        });
        Origin { peer, tls: wire.io.tls().is_some(), host_name }
    }

    /// The client as rules see it.
    pub fn seen<'a>(&'a self, names: &'a Names) -> Client<'a> {
        Client {
            database: &names.database,
            user: &names.user,
            address: self.peer.ip(),
            unix: self.peer == PeerAddr::Unix,
            tls: self.tls,
            host_name: self.host_name.as_deref(),
            routing: PoolRouting::ClientVisible,
        }
    }
}
