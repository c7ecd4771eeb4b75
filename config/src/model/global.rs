//! Process-wide settings.

use std::num::NonZeroU32;
use std::time::Duration;

/// The global section and the sections that exist once: `conn_drop_options`, `soft_oom`, `query_parsing`.
#[derive(Debug, Clone, PartialEq)]
pub struct Global {
    /// Fork to the background.
    pub daemonize: bool,
    /// Nice value given to `setpriority(2)`; 0 leaves it alone.
    pub priority: i32,
    /// Rules are tried in creation order instead of by specificity.
    pub sequential_routing: bool,
    /// Where to write the process id.
    pub pid_file: Option<String>,
    /// Directory of listening sockets without a host, and of storages without a host.
    pub unix_socket_dir: Option<String>,
    /// Permission bits of the listening socket; always set when `unix_socket_dir` is.
    pub unix_socket_mode: Option<u32>,
    /// Kept, used by nothing.
    pub locks_dir: Option<String>,
    /// Socket of the helper behind `authentication "external"`.
    pub external_auth_socket_path: String,
    /// Our own zone; empty equals endpoints without a zone. At most 15 bytes.
    pub availability_zone: String,
    /// SIGUSR2 starts the new binary.
    pub enable_online_restart: bool,
    /// SO_REUSEPORT on TCP listeners.
    pub bindwith_reuseport: bool,
    /// How long a graceful shutdown may take before the process exits with status 124; `None` waits for ever.
    pub graceful_shutdown_timeout: Option<Duration>,
    /// This many SIGTERM or SIGINT end the process at once; at least 1.
    pub max_sigterms_to_die: u32,
    /// Append the log to this file.
    pub log_file: Option<String>,
    /// Format text with `%` flags, or JSON when it contains `json` in any letter case.
    pub log_format: String,
    /// Write the log to standard output too.
    pub log_to_stdout: bool,
    /// Write the log to syslog too.
    pub log_syslog: bool,
    /// `openlog(3)` ident; `None` is the program's name.
    pub log_syslog_ident: Option<String>,
    /// `openlog(3)` facility.
    pub log_syslog_facility: SyslogFacility,
    /// Debug messages for everything.
    pub log_debug: bool,
    /// Print the configuration at start and the rules at reload.
    pub log_config: bool,
    /// Messages when clients and servers connect.
    pub log_session: bool,
    /// Log the text of client queries.
    pub log_query: bool,
    /// Periodic statistics in the log.
    pub log_stats: bool,
    /// Period of the statistics; at least one second.
    pub stats_interval: Duration,
    /// A background thread writes the log.
    pub log_async: bool,
    /// Messages the log queue holds; at least 1.
    pub log_queue_depth: u32,
    /// Prometheus text of the general statistics.
    pub log_general_stats_prom: bool,
    /// Prometheus text of each route.
    pub log_route_stats_prom: bool,
    /// Port of the metrics endpoint.
    pub promhttp_server_port: Option<u16>,
    /// Worker threads.
    pub workers: Workers,
    /// Threads for host name lookups; at least 1.
    pub resolvers: u32,
    /// Read buffer in bytes; `None` is the system's page size.
    pub readahead: Option<u32>,
    /// Idle coroutine stacks a machine keeps.
    pub cache_coroutine: u32,
    /// Messages above this many bytes are not kept in a cache; 0 is no limit.
    pub cache_msg_gc_size: u32,
    /// Stack of client and worker coroutines in pages of 4096 bytes; at least 4.
    pub coroutine_stack_size: u32,
    /// Stack of internal coroutines in pages of 4096 bytes; at least 4.
    pub system_coroutine_stack_size: u32,
    /// TCP_NODELAY on client and server sockets.
    pub nodelay: bool,
    /// `false`: accepted sockets are closed with a reset (SO_LINGER of zero seconds).
    pub disable_nolinger: bool,
    /// The four `keepalive*` directives; `None` sets no keepalive option at all.
    pub keepalive: Option<KeepAlive>,
    /// Simultaneous TCP clients; `None` is no limit.
    pub client_max: Option<u32>,
    /// Clients between accept and route found; never 0.
    pub client_max_routing: u32,
    /// Pause before a new attempt when the server has too many connections.
    pub server_login_retry: Duration,
    /// Limit of one TCP connect to one address; `None` (zero or negative in the file) is no limit.
    pub backend_connect_timeout: Option<Duration>,
    /// Limit of each step of a cancel; `None` is no limit.
    pub cancel_timeout: Option<Duration>,
    /// How long a cancel waits for its turn before it is dropped; `None` is for ever.
    pub cancel_queue_timeout: Option<Duration>,
    /// Cancels in progress at once; at least 1.
    pub cancel_max_inflight: u32,
    /// How long a resolved name is kept.
    pub dns_cache_ttl: Duration,
    /// Period of group membership queries.
    pub group_checker_interval: Duration,
    /// File of host based authentication records.
    pub hba_file: Option<String>,
    /// Answer some SHOW and SET without a server.
    pub virtual_processing: bool,
    /// Keep a bare BEGIN back until the next query.
    pub virtual_transaction: bool,
    /// Leave an already well-formed `search_path` unquoted when it is deployed.
    pub smart_search_path_enquoting: bool,
    /// Sample the host's CPU and memory for the console.
    pub enable_host_watcher: bool,
    /// Which CPUs run which threads.
    pub cpu_affinity: CpuAffinity,
    /// `conn_drop_options`.
    pub conn_drop: ConnDrop,
    /// `soft_oom`; `None` when the section is absent.
    pub soft_oom: Option<SoftOom>,
    /// `query_parsing`.
    pub query_parsing: QueryParsing,
}

/// Number of worker threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workers {
    /// Exactly this many.
    Count(NonZeroU32),
    /// Half the CPUs of the host, rounded up.
    Auto,
}

impl Workers {
    /// The number of threads to start, at least 1.
    ///
    /// `Auto` asks the operating system for the CPUs this process may use; if it does not know, the answer is 1.
    pub fn count(self) -> u32 {
        match self {
            Workers::Count(n) => n.get(),
            Workers::Auto => {
                let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
                u32::try_from(cpus).unwrap_or(u32::MAX).div_ceil(2)
            }
        }
    }
}

/// TCP keepalive of a socket, see `tcp(7)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// TCP_KEEPIDLE; not zero.
    pub idle: Duration,
    /// TCP_KEEPINTVL.
    pub interval: Duration,
    /// TCP_KEEPCNT.
    pub probes: u32,
    /// TCP_USER_TIMEOUT; `None` is the system's default.
    pub user_timeout: Option<Duration>,
}

/// `openlog(3)` facilities the file can name; an unknown name means `Daemon`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyslogFacility {
    /// LOG_DAEMON.
    Daemon,
    /// LOG_USER.
    User,
    /// LOG_LOCAL0 to LOG_LOCAL7, by number.
    Local(u8),
}

/// `conn_drop_options`: how idle clients are sent away during a graceful shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnDrop {
    /// Whether they are sent away at all.
    pub enabled: bool,
    /// Drops per worker and interval; at least 1.
    pub rate: u32,
    /// The window `rate` counts in; not zero.
    pub interval: Duration,
}

/// `soft_oom`: refuse new clients when memory runs short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftOom {
    /// Bytes in use at which new remote clients are refused; positive.
    pub limit: u64,
    /// Count processes whose command name contains this text; `None` looks at the whole system.
    pub process: Option<String>,
    /// Period of the check.
    pub check_interval: Duration,
    /// Signal large processes when over the limit.
    pub drop: Option<OomDrop>,
}

/// `soft_oom { drop { ... } }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OomDrop {
    /// Signal to send.
    pub signal: OomSignal,
    /// Processes signalled per check.
    pub max_rate: u32,
}

/// Signals `drop.signal` can name, see `signal(7)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OomSignal {
    /// SIGHUP
    Hup,
    /// SIGINT
    Int,
    /// SIGQUIT
    Quit,
    /// SIGABRT
    Abrt,
    /// SIGKILL
    Kill,
    /// SIGUSR1
    Usr1,
    /// SIGUSR2
    Usr2,
    /// SIGTERM
    Term,
    /// SIGSTOP
    Stop,
    /// SIGTSTP
    Tstp,
}

/// `query_parsing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryParsing {
    /// How deeply client queries are looked into.
    pub mode: QueryParsingMode,
    /// Bytes of parser memory per worker.
    pub mem_limit: u64,
}

/// `query_parsing { mode ... }`; `full` is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryParsingMode {
    /// Queries are opaque.
    Disabled,
    /// Only what the pooler must understand.
    Minimal,
}

/// `cpu_affinity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CpuAffinity {
    /// The scheduler decides.
    Off,
    /// Worker `i` runs on CPU `1 + i mod (cpus - 1)`, or on CPU 0 of a one-CPU host.
    Auto,
    /// Explicit rules; not empty, no role and index twice.
    Rules(Vec<CpuRule>),
}

/// One `ROLE[INDEX]:CPUSET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuRule {
    /// Which threads.
    pub role: CpuRole,
    /// Only the thread of this number; `None` is every thread of the role without a rule of its own.
    pub index: Option<u32>,
    /// Where they may run.
    pub cpus: CpuSet,
}

/// Thread roles a CPU rule can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CpuRole {
    /// Worker threads.
    Worker,
    /// Handshake threads; there are none, the rule is kept only for the record.
    Handshake,
}

/// CPU numbers as inclusive ranges, each below 1024.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuSet(pub Vec<(u16, u16)>);
