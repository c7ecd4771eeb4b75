//! Process-wide directives, except logging.

use crate::option::Check::{Int32, Range};
use crate::option::Effect::{Full, Ignored, NotYet};
use crate::option::Fallback::{Computed, Flag, Number, Required, Text, Unset};
use crate::option::Ty::{Bool, CountOrAuto, DeprecatedBool, DeprecatedInt, Int, Size, Word};
use crate::option::{Opt, Reload, Ty, table};

const NO_RESTART: &str = "an online restart is not possible yet";

table! {
    DAEMONIZE = "daemonize", Bool, Flag(false), Restart, NotYet("the process stays in the foreground"), "Go to the background after the configuration was read.";
    PRIORITY = "priority", Int(Int32), Number(0), Restart, NotYet("the priority of the process is not changed"), "Nice value of the process; 0 leaves it alone.";
    SEQUENTIAL_ROUTING = "sequential_routing", Bool, Flag(false), Restart, Full, "Try rules in the order of the file instead of by how much they name.";
    PID_FILE = "pid_file", Ty::Text, Unset, Restart, NotYet("no pid file is written"), "Write the process id to this file.";
    UNIX_SOCKET_DIR = "unix_socket_dir", Ty::Text, Unset, Restart, Full, "Directory of the sockets of listeners and storages without a host.";
    UNIX_SOCKET_MODE = "unix_socket_mode", Ty::Text, Unset, Restart, Full, "Permissions of listening sockets in octal digits; required with `unix_socket_dir`.";
    LOCKS_DIR = "locks_dir", Ty::Text, Unset, Never, Ignored("no lock files are needed"), "Directory of lock files.";
    EXTERNAL_AUTH_SOCKET_PATH = "external_auth_socket_path", Ty::Text, Text("/tmp/external-auth.sock"), Restart, NotYet("authentication \"external\" is not possible yet"), "Socket of the helper behind `authentication \"external\"`.";
    AVAILABILITY_ZONE = "availability_zone", Ty::Text, Text(""), Restart, Full, "Our own zone, compared with the zones of endpoints; at most 15 bytes.";
    GRACEFUL_DIE_ON_ERRORS = "graceful_die_on_errors", DeprecatedBool, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
    ENABLE_ONLINE_RESTART = "enable_online_restart", Bool, Flag(true), Restart, NotYet(NO_RESTART), "SIGUSR2 starts the new binary beside the old one; needs `bindwith_reuseport`.";
    BINDWITH_REUSEPORT = "bindwith_reuseport", Bool, Flag(true), Restart, NotYet(NO_RESTART), "SO_REUSEPORT on TCP listeners.";
    GRACEFUL_SHUTDOWN_TIMEOUT_MS = "graceful_shutdown_timeout_ms", Int(Int32), Number(30_000), Applied, Full, "Milliseconds a graceful shutdown may take before the process exits with status 124; 0 waits for ever.";
    MAX_SIGTERMS_TO_DIE = "max_sigterms_to_die", Int(Int32), Number(3), Applied, Full, "This many SIGTERM or SIGINT end the process at once.";
    PROMHTTP_SERVER_PORT = "promhttp_server_port", Int(Range(1, 65_535)), Unset, Restart, NotYet("there is no metrics endpoint yet"), "Port of the HTTP metrics endpoint.";
    WORKERS = "workers", CountOrAuto, Number(1), Restart, Full, "Worker threads; `\"auto\"` is half the CPUs, rounded up.";
    RESOLVERS = "resolvers", Int(Range(1, I32_MAX)), Number(1), Restart, Full, "Threads for host name lookups.";
    READAHEAD = "readahead", Int(Int32), Computed("page size"), Never, Ignored("connections share large read buffers"), "Bytes of read buffer per connection.";
    CACHE_COROUTINE = "cache_coroutine", Int(Int32), Number(1024), Restart, NotYet("the stack cache has a fixed size"), "Free coroutine stacks kept for reuse.";
    CACHE_MSG_GC_SIZE = "cache_msg_gc_size", Int(Int32), Number(0), Never, Ignored("messages are not kept in a cache"), "Messages above this many bytes are not kept; 0 is no limit.";
    COROUTINE_STACK_SIZE = "coroutine_stack_size", Int(Int32), Number(16), Restart, Full, "Stack of client coroutines in pages of 4 KiB; at least 4, better 16.";
    SYSTEM_COROUTINE_STACK_SIZE = "system_coroutine_stack_size", Int(Int32), Number(32), Restart, NotYet("internal coroutines use coroutine_stack_size"), "Stack of internal coroutines in pages of 4 KiB; at least 4.";
    NODELAY = "nodelay", Bool, Flag(true), Restart, Full, "TCP_NODELAY on client and server sockets.";
    DISABLE_NOLINGER = "disable_nolinger", Bool, Flag(false), Never, Ignored("sockets are closed in order, so that the last words arrive"), "`no` closes accepted sockets with a reset (SO_LINGER of zero seconds).";
    KEEPALIVE = "keepalive", Int(Int32), Number(15), Applied, Full, "Idle seconds before TCP keepalive; 0 or less sets no keepalive option.";
    KEEPALIVE_KEEP_INTERVAL = "keepalive_keep_interval", Int(Int32), Number(5), Applied, Full, "Seconds between keepalive probes.";
    KEEPALIVE_PROBES = "keepalive_probes", Int(Int32), Number(3), Applied, Full, "Unanswered probes before a connection counts as dead.";
    KEEPALIVE_USR_TIMEOUT = "keepalive_usr_timeout", Int(Int32), Number(0), Applied, Full, "TCP_USER_TIMEOUT in milliseconds; 0 is the system's default, negative is computed from the other three.";
    CLIENT_MAX = "client_max", Int(Int32), Number(0), Applied, Full, "Simultaneous TCP clients; 0 or less is no limit.";
    CLIENT_MAX_ROUTING = "client_max_routing", Int(Int32), Number(0), Restart, NotYet("the number of clients being routed is not limited yet"), "Clients between accept and route found; 0 is 64 per worker.";
    SERVER_LOGIN_RETRY = "server_login_retry", Int(Int32), Number(1), Applied, NotYet("a server with too many connections is not asked again yet"), "Milliseconds before a server with too many connections is asked again.";
    BACKEND_CONNECT_TIMEOUT_MS = "backend_connect_timeout_ms", Int(Int32), Number(30_000), Applied, Full, "Milliseconds one TCP connect may take per address; 0 or less is no limit.";
    CANCEL_TIMEOUT_MS = "cancel_timeout_ms", Int(Int32), Number(1000), Applied, Full, "Milliseconds each step of a cancel may take; 0 or less is no limit.";
    CANCEL_QUEUE_TIMEOUT_MS = "cancel_queue_timeout_ms", Int(Int32), Computed("2 * `cancel_timeout_ms`"), Restart, Full, "Milliseconds a cancel waits for its turn before it is dropped.";
    CANCEL_MAX_INFLIGHT = "cancel_max_inflight", Int(Int32), Computed("2 * `workers`"), Restart, Full, "Cancels in progress at once; every worker has its share, and at least one.";
    DNS_CACHE_TTL = "dns_cache_ttl", Int(Int32), Number(30_000), Restart, Full, "Milliseconds a resolved name is kept.";
    GROUP_CHECKER_INTERVAL = "group_checker_interval", Int(Int32), Number(7000), Restart, NotYet("group members are not looked up yet"), "Milliseconds between group membership queries.";
    HBA_FILE = "hba_file", Ty::Text, Unset, Applied, Full, "File of host based authentication records: who no record allows is refused. Read again at each reload.";
    VIRTUAL_PROCESSING = "virtual_processing", Bool, Flag(false), Restart, NotYet("every query goes to a server"), "Answer some SHOW and SET without a server.";
    VIRTUAL_TRANSACTION = "virtual_transaction", Bool, Flag(true), Restart, NotYet("every query goes to a server"), "Keep a bare BEGIN back until the next query.";
    SMART_SEARCH_PATH_ENQUOTING = "smart_search_path_enquoting", Bool, Flag(false), Applied, NotYet("parameters are not replayed yet"), "Leave an already well-formed `search_path` unquoted when it is given to a server.";
    ENABLE_HOST_WATCHER = "enable_host_watcher", Bool, Flag(false), Restart, NotYet("host load is not sampled yet"), "Sample CPU and memory of the host for the console.";
    CPU_AFFINITY = "cpu_affinity", Ty::Text, Unset, Restart, NotYet("threads are not bound to CPUs yet"), "`\"off\"`, `\"auto\"`, or rules such as `\"worker:0-3 worker[0]:4\"`.";
    PIPELINE = "pipeline", DeprecatedInt, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
    CACHE = "cache", DeprecatedInt, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
    CACHE_CHUNK = "cache_chunk", DeprecatedInt, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
    PACKET_READ_SIZE = "packet_read_size", DeprecatedInt, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
    PACKET_WRITE_QUEUE = "packet_write_queue", DeprecatedInt, Unset, Never, Ignored("a setting of older versions"), "Has no meaning any more.";
}

/// Largest number most directives take.
const I32_MAX: i64 = 2_147_483_647;

/// `conn_drop_options { ... }`.
pub(crate) mod conn_drop {
    use super::{Bool, Flag, I32_MAX, Int, NotYet, Number, Opt, Range, Reload, table};
    const WHY: &str = "idle clients are not sent away gradually yet";
    table! {
        DROP_ENABLED = "drop_enabled", Bool, Flag(true), Restart, NotYet(WHY), "Disconnect idle clients during a graceful shutdown.";
        RATE = "rate", Int(Range(1, I32_MAX)), Number(1), Restart, NotYet(WHY), "Disconnects per worker and interval.";
        INTERVAL_MS = "interval_ms", Int(Range(1, I32_MAX)), Number(1000), Restart, NotYet(WHY), "Milliseconds of that interval.";
    }
}

/// `soft_oom { ... }`.
pub(crate) mod soft_oom {
    use super::{I32_MAX, Int, NotYet, Number, Opt, Range, Reload, Required, Size, Text, Ty, table};
    const WHY: &str = "memory use is not watched yet";
    table! {
        LIMIT = "limit", Size, Required, Restart, NotYet(WHY), "Bytes in use at which new clients are refused.";
        PROCESS = "process", Ty::Text, Text(""), Restart, NotYet(WHY), "Count processes whose command name contains this; empty looks at the whole system.";
        CHECK_INTERVAL_MS = "check_interval_ms", Int(Range(0, I32_MAX)), Number(1000), Restart, NotYet(WHY), "Milliseconds between checks.";
    }
}

/// `soft_oom { drop { ... } }`.
pub(crate) mod soft_oom_drop {
    use super::{I32_MAX, Int, NotYet, Number, Opt, Range, Reload, Text, Ty, table};
    const WHY: &str = "memory use is not watched yet";
    table! {
        SIGNAL = "signal", Ty::Text, Text("SIGTERM"), Restart, NotYet(WHY), "Signal for the largest processes when over the limit.";
        MAX_RATE = "max_rate", Int(Range(0, I32_MAX)), Number(3), Restart, NotYet(WHY), "Processes signalled per check.";
    }
}

/// `query_parsing { ... }`.
pub(crate) mod query_parsing {
    use super::{NotYet, Number, Opt, Reload, Size, Text, Word, table};
    const WHY: &str = "queries are relayed without being parsed";
    table! {
        MODE = "mode", Word(&["disabled", "minimal", "full"]), Text("minimal"), Restart, NotYet(WHY), "How deeply queries are looked into; `full` is refused.";
        MEM_LIMIT = "mem_limit", Size, Number(1_048_576), Restart, NotYet(WHY), "Bytes of parser memory per worker.";
    }
}
