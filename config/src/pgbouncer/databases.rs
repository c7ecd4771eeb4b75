//! `[databases]`: what each line says, and the storages the lines lead to.

use super::limits::{self, Level, Limits};
use super::report::Cx;
use super::settings::{Setting, Settings};
use super::{global, known, make, pairs};
use crate::ast::{Block, BlockName, Kind};
use crate::hosts;
use crate::options::{storage as opt, tls};
use crate::source::Position;

/// The name of the console's database, which no line may have.
pub(super) const CONSOLE: &str = "pgbouncer";

/// Where servers listen when the line does not say.
const PORT: i64 = 5432;

/// One line.
#[derive(Debug, Clone)]
pub(super) struct Database {
    /// Its name; `*` stands for every name without a line.
    pub(super) name: BlockName,
    pub(super) at: Position,
    /// The pairs of the line.
    pub(super) settings: Settings,
    pub(super) limits: Limits,
    /// Index of its storage.
    pub(super) storage: usize,
}

impl Database {
    /// How the line is known in notes.
    pub(super) fn title(&self) -> &str {
        match &self.name {
            BlockName::Text(name) => name,
            BlockName::Default | BlockName::Absent => "*",
        }
    }
}

/// What a storage is made from; lines that agree in it share one.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// The `host` directive, absent for the socket in `unix_socket_dir`.
    host: Option<String>,
    port: i64,
}

/// Every line with its storage. Those without one were reported and are left out.
#[derive(Debug, Default)]
pub(super) struct Databases {
    pub(super) list: Vec<Database>,
    targets: Vec<(Target, Position)>,
}

/// Reads the lines of `[databases]`.
pub(super) fn read(lines: &Settings, settings: &Settings, cx: &mut Cx<'_>) -> Databases {
    let mut made = Databases::default();
    for line in lines.iter() {
        if line.name == CONSOLE {
            cx.sink.error(&line.at, format!("the database name '{CONSOLE}' belongs to the console"));
            continue;
        }
        let pairs = pairs::read(line, '\'', cx);
        known::report(&pairs, known::DATABASE, Some(&line.name), cx);
        let Some(target) = target(line, &pairs, settings, cx) else { continue };
        let level = match pairs.text("user") {
            Some(_) => Level::DatabaseOfOneUser(&line.name),
            None => Level::Database(&line.name),
        };
        let limits = limits::read(&pairs, level, cx);
        let known = made.targets.iter().position(|(other, _)| *other == target);
        let storage = known.unwrap_or_else(|| {
            made.targets.push((target, line.at.clone()));
            made.targets.len().saturating_sub(1)
        });
        let name = match line.name.as_str() {
            "*" => BlockName::Default,
            name => BlockName::Text(name.to_owned()),
        };
        made.list.push(Database { name, at: line.at.clone(), settings: pairs, limits, storage });
    }
    // In sequential routing the fallback comes last; elsewhere it does no harm there.
    made.list.sort_by_key(|database| database.name == BlockName::Default);
    made
}

/// Where the line leads; `None` after something in it was reported.
fn target(line: &Setting, pairs: &Settings, settings: &Settings, cx: &mut Cx<'_>) -> Option<Target> {
    let port = match pairs.text("port") {
        Some(_) => pairs.number("port", cx)?,
        None => PORT,
    };
    if !(1..=65_535).contains(&port) {
        cx.sink.error(&line.at, format!("{}: port {port} is not between 1 and 65535", line.name));
        return None;
    }
    let hosts = pairs.text("host").unwrap_or_default();
    let endpoints: Vec<String> =
        hosts.split(',').filter(|host| !host.is_empty()).map(|host| endpoint(host, port)).collect();
    let host = match (endpoints.is_empty(), global::has_socket_dir(settings)) {
        (false, _) => Some(endpoints.join(",")),
        (true, true) => None,
        // Servers have sockets whether or not clients get one.
        (true, false) => Some(format!("unix://{}/.s.PGSQL.{port}", global::SOCKET_DIR)),
    };
    if let (true, Some(dir)) = (endpoints.is_empty(), settings.get("unix_socket_dir"))
        && dir.value.starts_with('@')
    {
        let reason =
            format!("servers are looked for in {}, not in the abstract namespace", global::SOCKET_DIR);
        cx.note(&line.at, &format!("{}: host", line.name), reason);
    }
    if let Some(host) = &host {
        let unusable = hosts.split(',').any(|host| host.starts_with('@'));
        if unusable || hosts::parse(host, 1).is_err() {
            cx.sink.error(&line.at, format!("{}: '{hosts}' is no list of hosts", line.name));
            return None;
        }
    }
    if endpoints.len() > 1 && pairs.text("load_balance_hosts") == Some("disable") {
        let reason = "hosts take turns, there is no staying with one until it fails";
        cx.note(&line.at, &format!("{}: load_balance_hosts", line.name), reason);
    }
    Some(Target { host, port })
}

/// One host as our `host` directive says it.
fn endpoint(host: &str, port: i64) -> String {
    if host.starts_with('/') {
        format!("unix://{host}/.s.PGSQL.{port}")
    } else if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

impl Databases {
    /// The name of a storage.
    pub(super) fn storage_name(&self, index: usize) -> String {
        match self.targets.len() {
            0 | 1 => "postgres".to_owned(),
            _ => format!("postgres_{}", index.saturating_add(1)),
        }
    }

    /// Adds the storages.
    pub(super) fn storages(&self, settings: &Settings, root: &mut Block, cx: &mut Cx<'_>) {
        let mode = global::tls_mode(settings, "server_tls_sslmode", cx).unwrap_or("prefer");
        for (index, (target, at)) in self.targets.iter().enumerate() {
            let mut block = make::named(Kind::Storage, &self.storage_name(index), at);
            make::text(&mut block, &opt::TYPE, "remote", at);
            match &target.host {
                Some(host) => make::text(&mut block, &opt::HOST, host, at),
                None => make::number(&mut block, &opt::PORT, target.port, at, cx.sink),
            }
            let socket = |host: &str| host.split(',').all(|host| host.starts_with("unix://"));
            if target.host.as_deref().is_some_and(|host| !socket(host)) && mode != "disable" {
                server_tls(settings, mode, &mut block);
            }
            if target.host.as_ref().is_some_and(|host| host.contains(',')) {
                let mut balancing = Block::new(Kind::Balancing, at.clone());
                balancing.blocks.push(make::named(Kind::BalancingMethod, "roundrobin", at));
                block.blocks.push(balancing);
            }
            root.blocks.push(block);
        }
        if let Some(ca) = settings.get("server_tls_ca_file")
            && !mode.starts_with("verify")
        {
            let reason = "certificates of servers are verified in the modes verify-ca and verify-full only";
            cx.note(&ca.at, "server_tls_ca_file", reason);
        }
    }
}

fn server_tls(settings: &Settings, mode: &str, block: &mut Block) {
    use tls::storage::{TLS, TLS_CA_FILE, TLS_CERT_FILE, TLS_KEY_FILE, TLS_PROTOCOLS};
    let at = block.at.clone();
    make::text(block, &TLS, mode, &at);
    let files = [
        ("server_tls_cert_file", &TLS_CERT_FILE),
        ("server_tls_key_file", &TLS_KEY_FILE),
        ("server_tls_ca_file", &TLS_CA_FILE),
        ("server_tls_protocols", &TLS_PROTOCOLS),
    ];
    for (name, opt) in files {
        // With a file of authorities our lesser modes would verify, which PgBouncer's do not.
        let verifies = mode.starts_with("verify") || name != "server_tls_ca_file";
        if let Some(text) = settings.text(name).filter(|_| verifies) {
            make::text(block, opt, global::tls_versions(text), &at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_become_endpoints() {
        let cases = [
            ("db", "db:5432"),
            ("192.0.2.1", "192.0.2.1:5432"),
            ("2001:db8::1", "[2001:db8::1]:5432"),
            ("/run/postgresql", "unix:///run/postgresql/.s.PGSQL.5432"),
        ];
        for (host, want) in cases {
            assert_eq!(endpoint(host, 5432), want);
            assert!(hosts::parse(want, 1).is_ok(), "{want}");
        }
    }
}
