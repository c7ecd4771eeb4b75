//! Databases and users as `database` and `user` blocks.

use std::collections::{BTreeMap, BTreeSet};

use super::access::{Access, Gate, Proof};
use super::databases::{Database, Databases};
use super::limits::Limits;
use super::lookup::{self, Internals, Plan};
use super::report::Cx;
use super::reset::Reset;
use super::settings::Settings;
use super::userlist::{self, SecretKind};
use super::{ldap, make};
use crate::ast::{Block, BlockName, Kind, Value};
use crate::model::PoolMode;
use crate::options::{global, rule as opt, storage::shared_pool};
use crate::source::Position;

/// Rules one conversion may make: databases times users can be more than a file should hold.
const RULES_MAX: usize = 100_000;

/// Servers for `auth_query` per database.
pub(super) const INTERNAL_POOL_SIZE: i64 = 2;

/// PgBouncer's `query_wait_timeout` where none is set, in milliseconds.
const WAIT_MS: i64 = 120_000;

/// PgBouncer's `server_idle_timeout` where none is set, in seconds.
const IDLE: i64 = 600;

/// What every rule is made with.
pub(super) struct Routes<'a> {
    pub(super) settings: &'a Settings,
    pub(super) gate: &'a Gate<'a>,
    pub(super) limits: Limits,
    /// Limits of users with a line.
    pub(super) user_limits: BTreeMap<String, Limits>,
    pub(super) common: Common,
    /// Notes that are made once, however many rules they are about.
    pub(super) noted: BTreeSet<&'static str>,
}

/// What is the same in every rule, read once.
pub(super) struct Common {
    reset: Reset,
    idle: i64,
    notice_ms: Option<i64>,
    add_host: Option<bool>,
}

impl Common {
    /// Reads it; bad values are reported.
    pub(super) fn read(settings: &Settings, cx: &mut Cx<'_>) -> Common {
        Common {
            reset: Reset::read(settings, cx),
            idle: settings.seconds("server_idle_timeout", cx).unwrap_or(IDLE),
            notice_ms: settings.millis("query_wait_notify", cx).filter(|ms| *ms > 0),
            add_host: settings.flag("application_name_add_host", cx),
        }
    }
}

/// A rule's surroundings.
struct Place<'d> {
    database: &'d Database,
    storage: String,
    plan: Option<Plan>,
    /// The pool its rules share.
    shared: Option<String>,
}

impl Routes<'_> {
    /// Adds a `database` block for every line.
    pub(super) fn write(
        &mut self,
        databases: &Databases,
        internals: &mut Internals,
        root: &mut Block,
        cx: &mut Cx<'_>,
    ) {
        let fallback = databases.list.iter().any(|database| database.name == BlockName::Default);
        let mut made = 0usize;
        for database in &databases.list {
            let plan = lookup::plan(self.settings, Some(database), cx);
            let mut rules = self.gate.rules(&database.name, lookup::lookup(plan.as_ref()), &[]);
            // Without it, users of this database would fall through to those of the fallback.
            if rules.is_empty() || (fallback && !rules.iter().any(Access::is_for_everybody)) {
                rules.push(Access::refusal());
            }
            made = made.saturating_add(rules.len());
            if made > RULES_MAX {
                let message = format!("databases and users make more than {RULES_MAX} rules");
                return cx.sink.error(&database.at, message);
            }
            let mut block = Block::new(Kind::Database, database.at.clone());
            block.name = database.name.clone();
            let shared = self.shared(database, &rules, root, cx);
            let place = Place { database, storage: databases.storage_name(database.storage), plan, shared };
            self.report(&place, cx);
            for access in &rules {
                let rule = self.rule(&place, access, internals, cx);
                block.blocks.push(rule);
            }
            root.blocks.push(block);
        }
    }

    /// With a user of its own, a database has one pool for all its clients; rules have one each.
    fn shared(
        &self,
        database: &Database,
        rules: &[Access],
        root: &mut Block,
        cx: &mut Cx<'_>,
    ) -> Option<String> {
        database.settings.text("user")?;
        let servers = database.limits.over(&self.limits).servers();
        let admitted = rules.iter().filter(|rule| rule.proof != Proof::Refused).count();
        if admitted < 2 || servers == 0 {
            return None;
        }
        let name = database.title().to_owned();
        let mut block = make::named(Kind::SharedPool, &name, &database.at);
        make::number(&mut block, &shared_pool::POOL_SIZE, servers, &database.at, cx.sink);
        root.blocks.push(block);
        Some(name)
    }

    fn report(&self, place: &Place<'_>, cx: &mut Cx<'_>) {
        let Place { database, .. } = place;
        let (title, pairs) = (database.title(), &database.settings);
        let mut note = |name: &str, reason: &str| cx.note(&database.at, &format!("{title}: {name}"), reason);
        match (pairs.text("user"), pairs.text("password")) {
            (None, Some(_)) => note("password", "without user it says nothing, it is left out"),
            (None, None) if self.gate.method == super::access::Method::Any => {
                note("user", "auth_type any needs it; without it, servers are asked for the client's name");
            }
            (Some(user), None)
                if self
                    .gate
                    .users
                    .get(user)
                    .is_some_and(|user| userlist::kind(&user.value) == SecretKind::Scram) =>
            {
                note(
                    "user",
                    "its SCRAM verifier cannot log in to a server, write storage_password in plain text",
                );
            }
            _ => {}
        }
        if place.shared.is_some() {
            note("user", "clients share one pool, by shared_pool");
        }
        match pairs.text("target_session_attrs") {
            None | Some("any" | "read-write" | "read-only") => {}
            Some(other) => {
                note("target_session_attrs", &format!("'{other}' is not known here, any server is used"))
            }
        }
    }

    fn rule(
        &mut self,
        place: &Place<'_>,
        access: &Access,
        internals: &mut Internals,
        cx: &mut Cx<'_>,
    ) -> Block {
        let at = &place.database.at;
        let mut rule = self.access(access, at, place.plan.as_ref(), internals);
        make::text(&mut rule, &opt::STORAGE, &place.storage, at);
        let pairs = &place.database.settings;
        if access.proof != Proof::Refused {
            self.server_names(pairs, access, &mut rule, at);
        }
        let own = match &access.who {
            BlockName::Text(name) => self.user_limits.get(name),
            BlockName::Default | BlockName::Absent => None,
        };
        let wider = place.database.limits.over(&self.limits);
        let limits = own.map_or(wider.clone(), |own| own.over(&wider));
        let mode = limits.mode.unwrap_or(PoolMode::Session);
        make::text(&mut rule, &opt::POOL, word(mode), at);
        if access.proof == Proof::Refused {
            return rule;
        }
        self.pool(place, &limits, mode, &mut rule, cx);
        if let Some(attrs @ ("read-write" | "read-only")) = pairs.text("target_session_attrs") {
            make::text(&mut rule, &opt::TARGET_SESSION_ATTRS, attrs, at);
        }
        startup(pairs, &mut rule, at);
        rule
    }

    /// A `user` block with what a client has to show.
    pub(super) fn access(
        &self,
        access: &Access,
        at: &Position,
        plan: Option<&Plan>,
        internals: &mut Internals,
    ) -> Block {
        let mut rule = Block::new(Kind::User, at.clone());
        rule.name = access.who.clone();
        rule.address = access.address.clone();
        rule.connection = access.connection;
        make::text(&mut rule, &opt::AUTHENTICATION, access.proof.authentication(), at);
        match &access.proof {
            Proof::Password { .. } => {
                if let Some(secret) = self.secret(&access.who) {
                    make::text(&mut rule, &opt::PASSWORD, secret, at);
                }
            }
            Proof::Query { .. } => {
                if let Some(plan) = plan {
                    plan.write(&mut rule, at, internals);
                }
            }
            Proof::Certificate => {
                // The bare word stands for the rule's own user.
                make::put(&mut rule, &opt::AUTH_COMMON_NAME, Value::Default, at);
            }
            Proof::Pam => {
                make::text(&mut rule, &opt::AUTH_PAM_SERVICE, "pgbouncer", at);
                make::flag(&mut rule, &opt::PASSWORD_PASSTHROUGH, true, at);
            }
            Proof::Ldap => {
                make::text(&mut rule, &opt::LDAP_ENDPOINT_NAME, ldap::NAME, at);
                make::flag(&mut rule, &opt::PASSWORD_PASSTHROUGH, true, at);
            }
            Proof::Nothing | Proof::Refused => {}
        }
        rule
    }

    fn secret(&self, who: &BlockName) -> Option<&str> {
        match who {
            BlockName::Text(name) => self.gate.users.text(name),
            BlockName::Default | BlockName::Absent => None,
        }
    }

    /// Database, user and password at the server, where they are not the client's.
    fn server_names(&self, pairs: &Settings, access: &Access, rule: &mut Block, at: &Position) {
        if let Some(name) = pairs.text("dbname") {
            make::text(rule, &opt::STORAGE_DB, name, at);
        }
        let password = match pairs.text("user") {
            Some(user) => {
                make::text(rule, &opt::STORAGE_USER, user, at);
                pairs.text("password").or_else(|| self.gate.users.text(user))
            }
            // A client that shows no password has one at the server nevertheless.
            None if matches!(access.proof, Proof::Nothing | Proof::Certificate) => self.secret(&access.who),
            None => None,
        };
        if let Some(password) = password {
            make::text(rule, &opt::STORAGE_PASSWORD, password, at);
        }
    }

    fn pool(
        &mut self,
        place: &Place<'_>,
        limits: &Limits,
        mode: PoolMode,
        rule: &mut Block,
        cx: &mut Cx<'_>,
    ) {
        let at = &place.database.at;
        match &place.shared {
            Some(name) => make::text(rule, &opt::SHARED_POOL, name, at),
            None => make::number(rule, &opt::POOL_SIZE, limits.servers(), at, cx.sink),
        }
        if let Some(size) = limits.min_pool_size.filter(|size| *size > 0) {
            let named = place.database.name != BlockName::Default && rule.name != BlockName::Default;
            if named && place.shared.is_none() {
                make::number(rule, &opt::MIN_POOL_SIZE, size, at, cx.sink);
            } else if self.noted.insert("min_pool_size") {
                let reason = "kept for rules that name database and user and have a pool of their own";
                cx.note(at, "min_pool_size", reason);
            }
        }
        make::number(rule, &opt::POOL_TIMEOUT, limits.wait_ms.unwrap_or(WAIT_MS), at, cx.sink);
        make::number(rule, &opt::POOL_TTL, self.common.idle, at, cx.sink);
        self.common.reset.write(mode, rule, at);
        if let Some(ms) = self.common.notice_ms {
            make::number(rule, &opt::POOL_NOTICE_AFTER_WAITING_MS, ms, at, cx.sink);
        }
        match limits.idle_client.filter(|seconds| *seconds > 0) {
            Some(seconds) if mode == PoolMode::Session => {
                make::number(rule, &opt::POOL_CLIENT_IDLE_TIMEOUT, seconds, at, cx.sink);
            }
            Some(_) if self.noted.insert("client_idle_timeout") => {
                cx.note(at, "client_idle_timeout", "idle clients are dropped in session pooling only");
            }
            _ => {}
        }
        if let Some(seconds) = limits.idle_transaction.filter(|seconds| *seconds > 0) {
            make::number(rule, &opt::POOL_IDLE_IN_TRANSACTION_TIMEOUT, seconds, at, cx.sink);
        }
        if let Some(seconds) = limits.lifetime {
            make::number(rule, &opt::SERVER_LIFETIME, seconds.max(1), at, cx.sink);
        }
        if let Some(clients) = limits.clients_max {
            make::number(rule, &opt::CLIENT_MAX, clients, at, cx.sink);
        }
        if let Some(add) = self.common.add_host {
            make::flag(rule, &opt::APPLICATION_NAME_ADD_HOST, add, at);
        }
    }
}

fn word(mode: PoolMode) -> &'static str {
    match mode {
        PoolMode::Session => "session",
        PoolMode::Transaction => "transaction",
        PoolMode::Statement => "statement",
    }
}

/// Parameters the line asks servers for.
fn startup(pairs: &Settings, rule: &mut Block, at: &Position) {
    let mut block = Block::new(Kind::BackendOptions, at.clone());
    for name in ["client_encoding", "datestyle", "timezone", "application_name"] {
        if let Some(value) = pairs.text(name) {
            block.pairs.push((name.to_owned(), value.to_owned()));
        }
    }
    if !block.pairs.is_empty() {
        rule.blocks.push(block);
    }
}

/// Makes the order of rules that of the records they come from.
pub(super) fn in_order(root: &mut Block) {
    let at = root.at.clone();
    make::flag(root, &global::SEQUENTIAL_ROUTING, true, &at);
}
