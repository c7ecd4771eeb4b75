//! What holds when nothing is written: the tables' defaults, and that writing a default changes nothing.

use std::time::Duration;

use odyssey_config::{Config, Fallback, KeepAlive, MemoryLoader, Opt, TlsMode, Ty, Workers, parse, sections};

/// Every section once, with room for one more directive in each.
const TEMPLATE: &str = r#"
<global>
conn_drop_options { <conn_drop_options> }
soft_oom { limit 1 <soft_oom> drop { <soft_oom: drop> } }
query_parsing { <query_parsing> }
log_format "x"
<global: logging>
listen { host "*" port 1 <listen> <listen: TLS> }
storage "s" { type "remote" host "h:1" <storage> <storage: TLS>
    balancing { <storage: balancing> method "roundrobin" { <storage: balancing method> } } }
shared_pool "p" { pool_size 1 <shared_pool> }
ldap_endpoint "l" { ldapserver "h" <ldap_endpoint> }
database "d" { user "u" { authentication "none" storage "s" pool "transaction" <user, group, watchdog>
    ldap_storage_credentials "c" { ldap_storage_username "a" ldap_storage_password "b" } } }
"#;

fn read(section: &str, directive: &str) -> Config {
    let mut text = TEMPLATE.replace(&format!("<{section}>"), directive);
    while let (Some(start), Some(end)) = (text.find('<'), text.find('>')) {
        text.replace_range(start..=end, "");
    }
    let outcome = parse(&MemoryLoader::new().with("F", text), "F");
    outcome.config.unwrap_or_else(|| panic!("{directive}: {:?}", outcome.diagnostics))
}

/// The default as an operator would write it; `None` where nothing can be written.
fn written(row: &Opt) -> Option<String> {
    let value = match row.default {
        Fallback::Flag(true) => "yes".to_owned(),
        Fallback::Flag(false) => "no".to_owned(),
        Fallback::Number(number) => number.to_string(),
        Fallback::Text(word) if matches!(row.ty, Ty::Word(_)) => word.to_owned(),
        Fallback::Text(text) => format!("\"{text}\""),
        Fallback::Unset | Fallback::Required | Fallback::Computed(_) => return None,
    };
    Some(format!("{} {value}", row.name))
}

#[test]
fn writing_a_default_changes_nothing() {
    let mut plain = read("", "");
    plain.notes.clear();
    plain.not_effective.clear();
    let mut tried = 0;
    for (section, rows) in sections() {
        for row in rows {
            // Only watchdogs may write this one.
            let Some(directive) = written(row).filter(|_| row.name != "watchdog_lag_interval") else {
                continue;
            };
            let mut config = read(section, &directive);
            config.notes.clear();
            config.not_effective.clear();
            assert_eq!(config, plain, "{section}: {directive}");
            tried += 1;
        }
    }
    assert!(tried > 90, "only {tried} defaults were tried");
}

/// One line per directive that has a default: the field, and what it must be.
macro_rules! defaults {
    ($of:expr; $($field:ident $(. $inner:ident)* = $want:expr),* $(,)?) => {
        $(assert_eq!($of.$field $(.$inner)*, $want, stringify!($field $(. $inner)*));)*
    };
}

#[test]
fn global_defaults() {
    let ms = |n| Some(Duration::from_millis(n));
    let keepalive = KeepAlive {
        idle: Duration::from_secs(15),
        interval: Duration::from_secs(5),
        probes: 3,
        user_timeout: None,
    };
    let config = read("", "");
    defaults! { config.global;
        daemonize = false, priority = 0, sequential_routing = false, pid_file = None,
        unix_socket_dir = None, unix_socket_mode = None, locks_dir = None,
        external_auth_socket_path = "/tmp/external-auth.sock", availability_zone = "",
        enable_online_restart = true, bindwith_reuseport = true,
        graceful_shutdown_timeout = ms(30_000), max_sigterms_to_die = 3,
        log_file = None, log_to_stdout = true, log_syslog = false, log_syslog_ident = None,
        log_syslog_facility = odyssey_config::SyslogFacility::Daemon,
        log_debug = false, log_config = false, log_session = true, log_query = false, log_stats = true,
        stats_interval = Duration::from_secs(3), log_async = true, log_queue_depth = 30_000,
        log_general_stats_prom = false, log_route_stats_prom = false, promhttp_server_port = None,
        workers = Workers::Count(std::num::NonZeroU32::MIN), resolvers = 1, readahead = None,
        cache_coroutine = 1024, cache_msg_gc_size = 0, coroutine_stack_size = 16,
        system_coroutine_stack_size = 32, nodelay = true, disable_nolinger = false,
        keepalive = Some(keepalive), client_max = None, client_max_routing = 64,
        server_login_retry = Duration::from_millis(1), backend_connect_timeout = ms(30_000),
        cancel_timeout = ms(1000), cancel_queue_timeout = ms(2000), cancel_max_inflight = 2,
        dns_cache_ttl = Duration::from_secs(30), group_checker_interval = Duration::from_secs(7),
        hba_file = None, virtual_processing = false, virtual_transaction = true,
        smart_search_path_enquoting = false, enable_host_watcher = false,
        cpu_affinity = odyssey_config::CpuAffinity::Off,
        conn_drop.enabled = true, conn_drop.rate = 1, conn_drop.interval = Duration::from_secs(1),
        query_parsing.mode = odyssey_config::QueryParsingMode::Minimal, query_parsing.mem_limit = 1_048_576,
    }
}

#[test]
fn section_defaults() {
    let config = read("", "");
    defaults! { config.listens[0];
        backlog = 128, client_login_timeout = Duration::from_secs(15), tls.mode = TlsMode::Disable,
        tls.ca = None, target_session_attrs = None, balancing_method = None, catchup_timeout = None,
    }
    defaults! { config.storages[0];
        port = 0, tls.mode = TlsMode::Disable, server_max_routing = 1,
        endpoints_status_poll_interval = Duration::from_secs(1), balancing.az_aware = true,
        balancing.show_notice_messages = false, watchdog = None,
    }
    defaults! { config.ldap_endpoints[0];
        port = 0, scheme = "ldap", base_dn = None, search_attribute = "uid",
    }
}

#[test]
fn rule_defaults() {
    let config = read("", "");
    let none: Option<Duration> = None;
    defaults! { config.rules[0];
        password = None, auth_query = None, password_passthrough = false, role = None,
        storage_db = None, storage_user = None, storage_password = None, client_max = None,
        server_lifetime = Some(Duration::from_secs(3600)), client_fwd_error = false, client_show_id = true,
        reserve_session_server_connection = true, application_name_add_host = false,
        maintain_params = true, server_drop_on_cached_plan_error = true, keepalive = None,
        log_debug = false, log_query = false, catchup_timeout = none, target_session_attrs = None,
    }
    defaults! { config.rules[0].pool;
        routing = odyssey_config::PoolRouting::ClientVisible, size = 0, min_size = 0, timeout = none,
        ttl = none, cancel = true, rollback = true, reset_timeout = Some(Duration::from_secs(1)),
        reserve_prepared_statement = true, pin_on_listen = false, attach_check = true,
        acquire_fail_fast = false, notice_after_waiting = none, client_idle_timeout = none,
        idle_in_transaction_timeout = none, shared_pool = None,
    }
}

#[test]
fn derived_numbers() {
    let config = read("global", "workers 4 cancel_timeout_ms 500 keepalive_usr_timeout -1 client_max -1");
    assert_eq!(config.global.client_max_routing, 256);
    assert_eq!(config.global.cancel_max_inflight, 8);
    assert_eq!(config.global.cancel_queue_timeout, Some(Duration::from_secs(1)));
    assert_eq!(config.storages[0].server_max_routing, 4);
    assert_eq!(config.global.client_max, None);
    let keepalive = config.global.keepalive.expect("on by default");
    assert_eq!(keepalive.user_timeout, Some(Duration::from_millis(29_500)));
    assert_eq!(read("global", "keepalive 0").global.keepalive, None);
    assert_eq!(read("global", "graceful_shutdown_timeout_ms -1").global.graceful_shutdown_timeout, None);
}

#[test]
fn every_directive_has_a_row_worth_reading() {
    for (section, rows) in sections() {
        for row in rows {
            assert!(row.doc.ends_with('.'), "{section}: {} has no sentence", row.name);
        }
    }
    for (name, why) in odyssey_config::not_effective_table() {
        assert!(!why.is_empty() && !why.ends_with('.'), "{name}: {why}");
    }
}
