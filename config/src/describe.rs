//! What holds in a finished configuration, directive by directive: the file, the defaults, and what the program
//! chose because of other settings.

use std::time::Duration;

use crate::ast::Kind;
use crate::diff::rule_place;
use crate::model::{
    AddressRange, Config, ConnectionType, Discard, EndpointAddress, Name, PoolRouting, Role, Rule,
    RuleOrigin, RuleUser, Storage,
};
use crate::option::Opt;
use crate::options::{global, logging, rule as opt, storage};
use crate::settings::{self, Setting, quoted, word};
use crate::written::RuleBlock;

impl Config {
    /// Every directive of the process: the global section and the sections that exist once, in the order of the
    /// tables. Nothing holds in `soft_oom` and its `drop` when they are absent.
    pub fn settings(&self) -> impl Iterator<Item = Setting> {
        let root = self.written.root();
        let mut process = settings::of_block(root);
        let global = &self.global;
        let chosen = [
            (&global::CANCEL_QUEUE_TIMEOUT_MS, millis(global.cancel_queue_timeout)),
            (&global::CANCEL_MAX_INFLIGHT, global.cancel_max_inflight.to_string()),
            (&global::CLIENT_MAX_ROUTING, global.client_max_routing.to_string()),
            (&logging::LOG_QUEUE_DEPTH, global.log_queue_depth.to_string()),
            (&logging::STATS_INTERVAL, global.stats_interval.as_secs().to_string()),
        ];
        for (row, value) in chosen {
            choose(&mut process, row, &value);
        }
        let soft_oom = root.one(Kind::SoftOom);
        let mut oom = settings::of_only(root, Kind::SoftOom);
        let mut drop = settings::of_only(soft_oom.unwrap_or(root), Kind::SoftOomDrop);
        if global.soft_oom.is_none() {
            oom.iter_mut().for_each(Setting::clear);
        }
        if global.soft_oom.as_ref().is_none_or(|oom| oom.drop.is_none()) {
            drop.iter_mut().for_each(Setting::clear);
        }
        let conn_drop = settings::of_only(root, Kind::ConnDrop);
        let query_parsing = settings::of_only(root, Kind::QueryParsing);
        [process, conn_drop, oom, drop, query_parsing].into_iter().flatten()
    }

    /// Every directive of the rule of this index in `rules`; empty when there is none.
    pub fn describe_rule(&self, index: usize) -> Vec<Setting> {
        let Some((rule, found)) = self.rules.get(index).zip(self.rule_block(index)) else {
            return Vec::new();
        };
        let mut made = settings::of_block(found.block);
        let role = match rule.role {
            None => String::new(),
            Some(Role::Admin) => quoted("admin"),
            Some(Role::Stat) => quoted("stat"),
            Some(Role::NotAllow) => quoted("notallow"),
        };
        choose(&mut made, &opt::ROLE, &role);
        let flags = [
            (&opt::POOL_DISCARD, rule.pool.discard == Discard::All),
            (&opt::POOL_SMART_DISCARD, rule.pool.discard == Discard::Smart),
            (&opt::POOL_RESERVE_PREPARED_STATEMENT, rule.pool.reserve_prepared_statement),
        ];
        for (row, flag) in flags {
            choose(&mut made, row, word(flag));
        }
        if rule.origin == RuleOrigin::Generated {
            generated(&mut made);
        }
        made
    }

    /// Where the rule stands: `database "d" user "u" "10.0.0.0/8" hostssl`; empty when there is none.
    pub fn rule_place(&self, index: usize) -> String {
        match (self.rules.get(index), self.rule_block(index)) {
            (Some(rule), Some(_)) if rule.origin == RuleOrigin::Generated => {
                "database default user default (internal, generated)".to_owned()
            }
            (Some(_), Some(found)) => rule_place(found),
            _ => String::new(),
        }
    }

    /// Every directive of the storage of this index in `storages`; empty when there is none.
    pub fn describe_storage(&self, index: usize) -> Vec<Setting> {
        let block = self.written.root().of(Kind::Storage).nth(index);
        let Some((storage, block)) = self.storages.get(index).zip(block) else { return Vec::new() };
        let mut made = settings::of_block(block);
        choose(&mut made, &storage::SERVER_MAX_ROUTING, &storage.server_max_routing.to_string());
        if let Some(socket) = implicit_socket(storage) {
            choose(&mut made, &storage::HOST, &quoted(&format!("unix://{socket}")));
        }
        made
    }

    /// Every directive of the listener of this index in `listens`; empty when there is none.
    pub fn describe_listen(&self, index: usize) -> Vec<Setting> {
        let block = self.written.root().of(Kind::Listen).nth(index);
        block.map(settings::of_block).unwrap_or_default()
    }

    /// The block a rule was made of. A generated rule was made of the default one clients see.
    fn rule_block(&self, index: usize) -> Option<RuleBlock<'_>> {
        let rule = self.rules.get(index)?;
        let index = match rule.origin {
            RuleOrigin::Generated => self.rules.iter().position(|rule| is_visible_default(rule))?,
            RuleOrigin::Database | RuleOrigin::Watchdog => index,
        };
        self.written.root().rules().nth(index)
    }
}

fn is_visible_default(rule: &Rule) -> bool {
    rule.pool.routing == PoolRouting::ClientVisible
        && (&rule.database, &rule.user) == (&Name::Any, &RuleUser::Any)
        && (&rule.address, rule.connection) == (&AddressRange::Any, ConnectionType::Any)
}

/// What a generated rule does not take over from the rule it was made of.
fn generated(made: &mut [Setting]) {
    let chosen = [
        (&opt::AUTHENTICATION, "\"none\""),
        (&opt::PASSWORD, ""),
        (&opt::AUTH_QUERY, ""),
        (&opt::AUTH_QUERY_USER, ""),
        (&opt::AUTH_QUERY_DB, ""),
        (&opt::PASSWORD_PASSTHROUGH, "yes"),
        (&opt::CLIENT_MAX, ""),
        (&opt::POOL, "\"transaction\""),
        (&opt::POOL_ROUTING, "\"internal\""),
        (&opt::POOL_SIZE, "0"),
        (&opt::MIN_POOL_SIZE, "0"),
        (&opt::SHARED_POOL, ""),
    ];
    for (row, value) in chosen {
        choose(made, row, value);
    }
}

fn implicit_socket(storage: &Storage) -> Option<&str> {
    match (&storage.host_text, storage.endpoints.first().map(|endpoint| &endpoint.address)) {
        (None, Some(EndpointAddress::Unix(path))) => Some(path),
        _ => None,
    }
}

fn choose(made: &mut [Setting], row: &Opt, value: &str) {
    if let Some(setting) = made.iter_mut().find(|setting| setting.name == row.name) {
        setting.choose(value);
    }
}

/// Milliseconds as in the file, where 0 is "no limit".
fn millis(duration: Option<Duration>) -> String {
    duration.unwrap_or_default().as_millis().to_string()
}
