//! Watchdogs: each looks after one host of a storage that has a `watchdog` block, and what it finds is told to every
//! worker. They all live in the first worker, one coroutine a host, so a host that hangs delays no other.

use crate::balance::lag::{self, LagFault};
use crate::balance::status::{Life, Role, Status};
use crate::base::limits::ROLE_DEADLINE;
use crate::log::{Who, log_error, log_info};
use crate::router::{ToRouter, WorkerId};
use crate::rules::{EndpointId, StorageUse};
use crate::server::Server;
use crate::server::connect::{self, ConnectFault};
use crate::server::encrypt::Encryption;
use crate::server::login::Credentials;
use crate::server::query::{self, QueryFault};
use crate::worker::Worker;
use machinarium::{Co, Deadline};
use odyssey_config::{Endpoint, Rule, Watchdog};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Puts a watchdog at every host of the rules in force that should have one and has none. Those whose storage is no
/// more end by themselves.
pub fn post(worker: &Rc<Worker>) {
    if worker.id != WorkerId(0) {
        return;
    }
    let rules = worker.facilities.rules();
    for storage in rules.storages().filter(|used| used.storage.watchdog.is_some()) {
        for index in 0..worker.hosts(storage).count() {
            let host = EndpointId { storage: storage.id, index };
            if !worker.watched.borrow_mut().insert(host) {
                continue;
            }
            let watched = Watched { worker: Rc::clone(worker), host };
            let posted = worker.machine.try_spawn("watchdog", move |co| watch(co, &watched));
            if let Err(error) = posted {
                log_error!(&Who::NOBODY, "watchdog", "no memory for a watchdog: {error}");
            }
        }
    }
}

/// A host with a watchdog; when dropped, it has none.
struct Watched {
    worker: Rc<Worker>,
    host: EndpointId,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.worker.watched.borrow_mut().remove(&self.host);
    }
}

/// Where a watchdog stands, by the rules in force.
struct Post {
    storage: Arc<StorageUse>,
    rule: Arc<Rule>,
}

impl Post {
    /// `None`: nowhere any more.
    fn of(watched: &Watched) -> Option<Post> {
        let rules = watched.worker.facilities.rules();
        let storage = Arc::clone(rules.storage(watched.host.storage)?);
        let (_, rule) = rules.rule(storage.storage.watchdog.as_ref()?.rule)?;
        Some(Post { storage, rule: Arc::clone(rule) })
    }

    fn endpoint(&self, host: EndpointId) -> Option<(&Endpoint, &Watchdog)> {
        let storage = &self.storage.storage;
        Some((storage.endpoints.get(usize::from(host.index))?, storage.watchdog.as_ref()?))
    }
}

/// Why a watchdog has nothing to tell.
#[derive(Debug)]
enum WatchFault {
    Connect(ConnectFault),
    Query(QueryFault),
    Lag(LagFault),
    /// It did not say whether it is in recovery.
    NoRole,
}

impl fmt::Display for WatchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WatchFault::Connect(fault) => write!(f, "{fault}"),
            WatchFault::Query(fault) => write!(f, "query failed: {fault}"),
            WatchFault::Lag(fault) => write!(f, "{fault}"),
            WatchFault::NoRole => f.write_str("server did not say whether it is in recovery"),
        }
    }
}

fn watch(co: &Co, watched: &Watched) {
    let (mut server, mut complaint) = (None, None);
    while let Some(post) = Post::of(watched) {
        let Some((endpoint, _)) = post.endpoint(watched.host) else { return };
        match look(co, watched, &post, &mut server) {
            Ok(status) => {
                watched.worker.router.say(ToRouter::Seen { host: watched.host, status });
                if complaint.take().is_some() {
                    log_info!(&Who::NOBODY, "watchdog", "{}: answers again", endpoint.address);
                }
            }
            // What was known stays; the log is told once.
            Err(fault) => {
                let text = Some(fault.to_string());
                if complaint != text {
                    log_error!(&Who::NOBODY, "watchdog", "{}: {fault}", endpoint.address);
                }
                complaint = text;
            }
        }
        // A quarter of the time is left for the look itself: what is known shall never be out of date.
        let period = post.storage.storage.endpoints_status_poll_interval * 3 / 4;
        if co.sleep(period).is_err() {
            return;
        }
    }
}

/// One look at a host, over the connection of the last one if that still works.
fn look(co: &Co, watched: &Watched, post: &Post, kept: &mut Option<Server>) -> Result<Status, WatchFault> {
    if let Some(mut server) = kept.take()
        && let Ok(status) = ask(co, watched, post, &mut server)
    {
        *kept = Some(server);
        return Ok(status);
    }
    let mut server = dial(co, watched, post).map_err(WatchFault::Connect)?;
    let status = ask(co, watched, post, &mut server)?;
    *kept = Some(server);
    Ok(status)
}

fn dial(co: &Co, watched: &Watched, post: &Post) -> Result<Server, ConnectFault> {
    let Post { storage, rule } = post;
    let facilities = &watched.worker.facilities;
    let (database, user) = (rule.database.rule_name(), rule.user.rule_name());
    let password = rule.storage_password.as_ref().or(rule.password.as_ref());
    let credentials = Credentials {
        user: rule.storage_user.as_deref().unwrap_or(&user),
        database: rule.storage_db.as_deref().unwrap_or(database),
        password: password.map(|secret| secret.expose()),
        options: &rule.backend_startup_options,
    };
    let tls = facilities.storage_tls(storage);
    let encryption = Encryption { mode: storage.storage.tls.mode, tls: tls.as_ref() };
    let (endpoint, _) = post.endpoint(watched.host).ok_or(ConnectFault::NoAddress)?;
    connect::dial(co, facilities, &endpoint.address, encryption, &credentials)
}

fn ask(co: &Co, watched: &Watched, post: &Post, server: &mut Server) -> Result<Status, WatchFault> {
    let by = || Deadline::after(co.now(), ROLE_DEADLINE);
    let lag_query = post.endpoint(watched.host).and_then(|(_, watchdog)| watchdog.lag_query.as_deref());
    let lag = match lag_query {
        Some(sql) => {
            let answer = query::value(co, server, sql, by()).map_err(WatchFault::Query)?;
            let replayed = answer.as_ref().map(|value| value.as_deref());
            lag::behind(replayed, unix_time()).map_err(WatchFault::Lag)?
        }
        None => Duration::ZERO,
    };
    let role = query::role(co, server, by()).map_err(WatchFault::Query)?;
    if role == Role::Unknown {
        return Err(WatchFault::NoRole);
    }
    Ok(Status { life: Life::Alive, role, lag, checked: Some(co.now()) })
}

/// Seconds since 1970.
fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
