//! pgbouncer.ini to odyssey.conf: the configuration of PgBouncer (up to 1.24) as blocks of ours.
//!
//! ```text
//! ini, pairs, userlist, hba     what the files say, line by line
//! known                         every setting there is, and which have no equivalent
//! limits, access, lookup, reset what the settings mean
//! global, databases, routes, console   the blocks
//! ```
//!
//! A setting is converted, or named in the notes with the reason. A user of `auth_file` becomes a `user` block
//! of every database, since a rule has one secret; users that `auth_query` finds share `user default`.

mod access;
mod console;
mod databases;
mod global;
mod hba;
mod ini;
mod known;
mod ldap;
mod limits;
mod lookup;
mod make;
mod pairs;
mod report;
mod reset;
mod routes;
mod settings;
mod userlist;

use std::collections::{BTreeMap, BTreeSet};

use self::access::{Gate, Method};
use self::databases::Databases;
use self::limits::{Level, Limits};
use self::report::Cx;
use self::routes::{Common, Routes};
use self::settings::Settings;
use crate::ast::{Block, BlockName, Kind};
use crate::diagnostic::Sink;
use crate::source::{Loader, Position};

/// Whether the file is PgBouncer's, by its name.
pub(crate) fn is_one(entry: &str) -> bool {
    std::path::Path::new(entry).extension().is_some_and(|extension| extension == "ini")
}

/// Reads the pgbouncer.ini `entry` and the files it names.
///
/// What cannot be understood goes to `sink` as errors; what has no equivalent goes to `notes`, one
/// `FILE:LINE: setting: reason` each. Positions of the blocks are those of the lines they come from.
pub(crate) fn read(loader: &dyn Loader, entry: &str, sink: &mut Sink, notes: &mut Vec<String>) -> Block {
    let mut cx = Cx { loader, sink, notes };
    let cx = &mut cx;
    let ini = ini::read(entry, cx);
    let settings = &ini.pgbouncer;
    known::report(settings, known::PGBOUNCER, None, cx);
    known::report_peers(&ini.peers, cx);
    let mut root = Block::new(Kind::Root, Position::start_of(entry));
    global::convert(settings, &mut root, cx);

    let mut databases = databases::read(&ini.databases, settings, cx);
    let mut gate = access::read(settings, &ini.users, cx);
    if gate.method == Method::Hba {
        databases.name_each(gate.named_databases());
        report_same_user(settings, &gate, &databases, cx);
        routes::in_order(&mut root);
    }
    ldap(settings, &mut gate, &mut root, cx);
    databases.storages(settings, &mut root, cx);
    let mut routes = Routes {
        settings,
        gate: &gate,
        limits: limits::read(settings, Level::Everybody, cx),
        user_limits: user_limits(&ini.users, cx),
        common: Common::read(settings, cx),
        noted: BTreeSet::new(),
    };
    let mut internals = lookup::Internals::default();
    console::write(&routes, &databases, &mut internals, &mut root, cx);
    routes.write(&databases, &mut internals, &mut root, cx);
    internals.write(&databases, &gate.users, settings, &mut root, cx);
    console::refuse_everybody(&mut root, cx);
    root
}

/// Databases without a line have no names to compare users with.
fn report_same_user(settings: &Settings, gate: &Gate<'_>, databases: &Databases, cx: &mut Cx<'_>) {
    let fallback = databases.list.iter().any(|database| database.name == BlockName::Default);
    if let Some(file) = settings.get("auth_hba_file").filter(|_| fallback && gate.has_same_user()) {
        let reason =
            "sameuser holds for databases with a name in [databases] or in a record, not for others of *";
        cx.note(&file.at, "auth_hba_file", reason);
    }
}

/// The limits of each line of `[users]`.
fn user_limits(users: &Settings, cx: &mut Cx<'_>) -> BTreeMap<String, Limits> {
    let mut made = BTreeMap::new();
    for line in users.iter() {
        let pairs = pairs::read(line, '\'', cx);
        known::report(&pairs, known::USER, Some(&line.name), cx);
        made.insert(line.name.clone(), limits::read(&pairs, Level::User(&line.name), cx));
    }
    made
}

/// The LDAP endpoint; without a server to ask, everybody is refused.
fn ldap(settings: &Settings, gate: &mut Gate<'_>, root: &mut Block, cx: &mut Cx<'_>) {
    if gate.method != Method::Ldap {
        return;
    }
    match ldap::endpoint(settings, cx) {
        Some(endpoint) => root.blocks.push(endpoint),
        None => {
            let at = settings.get("auth_type").map_or(&root.at, |setting| &setting.at);
            cx.note(at, "auth_type", "auth_ldap_options names no server, so everybody is refused");
            gate.method = Method::Reject;
        }
    }
}

impl Databases {
    /// Gives databases of the fallback that records name a block of their own.
    fn name_each(&mut self, names: BTreeSet<String>) {
        let Some(fallback) = self.list.iter().find(|database| database.name == BlockName::Default).cloned()
        else {
            return;
        };
        for name in names.into_iter().filter(|name| name != databases::CONSOLE) {
            let name = BlockName::Text(name);
            if !self.list.iter().any(|database| database.name == name) {
                let last = self.list.len().saturating_sub(1);
                self.list.insert(last, databases::Database { name, ..fallback.clone() });
            }
        }
    }
}
