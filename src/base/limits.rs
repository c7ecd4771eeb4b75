//! Every bound of the pooler that is not a directive, with its reason.

use std::time::Duration;

/// Bytes of a client's requests that are held while it waits for a server: whole extended-protocol batches of
/// ordinary size fit; a larger one takes a server before its end was seen.
pub const HELD_REQUEST_BYTES: usize = 16 * 1024;

/// A server message that has to be seen whole (an error, a parameter, a command tag) and is longer than this is
/// forwarded without being looked into.
pub const INSPECTED_MESSAGE_BYTES: usize = 8 * 1024;

/// Time a console request waits for the rows of all workers.
pub const REPORT_DEADLINE: Duration = Duration::from_secs(2);

/// Time between two tries to accept when the process is out of descriptors: neither a spin nor a long silence.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Time a client that is told an error and closed has to take it.
pub const FAREWELL_DEADLINE: Duration = Duration::from_secs(2);

/// Time a server has to say whether it is in recovery, and a watchdog's query to answer.
pub const ROLE_DEADLINE: Duration = Duration::from_secs(1);

/// Wait for a server at each of several hosts in the first round of `pool_acquire_fail_fast`: enough for the router
/// to grant a free permit, and for nothing else.
pub const FAIL_FAST_WAIT: Duration = Duration::from_millis(10);

/// Period of the workers' housekeeping: idle servers that are too old, claims nobody needs.
pub const CRON_PERIOD: Duration = Duration::from_secs(1);

/// Longest query text written to the log by `log_query`.
pub const LOGGED_QUERY_BYTES: usize = 8 * 1024;
