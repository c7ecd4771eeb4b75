//! What may be set for everybody, for a database and for a user: pool mode, pool sizes and timeouts.

use super::report::Cx;
use super::settings::{Setting, Settings};
use crate::model::PoolMode;

/// Limits as one line or section sets them; `None` is "not here".
///
/// Of pool mode, sizes and timeouts the user's counts before the database's and that before everybody's. Caps
/// hold beside each other, so the smallest counts.
#[derive(Debug, Default, Clone)]
pub(super) struct Limits {
    pub(super) mode: Option<PoolMode>,
    pub(super) pool_size: Option<i64>,
    pub(super) min_pool_size: Option<i64>,
    /// Milliseconds; 0 is for ever.
    pub(super) wait_ms: Option<i64>,
    /// Seconds.
    pub(super) lifetime: Option<i64>,
    /// Seconds; 0 is never.
    pub(super) idle_transaction: Option<i64>,
    /// Seconds; 0 is never.
    pub(super) idle_client: Option<i64>,
    /// Servers at most; 0 is not kept.
    pub(super) servers_max: Option<i64>,
    /// Clients at most; 0 is not kept.
    pub(super) clients_max: Option<i64>,
}

/// Whose line the limits stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level<'n> {
    Everybody,
    Database(&'n str),
    /// Its servers all log in as one user, so limits of the database are limits of its one pool.
    DatabaseOfOneUser(&'n str),
    User(&'n str),
}

/// Reads the limits among `settings`; bad values are reported.
pub(super) fn read(settings: &Settings, level: Level<'_>, cx: &mut Cx<'_>) -> Limits {
    let size = match level {
        Level::Everybody => "default_pool_size",
        Level::Database(_) | Level::DatabaseOfOneUser(_) | Level::User(_) => "pool_size",
    };
    let caps: [&[(&str, Option<&str>)]; 2] = match level {
        Level::Everybody => [
            &[("max_db_connections", Some("user")), ("max_user_connections", Some("database"))],
            &[("max_db_client_connections", Some("user")), ("max_user_client_connections", Some("database"))],
        ],
        Level::Database(_) => {
            [&[("max_db_connections", Some("user"))], &[("max_db_client_connections", Some("user"))]]
        }
        Level::DatabaseOfOneUser(_) => {
            [&[("max_db_connections", None)], &[("max_db_client_connections", Some("user"))]]
        }
        Level::User(_) => [
            &[("max_user_connections", Some("database"))],
            &[("max_user_client_connections", Some("database"))],
        ],
    };
    let owner = match level {
        Level::Everybody => String::new(),
        Level::Database(name) | Level::DatabaseOfOneUser(name) | Level::User(name) => format!("{name}: "),
    };
    let [servers, clients] = caps.map(|names| cap(settings, names, &owner, cx));
    let limits = Limits {
        mode: mode(settings, cx),
        pool_size: unless_negative(settings.number(size, cx)),
        min_pool_size: unless_negative(settings.number("min_pool_size", cx)),
        wait_ms: wait(settings, cx),
        lifetime: settings.seconds("server_lifetime", cx),
        idle_transaction: settings.seconds("idle_transaction_timeout", cx),
        idle_client: settings.seconds("client_idle_timeout", cx),
        servers_max: servers,
        clients_max: clients,
    };
    if let (Some(0), Some(setting)) = (limits.lifetime, settings.get("server_lifetime")) {
        let reason = "a server is never closed after one use, 1 second is the shortest life of an idle one";
        cx.note(&setting.at, &format!("{owner}server_lifetime"), reason);
    }
    if let (Some(0), Some(setting)) = (limits.pool_size, settings.get(size)) {
        cx.note(&setting.at, &format!("{owner}{size}"), "0 is no limit here");
    }
    limits
}

/// The pool mode by its word.
fn mode(settings: &Settings, cx: &mut Cx<'_>) -> Option<PoolMode> {
    let Setting { value, at, .. } = settings.get("pool_mode")?;
    match value.as_str() {
        "session" => Some(PoolMode::Session),
        "transaction" => Some(PoolMode::Transaction),
        "statement" => Some(PoolMode::Statement),
        other => {
            let message = format!("pool_mode: expected session, transaction or statement, found '{other}'");
            cx.sink.error(at, message);
            None
        }
    }
}

/// Below the top, -1 says that nothing is set.
fn wait(settings: &Settings, cx: &mut Cx<'_>) -> Option<i64> {
    let unset = settings.text("query_wait_timeout") == Some("-1");
    if unset { None } else { settings.millis("query_wait_timeout", cx) }
}

fn unless_negative(number: Option<i64>) -> Option<i64> {
    number.filter(|number| *number >= 0)
}

/// The smallest of some caps. Ours hold for one user in one database, so each is a little wider than it was.
fn cap(settings: &Settings, names: &[(&str, Option<&str>)], owner: &str, cx: &mut Cx<'_>) -> Option<i64> {
    let mut least: Option<i64> = None;
    for (name, per) in names {
        let Some(number) = settings.number(name, cx).filter(|number| *number > 0) else { continue };
        if let (Some(setting), Some(per)) = (settings.get(name), per) {
            let reason = format!("counted for each {per} on its own, not for all together");
            cx.note(&setting.at, &format!("{owner}{name}"), reason);
        }
        least = smallest(least, Some(number));
    }
    least
}

fn smallest(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    [a, b].into_iter().flatten().min()
}

impl Limits {
    /// These limits where they are set, and the wider ones elsewhere.
    pub(super) fn over(&self, wider: &Limits) -> Limits {
        Limits {
            mode: self.mode.or(wider.mode),
            pool_size: self.pool_size.or(wider.pool_size),
            min_pool_size: self.min_pool_size.or(wider.min_pool_size),
            wait_ms: self.wait_ms.or(wider.wait_ms),
            lifetime: self.lifetime.or(wider.lifetime),
            idle_transaction: self.idle_transaction.or(wider.idle_transaction),
            idle_client: self.idle_client.or(wider.idle_client),
            servers_max: smallest(self.servers_max, wider.servers_max),
            clients_max: smallest(self.clients_max, wider.clients_max),
        }
    }

    /// Servers of one pool; 0 is no limit.
    pub(super) fn servers(&self) -> i64 {
        let size = self.pool_size.unwrap_or(DEFAULT_POOL_SIZE);
        match self.servers_max {
            Some(max) if size == 0 || max < size => max,
            _ => size,
        }
    }
}

/// PgBouncer's pool size where none is set.
const DEFAULT_POOL_SIZE: i64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearer_limit_counts_and_the_smaller_cap() {
        let wide =
            Limits { pool_size: Some(30), servers_max: Some(25), wait_ms: Some(1), ..Limits::default() };
        let near = Limits { pool_size: Some(40), servers_max: Some(50), ..Limits::default() };
        let both = near.over(&wide);
        assert_eq!((both.pool_size, both.servers_max, both.wait_ms), (Some(40), Some(25), Some(1)));
        assert_eq!(both.servers(), 25);
        assert_eq!(Limits::default().servers(), 20);
        let unlimited = Limits { pool_size: Some(0), ..Limits::default() };
        assert_eq!(unlimited.servers(), 0);
        assert_eq!(unlimited.over(&wide).servers(), 25);
    }
}
