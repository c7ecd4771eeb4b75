//! Every setting PgBouncer knows, section by section, and what becomes of it. `report` names what is lost.

use super::report::Cx;
use super::settings::Settings;

/// What becomes of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Another file of this folder converts it, and reports what it cannot.
    Mapped,
    /// There is nothing like it: the reason, or what happens instead.
    Lost(&'static str),
    /// As `Lost`, and nothing is lost where it has this value.
    LostUnless(&'static str, &'static str),
}

use Fate::{Lost, LostUnless, Mapped};

type Table = &'static [(&'static str, Fate)];

const ALWAYS_READ: &str = "packets are relayed through buffers of a fixed size, of any length";
const CIPHERS: &str = "the TLS library chooses ciphers and key exchange";
const NO_RESERVE: &str = "there is no second limit for times of need, pool_size alone counts";
const NO_TRANSACTION_TIMEOUT: &str =
    "only idle transactions have a limit here; PostgreSQL 17 has transaction_timeout";
const NO_QUERY_TIMEOUT: &str = "queries have no limit here; set statement_timeout in PostgreSQL";
const PEERS: &str =
    "cancel requests are not forwarded to other processes; one process uses several CPUs by `workers`";
const WINDOWS: &str = "for services of Windows only";

/// `[pgbouncer]`
pub(super) const PGBOUNCER: Table = &[
    ("admin_users", Mapped),
    ("application_name_add_host", Mapped),
    ("auth_dbname", Mapped),
    ("auth_file", Mapped),
    ("auth_hba_file", Mapped),
    ("auth_ident_file", Lost("names of certificates and of the system are not mapped to users")),
    ("auth_ldap_options", Mapped),
    ("auth_query", Mapped),
    ("auth_type", Mapped),
    ("auth_user", Mapped),
    ("autodb_idle_timeout", Lost("routes of database default go when their last server is closed")),
    ("cancel_wait_timeout", Mapped),
    ("client_idle_timeout", Mapped),
    ("client_login_timeout", Mapped),
    ("client_tls13_ciphers", Lost(CIPHERS)),
    ("client_tls_ca_file", Mapped),
    ("client_tls_cert_file", Mapped),
    ("client_tls_ciphers", Lost(CIPHERS)),
    ("client_tls_dheparams", Lost(CIPHERS)),
    ("client_tls_ecdhcurve", Lost(CIPHERS)),
    ("client_tls_key_file", Mapped),
    ("client_tls_protocols", Mapped),
    ("client_tls_sslmode", Mapped),
    ("conffile", Lost("the file is the one named on the command line")),
    ("default_pool_size", Mapped),
    ("disable_pqexec", LostUnless("0", "simple queries are always relayed")),
    ("dns_max_ttl", Mapped),
    ("dns_nxdomain_ttl", Lost("failed lookups of names are not kept")),
    ("dns_zone_check_period", LostUnless("0", "zones are not watched, names are looked up again")),
    ("idle_transaction_timeout", Mapped),
    ("ignore_startup_parameters", Lost("unknown startup parameters are never refused")),
    ("job_name", Lost(WINDOWS)),
    ("listen_addr", Mapped),
    ("listen_backlog", Mapped),
    ("listen_port", Mapped),
    ("log_connections", Mapped),
    ("log_disconnections", Mapped),
    ("log_pooler_errors", LostUnless("1", "errors told to clients are always logged")),
    ("log_stats", Mapped),
    ("logfile", Mapped),
    ("login_notify_message", Lost("clients are told nothing after their login")),
    ("max_client_conn", Mapped),
    ("max_db_client_connections", Mapped),
    ("max_db_connections", Mapped),
    ("max_packet_size", Lost(ALWAYS_READ)),
    ("max_prepared_statements", Mapped),
    ("max_user_client_connections", Mapped),
    ("max_user_connections", Mapped),
    ("min_pool_size", Mapped),
    ("peer_id", LostUnless("0", PEERS)),
    ("pidfile", Mapped),
    ("pkt_buf", Lost(ALWAYS_READ)),
    ("pool_idle_timeout", LostUnless("0", "routes without clients and servers go by themselves")),
    ("pool_mode", Mapped),
    ("query_timeout", LostUnless("0", NO_QUERY_TIMEOUT)),
    ("query_wait_notify", Mapped),
    ("query_wait_timeout", Mapped),
    ("reserve_pool_size", LostUnless("0", NO_RESERVE)),
    ("reserve_pool_timeout", Lost(NO_RESERVE)),
    ("resolv_conf", Lost("names are looked up the way the system is set up")),
    ("sbuf_loopcnt", Lost("how long one connection may keep a worker is fixed")),
    ("scram_iterations", Lost("secrets are taken as they are, plain ones use 4096 iterations")),
    ("server_check_delay", Lost("closed servers are noticed at once, no query is needed")),
    ("server_check_query", Lost("closed servers are noticed at once, no query is needed")),
    ("server_connect_timeout", Mapped),
    ("server_fast_close", LostUnless("0", "servers are replaced when they are idle, never within a session")),
    ("server_idle_timeout", Mapped),
    ("server_lifetime", Mapped),
    ("server_login_retry", Lost("a server that failed is tried again by the next client that needs one")),
    ("server_reset_query", Mapped),
    ("server_reset_query_always", Mapped),
    ("server_round_robin", LostUnless("0", "the server used last is lent first")),
    ("server_tls13_ciphers", Lost(CIPHERS)),
    ("server_tls_ca_file", Mapped),
    ("server_tls_cert_file", Mapped),
    ("server_tls_ciphers", Lost(CIPHERS)),
    ("server_tls_key_file", Mapped),
    ("server_tls_protocols", Mapped),
    ("server_tls_sslmode", Mapped),
    ("service_name", Lost(WINDOWS)),
    ("so_reuseport", Mapped),
    ("stats_period", Mapped),
    ("stats_users", Mapped),
    ("suspend_timeout", Lost("the console's commands have no limit of their own")),
    ("syslog", Mapped),
    ("syslog_facility", Mapped),
    ("syslog_ident", Mapped),
    ("tcp_defer_accept", Lost("connections are accepted at once, client_login_timeout bounds their silence")),
    ("tcp_keepalive", Mapped),
    ("tcp_keepcnt", Mapped),
    ("tcp_keepidle", Mapped),
    ("tcp_keepintvl", Mapped),
    ("tcp_socket_buffer", LostUnless("0", "sockets keep the buffers the system gives them")),
    ("tcp_user_timeout", Mapped),
    ("track_extra_parameters", Lost("maintain_params keeps every parameter the program knows")),
    ("transaction_timeout", LostUnless("0", NO_TRANSACTION_TIMEOUT)),
    ("unix_socket_dir", Mapped),
    (
        "unix_socket_group",
        Lost("sockets belong to the group of the process, which unix_socket_mode may open"),
    ),
    ("unix_socket_mode", Mapped),
    ("user", Lost("the process keeps its user; let the service manager start it as that user")),
    ("verbose", Mapped),
];

/// The pairs of a line of `[databases]`.
pub(super) const DATABASE: Table = &[
    ("application_name", Mapped),
    ("auth_dbname", Mapped),
    ("auth_query", Mapped),
    ("auth_user", Mapped),
    ("client_encoding", Mapped),
    ("connect_query", Lost("no query is run on a new server; ALTER ROLE ... SET gives it settings")),
    ("datestyle", Mapped),
    ("dbname", Mapped),
    ("host", Mapped),
    ("load_balance_hosts", Mapped),
    ("max_db_client_connections", Mapped),
    ("max_db_connections", Mapped),
    ("min_pool_size", Mapped),
    ("password", Mapped),
    ("pool_mode", Mapped),
    ("pool_size", Mapped),
    ("port", Mapped),
    ("query_wait_timeout", Mapped),
    ("reserve_pool", LostUnless("0", NO_RESERVE)),
    ("reserve_pool_size", LostUnless("0", NO_RESERVE)),
    ("server_lifetime", Mapped),
    ("target_session_attrs", Mapped),
    ("timezone", Mapped),
    ("user", Mapped),
];

/// The pairs of a line of `[users]`.
pub(super) const USER: Table = &[
    ("client_idle_timeout", Mapped),
    ("idle_transaction_timeout", Mapped),
    ("max_user_client_connections", Mapped),
    ("max_user_connections", Mapped),
    ("pool_mode", Mapped),
    ("pool_size", Mapped),
    ("query_timeout", LostUnless("0", NO_QUERY_TIMEOUT)),
    ("query_wait_timeout", Mapped),
    ("reserve_pool_size", LostUnless("0", NO_RESERVE)),
    ("transaction_timeout", LostUnless("0", NO_TRANSACTION_TIMEOUT)),
];

/// Notes what `settings` loses. `owner` is the name of the line they stand on, if that has one.
pub(super) fn report(settings: &Settings, table: Table, owner: Option<&str>, cx: &mut Cx<'_>) {
    for setting in settings.iter() {
        let name = match owner {
            Some(owner) => format!("{owner}: {}", setting.name),
            None => setting.name.clone(),
        };
        match table.iter().find(|(known, _)| *known == setting.name).map(|(_, fate)| *fate) {
            None => cx.note(&setting.at, &name, "unknown setting, not converted"),
            Some(Lost(reason)) => cx.note(&setting.at, &name, reason),
            Some(LostUnless(nothing, reason)) if setting.value != nothing => {
                cx.note(&setting.at, &name, reason)
            }
            Some(Mapped | LostUnless(..)) => {}
        }
    }
}

/// Notes that `[peers]` has no equivalent.
pub(super) fn report_peers(peers: &Settings, cx: &mut Cx<'_>) {
    for peer in peers.iter() {
        cx.note(&peer.at, &format!("[peers] {}", peer.name), PEERS);
    }
}
