//! Logging directives of the global section.

use crate::option::Check::Int32;
use crate::option::Effect::{Full, Ignored, NotYet};
use crate::option::Fallback::{Flag, Number, Required, Text, Unset};
use crate::option::Ty::{Bool, Int};
use crate::option::{Opt, Reload, Ty, table};

const NO_METRICS: &str = "Prometheus text is not produced yet";
const NO_STATS: &str = "statistics are not logged periodically yet";

table! {
    LOG_FILE = "log_file", Ty::Text, Unset, Restart, Full, "Append the log to this file.";
    LOG_FORMAT = "log_format", Ty::Text, Required, Restart, Full, "Text of a log line with `%` flags; JSON when it contains `json`.";
    LOG_TO_STDOUT = "log_to_stdout", Bool, Flag(true), Restart, Full, "Write the log to standard output too.";
    LOG_SYSLOG = "log_syslog", Bool, Flag(false), Restart, Full, "Write the log to syslog.";
    LOG_SYSLOG_IDENT = "log_syslog_ident", Ty::Text, Unset, Restart, Full, "Name in syslog.";
    LOG_SYSLOG_FACILITY = "log_syslog_facility", Ty::Text, Text("daemon"), Restart, Full, "`daemon`, `user`, or `local0` to `local7`; anything else is `daemon`.";
    LOG_DEBUG = "log_debug", Bool, Flag(false), Applied, Full, "Debug messages about everything.";
    LOG_CONFIG = "log_config", Bool, Flag(false), Applied, Full, "Log every setting at start, and the rules at each reload.";
    LOG_SESSION = "log_session", Bool, Flag(true), Applied, Full, "Messages when clients and servers connect and leave.";
    LOG_QUERY = "log_query", Bool, Flag(false), Applied, Full, "Log the text of queries.";
    LOG_STATS = "log_stats", Bool, Flag(true), Applied, NotYet(NO_STATS), "Log statistics periodically.";
    STATS_INTERVAL = "stats_interval", Int(Int32), Number(3), Applied, NotYet(NO_STATS), "Seconds between statistics; at least 1.";
    LOG_ASYNC = "log_async", Bool, Flag(true), Never, Ignored("a thread of its own always writes the log"), "Write the log from a thread of its own.";
    LOG_QUEUE_DEPTH = "log_queue_depth", Int(Int32), Number(30_000), Restart, Full, "Messages that may wait for the log's writer.";
    LOG_GENERAL_STATS_PROM = "log_general_stats_prom", Bool, Flag(false), Restart, NotYet(NO_METRICS), "Prometheus text of the general statistics.";
    LOG_ROUTE_STATS_PROM = "log_route_stats_prom", Bool, Flag(false), Restart, NotYet(NO_METRICS), "Prometheus text of each route.";
}
