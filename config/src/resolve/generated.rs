//! The internal default rule that lets `auth_query` reach a server without being written.

use super::Cx;
use crate::model::{
    AddressRange, Authentication, ConnectionType, Name, PoolMode, PoolRouting, Rule, RuleOrigin, RuleUser,
};

/// Adds the rule where it is needed and can be made: some rule has `auth_query` and no internal twin, and the
/// client-visible default rule knows a password for the server.
pub(super) fn add_internal_rule(rules: &mut Vec<Rule>, cx: &mut Cx<'_>) {
    let lonely = |rule: &&Rule| {
        rule.auth_query.is_some()
            && !rules.iter().any(|other| other.pool.routing == PoolRouting::Internal && same_key(rule, other))
    };
    if rules.iter().find(lonely).is_none() {
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

fn same_key(a: &Rule, b: &Rule) -> bool {
    a.database == b.database && a.user == b.user && a.address == b.address && a.connection == b.connection
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
