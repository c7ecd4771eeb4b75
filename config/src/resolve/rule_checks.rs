//! What a route must have, what excludes what, and the choices made for it.

use std::collections::HashMap;

use super::words::{AUTHENTICATIONS, POOL_MODES, POOL_ROUTINGS};
use super::{Cx, rule as read};
use crate::ast::{Block, Kind};
use crate::model::{
    AddressRange, Authentication, ConnectionType, Discard, Global, PoolMode, PoolRouting, Role, Rule,
    RuleOrigin, StorageKind,
};
use crate::option::Opt;
use crate::options::rule as opt;

/// Pages of stack an LDAP library needs.
const LDAP_STACK_PAGES_MIN: u32 = 16;

/// The storages of a file by name, with their type where it is known. `None` when some may be missing.
pub(super) type StorageKinds<'b> = Option<HashMap<&'b str, Option<StorageKind>>>;

/// Checks the route and makes its pooling final.
pub(super) fn finish(
    rule: &mut Rule,
    block: &Block,
    storages: &StorageKinds<'_>,
    global: &Global,
    cx: &mut Cx<'_>,
) {
    let mut check = Check { title: title(rule), block, cx };
    let kind = check.storage(rule, storages);
    check.pool(rule);
    // One choice depends on another; without all of them nothing is certain, and what hides them was reported.
    if read::pool_mode(block).is_some() && block.is_whole() {
        check.discard(rule, block);
    }
    if let Some(kind) = kind {
        check.role(rule, kind);
    }
    check.authentication(rule);
    check.group();
    if rule.ldap_endpoint_name.is_some() && global.coroutine_stack_size < LDAP_STACK_PAGES_MIN {
        let message = format!("LDAP requires coroutine_stack_size of at least {LDAP_STACK_PAGES_MIN}");
        check.error(&opt::LDAP_ENDPOINT_NAME, &message);
    }
}

/// `DATABASE.USER ADDRESS`, as messages about routes begin.
pub(super) fn title(rule: &Rule) -> String {
    format!("{} {}", rule.title(), rule.address.text().unwrap_or("all"))
}

struct Check<'c, 'b, 'x> {
    title: String,
    block: &'b Block,
    cx: &'c mut Cx<'x>,
}

impl Check<'_, '_, '_> {
    fn error(&mut self, at: &Opt, message: &str) {
        self.cx.sink.error(self.block.place(at), format!("rule '{}': {message}", self.title));
    }

    fn error_hint(&mut self, at: &Opt, message: &str, hint: String) {
        self.cx.sink.error_hint(self.block.place(at), format!("rule '{}': {message}", self.title), hint);
    }

    /// Reports that a directive is missing, unless a syntax error may have hidden it.
    fn missing(&mut self, row: &Opt, message: &str, hint: String) {
        if self.block.lacks(row) {
            self.error_hint(row, message, hint);
        }
    }

    /// The word after a directive, to be found wanting.
    fn word(&self, row: &Opt) -> &str {
        self.block.text(row).unwrap_or_default()
    }

    fn note(&mut self, message: &str) {
        self.cx.notes.push(format!("rule '{}': {message}", self.title));
    }

    /// The type of the route's storage, as far as it is known.
    fn storage(&mut self, rule: &Rule, storages: &StorageKinds<'_>) -> Option<StorageKind> {
        if self.block.entry(&opt::STORAGE).is_none() {
            self.missing(
                &opt::STORAGE,
                "no rule storage is specified",
                "every route names its storage".into(),
            );
            return None;
        }
        let storages = storages.as_ref()?;
        match storages.get(rule.storage.as_str()) {
            Some(kind) => *kind,
            None => {
                // Those of users and groups have been reported by `structure`.
                if rule.origin == RuleOrigin::Watchdog {
                    self.error(&opt::STORAGE, &format!("no rule storage '{}' found", rule.storage));
                }
                None
            }
        }
    }

    fn pool(&mut self, rule: &Rule) {
        if self.block.entry(&opt::POOL).is_none() {
            self.missing(&opt::POOL, "pooling mode is not set", POOL_MODES.hint(""));
        } else if read::pool_mode(self.block).is_none() {
            self.error_hint(&opt::POOL, "unknown pooling mode", POOL_MODES.hint(self.word(&opt::POOL)));
        }
        if read::pool_routing(self.block).is_none() {
            let hint = POOL_ROUTINGS.hint(self.word(&opt::POOL_ROUTING));
            self.error_hint(&opt::POOL_ROUTING, "unknown pool routing mode", hint);
        }
        if rule.pool.routing == PoolRouting::Internal {
            if rule.address != AddressRange::Any {
                self.error(&opt::POOL_ROUTING, "an internal rule cannot have an address range");
            }
            if rule.connection != ConnectionType::Any {
                self.error(&opt::POOL_ROUTING, "an internal rule cannot have a connection type");
            }
        } else if rule.origin == RuleOrigin::Watchdog
            && read::pool_routing(self.block).is_some()
            && self.block.is_whole()
        {
            let message =
                "a watchdog without pool_routing \"internal\" cannot connect, and clients can use its rule";
            self.cx.sink.warning(&self.block.at, message);
        }
        if read::pool_mode(self.block) == Some(PoolMode::Session) && rule.pool.pin_on_listen {
            self.error(&opt::POOL_PIN_ON_LISTEN, "pool_pin_on_listen makes no sense in session pooling");
        }
    }

    /// How a server is cleaned. Prepared statements exist only where servers are shared between transactions,
    /// and `DISCARD ALL` would drop them, so each choice narrows the next.
    fn discard(&mut self, rule: &mut Rule, block: &Block) {
        let pool = &mut rule.pool;
        let mut smart = block.flag(&opt::POOL_SMART_DISCARD);
        if pool.mode == PoolMode::Session && pool.reserve_prepared_statement {
            pool.reserve_prepared_statement = false;
            self.note("session pooling needs no pool_reserve_prepared_statement, switched off");
        }
        if pool.reserve_prepared_statement && pool.discard == Discard::All {
            pool.discard = Discard::None;
            smart = true;
            self.note("pool_discard would drop prepared statements, using pool_smart_discard instead");
        }
        if smart && !pool.reserve_prepared_statement {
            self.error(
                &opt::POOL_SMART_DISCARD,
                "pool_smart_discard without pool_reserve_prepared_statement is not possible",
            );
        }
        let drops_statements = |query: &String| query.to_ascii_uppercase().contains("DEALLOCATE ALL");
        if pool.reserve_prepared_statement && pool.discard_query.as_ref().is_some_and(drops_statements) {
            self.error(
                &opt::POOL_DISCARD_QUERY,
                "pool_discard_query with DEALLOCATE ALL contradicts pool_reserve_prepared_statement",
            );
        }
        // A query of the operator's own takes the place of the smart one, not of DISCARD ALL.
        if smart && pool.discard == Discard::None && pool.discard_query.is_none() {
            pool.discard = Discard::Smart;
        }
    }

    fn role(&mut self, rule: &mut Rule, kind: StorageKind) {
        match (kind, rule.role) {
            (StorageKind::Remote, Some(_)) => self.error(&opt::ROLE, "role set for non-local storage"),
            (StorageKind::Local, None) => {
                // Not set, or set to something already reported.
                rule.role = Some(Role::Stat);
                self.note("no role set for a console rule, using \"stat\": only SHOW is allowed");
            }
            _ => {}
        }
    }

    fn authentication(&mut self, rule: &Rule) {
        if self.block.entry(&opt::AUTHENTICATION).is_none() {
            let hint = AUTHENTICATIONS.hint("");
            return self.missing(&opt::AUTHENTICATION, "authentication mode is not defined", hint);
        }
        let Some(method) = read::authentication(self.block) else {
            let hint = AUTHENTICATIONS.hint(self.word(&opt::AUTHENTICATION));
            return self.error_hint(&opt::AUTHENTICATION, "has unknown authentication mode", hint);
        };
        let secret = rule.auth_query.is_some() || !self.block.lacks(&opt::PASSWORD);
        match method {
            Authentication::ClearText => {
                if rule.auth_query.is_some() && rule.auth_pam_service.is_some() {
                    self.error(
                        &opt::AUTH_PAM_SERVICE,
                        "auth_query and auth_pam_service cannot be used together",
                    );
                }
                let checker = rule.auth_pam_service.is_some()
                    || rule.auth_module.is_some()
                    || rule.ldap_endpoint_name.is_some()
                    || rule.enable_mdb_iamproxy_auth;
                if !secret && !checker {
                    self.error(&opt::AUTHENTICATION, "password is not set");
                }
            }
            Authentication::Md5 | Authentication::ScramSha256 if !secret => {
                self.error(&opt::AUTHENTICATION, "password is not set");
            }
            _ => {}
        }
        if rule.auth_query.is_some() {
            for row in [&opt::AUTH_QUERY_USER, &opt::AUTH_QUERY_DB] {
                self.required(row);
            }
        }
    }

    fn group(&mut self) {
        if self.block.kind == Kind::Group {
            for row in [&opt::GROUP_QUERY, &opt::GROUP_QUERY_USER, &opt::GROUP_QUERY_DB] {
                self.required(row);
            }
        }
    }

    fn required(&mut self, row: &Opt) {
        if self.block.lacks(row) {
            self.error(row, &format!("{} is not set", row.name));
        }
    }
}
