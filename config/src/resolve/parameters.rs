//! Parameters a route's `options` may force upon its clients.

/// Their names, compared without letter case. Two of them are directions to the pooler, not to a server.
static NAMES: [&str; 31] = [
    "client_encoding",
    "DateStyle",
    "TimeZone",
    "standard_conforming_strings",
    "application_name",
    "compression",
    "search_path",
    "statement_timeout",
    "work_mem",
    "lock_timeout",
    "log_statement",
    "log_min_messages",
    "log_min_error_statement",
    "log_min_duration_statement",
    "idle_in_transaction_session_timeout",
    "default_table_access_method",
    "default_toast_compression",
    "check_function_bodies",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "default_transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
    "idle_session_timeout",
    "role",
    "gp_session_role",
    "spqrguard.prevent_distributed_table_modify",
    "spqrguard.prevent_reference_table_modify",
    "_pq_.test_protocol_negotiation",
    "odyssey_catchup_timeout",
    "odyssey.target_session_attrs",
];

/// Whether a parameter of this name is kept.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Names of the parameters a route's `options` may hold; others are left out with a warning.
pub fn option_names() -> impl Iterator<Item = &'static str> {
    NAMES.into_iter()
}
