//! Routes: values of `user`, `group` and `watchdog` blocks. What depends on several of them is decided in
//! `rule_checks`.

use super::words::{AUTHENTICATIONS, POOL_MODES, POOL_ROUTINGS, ROLES};
use super::{Cx, global, parameters, storage};
use crate::address;
use crate::ast::{Block, BlockName, Kind, Value};
use crate::model::{
    AddressRange, AuthQuery, Authentication, CommonName, ConnectionType, Discard, GroupCheck,
    LdapCredentials, Name, PoolMode, PoolRouting, Pooling, Role, Rule, RuleOrigin, RuleUser, Secret,
};
use crate::options::rule as opt;
use crate::options::rule::credentials;
use crate::value::{self, count, millis, seconds};

/// Name of the hidden database and user of watchdogs.
const WATCHDOG_NAME: &str = "watchdog_int";

/// One route. `database` is the enclosing block, `None` for a watchdog.
pub(super) fn convert(block: &Block, database: Option<&Block>, cx: &mut Cx<'_>) -> Rule {
    let (database, user, origin) = match database {
        None => {
            let name = || WATCHDOG_NAME.to_owned();
            (Name::Is(name()), RuleUser::Is(name()), RuleOrigin::Watchdog)
        }
        Some(database) => (database_name(database), rule_user(block), RuleOrigin::Database),
    };
    Rule {
        database,
        user,
        address: address_range(block, cx),
        connection: block.connection.unwrap_or(ConnectionType::Any),
        origin,
        authentication: authentication(block).unwrap_or(Authentication::None),
        password: block.text(&opt::PASSWORD).map(Secret::new),
        auth_common_names: common_names(block),
        auth_query: block.owned(&opt::AUTH_QUERY).map(|query| AuthQuery {
            query,
            user: block.owned(&opt::AUTH_QUERY_USER).unwrap_or_default(),
            db: block.owned(&opt::AUTH_QUERY_DB).unwrap_or_default(),
        }),
        auth_module: block.owned(&opt::AUTH_MODULE),
        auth_pam_service: block.owned(&opt::AUTH_PAM_SERVICE),
        enable_mdb_iamproxy_auth: block.flag(&opt::ENABLE_MDB_IAMPROXY_AUTH),
        mdb_iamproxy_socket_path: block.owned(&opt::MDB_IAMPROXY_SOCKET_PATH).unwrap_or_default(),
        ldap_endpoint_name: ldap_endpoint_name(block, cx),
        ldap_storage_credentials_attr: ldap_attribute(block, cx),
        ldap_storage_credentials: ldap_credentials(block, cx),
        password_passthrough: block.flag(&opt::PASSWORD_PASSTHROUGH),
        role: role(block, cx),
        storage: block.owned(&opt::STORAGE).unwrap_or_default(),
        storage_db: block.owned(&opt::STORAGE_DB),
        storage_user: block.owned(&opt::STORAGE_USER),
        storage_password: block.text(&opt::STORAGE_PASSWORD).map(Secret::new),
        pool: pooling(block, cx),
        client_max: block.number(&opt::CLIENT_MAX).map(|n| count(Some(n))),
        server_lifetime: seconds(block.number(&opt::SERVER_LIFETIME)),
        client_fwd_error: block.flag(&opt::CLIENT_FWD_ERROR),
        client_show_id: block.flag(&opt::CLIENT_SHOW_ID),
        reserve_session_server_connection: block.flag(&opt::RESERVE_SESSION_SERVER_CONNECTION),
        application_name_add_host: block.flag(&opt::APPLICATION_NAME_ADD_HOST),
        maintain_params: block.flag(&opt::MAINTAIN_PARAMS),
        options: options(block),
        backend_startup_options: pairs(block, Kind::BackendOptions).cloned().collect(),
        server_drop_on_cached_plan_error: block.flag(&opt::SERVER_DROP_ON_CACHED_PLAN_ERROR),
        quantiles: quantiles(block, cx),
        target_session_attrs: storage::session_attrs(block, &opt::TARGET_SESSION_ATTRS, cx),
        catchup_timeout: seconds(block.number(&opt::CATCHUP_TIMEOUT)),
        log_debug: block.flag(&opt::LOG_DEBUG),
        log_query: block.flag(&opt::LOG_QUERY),
        keepalive: global::keepalive(
            block.number(&opt::KEEPALIVE),
            block.number(&opt::KEEPALIVE_KEEP_INTERVAL),
            block.number(&opt::KEEPALIVE_PROBES),
            block.number(&opt::KEEPALIVE_USR_TIMEOUT).map(|ms| ms.max(0)),
        ),
        group: (block.kind == Kind::Group).then(|| GroupCheck {
            query: block.owned(&opt::GROUP_QUERY).unwrap_or_default(),
            user: block.owned(&opt::GROUP_QUERY_USER).unwrap_or_default(),
            db: block.owned(&opt::GROUP_QUERY_DB).unwrap_or_default(),
        }),
    }
}

/// The `pool*` directives as written; `discard` becomes final in `rule_checks`.
fn pooling(block: &Block, cx: &mut Cx<'_>) -> Pooling {
    if block.entry(&opt::SHARED_POOL).is_some() && block.entry(&opt::POOL_SIZE).is_some() {
        let message = "shared_pool and pool_size can't be set simultaneously";
        cx.sink.error(block.place(&opt::SHARED_POOL), message);
    }
    let notice_ms = block.number(&opt::POOL_NOTICE_AFTER_WAITING_MS);
    if notice_ms.is_some_and(|ms| ms > i64::from(i32::MAX)) {
        let message = "pool_notice_after_waiting_ms value is too large";
        cx.sink.error(block.place(&opt::POOL_NOTICE_AFTER_WAITING_MS), message);
    }
    Pooling {
        mode: pool_mode(block).unwrap_or(PoolMode::Session),
        routing: pool_routing(block).unwrap_or(PoolRouting::ClientVisible),
        size: count(block.number(&opt::POOL_SIZE)),
        min_size: count(block.number(&opt::MIN_POOL_SIZE)),
        timeout: millis(block.number(&opt::POOL_TIMEOUT)),
        ttl: seconds(block.number(&opt::POOL_TTL)),
        discard: if block.flag(&opt::POOL_DISCARD) { Discard::All } else { Discard::None },
        discard_query: block.owned(&opt::POOL_DISCARD_QUERY),
        cancel: block.flag(&opt::POOL_CANCEL),
        rollback: block.flag(&opt::POOL_ROLLBACK),
        // Values of 2^32 - 1 and above are the old spelling of "no limit".
        reset_timeout: millis(
            block.number(&opt::POOL_RESET_TIMEOUT_MS).filter(|ms| *ms < i64::from(u32::MAX)),
        ),
        reserve_prepared_statement: block.flag(&opt::POOL_RESERVE_PREPARED_STATEMENT),
        pin_on_listen: block.flag(&opt::POOL_PIN_ON_LISTEN),
        attach_check: block.flag(&opt::POOL_ATTACH_CHECK),
        acquire_fail_fast: block.flag(&opt::POOL_ACQUIRE_FAIL_FAST),
        notice_after_waiting: notice_ms.map(|ms| std::time::Duration::from_millis(ms.unsigned_abs())),
        client_idle_timeout: seconds(block.number(&opt::POOL_CLIENT_IDLE_TIMEOUT)),
        idle_in_transaction_timeout: seconds(block.number(&opt::POOL_IDLE_IN_TRANSACTION_TIMEOUT)),
        shared_pool: block.owned(&opt::SHARED_POOL),
    }
}

/// The word of `pool`; `None` when absent or unknown.
pub(super) fn pool_mode(block: &Block) -> Option<PoolMode> {
    POOL_MODES.find(block.text(&opt::POOL)?)
}

/// The word of `pool_routing`; `None` when unknown.
pub(super) fn pool_routing(block: &Block) -> Option<PoolRouting> {
    POOL_ROUTINGS.find(block.text(&opt::POOL_ROUTING)?)
}

/// The word of `authentication`; `None` when absent or unknown.
pub(super) fn authentication(block: &Block) -> Option<Authentication> {
    AUTHENTICATIONS.find(block.text(&opt::AUTHENTICATION)?)
}

fn database_name(block: &Block) -> Name {
    match &block.name {
        BlockName::Text(name) => Name::Is(name.clone()),
        BlockName::Default | BlockName::Absent => Name::Any,
    }
}

fn rule_user(block: &Block) -> RuleUser {
    match (&block.name, block.kind) {
        (BlockName::Text(name), Kind::Group) => RuleUser::Group(name.clone()),
        (BlockName::Text(name), _) => RuleUser::Is(name.clone()),
        (BlockName::Default | BlockName::Absent, _) => RuleUser::Any,
    }
}

fn address_range(block: &Block, cx: &mut Cx<'_>) -> AddressRange {
    let Some(text) = &block.address else { return AddressRange::Any };
    match address::range(text) {
        Ok(range) => range,
        Err((message, hint)) => {
            cx.sink.error_hint(&block.at, message, hint);
            AddressRange::Any
        }
    }
}

fn role(block: &Block, cx: &mut Cx<'_>) -> Option<Role> {
    let name = block.text(&opt::ROLE)?;
    let role = ROLES.find(name);
    if role.is_none() {
        let message = format!("role type '{name}' is unknown");
        cx.sink.error_hint(block.place(&opt::ROLE), message, ROLES.hint(name));
    }
    role
}

fn common_names(block: &Block) -> Vec<CommonName> {
    let names = block.all(&opt::AUTH_COMMON_NAME).filter_map(|entry| match &entry.value {
        Value::Text(name) => Some(CommonName::Is(name.clone())),
        Value::Default => Some(CommonName::RuleUser),
        _ => None,
    });
    names.collect()
}

fn quantiles(block: &Block, cx: &mut Cx<'_>) -> Vec<f64> {
    let Some(text) = block.text(&opt::QUANTILES) else { return Vec::new() };
    value::quantiles(text).unwrap_or_else(|| {
        let message = format!("can't parse quantiles from '{text}'");
        let hint = "expected numbers from 0 to 1, separated by commas";
        cx.sink.error_hint(block.place(&opt::QUANTILES), message, hint);
        Vec::new()
    })
}

fn pairs(block: &Block, kind: Kind) -> impl Iterator<Item = &(String, String)> {
    block.of(kind).flat_map(|block| &block.pairs)
}

/// Unknown names are dropped; `advice` says so. The last value of a repeated name wins, in the place of the first; letter case does not distinguish names.
fn options(block: &Block) -> Vec<(String, String)> {
    let mut made: Vec<(String, String)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    let known = pairs(block, Kind::Options).filter(|(name, _)| parameters::is_known(name));
    for (name, value) in known {
        let place = *places.entry(name.to_ascii_lowercase()).or_insert(made.len());
        match made.get_mut(place) {
            Some(known) => known.1.clone_from(value),
            None => made.push((name.clone(), value.clone())),
        }
    }
    made
}

fn ldap_endpoint_name(block: &Block, cx: &mut Cx<'_>) -> Option<String> {
    let name = block.owned(&opt::LDAP_ENDPOINT_NAME)?;
    if block.kind == Kind::Watchdog {
        // A watchdog connects without a client whose password could be checked.
        let message = format!("LDAP endpoint \"{name}\" is unknown");
        cx.sink.error(block.place(&opt::LDAP_ENDPOINT_NAME), message);
    }
    Some(name)
}

fn ldap_attribute(block: &Block, cx: &mut Cx<'_>) -> Option<String> {
    let attribute = block.owned(&opt::LDAP_STORAGE_CREDENTIALS_ATTR)?;
    if block.lacks(&opt::LDAP_ENDPOINT_NAME) {
        let message = "ldap_storage_credentials_attr requires ldap_endpoint_name";
        cx.sink.error(block.place(&opt::LDAP_STORAGE_CREDENTIALS_ATTR), message);
    }
    Some(attribute)
}

fn ldap_credentials(block: &Block, cx: &mut Cx<'_>) -> Vec<LdapCredentials> {
    let mut seen = std::collections::HashSet::new();
    let mut made = Vec::new();
    for block in block.of(Kind::LdapCredentials) {
        let name = block.text_name();
        let username = block.text(&credentials::USERNAME).unwrap_or_default();
        let password = block.text(&credentials::PASSWORD).unwrap_or_default();
        if name.is_empty() {
            cx.sink.error(&block.at, "ldap_storage_credentials name cannot be empty");
        }
        if !name.is_empty() && !seen.insert(name) {
            cx.sink.error(&block.at, format!("duplicate ldap_storage_credentials definition '{name}'"));
        }
        for (row, value) in [(&credentials::USERNAME, username), (&credentials::PASSWORD, password)] {
            if value.is_empty() && (block.entry(row).is_some() || block.lacks(row)) {
                let message = format!("{} is not set in ldap_storage_credentials '{name}'", row.name);
                cx.sink.error(block.place(row), message);
            }
        }
        let (name, username) = (name.to_owned(), username.to_owned());
        made.push(LdapCredentials { name, username, password: Secret::new(password) });
    }
    made
}
