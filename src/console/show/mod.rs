//! One file per SHOW: its columns, each with where its value comes from.

mod clients;
mod config;
mod help;
mod is_paused;
mod listen;
mod lists;
mod pools;
mod rules;
mod servers;
mod storages;
mod version;

pub(super) use config::write_changes;

use super::Facts;
use super::command::Show;
use super::table::Cell;
use machinarium::net::addr::PeerAddr;
use odyssey_config::TlsMode;

/// Appends what SHOW answers, without ReadyForQuery.
pub(super) fn write(out: &mut Vec<u8>, show: Show, facts: &Facts<'_>) {
    match show {
        Show::Clients => clients::write(out, facts.reports),
        Show::Config => config::write(out, facts.config),
        Show::Help => help::write(out),
        Show::IsPaused => is_paused::write(out, facts.paused),
        Show::Listen => listen::write(out, &facts.config.listens),
        Show::Lists => lists::write(out, facts.reports, facts.clients),
        Show::Pools => pools::write(out, facts.reports),
        Show::Rules => rules::write(out, facts.config),
        Show::Servers => servers::write(out, facts.reports),
        Show::Storages => storages::write(out, facts.config.storages.iter().map(AsRef::as_ref)),
        Show::Version => version::write(out, facts.build),
        Show::VersionExtended => version::write_extended(out, facts.build),
    }
}

/// The address of one end of a connection.
fn address(peer: &PeerAddr) -> Cell<'static> {
    match peer {
        PeerAddr::Tcp(addr) => Cell::shown(addr.ip()),
        PeerAddr::Unix => Cell::text("<unix socket>"),
        PeerAddr::Unknown => Cell::text("N/A"),
    }
}

/// Its port: -1 for a unix socket, 0 when not known.
fn port(peer: &PeerAddr) -> Cell<'static> {
    match peer {
        PeerAddr::Tcp(addr) => Cell::Number(i64::from(addr.port())),
        PeerAddr::Unix => Cell::Number(-1),
        PeerAddr::Unknown => Cell::Number(0),
    }
}

/// A TLS mode as the configuration spells it.
fn mode(mode: TlsMode) -> Cell<'static> {
    Cell::text(match mode {
        TlsMode::Disable => "disable",
        TlsMode::Allow => "allow",
        TlsMode::Prefer => "prefer",
        TlsMode::Require => "require",
        TlsMode::VerifyCa => "verify_ca",
        TlsMode::VerifyFull => "verify_full",
    })
}

/// A text that may be absent.
fn optional(text: &Option<String>) -> Cell<'_> {
    Cell::text(text.as_deref().unwrap_or("(None)"))
}
