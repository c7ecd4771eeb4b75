//! `admin_users` and `stats_users`: a local storage and who may come to it.

use super::access::{Access, Method, Proof};
use super::databases::{CONSOLE, Databases};
use super::lookup::{self, Internals};
use super::make;
use super::report::Cx;
use super::routes::Routes;
use super::settings::Settings;
use crate::ast::{Block, BlockName, Kind};
use crate::options::{rule as opt, storage};
use crate::source::Position;

/// Name of the storage, and of the database Odyssey's users know.
const LOCAL: &str = "console";

/// Adds the console for whoever may use it.
///
/// Its database is `pgbouncer`, as before, and `console`, unless that is the name of another.
pub(super) fn write(
    routes: &Routes<'_>,
    databases: &Databases,
    internals: &mut Internals,
    root: &mut Block,
    cx: &mut Cx<'_>,
) {
    let (admins, stats) = (users(routes.settings, "admin_users"), users(routes.settings, "stats_users"));
    let mut names = admins.clone();
    names.extend(stats.iter().filter(|name| !admins.contains(name)).cloned());
    let plan = lookup::plan(routes.settings, None, cx);
    let console = BlockName::Text(CONSOLE.to_owned());
    let mut rules: Vec<(Access, &str)> = Vec::new();
    for access in routes.gate.rules(&console, lookup::lookup(plan.as_ref()), &names) {
        let role = match &access.who {
            BlockName::Text(name) if admins.contains(name) => "admin",
            BlockName::Text(name) if stats.contains(name) => "stat",
            _ if routes.gate.method == Method::Any => "admin",
            BlockName::Default if access.proof == Proof::Refused => "notallow",
            _ => continue,
        };
        rules.push((access, role));
    }
    for (list, names) in [("admin_users", &admins), ("stats_users", &stats)] {
        report_unknown(routes, list, names, &rules, cx);
    }
    let fallback = databases.list.iter().any(|database| database.name == BlockName::Default);
    if rules.is_empty() && !fallback {
        return;
    }
    let at = ["admin_users", "stats_users"]
        .iter()
        .find_map(|name| routes.settings.get(name))
        .map(|setting| &setting.at);
    let at = at.unwrap_or(&root.at).clone();
    add_storage(root, &at);
    let taken = databases.list.iter().any(|database| database.title() == LOCAL);
    // Only the name PgBouncer keeps for itself is closed to everybody else; the other leads to the fallback.
    let closing = fallback && !rules.iter().any(|(access, _)| access.is_for_everybody());
    for (name, closes) in [(CONSOLE, closing), (LOCAL, false)] {
        let mut block = make::named(Kind::Database, name, &at);
        let last = closes.then(|| (Access::refusal(), "notallow"));
        for (access, role) in rules.iter().chain(&last) {
            let mut rule = routes.access(access, &at, plan.as_ref(), internals);
            finish(&mut rule, role, &at);
            block.blocks.push(rule);
        }
        let another = taken && name == LOCAL;
        if !another && !block.blocks.is_empty() {
            root.blocks.push(block);
        }
    }
}

/// Names the users of a list that nothing lets in.
fn report_unknown(
    routes: &Routes<'_>,
    list: &str,
    names: &[String],
    rules: &[(Access, &str)],
    cx: &mut Cx<'_>,
) {
    let Some(setting) = routes.settings.get(list).filter(|_| routes.gate.method != Method::Any) else {
        return;
    };
    for name in names {
        let admits =
            |access: &Access| access.who == BlockName::Text(name.clone()) && access.proof != Proof::Refused;
        if !rules.iter().any(|(access, _)| admits(access)) {
            let reason =
                format!("'{name}' cannot come to the console, nothing here says how to let that user in");
            cx.note(&setting.at, list, reason);
        }
    }
}

fn users(settings: &Settings, name: &str) -> Vec<String> {
    let mut users: Vec<String> = Vec::new();
    for user in settings.text(name).unwrap_or_default().split(',').map(str::trim) {
        if !user.is_empty() && !users.iter().any(|known| known == user) {
            users.push(user.to_owned());
        }
    }
    users
}

fn add_storage(root: &mut Block, at: &Position) {
    let mut block = make::named(Kind::Storage, LOCAL, at);
    make::text(&mut block, &storage::TYPE, "local", at);
    root.blocks.push(block);
}

fn finish(rule: &mut Block, role: &str, at: &Position) {
    make::text(rule, &opt::ROLE, role, at);
    make::text(rule, &opt::STORAGE, LOCAL, at);
    make::text(rule, &opt::POOL, "session", at);
}

/// Adds a rule that refuses everybody where there is no rule at all, as PgBouncer would with no database.
pub(super) fn refuse_everybody(root: &mut Block, cx: &mut Cx<'_>) {
    if root.one(Kind::Database).is_some() {
        return;
    }
    let at = root.at.clone();
    cx.note(&at, "[databases]", "there is no database, so everybody is refused");
    add_storage(root, &at);
    let mut block = Block::new(Kind::Database, at.clone());
    block.name = BlockName::Default;
    let mut rule = Block::new(Kind::User, at.clone());
    rule.name = BlockName::Default;
    make::text(&mut rule, &opt::AUTHENTICATION, Proof::Refused.authentication(), &at);
    finish(&mut rule, "notallow", &at);
    block.blocks.push(rule);
    root.blocks.push(block);
}
