//! The global section and the sections that exist once.

use std::num::NonZeroU32;
use std::time::Duration;

use super::Cx;
use super::words::SIGNALS;
use crate::affinity;
use crate::ast::{Block, Kind, Value};
use crate::hosts::ZONE_BYTES_MAX;
use crate::model::{
    ConnDrop, CpuAffinity, Global, KeepAlive, OomDrop, OomSignal, QueryParsing, QueryParsingMode, SoftOom,
    SyslogFacility, Workers,
};
use crate::options::{global as opt, listen, logging};
use crate::value::{count, millis, octal, seconds};

/// Pages of a client coroutine's stack below which a configuration is worth a warning.
const STACK_PAGES_ADVISED: u32 = 16;

/// Pages below which a stack cannot work at all.
const STACK_PAGES_MIN: u32 = 4;

/// Longest process name of `soft_oom`, in bytes.
const PROCESS_BYTES_MAX: usize = 255;

/// Reads every value; what needs other sections is left to `check`.
pub(super) fn convert(root: &Block, cx: &mut Cx<'_>) -> Global {
    let soft_oom = root.one(Kind::SoftOom).map(|block| soft_oom(block, cx));
    let query_parsing = query_parsing(root.one(Kind::QueryParsing), cx);
    let workers = match root.entry(&opt::WORKERS).map(|entry| &entry.value) {
        Some(Value::Text(_)) => Workers::Auto,
        _ => Workers::Count(NonZeroU32::new(count(root.number(&opt::WORKERS))).unwrap_or(NonZeroU32::MIN)),
    };
    let zone = root.owned(&opt::AVAILABILITY_ZONE).unwrap_or_default();
    if zone.len() > ZONE_BYTES_MAX {
        let message = format!("too long availability zone '{zone}', max is {ZONE_BYTES_MAX}");
        cx.sink.error(root.place(&opt::AVAILABILITY_ZONE), message);
    }
    let cancel_ms = root.number(&opt::CANCEL_TIMEOUT_MS).unwrap_or(0);
    let positive_or = |row, other: u32| match count(root.number(row)) {
        0 => other,
        n => n,
    };
    Global {
        daemonize: root.flag(&opt::DAEMONIZE),
        priority: i32::try_from(root.number(&opt::PRIORITY).unwrap_or(0)).unwrap_or(0),
        sequential_routing: root.flag(&opt::SEQUENTIAL_ROUTING),
        pid_file: root.owned(&opt::PID_FILE),
        unix_socket_dir: root.owned(&opt::UNIX_SOCKET_DIR),
        unix_socket_mode: root.text(&opt::UNIX_SOCKET_MODE).map(octal),
        locks_dir: root.owned(&opt::LOCKS_DIR),
        external_auth_socket_path: root.owned(&opt::EXTERNAL_AUTH_SOCKET_PATH).unwrap_or_default(),
        availability_zone: zone,
        enable_online_restart: root.flag(&opt::ENABLE_ONLINE_RESTART),
        bindwith_reuseport: root.flag(&opt::BINDWITH_REUSEPORT),
        graceful_shutdown_timeout: millis(root.number(&opt::GRACEFUL_SHUTDOWN_TIMEOUT_MS)),
        max_sigterms_to_die: positive_or(&opt::MAX_SIGTERMS_TO_DIE, 1),
        log_file: root.owned(&logging::LOG_FILE),
        log_format: root.owned(&logging::LOG_FORMAT).unwrap_or_default(),
        log_to_stdout: root.flag(&logging::LOG_TO_STDOUT),
        log_syslog: root.flag(&logging::LOG_SYSLOG),
        log_syslog_ident: root.owned(&logging::LOG_SYSLOG_IDENT),
        log_syslog_facility: root
            .text(&logging::LOG_SYSLOG_FACILITY)
            .and_then(facility)
            .unwrap_or(SyslogFacility::Daemon),
        log_debug: root.flag(&logging::LOG_DEBUG),
        log_config: root.flag(&logging::LOG_CONFIG),
        log_session: root.flag(&logging::LOG_SESSION),
        log_query: root.flag(&logging::LOG_QUERY),
        log_stats: root.flag(&logging::LOG_STATS),
        stats_interval: seconds(root.number(&logging::STATS_INTERVAL)).unwrap_or(Duration::from_secs(1)),
        log_async: root.flag(&logging::LOG_ASYNC),
        log_queue_depth: positive_or(&logging::LOG_QUEUE_DEPTH, 30_000),
        log_general_stats_prom: root.flag(&logging::LOG_GENERAL_STATS_PROM),
        log_route_stats_prom: root.flag(&logging::LOG_ROUTE_STATS_PROM),
        promhttp_server_port: root
            .number(&opt::PROMHTTP_SERVER_PORT)
            .and_then(|port| u16::try_from(port).ok()),
        workers,
        resolvers: positive_or(&opt::RESOLVERS, 1),
        readahead: root.number(&opt::READAHEAD).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0),
        cache_coroutine: count(root.number(&opt::CACHE_COROUTINE)),
        cache_msg_gc_size: count(root.number(&opt::CACHE_MSG_GC_SIZE)),
        coroutine_stack_size: count(root.number(&opt::COROUTINE_STACK_SIZE)),
        system_coroutine_stack_size: count(root.number(&opt::SYSTEM_COROUTINE_STACK_SIZE)),
        nodelay: root.flag(&opt::NODELAY),
        disable_nolinger: root.flag(&opt::DISABLE_NOLINGER),
        keepalive: keepalive(
            root.number(&opt::KEEPALIVE),
            root.number(&opt::KEEPALIVE_KEEP_INTERVAL),
            root.number(&opt::KEEPALIVE_PROBES),
            root.number(&opt::KEEPALIVE_USR_TIMEOUT),
        ),
        client_max: Some(count(root.number(&opt::CLIENT_MAX))).filter(|n| *n > 0),
        client_max_routing: positive_or(&opt::CLIENT_MAX_ROUTING, workers.count().saturating_mul(64)),
        server_login_retry: millis(root.number(&opt::SERVER_LOGIN_RETRY)).unwrap_or_default(),
        backend_connect_timeout: millis(root.number(&opt::BACKEND_CONNECT_TIMEOUT_MS)),
        cancel_timeout: millis(Some(cancel_ms)),
        cancel_queue_timeout: match root.number(&opt::CANCEL_QUEUE_TIMEOUT_MS) {
            Some(ms) if ms >= 0 => Some(Duration::from_millis(ms.unsigned_abs())),
            _ => millis(Some(cancel_ms.saturating_mul(2))),
        },
        cancel_max_inflight: positive_or(&opt::CANCEL_MAX_INFLIGHT, workers.count().saturating_mul(2)),
        dns_cache_ttl: match root.number(&opt::DNS_CACHE_TTL) {
            Some(ms) if ms >= 0 => Duration::from_millis(ms.unsigned_abs()),
            _ => Duration::from_secs(30),
        },
        group_checker_interval: millis(root.number(&opt::GROUP_CHECKER_INTERVAL)).unwrap_or_default(),
        hba_file: root.owned(&opt::HBA_FILE),
        virtual_processing: root.flag(&opt::VIRTUAL_PROCESSING),
        virtual_transaction: root.flag(&opt::VIRTUAL_TRANSACTION),
        smart_search_path_enquoting: root.flag(&opt::SMART_SEARCH_PATH_ENQUOTING),
        enable_host_watcher: root.flag(&opt::ENABLE_HOST_WATCHER),
        cpu_affinity: cpu_affinity(root, cx),
        conn_drop: conn_drop(root),
        soft_oom,
        query_parsing,
    }
}

/// Checks that need several directives or sections.
pub(super) fn check(root: &Block, global: &Global, cx: &mut Cx<'_>) {
    let stacks = [
        (&opt::COROUTINE_STACK_SIZE, global.coroutine_stack_size),
        (&opt::SYSTEM_COROUTINE_STACK_SIZE, global.system_coroutine_stack_size),
    ];
    for (row, pages) in stacks {
        if pages < STACK_PAGES_MIN {
            cx.sink.error(root.place(row), format!("bad {} number", row.name));
        }
    }
    if (STACK_PAGES_MIN..STACK_PAGES_ADVISED).contains(&global.coroutine_stack_size) {
        let message = format!("coroutine_stack_size below {STACK_PAGES_ADVISED} pages may be too small");
        cx.sink.warning(root.place(&opt::COROUTINE_STACK_SIZE), message);
    }
    if root.lacks(&logging::LOG_FORMAT) {
        cx.sink.error(&root.at, "log_format is not defined");
    }
    if global.unix_socket_dir.is_some() && root.lacks(&opt::UNIX_SOCKET_MODE) {
        cx.sink.error(root.place(&opt::UNIX_SOCKET_DIR), "unix_socket_mode is not set");
    }
    for block in root.of(Kind::Listen) {
        if block.lacks(&listen::HOST) && root.lacks(&opt::UNIX_SOCKET_DIR) {
            cx.sink.error(&block.at, "listen host is not set and no unix_socket_dir is specified");
        }
    }
    if global.enable_online_restart && !global.bindwith_reuseport {
        let message = "online restart feature works only with SO_REUSEPORT. \
                       Disable online restart or/and enable bindwith_reuseport";
        cx.sink.error(root.place(&opt::BINDWITH_REUSEPORT), message);
    }
}

/// The four keepalive numbers; `None` when the first says off.
///
/// A negative user timeout means "as long as the probes take", half a second less so that it fires first.
pub(super) fn keepalive(
    idle: Option<i64>,
    interval: Option<i64>,
    probes: Option<i64>,
    user_timeout: Option<i64>,
) -> Option<KeepAlive> {
    let idle = seconds(idle)?;
    let interval = seconds(interval).unwrap_or_default();
    let probes = count(probes);
    let user_timeout = match user_timeout {
        Some(ms) if ms < 0 => {
            let all = interval.checked_mul(probes).and_then(|probing| idle.checked_add(probing));
            all.map(|all| all.saturating_sub(Duration::from_millis(500)))
        }
        other => millis(other),
    };
    Some(KeepAlive { idle, interval, probes, user_timeout })
}

/// The facility of this name, in any letter case.
pub(super) fn facility(name: &str) -> Option<SyslogFacility> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "daemon" => Some(SyslogFacility::Daemon),
        "user" => Some(SyslogFacility::User),
        _ => match name.strip_prefix("local").map(str::as_bytes) {
            Some([digit @ b'0'..=b'7']) => Some(SyslogFacility::Local(digit - b'0')),
            _ => None,
        },
    }
}

fn cpu_affinity(root: &Block, cx: &mut Cx<'_>) -> CpuAffinity {
    let Some(text) = root.text(&opt::CPU_AFFINITY) else { return CpuAffinity::Off };
    affinity::parse(text).unwrap_or_else(|reason| {
        cx.sink.error(root.place(&opt::CPU_AFFINITY), format!("can't parse cpu_affinity: {reason}"));
        CpuAffinity::Off
    })
}

fn conn_drop(root: &Block) -> ConnDrop {
    use crate::options::global::conn_drop as opt;
    let absent = Block::new(Kind::ConnDrop, root.at.clone());
    let block = root.one(Kind::ConnDrop).unwrap_or(&absent);
    ConnDrop {
        enabled: block.flag(&opt::DROP_ENABLED),
        rate: count(block.number(&opt::RATE)),
        interval: millis(block.number(&opt::INTERVAL_MS)).unwrap_or_default(),
    }
}

fn soft_oom(block: &Block, cx: &mut Cx<'_>) -> SoftOom {
    use crate::options::global::{soft_oom as opt, soft_oom_drop};
    let process = block.owned(&opt::PROCESS).filter(|name| !name.is_empty());
    if process.as_ref().is_some_and(|name| name.len() > PROCESS_BYTES_MAX) {
        cx.sink.error(block.place(&opt::PROCESS), "too long process name, max is 256");
    }
    let drop = block.one(Kind::SoftOomDrop).map(|drop| {
        let name = drop.text(&soft_oom_drop::SIGNAL).unwrap_or_default();
        let signal = signal(name).unwrap_or_else(|| {
            let message = format!("can't parse signal from '{name}'");
            cx.sink.error_hint(drop.place(&soft_oom_drop::SIGNAL), message, SIGNALS.hint(name));
            OomSignal::Term
        });
        OomDrop { signal, max_rate: count(drop.number(&soft_oom_drop::MAX_RATE)) }
    });
    SoftOom {
        limit: u64::try_from(block.number(&opt::LIMIT).unwrap_or(0)).unwrap_or(0),
        process,
        check_interval: millis(block.number(&opt::CHECK_INTERVAL_MS)).unwrap_or_default(),
        drop,
    }
}

/// The signal of this name, in any letter case, with or without its `SIG`.
fn signal(name: &str) -> Option<OomSignal> {
    let name = name.to_ascii_uppercase();
    SIGNALS.find(name.strip_prefix("SIG").unwrap_or(&name))
}

fn query_parsing(block: Option<&Block>, cx: &mut Cx<'_>) -> QueryParsing {
    use crate::options::global::query_parsing as opt;
    let Some(block) = block else {
        return QueryParsing { mode: QueryParsingMode::Minimal, mem_limit: 1_048_576 };
    };
    let mode = match block.text(&opt::MODE) {
        Some("disabled") => QueryParsingMode::Disabled,
        Some("full") => {
            cx.sink.error(block.place(&opt::MODE), "full mode of query parsing is not supported now");
            QueryParsingMode::Minimal
        }
        _ => QueryParsingMode::Minimal,
    };
    let mem_limit = u64::try_from(block.number(&opt::MEM_LIMIT).unwrap_or(0)).unwrap_or(0);
    QueryParsing { mode, mem_limit }
}
