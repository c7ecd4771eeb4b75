//! Who speaks, and about whom: every log line of the pooler is made here.
//!
//! Events go through the `log` crate, so that lines of machinarium and of libraries take the same way. The
//! record's target is the context; whom it is about travels as key-values.

use super::format::{Level, Subject};
use crate::base::ids::{ClientId, ServerId};
use log::kv::{self, Key, Source, Value, VisitSource};
use machinarium::net::addr::PeerAddr;
use std::borrow::Cow;
use std::fmt;

/// Whom an event is about. What is not known yet stays `None`.
#[derive(Clone, Copy, Default, Debug)]
pub struct Who<'a> {
    /// The client.
    pub client: Option<ClientId>,
    /// The server connection.
    pub server: Option<ServerId>,
    /// User of the client's startup packet.
    pub user: Option<&'a str>,
    /// Database of the client's startup packet.
    pub database: Option<&'a str>,
    /// The client's end of its connection.
    pub peer: Option<PeerAddr>,
    /// `host` of the storage as written.
    pub host: Option<&'a str>,
}

impl Who<'_> {
    /// For events that are about no client and no server.
    pub const NOBODY: Who<'static> =
        Who { client: None, server: None, user: None, database: None, peer: None, host: None };

    /// Only this client.
    pub fn client(id: ClientId) -> Who<'static> {
        Who { client: Some(id), ..Who::NOBODY }
    }

    /// Only this server.
    pub fn server(id: ServerId) -> Who<'static> {
        Who { server: Some(id), ..Who::NOBODY }
    }
}

/// Logs one event. Costs a comparison when `level` is switched off.
///
/// `context` is the word in parentheses of the usual format. Prefer the macros [`log_info!`](crate::log_info) and
/// its sisters.
pub fn event(level: Level, context: &'static str, who: &Who<'_>, text: fmt::Arguments<'_>) {
    say(log::logger(), level, context, who, text);
}

/// The same through a given logger.
pub(super) fn say(
    logger: &dyn log::Log,
    level: Level,
    context: &'static str,
    who: &Who<'_>,
    text: fmt::Arguments<'_>,
) {
    let facade = match level {
        Level::Fatal | Level::Error => log::Level::Error,
        Level::Info => log::Level::Info,
        Level::Debug => log::Level::Debug,
    };
    if facade > log::max_level() {
        return;
    }
    let spoken = Spoken { who, level };
    logger.log(&log::Record::builder().level(facade).target(context).key_values(&spoken).args(text).build());
    if level == Level::Fatal {
        logger.flush();
    }
}

/// Logs that the process ends and why, and returns when the line is written.
/// `log_fatal!(who, "context", "format", arguments…)`
#[macro_export]
macro_rules! log_fatal {
    ($who:expr, $context:expr, $($text:tt)+) => {
        $crate::log::event($crate::log::Level::Fatal, $context, $who, format_args!($($text)+))
    };
}

/// Logs what an operator must act on: `log_error!(who, "context", "format", arguments…)`
#[macro_export]
macro_rules! log_error {
    ($who:expr, $context:expr, $($text:tt)+) => {
        $crate::log::event($crate::log::Level::Error, $context, $who, format_args!($($text)+))
    };
}

/// Logs the life of listeners, pools and sessions: `log_info!(who, "context", "format", arguments…)`
#[macro_export]
macro_rules! log_info {
    ($who:expr, $context:expr, $($text:tt)+) => {
        $crate::log::event($crate::log::Level::Info, $context, $who, format_args!($($text)+))
    };
}

/// Logs detail that `log_debug` asks for: `log_debug!(who, "context", "format", arguments…)`
#[macro_export]
macro_rules! log_debug {
    ($who:expr, $context:expr, $($text:tt)+) => {
        $crate::log::event($crate::log::Level::Debug, $context, $who, format_args!($($text)+))
    };
}

/// Text of a peer inside a message: control characters are shown as escapes, so that a name cannot begin a log
/// line of its own or steer a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(
    /// The text as received.
    pub &'a str,
);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            c if c.is_control() => write!(f, "{}", c.escape_debug()),
            c => fmt::Write::write_char(f, c),
        })
    }
}

/// What travels with a record: whom it is about, and whether it is the last word.
struct Spoken<'a> {
    who: &'a Who<'a>,
    level: Level,
}

impl Source for Spoken<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        let who = self.who;
        if self.level == Level::Fatal {
            visitor.visit_pair(Key::from_str("fatal"), Value::from(true))?;
        }
        if let Some(id) = &who.client {
            visitor.visit_pair(Key::from_str("client"), Value::from_display(id))?;
        }
        if let Some(id) = &who.server {
            visitor.visit_pair(Key::from_str("server"), Value::from_display(id))?;
        }
        match &who.peer {
            Some(PeerAddr::Tcp(addr)) => {
                visitor.visit_pair(Key::from_str("peer"), Value::from_display(addr))?
            }
            Some(PeerAddr::Unix) => visitor.visit_pair(Key::from_str("peer"), Value::from(UNIX))?,
            Some(PeerAddr::Unknown) | None => {}
        }
        for (key, text) in [("user", who.user), ("database", who.database), ("host", who.host)] {
            if let Some(text) = text {
                visitor.visit_pair(Key::from_str(key), Value::from(text))?;
            }
        }
        Ok(())
    }
}

const UNIX: &str = "<unix socket>";

/// What a record says about its subject and its level, read back from its key-values.
#[derive(Default)]
pub(super) struct Heard<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) level: Option<Level>,
}

impl<'a> Heard<'a> {
    /// Reads a record of [`event`]; a record of another crate says nothing that we understand.
    pub(super) fn from(record: &'a log::Record<'_>) -> Heard<'a> {
        let mut heard = Heard::default();
        // The visitor never fails, and a source that does has said what it could.
        let _ = record.key_values().visit(&mut heard);
        heard
    }
}

impl<'kvs> VisitSource<'kvs> for Heard<'kvs> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let text =
            || Some(value.to_borrowed_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed));
        match key.as_str() {
            "fatal" => self.level = Some(Level::Fatal),
            "client" => self.subject.client = text(),
            "server" => self.subject.server = text(),
            "user" => self.subject.user = text(),
            "database" => self.subject.database = text(),
            "host" => self.subject.host = text(),
            "peer" => (self.subject.address, self.subject.port) = ends(&text().unwrap_or_default()),
            _ => {}
        }
        Ok(())
    }
}

/// Address and port of `127.0.0.1:5`, `[::1]:5` or `<unix socket>`.
fn ends<'a>(peer: &str) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
    if peer == UNIX {
        return (Some(UNIX.into()), Some("-1".into()));
    }
    match peer.rsplit_once(':') {
        Some((address, port)) => {
            let address = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
            (Some(address.to_owned().into()), Some(port.to_owned().into()))
        }
        None => (None, None),
    }
}

/// The context of a record: the target of our own, the module of a plain `log::error!` line.
pub(super) fn of_target(target: &str) -> &str {
    if target == "machinarium" || target.starts_with("machinarium::") {
        return "machine";
    }
    target.rsplit("::").next().unwrap_or(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(who: &Who<'_>, level: Level) -> (Subject<'static>, Option<Level>) {
        let spoken = Spoken { who, level };
        let mut record = log::Record::builder();
        let record = record.key_values(&spoken).build();
        let Heard { subject, level } = Heard::from(&record);
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
        let subject = Subject {
            client: owned(subject.client),
            server: owned(subject.server),
            user: owned(subject.user),
            database: owned(subject.database),
            address: owned(subject.address),
            port: owned(subject.port),
            host: owned(subject.host),
        };
        (subject, level)
    }

    #[test]
    fn what_is_said_is_heard() {
        let (client, server) = (ClientId::random(), ServerId::random());
        let who = Who {
            client: Some(client),
            server: Some(server),
            user: Some("app"),
            database: Some("db"),
            peer: Some(PeerAddr::Tcp("[::1]:5".parse().unwrap())),
            host: Some("pg1"),
        };
        let want = Subject {
            client: Some(client.to_string().into()),
            server: Some(server.to_string().into()),
            user: Some("app".into()),
            database: Some("db".into()),
            address: Some("::1".into()),
            port: Some("5".into()),
            host: Some("pg1".into()),
        };
        assert_eq!(heard(&who, Level::Info), (want, None));
        assert_eq!(heard(&Who::NOBODY, Level::Fatal), (Subject::default(), Some(Level::Fatal)));
    }

    #[test]
    fn peers() {
        let cases = [
            (PeerAddr::Tcp("10.0.0.1:6432".parse().unwrap()), Some(("10.0.0.1", "6432"))),
            (PeerAddr::Unix, Some(("<unix socket>", "-1"))),
            (PeerAddr::Unknown, None),
        ];
        for (peer, want) in cases {
            let (subject, _) = heard(&Who { peer: Some(peer), ..Who::NOBODY }, Level::Info);
            assert_eq!(subject.address.as_deref().zip(subject.port.as_deref()), want, "{peer}");
        }
    }

    #[test]
    fn contexts() {
        let cases = [
            ("startup", "startup"),
            ("machinarium::machine", "machine"),
            ("machinarium", "machine"),
            ("odyssey::client::startup", "startup"),
        ];
        for (target, want) in cases {
            assert_eq!(of_target(target), want);
        }
    }

    #[test]
    fn a_peers_text_stays_on_its_line() {
        assert_eq!(Printable("a\nb\u{1b}[2Jé\"'").to_string(), "a\\nb\\u{1b}[2Jé\"'");
    }
}
