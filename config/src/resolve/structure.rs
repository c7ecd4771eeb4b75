//! The shape of the file: sections that must exist, names that must be unique, references that must lead
//! somewhere. Checks come in groups; a group with an error hides the groups after it.

use std::collections::HashSet;

use crate::ast::{Block, BlockName, Kind};
use crate::diagnostic::Sink;
use crate::model::TlsMode;
use crate::option::Opt;
use crate::options::storage::{ldap, shared_pool};
use crate::options::{global, listen, rule, storage, tls};

/// Directives of groups and watchdogs that stand in another block. The reader of the file learns of them together
/// with syntax errors.
pub(super) fn misplaced(root: &Block, sink: &mut Sink) {
    for database in root.of(Kind::Database) {
        for block in &database.blocks {
            let title = title(block, Some(database));
            if block.kind != Kind::Group {
                refuse_group_rows(block, &title, sink);
            }
            for row in [&rule::WATCHDOG_LAG_QUERY, &rule::WATCHDOG_LAG_INTERVAL] {
                refuse(block, row, "watchdog", &title, sink);
            }
        }
    }
    for storage in root.of(Kind::Storage) {
        for watchdog in storage.of(Kind::Watchdog) {
            refuse_group_rows(watchdog, &title(watchdog, None), sink);
        }
    }
}

fn refuse_group_rows(block: &Block, title: &str, sink: &mut Sink) {
    for row in [&rule::GROUP_QUERY, &rule::GROUP_QUERY_USER, &rule::GROUP_QUERY_DB] {
        refuse(block, row, "group", title, sink);
    }
}

fn refuse(block: &Block, row: &Opt, wanted: &str, title: &str, sink: &mut Sink) {
    if let Some(entry) = block.entry(row) {
        sink.error(&entry.at, format!("{} is set for non-{wanted} rule '{title}'", row.name));
    }
}

/// `DATABASE.USER` of a route block, by the names rules are known by.
pub(super) fn title(block: &Block, database: Option<&Block>) -> String {
    let Some(database) = database else { return "watchdog_int.watchdog_int".to_owned() };
    let database = match &database.name {
        BlockName::Text(name) => name,
        BlockName::Default | BlockName::Absent => "default_db",
    };
    match (&block.name, block.kind) {
        (BlockName::Text(name), Kind::Group) => format!("{database}.group_{name}"),
        (BlockName::Text(name), _) => format!("{database}.{name}"),
        (BlockName::Default | BlockName::Absent, _) => format!("{database}.default_user"),
    }
}

/// Runs the groups in order, up to the first that finds an error.
pub(super) fn check(root: &Block, sink: &mut Sink) {
    let groups: [fn(&Block, &mut Sink); 9] = [
        listens_exist,
        listen_ports,
        listen_tls,
        storages,
        shared_pools,
        soft_oom,
        ldap_endpoints,
        database_names,
        references,
    ];
    for group in groups {
        group(root, sink);
        if sink.errors() > 0 {
            return;
        }
    }
}

fn listens_exist(root: &Block, sink: &mut Sink) {
    if root.one(Kind::Listen).is_none() {
        sink.error(&root.at, "no listen sections defined");
    }
}

fn listen_ports(root: &Block, sink: &mut Sink) {
    for block in root.of(Kind::Listen).filter(|block| block.entry(&listen::PORT).is_none()) {
        sink.error(&block.at, "listen section is missing 'port'");
    }
}

fn listen_tls(root: &Block, sink: &mut Sink) {
    for block in root.of(Kind::Listen) {
        let mode = block.text(&tls::listen::TLS).unwrap_or_default();
        if tls_mode(mode).is_none() {
            sink.error(block.place(&tls::listen::TLS), format!("unknown tls mode '{mode}'"));
        }
    }
}

/// The word of a `tls` directive.
pub(super) fn tls_mode(word: &str) -> Option<TlsMode> {
    Some(match word {
        "disable" => TlsMode::Disable,
        "allow" => TlsMode::Allow,
        "prefer" => TlsMode::Prefer,
        "require" => TlsMode::Require,
        "verify_ca" => TlsMode::VerifyCa,
        "verify_full" => TlsMode::VerifyFull,
        _ => return None,
    })
}

fn storages(root: &Block, sink: &mut Sink) {
    if root.one(Kind::Storage).is_none() {
        return sink.error(&root.at, "no storage sections defined");
    }
    for block in root.of(Kind::Storage) {
        let name = block.text_name();
        if name.is_empty() {
            sink.error(&block.at, "storage name cannot be empty");
        }
        match block.text(&storage::TYPE) {
            None => sink.error(&block.at, format!("storage '{name}': 'type' is required")),
            Some("remote" | "local") => {}
            Some(other) => {
                let message = format!("storage '{name}': unknown type '{other}'");
                sink.error(block.place(&storage::TYPE), message);
            }
        }
    }
    unique(root, Kind::Storage, "storage", sink);
}

fn unique(root: &Block, kind: Kind, what: &str, sink: &mut Sink) {
    let mut seen = HashSet::new();
    for block in root.of(kind) {
        let name = block.text_name();
        if !seen.insert(name) {
            sink.error(&block.at, format!("duplicate {what} definition '{name}'"));
        }
    }
}

fn shared_pools(root: &Block, sink: &mut Sink) {
    for block in root.of(Kind::SharedPool) {
        let name = block.text_name();
        if name.is_empty() {
            sink.error(&block.at, "shared_pool name cannot be empty");
        }
        match block.number(&shared_pool::POOL_SIZE) {
            None => sink.error(&block.at, format!("pool_size is required in shared_pool '{name}'")),
            Some(0) => sink.error(block.place(&shared_pool::POOL_SIZE), "pool_size must be positive"),
            Some(_) => {}
        }
    }
    unique(root, Kind::SharedPool, "shared_pool", sink);
}

fn soft_oom(root: &Block, sink: &mut Sink) {
    let Some(block) = root.one(Kind::SoftOom) else { return };
    if block.number(&global::soft_oom::LIMIT).unwrap_or(0) <= 0 {
        sink.error(&block.at, "limit is not set for soft_oom");
    }
}

fn ldap_endpoints(root: &Block, sink: &mut Sink) {
    for block in root.of(Kind::LdapEndpoint) {
        let name = block.text_name();
        if name.is_empty() {
            sink.error(&block.at, "ldap_endpoint name cannot be empty");
        }
        if block.entry(&ldap::LDAPSERVER).is_none() {
            sink.error(&block.at, format!("ldapserver is required in ldap_endpoint '{name}'"));
        }
        if block.number(&ldap::LDAPPORT).unwrap_or(0) > 65_535 {
            sink.error(block.place(&ldap::LDAPPORT), "ldapport must be between 0 and 65535");
        }
    }
    unique(root, Kind::LdapEndpoint, "ldap_endpoint", sink);
}

fn database_names(root: &Block, sink: &mut Sink) {
    for block in root.of(Kind::Database) {
        if block.name == BlockName::Text(String::new()) {
            sink.error(&block.at, "invalid name for database");
        }
    }
}

fn references(root: &Block, sink: &mut Sink) {
    let names = |kind| root.of(kind).map(Block::text_name).collect::<HashSet<_>>();
    let targets = [
        (&rule::STORAGE, names(Kind::Storage)),
        (&rule::SHARED_POOL, names(Kind::SharedPool)),
        (&rule::LDAP_ENDPOINT_NAME, names(Kind::LdapEndpoint)),
    ];
    let routes = root.of(Kind::Database).flat_map(|database| &database.blocks);
    for block in routes {
        for (row, known) in &targets {
            let Some(name) = block.text(row).filter(|name| !known.contains(name)) else { continue };
            let what = if row.name == rule::LDAP_ENDPOINT_NAME.name { "ldap_endpoint" } else { row.name };
            sink.error(block.place(row), format!("unknown {what} '{name}'"));
        }
    }
    let storages = names(Kind::Storage);
    for entry in root.of(Kind::Listen).flat_map(|block| block.all(&listen::STORAGE)) {
        if let crate::ast::Value::Text(name) = &entry.value
            && !storages.contains(name.as_str())
        {
            sink.error(&entry.at, format!("unknown storage '{name}'"));
        }
    }
}
