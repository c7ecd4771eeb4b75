//! `auth_user`, `auth_query` and `auth_dbname`: secrets that are looked up in a database.

use std::collections::BTreeSet;

use super::access::Lookup;
use super::databases::{Database, Databases};
use super::report::Cx;
use super::settings::{Setting, Settings};
use super::{make, routes};
use crate::ast::{Block, BlockName, Kind};
use crate::options::rule as opt;
use crate::source::Position;

/// What finds the secret of a role that may log in, unless its password has expired.
const QUERY: &str =
    "SELECT usename, passwd FROM pg_shadow WHERE usename = $1 AND (valuntil IS NULL OR valuntil > now())";

/// Where a fallback database without `auth_dbname` asks, for a route has one place to ask.
const COMMON_DATABASE: &str = "postgres";

/// How one database looks up secrets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Plan {
    query: String,
    /// Names of the internal route.
    database: String,
    user: String,
}

/// What the internal routes have to be.
#[derive(Debug, Default)]
pub(super) struct Internals {
    needed: BTreeSet<(String, String)>,
}

/// The plan of `database`, or of the console for `None`; `None` where no lookup is set up.
pub(super) fn plan(settings: &Settings, database: Option<&Database>, cx: &mut Cx<'_>) -> Option<Plan> {
    let own = |name: &str| {
        let of_line = database.and_then(|database| database.settings.get(name));
        of_line.or_else(|| settings.get(name)).filter(|setting| !setting.value.is_empty())
    };
    let user = own("auth_user")?;
    let query = own("auth_query");
    let text = |setting: &Setting| setting.value.clone();
    let place = match (own("auth_dbname"), database.map(|database| (&database.name, database))) {
        (Some(setting), _) => text(setting),
        (None, Some((BlockName::Text(name), _))) => name.clone(),
        (None, Some((_, fallback))) => {
            let reason = format!("database * looks up all its users in the database {COMMON_DATABASE}");
            cx.note(&fallback.at, "auth_query", reason);
            COMMON_DATABASE.to_owned()
        }
        (None, None) => return None,
    };
    if let Some(query) = query.filter(|query| query.value.contains("%u") || query.value.contains("%h")) {
        let reason = "%u and %h in the text are replaced by user and address here";
        cx.note(&query.at, "auth_query", reason);
    }
    Some(Plan { query: query.map_or_else(|| QUERY.to_owned(), text), database: place, user: text(user) })
}

/// Whether there is a plan.
pub(super) fn lookup(plan: Option<&Plan>) -> Lookup {
    if plan.is_some() { Lookup::Possible } else { Lookup::Missing }
}

impl Plan {
    /// Adds the directives of a rule that looks up its secrets.
    pub(super) fn write(&self, rule: &mut Block, at: &Position, internals: &mut Internals) {
        make::text(rule, &opt::AUTH_QUERY, &self.query, at);
        make::text(rule, &opt::AUTH_QUERY_USER, &self.user, at);
        make::text(rule, &opt::AUTH_QUERY_DB, &self.database, at);
        internals.needed.insert((self.database.clone(), self.user.clone()));
    }
}

impl Internals {
    /// Adds the internal routes to the blocks of their databases.
    pub(super) fn write(
        self,
        databases: &Databases,
        users: &Settings,
        settings: &Settings,
        root: &mut Block,
        cx: &mut Cx<'_>,
    ) {
        for (place, user) in self.needed {
            let text = BlockName::Text(place.clone());
            let find = |name: &BlockName| databases.list.iter().find(|database| database.name == *name);
            let Some(database) = find(&text).or_else(|| find(&BlockName::Default)) else {
                let at = settings.get("auth_dbname").map_or(&root.at, |setting| &setting.at);
                cx.sink.error(at, format!("auth_dbname: '{place}' is not in [databases]"));
                continue;
            };
            let at = database.at.clone();
            let mut rule = make::named(Kind::User, &user, &at);
            make::text(&mut rule, &opt::AUTHENTICATION, "none", &at);
            make::text(&mut rule, &opt::STORAGE, &databases.storage_name(database.storage), &at);
            if let Some(name) = database.settings.text("dbname") {
                make::text(&mut rule, &opt::STORAGE_DB, name, &at);
            }
            if let Some(secret) = users.text(&user) {
                make::text(&mut rule, &opt::STORAGE_PASSWORD, secret, &at);
            }
            make::text(&mut rule, &opt::POOL, "transaction", &at);
            make::text(&mut rule, &opt::POOL_ROUTING, "internal", &at);
            make::number(&mut rule, &opt::POOL_SIZE, routes::INTERNAL_POOL_SIZE, &at, cx.sink);
            let block =
                root.blocks.iter_mut().find(|block| block.kind == Kind::Database && block.name == text);
            match block {
                Some(block) => block.blocks.push(rule),
                None => {
                    let mut block = make::named(Kind::Database, &place, &at);
                    block.blocks.push(rule);
                    root.blocks.push(block);
                }
            }
        }
    }
}
