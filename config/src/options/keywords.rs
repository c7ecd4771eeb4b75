//! Every word with a meaning somewhere, and which of them an unknown word was probably meant to be.

/// Words that are keywords everywhere. The order decides between equally near suggestions.
pub(crate) static KEYWORDS: &[&str] = &[
    "yes",
    "no",
    "daemonize",
    "sequential_routing",
    "enable_online_restart",
    "virtual_processing",
    "graceful_die_on_errors",
    "bindwith_reuseport",
    "enable_host_watcher",
    "log_debug",
    "log_to_stdout",
    "log_config",
    "log_session",
    "log_query",
    "log_stats",
    "log_async",
    "log_syslog",
    "smart_search_path_enquoting",
    "nodelay",
    "disable_nolinger",
    "log_general_stats_prom",
    "log_route_stats_prom",
    "pid_file",
    "unix_socket_dir",
    "unix_socket_mode",
    "locks_dir",
    "external_auth_socket_path",
    "availability_zone",
    "log_file",
    "log_format",
    "log_syslog_ident",
    "log_syslog_facility",
    "cpu_affinity",
    "hba_file",
    "priority",
    "graceful_shutdown_timeout_ms",
    "log_queue_depth",
    "stats_interval",
    "client_max",
    "client_max_routing",
    "server_login_retry",
    "readahead",
    "keepalive",
    "keepalive_keep_interval",
    "keepalive_probes",
    "keepalive_usr_timeout",
    "max_sigterms_to_die",
    "backend_connect_timeout_ms",
    "cancel_timeout_ms",
    "cancel_queue_timeout_ms",
    "cancel_max_inflight",
    "resolvers",
    "dns_cache_ttl",
    "cache_msg_gc_size",
    "cache_coroutine",
    "coroutine_stack_size",
    "system_coroutine_stack_size",
    "promhttp_server_port",
    "group_checker_interval",
    "shared_pool",
    "pool_size",
    "conn_drop_options",
    "online_restart_drop_options",
    "drop_enabled",
    "rate",
    "interval_ms",
    "listen",
    "host",
    "port",
    "target_session_attrs",
    "balancing_method",
    "client_login_timeout",
    "backlog",
    "tls",
    "tls_ca_file",
    "tls_key_file",
    "tls_cert_file",
    "tls_protocols",
    "catchup_timeout",
    "storage",
    "type",
    "server_max_routing",
    "endpoints_status_poll_interval",
    "balancing",
    "method",
    "show_notice_messages",
    "compression",
    "workers",
    "pipeline",
    "cache",
    "cache_chunk",
    "packet_read_size",
    "packet_write_queue",
    "soft_oom",
    "limit",
    "process",
    "check_interval_ms",
    "drop",
    "signal",
    "max_rate",
    "ldap_endpoint",
    "ldapserver",
    "ldapport",
    "ldapprefix",
    "ldapsuffix",
    "ldapbasedn",
    "ldapbinddn",
    "ldapbindpasswd",
    "ldapsearchattribute",
    "ldapscheme",
    "ldapscope",
    "ldapsearchfilter",
    "database",
    "default",
    "user",
    "local",
    "hostssl",
    "hostnossl",
    "ldap_storage_username",
    "ldap_storage_password",
    "auth_common_name",
    "authentication",
    "auth_module",
    "enable_mdb_iamproxy_auth",
    "mdb_iamproxy_socket_path",
    "auth_pam_service",
    "auth_query",
    "auth_query_db",
    "auth_query_user",
    "password_passthrough",
    "password",
    "role",
    "client_fwd_error",
    "client_show_id",
    "reserve_session_server_connection",
    "quantiles",
    "application_name_add_host",
    "server_drop_on_cached_plan_error",
    "server_lifetime",
    "ldap_pool_size",
    "ldap_pool_timeout",
    "ldap_pool_ttl",
    "maintain_params",
    "pool",
    "pool_routing",
    "min_pool_size",
    "pool_timeout",
    "pool_ttl",
    "pool_discard",
    "pool_smart_discard",
    "pool_discard_query",
    "pool_cancel",
    "pool_rollback",
    "pool_reset_timeout_ms",
    "pool_reserve_prepared_statement",
    "pool_pin_on_listen",
    "pool_attach_check",
    "pool_acquire_fail_fast",
    "pool_notice_after_waiting_ms",
    "pool_client_idle_timeout",
    "pool_idle_in_transaction_timeout",
    "storage_db",
    "storage_user",
    "storage_password",
    "ldap_endpoint_name",
    "ldap_storage_credentials_attr",
    "ldap_storage_credentials",
    "watchdog_lag_query",
    "watchdog_lag_interval",
    "options",
    "backend_startup_options",
    "group_query",
    "group_query_user",
    "group_query_db",
    "catchup_checks",
    "watchdog",
    "group",
    "include",
    "az_aware",
    "virtual_transaction",
    "query_parsing",
    "mode",
    "disabled",
    "minimal",
    "full",
    "mem_limit",
];

/// Farthest a word may be from a keyword to be suggested, in insertions, deletions and replacements.
const DISTANCE_MAX: usize = 2;

/// The keyword spelled exactly like `word`.
pub(crate) fn find(word: &str) -> Option<&'static str> {
    KEYWORDS.iter().copied().find(|keyword| *keyword == word)
}

/// The first of `also` and the keywords nearest to `word`, at most two letters away.
pub(crate) fn nearest(word: &str, also: &[&'static str]) -> Option<&'static str> {
    nearest_of(word, also.iter().chain(KEYWORDS).copied())
}

/// The first of `words` nearest to `word`, at most two letters away.
pub(crate) fn nearest_of<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let mut best: Option<(usize, &str)> = None;
    for keyword in words {
        // The distance is at least the difference of lengths, so most words need no closer look.
        if keyword.len().abs_diff(word.len()) > DISTANCE_MAX {
            continue;
        }
        let distance = distance(word.as_bytes(), keyword.as_bytes());
        if distance <= DISTANCE_MAX && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, keyword));
        }
    }
    best.map(|(_, keyword)| keyword)
}

/// Levenshtein's distance, one row at a time.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, from) in (1usize..).zip(a) {
        let mut next = Vec::with_capacity(row.len());
        let mut left = line;
        next.push(left);
        for (above, to) in row.windows(2).zip(b) {
            let [diagonal, up] = above else { continue };
            left = (left + 1).min(up + 1).min(diagonal + usize::from(from != to));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_are_near_or_absent() {
        let cases = [
            ("log_debugg", Some("log_debug")),
            ("strage", Some("storage")),
            ("pool_sise", Some("pool_size")),
            ("junk", None),
            ("adress", Some("address")),
            ("completely_different", None),
        ];
        for (word, want) in cases {
            assert_eq!(nearest(word, &["address"]), want, "{word}");
        }
    }

    #[test]
    fn every_directive_is_a_keyword() {
        for (section, rows) in crate::options::sections() {
            for row in rows {
                assert!(find(row.name).is_some(), "{section}: {}", row.name);
            }
        }
    }
}
