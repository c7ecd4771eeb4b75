//! The internal default rule that lets `auth_query` reach a server without being written.

use std::collections::HashSet;

use super::Cx;
use crate::model::{
    AddressRange, Authentication, ConnectionType, Name, PoolMode, PoolRouting, Rule, RuleOrigin, RuleUser,
};

/// Adds the rule where it is needed and can be made: some rule has `auth_query` and no internal twin, and the
/// client-visible default rule knows a password for the server.
pub(super) fn add_internal_rule(rules: &mut Vec<Rule>, cx: &mut Cx<'_>) {
    let internal = rules.iter().filter(|rule| rule.pool.routing == PoolRouting::Internal);
    let internal: HashSet<_> = internal.map(key).collect();
    let mut asking = rules.iter().filter(|rule| rule.auth_query.is_some());
    if asking.all(|rule| internal.contains(&key(rule))) {
        return;
    }
    let defaults = |routing| {
        rules.iter().find(|rule| {
            rule.pool.routing == routing
                && rule.database == Name::Any
                && rule.user == RuleUser::Any
                && rule.address == AddressRange::Any
                && rule.connection == ConnectionType::Any
        })
    };
    let reason = match (defaults(PoolRouting::Internal), defaults(PoolRouting::ClientVisible)) {
        (Some(_), _) => "an internal default rule exists",
        (None, None) => "there is no default rule to make it from",
        (None, Some(model)) if model.storage_password.is_none() => "the default rule has no storage_password",
        (None, Some(model)) => {
            let rule = internal_twin(model.clone());
            return rules.push(rule);
        }
    };
    cx.notes.push(format!("skipping default internal rule auto-generation: {reason}"));
}

/// What tells rules apart.
fn key(rule: &Rule) -> (&Name, &RuleUser, &AddressRange, ConnectionType) {
    (&rule.database, &rule.user, &rule.address, rule.connection)
}

fn internal_twin(mut rule: Rule) -> Rule {
    rule.origin = RuleOrigin::Generated;
    rule.authentication = Authentication::None;
    rule.password = None;
    rule.auth_query = None;
    rule.password_passthrough = true;
    rule.client_max = None;
    rule.pool.routing = PoolRouting::Internal;
    rule.pool.mode = PoolMode::Transaction;
    rule.pool.size = 0;
    rule.pool.min_size = 0;
    rule.pool.shared_pool = None;
    rule
}
