//! The shape of the file: sections that must exist, names that must be unique, references that must lead
//! somewhere. Nothing is missed in a block of which the reader lost a part.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use crate::ast::{Block, BlockName, Entry as Directive, Kind, Value};
use crate::diagnostic::Sink;
use crate::option::Opt;
use crate::options::storage::{ldap, shared_pool};
use crate::options::{global, listen, rule, storage, tls};

use super::words::{self, STORAGE_KINDS, TLS_MODES};

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

/// Runs every check, in the order in which operators know them.
pub(super) fn check(root: &Block, sink: &mut Sink) {
    listens(root, sink);
    storages(root, sink);
    shared_pools(root, sink);
    soft_oom(root, sink);
    ldap_endpoints(root, sink);
    database_names(root, sink);
    references(root, sink);
}

fn listens(root: &Block, sink: &mut Sink) {
    if root.one(Kind::Listen).is_none() && root.knows_its_blocks() {
        sink.error(&root.at, "no listen sections defined");
    }
    for block in root.of(Kind::Listen).filter(|block| block.lacks(&listen::PORT)) {
        sink.error(&block.at, "listen section is missing 'port'");
    }
    for block in root.of(Kind::Listen) {
        let mode = block.text(&tls::listen::TLS).unwrap_or_default();
        if TLS_MODES.find(mode).is_none() {
            let message = format!("unknown tls mode '{mode}'");
            sink.error_hint(block.place(&tls::listen::TLS), message, TLS_MODES.hint(mode));
        }
    }
}

fn storages(root: &Block, sink: &mut Sink) {
    if root.one(Kind::Storage).is_none() && root.knows_its_blocks() {
        return sink.error(&root.at, "no storage sections defined");
    }
    for block in root.of(Kind::Storage) {
        let name = block.text_name();
        if name.is_empty() {
            sink.error(&block.at, "storage name cannot be empty");
        }
        match block.text(&storage::TYPE) {
            None if block.lacks(&storage::TYPE) => {
                let message = format!("storage '{name}': 'type' is required");
                sink.error_hint(&block.at, message, STORAGE_KINDS.hint(""));
            }
            Some(word) if STORAGE_KINDS.find(word).is_none() => {
                let message = format!("storage '{name}': unknown type '{word}'");
                sink.error_hint(block.place(&storage::TYPE), message, STORAGE_KINDS.hint(word));
            }
            None | Some(_) => {}
        }
    }
    unique(root, Kind::Storage, "storage", sink);
}

fn unique(root: &Block, kind: Kind, what: &str, sink: &mut Sink) {
    let mut seen = HashMap::new();
    // That a name is empty has been said.
    for block in root.of(kind).filter(|block| !block.text_name().is_empty()) {
        let name = block.text_name();
        match seen.entry(name) {
            Entry::Vacant(free) => {
                free.insert(&block.at);
            }
            Entry::Occupied(first) => {
                let message = format!("duplicate {what} definition '{name}'");
                sink.error_hint(&block.at, message, format!("the first one is at {}", first.get()));
            }
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
            None if block.lacks(&shared_pool::POOL_SIZE) => {
                sink.error(&block.at, format!("pool_size is required in shared_pool '{name}'"));
            }
            Some(0) => sink.error(block.place(&shared_pool::POOL_SIZE), "pool_size must be positive"),
            None | Some(_) => {}
        }
    }
    unique(root, Kind::SharedPool, "shared_pool", sink);
}

fn soft_oom(root: &Block, sink: &mut Sink) {
    let Some(block) = root.one(Kind::SoftOom) else { return };
    let limit = block.number(&global::soft_oom::LIMIT);
    if limit == Some(0) || block.lacks(&global::soft_oom::LIMIT) {
        sink.error(&block.at, "limit is not set for soft_oom");
    }
}

fn ldap_endpoints(root: &Block, sink: &mut Sink) {
    for block in root.of(Kind::LdapEndpoint) {
        let name = block.text_name();
        if name.is_empty() {
            sink.error(&block.at, "ldap_endpoint name cannot be empty");
        }
        if block.lacks(&ldap::LDAPSERVER) {
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
            sink.error_hint(&block.at, "invalid name for database", "the name is empty");
        }
    }
}

fn references(root: &Block, sink: &mut Sink) {
    if !root.knows_its_blocks() {
        return;
    }
    let storages = names(root, Kind::Storage);
    let targets = [
        (&rule::STORAGE, "storage", names(root, Kind::Storage)),
        (&rule::SHARED_POOL, "shared_pool", names(root, Kind::SharedPool)),
        (&rule::LDAP_ENDPOINT_NAME, "ldap_endpoint", names(root, Kind::LdapEndpoint)),
    ];
    for block in root.of(Kind::Database).flat_map(|database| &database.blocks) {
        for (row, what, known) in &targets {
            if let Some(entry) = block.entry(row).filter(|_| !sink.is_full()) {
                reference(entry, what, known, sink);
            }
        }
    }
    for entry in root.of(Kind::Listen).flat_map(|block| block.all(&listen::STORAGE)) {
        reference(entry, "storage", &storages, sink);
    }
}

/// Names of one kind of block.
type Targets<'b> = BTreeSet<&'b str>;

fn names(root: &Block, kind: Kind) -> Targets<'_> {
    root.of(kind).map(Block::text_name).collect()
}

fn reference(entry: &Directive, what: &str, known: &Targets<'_>, sink: &mut Sink) {
    let Value::Text(name) = &entry.value else { return };
    if known.contains(name.as_str()) {
        return;
    }
    let message = format!("unknown {what} '{name}'");
    match words::near(name, known.iter().copied()) {
        Some(hint) => sink.error_hint(&entry.at, message, hint),
        None => sink.error(&entry.at, message),
    }
}
