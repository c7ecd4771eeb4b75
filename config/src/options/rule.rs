//! Directives of routes: `user`, `group` and `watchdog` blocks, except `storage*` and their authentication.

use crate::option::Check::{Int32, NonNegative, Range};
use crate::option::Effect::{Full, Ignored, NotYet};
use crate::option::Fallback::{Flag, Number, Required, Text, Unset};
use crate::option::Ty::{Bool, DeprecatedInt, Int, TextsOrDefault};
use crate::option::{Opt, Reload, Ty, table};

const I32_MAX: i64 = 2_147_483_647;
const U64_MAX: i64 = i64::MAX;
const NO_PREPARED: &str = "prepared statements are not kept yet";

table! {
    AUTHENTICATION = "authentication", Ty::Text, Required, NewClients, Full, "`none`, `block`, `clear_text`, `md5`, `scram-sha-256`, `cert` or `external`.";
    PASSWORD = "password", Ty::Secret, Unset, NewClients, Full, "The client's secret: plain text, `md5...` or a SCRAM verifier; also a fallback for the server's login.";
    AUTH_COMMON_NAME = "auth_common_name", TextsOrDefault, Unset, NewClients, NotYet(NO_CERT), "Certificate names `cert` accepts; the bare word `default` is the rule's user name.";
    AUTH_QUERY = "auth_query", Ty::Text, Unset, NewClients, NotYet(NO_AUTH_QUERY), "SQL that returns a user and its secret; needs the next two.";
    AUTH_QUERY_USER = "auth_query_user", Ty::Text, Unset, NewClients, NotYet(NO_AUTH_QUERY), "User whose internal route `auth_query` runs by.";
    AUTH_QUERY_DB = "auth_query_db", Ty::Text, Unset, NewClients, NotYet(NO_AUTH_QUERY), "Database whose internal route `auth_query` runs by.";
    AUTH_MODULE = "auth_module", Ty::Text, Unset, NewClients, NotYet("modules are not loaded yet"), "Path of a loaded module that checks clear-text passwords.";
    AUTH_PAM_SERVICE = "auth_pam_service", Ty::Text, Unset, NewClients, NotYet("PAM is not asked yet"), "PAM service that checks clear-text passwords.";
    ENABLE_MDB_IAMPROXY_AUTH = "enable_mdb_iamproxy_auth", Bool, Flag(false), NewClients, NotYet(NO_IAM), "Let the IAM proxy check clear-text passwords.";
    MDB_IAMPROXY_SOCKET_PATH = "mdb_iamproxy_socket_path", Ty::Text, Text("/var/run/iam-auth-proxy/iam-auth-proxy.sock"), NewClients, NotYet(NO_IAM), "The IAM proxy's socket.";
    LDAP_ENDPOINT_NAME = "ldap_endpoint_name", Ty::Text, Unset, NewClients, NotYet(NO_LDAP), "LDAP endpoint that checks passwords.";
    LDAP_STORAGE_CREDENTIALS_ATTR = "ldap_storage_credentials_attr", Ty::Text, Unset, NewClients, NotYet(NO_LDAP), "LDAP attribute that selects the server's credentials.";
    PASSWORD_PASSTHROUGH = "password_passthrough", Bool, Flag(false), NewClients, NotYet("clients' passwords are not kept"), "Log in to the server with the client's clear-text password.";
    ROLE = "role", Ty::Text, Unset, NewClients, Full, "Rights on the console: `admin`, `stat` (SHOW alone) or `notallow`; without it `stat`.";
    STORAGE = "storage", Ty::Text, Required, NewClients, Full, "Storage the servers are in.";
    STORAGE_DB = "storage_db", Ty::Text, Unset, NewClients, Full, "Database at the server instead of the one the client asked for.";
    STORAGE_USER = "storage_user", Ty::Text, Unset, NewClients, Full, "User at the server instead of the client's; clients of different users then share servers.";
    STORAGE_PASSWORD = "storage_password", Ty::Secret, Unset, NewClients, Full, "Password at the server, preferred over `password`.";
    CLIENT_MAX = "client_max", Int(Range(1, I32_MAX)), Unset, NewClients, Full, "Clients per route; each actual database and user pair counts for itself.";
    CLIENT_FWD_ERROR = "client_fwd_error", Bool, Flag(false), NewClients, Full, "Give the server's error at login to the client, instead of one that says less.";
    CLIENT_SHOW_ID = "client_show_id", Bool, Flag(true), NewClients, Full, "Put the client's id into error texts sent to it.";
    RESERVE_SESSION_SERVER_CONNECTION = "reserve_session_server_connection", Bool, Flag(true), Never, Ignored("it never had an effect"), "Accepted and kept.";
    APPLICATION_NAME_ADD_HOST = "application_name_add_host", Bool, Flag(false), NewClients, Full, "Append the client's address to the application_name it logs in with: `name - host:port`, of a long name the end is left out.";
    MAINTAIN_PARAMS = "maintain_params", Bool, Flag(true), NewClients, Full, "Give the client's session parameters to the server it gets.";
    POOL = "pool", Ty::Text, Required, NewClients, Full, "When a server goes back: `session` (the client leaves), `transaction` or `statement` (one ends).";
    POOL_ROUTING = "pool_routing", Ty::Text, Text("client_visible"), NewClients, Full, "`internal` hides the rule from clients and leaves it to queries of the pooler itself.";
    POOL_SIZE = "pool_size", Int(NonNegative(I32_MAX)), Number(0), NewClients, Full, "Servers per route and endpoint; 0 is no limit.";
    MIN_POOL_SIZE = "min_pool_size", Int(NonNegative(I32_MAX)), Number(0), NewClients, NotYet("servers are connected when needed"), "Servers kept connected ahead of need; for routes that name database and user.";
    POOL_TIMEOUT = "pool_timeout", Int(NonNegative(I32_MAX)), Number(0), NewClients, Full, "Milliseconds a client waits for a server before it gets an error; 0 is for ever.";
    POOL_TTL = "pool_ttl", Int(NonNegative(I32_MAX)), Number(0), NewClients, Full, "Seconds after which an idle server is closed; 0 is never.";
    POOL_DISCARD = "pool_discard", Bool, Flag(true), NewClients, Full, "`DISCARD ALL` when a server goes back; smart discard takes its place where prepared statements are kept.";
    POOL_SMART_DISCARD = "pool_smart_discard", Bool, Flag(false), NewClients, Full, "Reset a server piece by piece and keep its prepared statements.";
    POOL_DISCARD_QUERY = "pool_discard_query", Ty::Text, Unset, NewClients, Full, "Run this when a server goes back, after `DISCARD ALL` or instead of smart discard.";
    POOL_CANCEL = "pool_cancel", Bool, Flag(true), NewClients, Full, "Cancel the query of a client that left; `no` closes the server.";
    POOL_ROLLBACK = "pool_rollback", Bool, Flag(true), NewClients, Full, "Roll back the transaction of a client that left; `no` closes the server.";
    POOL_RESET_TIMEOUT_MS = "pool_reset_timeout_ms", Int(NonNegative(U64_MAX)), Number(1000), NewClients, Full, "Milliseconds each step of cleaning a server may take; 0 is no limit.";
    POOL_RESERVE_PREPARED_STATEMENT = "pool_reserve_prepared_statement", Bool, Flag(true), NewClients, NotYet(NO_PREPARED), "Prepared statements in transaction and statement pooling.";
    POOL_PIN_ON_LISTEN = "pool_pin_on_listen", Bool, Flag(false), NewClients, Full, "Transaction and statement pooling: a client that has done LISTEN keeps its server, and so hears notifications, until it leaves.";
    POOL_ATTACH_CHECK = "pool_attach_check", Bool, Flag(true), Never, Ignored("an idle server is always watched, at no cost"), "Look at an idle server's socket before it is lent.";
    POOL_ACQUIRE_FAIL_FAST = "pool_acquire_fail_fast", Bool, Flag(false), NewClients, Full, "With several endpoints, ask each once before waiting.";
    POOL_NOTICE_AFTER_WAITING_MS = "pool_notice_after_waiting_ms", Int(NonNegative(U64_MAX)), Unset, NewClients, Full, "Milliseconds of waiting for a server after which the client gets a NOTICE, and a second one when the wait is over; unset: none.";
    POOL_CLIENT_IDLE_TIMEOUT = "pool_client_idle_timeout", Int(NonNegative(U64_MAX)), Number(0), NewClients, Full, "Session pooling: seconds after which an idle client is dropped; 0 is never.";
    POOL_IDLE_IN_TRANSACTION_TIMEOUT = "pool_idle_in_transaction_timeout", Int(NonNegative(U64_MAX)), Number(0), NewClients, Full, "Seconds after which a client idle in a transaction is dropped; 0 is never.";
    SHARED_POOL = "shared_pool", Ty::Text, Unset, NewClients, NotYet("every route has a pool of its own"), "Pool shared with other routes.";
    SERVER_LIFETIME = "server_lifetime", Int(NonNegative(U64_MAX)), Number(3600), NewClients, Full, "Seconds after which an idle server is replaced, for each up to a tenth less so that not all die at once; 0 is never.";
    SERVER_DROP_ON_CACHED_PLAN_ERROR = "server_drop_on_cached_plan_error", Bool, Flag(true), NewClients, NotYet(NO_PREPARED), "Close a server whose cached plan changed its result type.";
    QUANTILES = "quantiles", Ty::Text, Unset, NewClients, NotYet("times are not kept as quantiles yet"), "Quantiles of query times to keep: `\"0.99,0.95\"`.";
    TARGET_SESSION_ATTRS = "target_session_attrs", Ty::Text, Unset, NewClients, Full, "`read-write`, `read-only`, `any` or `prefer-standby`.";
    CATCHUP_TIMEOUT = "catchup_timeout", Int(NonNegative(I32_MAX)), Number(0), NewClients, Full, "Seconds a replica may lag; 0 is the listener's limit.";
    CATCHUP_CHECKS = "catchup_checks", DeprecatedInt, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
    LOG_DEBUG = "log_debug", Bool, Flag(false), NewClients, Full, "Debug messages about clients of this rule, even if the global switch is off.";
    LOG_QUERY = "log_query", Bool, Flag(false), NewClients, Full, "Log the text of queries of this rule's clients, even if the global switch is off.";
    KEEPALIVE = "keepalive", Int(Int32), Number(0), NewClients, Full, "Idle seconds before TCP keepalive on the client's socket; 0 keeps the global settings.";
    KEEPALIVE_KEEP_INTERVAL = "keepalive_keep_interval", Int(Int32), Number(0), NewClients, Full, "Seconds between probes.";
    KEEPALIVE_PROBES = "keepalive_probes", Int(Int32), Number(0), NewClients, Full, "Unanswered probes before the client counts as dead.";
    KEEPALIVE_USR_TIMEOUT = "keepalive_usr_timeout", Int(Int32), Number(0), NewClients, Full, "TCP_USER_TIMEOUT in milliseconds; 0 is the system's default.";
    LDAP_POOL_SIZE = "ldap_pool_size", DeprecatedInt, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
    LDAP_POOL_TIMEOUT = "ldap_pool_timeout", DeprecatedInt, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
    LDAP_POOL_TTL = "ldap_pool_ttl", DeprecatedInt, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
    GROUP_QUERY = "group_query", Ty::Text, Unset, NewClients, NotYet(NO_GROUPS), "Groups only: SQL that returns the members, one per row.";
    GROUP_QUERY_USER = "group_query_user", Ty::Text, Unset, NewClients, NotYet(NO_GROUPS), "Groups only: user whose internal route `group_query` runs by.";
    GROUP_QUERY_DB = "group_query_db", Ty::Text, Unset, NewClients, NotYet(NO_GROUPS), "Groups only: database whose internal route `group_query` runs by.";
    WATCHDOG_LAG_QUERY = "watchdog_lag_query", Ty::Text, Unset, NewClients, Full, "Watchdogs only: SQL that returns the replay time as seconds since 1970.";
    WATCHDOG_LAG_INTERVAL = "watchdog_lag_interval", Int(NonNegative(I32_MAX)), Number(0), Never, Ignored("the period is three quarters of endpoints_status_poll_interval"), "Watchdogs only: accepted and kept.";
}

const NO_CERT: &str = "client certificates are not compared with users yet";
const NO_AUTH_QUERY: &str = "secrets are not looked up in a database yet";
const NO_IAM: &str = "the IAM proxy is not asked yet";
const NO_LDAP: &str = "LDAP servers are not asked yet";
const NO_GROUPS: &str = "group members are not looked up yet";

/// `ldap_storage_credentials "NAME" { ... }`.
pub(crate) mod credentials {
    use super::{NO_LDAP, NotYet, Opt, Reload, Required, Ty, table};
    table! {
        USERNAME = "ldap_storage_username", Ty::Text, Required, NewClients, NotYet(NO_LDAP), "User at the server.";
        PASSWORD = "ldap_storage_password", Ty::Secret, Required, NewClients, NotYet(NO_LDAP), "Password at the server.";
    }
}
