//! Names to addresses, without blocking a machine.
//!
//! The system's resolver (`getaddrinfo`) runs on helper threads; its answer, success or failure, is kept for a
//! while and shared by everybody who asks meanwhile. A literal address needs no thread.

use crate::channel::oneshot::{self, SharedReply};
use crate::coroutine::Co;
use crate::deadline::Deadline;
use crate::error::ChannelError;
use crate::offload::{Offload, OffloadError};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Names whose lookup may wait for a helper thread.
const QUEUE_MAX: usize = 1024;
/// Names kept; past that, answers that are too old are dropped, and if there are none, all that are known.
const NAMES_KEPT: usize = 4096;

/// Why a name has no address now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DnsError {
    /// The resolver said no, in these words.
    Failed(String),
    /// Too many names are being looked up.
    Full,
    /// The deadline passed first; the lookup goes on, and its answer is kept.
    Deadline,
    /// The waiting coroutine was cancelled; the lookup goes on, and its answer is kept.
    Cancelled,
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DnsError::Failed(why) => f.write_str(why),
            DnsError::Full => f.write_str("too many names are being looked up"),
            DnsError::Deadline => f.write_str("timed out"),
            DnsError::Cancelled => f.write_str("cancelled"),
        }
    }
}

impl std::error::Error for DnsError {}

type Outcome = Result<Vec<IpAddr>, DnsError>;

enum Name {
    /// A thread is at it; these wait. Left by `Table::answer`.
    Asked(Vec<SharedReply<Outcome>>),
    /// Good until then.
    Known { outcome: Outcome, until: Instant },
}

struct Table {
    names: Mutex<HashMap<String, Name>>,
    ttl: Duration,
}

impl Table {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Name>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the outcome if it is worth it, and tells everybody who waits.
    fn answer(&self, host: &str, outcome: &Outcome, keep: Keep) {
        let mut names = self.lock();
        let asked = match keep {
            Keep::ForTtl => {
                let now = Instant::now();
                make_room(&mut names, now);
                names.insert(host.to_owned(), Name::Known { outcome: outcome.clone(), until: now + self.ttl })
            }
            Keep::No => names.remove(host),
        };
        drop(names);
        if let Some(Name::Asked(replies)) = asked {
            for reply in replies {
                reply.send(outcome.clone()).ok();
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    ForTtl,
    No,
}

fn make_room(names: &mut HashMap<String, Name>, now: Instant) {
    if names.len() < NAMES_KEPT {
        return;
    }
    names.retain(|_, name| !matches!(name, Name::Known { until, .. } if *until <= now));
    if names.len() >= NAMES_KEPT {
        names.retain(|_, name| matches!(name, Name::Asked(_)));
    }
}

/// One lookup on a helper thread: whatever happens to it, those who wait are told.
struct Lookup {
    table: Arc<Table>,
    host: String,
    outcome: Option<Outcome>,
}

impl Lookup {
    /// Blocks until the system's resolver has answered.
    fn run(mut self) {
        self.outcome = Some(ask_system(&self.host));
    }
}

impl Drop for Lookup {
    fn drop(&mut self) {
        match self.outcome.take() {
            Some(outcome) => self.table.answer(&self.host, &outcome, Keep::ForTtl),
            None => {
                let lost = Err(DnsError::Failed("the lookup was lost".to_owned()));
                self.table.answer(&self.host, &lost, Keep::No);
            }
        }
    }
}

/// Looks names up. Clones share threads and answers; any machine may use one.
#[derive(Clone)]
pub struct Resolver {
    table: Arc<Table>,
    offload: Offload,
}

impl Resolver {
    /// Lookups on at most `threads` helper threads, each answer kept for `ttl`.
    pub fn new(threads: usize, ttl: Duration) -> Resolver {
        Resolver {
            table: Arc::new(Table { names: Mutex::new(HashMap::new()), ttl }),
            offload: Offload::new("resolver", threads, QUEUE_MAX),
        }
    }

    /// The addresses of `host`, a name or a literal, in the resolver's order, with `port`. Never empty.
    ///
    /// # Errors
    /// `Failed` with the resolver's words, `Full`, `Deadline`, `Cancelled`.
    pub fn resolve(&self, co: &Co, host: &str, port: u16, by: Deadline) -> Result<Vec<SocketAddr>, DnsError> {
        let with_port = |ips: Vec<IpAddr>| ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(with_port(vec![ip]));
        }
        let (reply, answer) = oneshot::shared(co.machine());
        {
            let mut names = self.table.lock();
            match names.get_mut(host) {
                Some(Name::Known { outcome, until }) if *until > co.now() => {
                    return outcome.clone().map(with_port);
                }
                Some(Name::Asked(replies)) => replies.push(reply),
                Some(Name::Known { .. }) | None => {
                    names.insert(host.to_owned(), Name::Asked(vec![reply]));
                    drop(names);
                    self.look_up(host)?;
                }
            }
        }
        match answer.wait(co, by) {
            Ok(outcome) => outcome.map(with_port),
            Err(ChannelError::Closed) => Err(DnsError::Failed("the lookup was lost".to_owned())),
            Err(ChannelError::Deadline) => Err(DnsError::Deadline),
            Err(ChannelError::Cancelled) => Err(DnsError::Cancelled),
        }
    }

    /// The name of an address, checked: one of the name's own addresses must be this one. Nothing of it is kept.
    ///
    /// # Errors
    /// `Failed` also when the address has no name, or one that does not lead back.
    pub fn name_of(&self, co: &Co, ip: IpAddr, by: Deadline) -> Result<String, DnsError> {
        let asked = self.offload.run(co, by, move || dns_lookup::lookup_addr(&ip));
        let name = match asked {
            Ok(Ok(name)) => name,
            Ok(Err(error)) => return Err(DnsError::Failed(error.to_string())),
            Err(OffloadError::Full) => return Err(DnsError::Full),
            Err(OffloadError::Deadline) => return Err(DnsError::Deadline),
            Err(OffloadError::Cancelled) => return Err(DnsError::Cancelled),
            Err(error) => return Err(DnsError::Failed(error.to_string())),
        };
        // The system writes the address itself where there is no name.
        if name.parse::<IpAddr>().is_ok() {
            return Err(DnsError::Failed("the address has no name".to_owned()));
        }
        let back = self.resolve(co, &name, 0, by)?;
        if back.iter().any(|address| address.ip() == ip) {
            Ok(name)
        } else {
            Err(DnsError::Failed(format!("'{name}' has other addresses")))
        }
    }

    /// Forgets every answer, so that the next question is asked anew.
    pub fn forget(&self) {
        self.table.lock().retain(|_, name| matches!(name, Name::Asked(_)));
    }

    fn look_up(&self, host: &str) -> Result<(), DnsError> {
        let lookup = Lookup { table: Arc::clone(&self.table), host: host.to_owned(), outcome: None };
        self.offload.post(move || lookup.run()).map_err(|error| match error {
            OffloadError::Full => DnsError::Full,
            other => DnsError::Failed(other.to_string()),
        })
    }
}

/// Blocks. The system knows a name by services, too, so a port is asked for and dropped.
fn ask_system(host: &str) -> Outcome {
    match (host, 0).to_socket_addrs() {
        Ok(found) => {
            let mut ips: Vec<IpAddr> = Vec::new();
            for addr in found {
                if !ips.contains(&addr.ip()) {
                    ips.push(addr.ip());
                }
            }
            if ips.is_empty() { Err(DnsError::Failed("the name has no address".to_owned())) } else { Ok(ips) }
        }
        Err(error) => Err(DnsError::Failed(error.to_string())),
    }
}
