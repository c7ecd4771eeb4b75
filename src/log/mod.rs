//! The log: [`event`] and the macros `log_info!`, `log_error!`, `log_debug!`, `log_fatal!` speak, a writer thread
//! writes.
//!
//! [`install`] comes first in `main`; from then on lines go to standard output in the built-in format. When the
//! configuration is known (and the process has forked, if it will), [`configure`] starts the writer.

pub mod config;
pub mod context;
pub mod format;
mod json;
mod sink;
mod syslog;
mod utc;

pub use crate::{log_debug, log_error, log_fatal, log_info};
pub use context::{Printable, Who, event};
pub use format::Level;
pub use log::LevelFilter;
pub use sink::{Delivery, Guard, LogHandle, OpenFault, Output, Stuck};
pub use syslog::{Facility, SyslogSettings};

use context::{Heard, of_target};
use format::{Format, MESSAGE_BYTES_MAX};
use odyssey_config::{Global, SyslogFacility};
use sink::{Feed, spoken_here};
use std::borrow::Cow;
use std::fmt;
use std::io::Write;
use std::sync::OnceLock;

/// What the configuration says about the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// `log_format`.
    pub format: Format,
    /// `Info`, or `Debug` with `log_debug`.
    pub level: LevelFilter,
    /// Each gets every line. None at all: nothing is written.
    pub outputs: Vec<Output>,
    /// `log_async` and `log_queue_depth`.
    pub delivery: Delivery,
}

impl From<&Global> for Settings {
    fn from(global: &Global) -> Settings {
        let mut outputs = Vec::new();
        if let Some(path) = &global.log_file {
            outputs.push(Output::File(path.into()));
        }
        if global.log_to_stdout {
            outputs.push(Output::Stdout);
        }
        if global.log_syslog {
            // Numbers of openlog(3), as RFC 3164 lists them.
            let facility = match global.log_syslog_facility {
                SyslogFacility::User => Facility(1),
                SyslogFacility::Daemon => Facility(3),
                SyslogFacility::Local(number) => Facility(16 + number.min(7)),
            };
            let ident = global.log_syslog_ident.clone().unwrap_or_else(|| "odyssey".into());
            outputs.push(Output::Syslog(SyslogSettings { ident, facility }));
        }
        let depth = usize::try_from(global.log_queue_depth).unwrap_or(usize::MAX);
        Settings {
            format: Format::parse(&global.log_format),
            level: level(global),
            outputs,
            delivery: if global.log_async { Delivery::Queued(depth) } else { Delivery::Awaited },
        }
    }
}

/// The level `log_debug` asks for; hand it to [`set_level`] when a reload changed it.
pub fn level(global: &Global) -> LevelFilter {
    if global.log_debug { LevelFilter::Debug } else { LevelFilter::Info }
}

/// The process's logger: set up once, before the machines start.
struct Daemon {
    built_in: OnceLock<Format>,
    configured: OnceLock<Configured>,
}

struct Configured {
    format: Format,
    /// `None` when there is no output.
    feed: Option<Feed>,
}

static DAEMON: Daemon = Daemon { built_in: OnceLock::new(), configured: OnceLock::new() };

/// Makes this module the process's logger: informational lines to standard output in the built-in format. Does
/// nothing in a process that has a logger already, so that a test may bring its own.
pub fn install() {
    if log::set_logger(&DAEMON).is_ok() {
        set_level(LevelFilter::Info);
    }
}

/// Lines below this level are not even formatted.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// Opens the outputs and starts the writer; call it once, after the process forked. The handle and the guard
/// work on the writer of this call. In a process that did so before, as tests with several poolers do, lines keep
/// going where the first call sent them.
///
/// Errors: the log file cannot be opened; then lines keep going to standard output.
pub fn configure(settings: Settings) -> Result<(LogHandle, Guard), OpenFault> {
    let (feed, guard) = sink::start(&settings.outputs, settings.delivery, settings.format.clone())?;
    let handle = LogHandle(feed.clone());
    let feed = Some(feed).filter(|_| !settings.outputs.is_empty());
    if DAEMON.configured.set(Configured { format: settings.format, feed }).is_ok() {
        set_level(settings.level);
    }
    Ok((handle, guard))
}

impl log::Log for Daemon {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && self.configured.get().is_none_or(|c| c.feed.is_some())
    }

    fn log(&self, record: &log::Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let heard = Heard::from(record);
        let level = heard.level.unwrap_or_else(|| of_facade(record.level()));
        let message = bounded_text(*record.args());
        let event = spoken_here(level, of_target(record.target()), &message, heard.subject);
        let mut line = Vec::with_capacity(message.len() + 128);
        match self.configured.get() {
            Some(Configured { format, feed: Some(feed) }) => {
                format.write(&mut line, &event);
                feed.line(level, line);
            }
            Some(Configured { feed: None, .. }) => {}
            None => {
                self.built_in.get_or_init(Format::built_in).write(&mut line, &event);
                let mut stdout = std::io::stdout().lock();
                // Standard output may be closed; there is nobody else to tell.
                let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
            }
        }
    }

    fn flush(&self) {
        if let Some(Configured { feed: Some(feed), .. }) = self.configured.get() {
            feed.flush();
        }
    }
}

fn of_facade(level: log::Level) -> Level {
    match level {
        log::Level::Error | log::Level::Warn => Level::Error,
        log::Level::Info => Level::Info,
        log::Level::Debug | log::Level::Trace => Level::Debug,
    }
}

/// The text, or somewhat more of it than [`MESSAGE_BYTES_MAX`]: the format cuts it and marks the cut.
fn bounded_text(args: fmt::Arguments<'_>) -> Cow<'static, str> {
    struct Bounded(String);

    impl fmt::Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let mut end = text.len().min((MESSAGE_BYTES_MAX + 4).saturating_sub(self.0.len()));
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            self.0.push_str(text.get(..end).unwrap_or_default());
            if end == text.len() { Ok(()) } else { Err(fmt::Error) }
        }
    }

    match args.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => {
            let mut bounded = Bounded(String::new());
            // An error says that the bound was reached, or that a Display of ours gave up: the rest is missing.
            let _ = fmt::write(&mut bounded, args);
            Cow::Owned(bounded.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_collected_up_to_its_bound() {
        let word = "é".repeat(MESSAGE_BYTES_MAX);
        let text = bounded_text(format_args!("a{word}{word}"));
        assert!(text.len() > MESSAGE_BYTES_MAX && text.len() <= MESSAGE_BYTES_MAX + 4, "{}", text.len());
        assert_eq!(bounded_text(format_args!("{}-{}", 1, 2)), "1-2");
        assert!(matches!(bounded_text(format_args!("plain")), Cow::Borrowed("plain")));
    }

    #[test]
    fn levels_of_other_crates() {
        let cases = [
            (log::Level::Error, Level::Error),
            (log::Level::Warn, Level::Error),
            (log::Level::Info, Level::Info),
            (log::Level::Debug, Level::Debug),
        ];
        for (theirs, ours) in cases {
            assert_eq!(of_facade(theirs), ours);
        }
    }

    #[test]
    fn a_record_becomes_a_line() {
        let path = std::env::temp_dir().join(format!("odyssey-log-record-{}", std::process::id()));
        let format = Format::parse("%l [%i %s] (%c) %u@%d %h:%r %m");
        let (feed, guard) =
            sink::start(&[Output::File(path.clone())], Delivery::Queued(8), format.clone()).unwrap();
        let daemon = Daemon { built_in: OnceLock::new(), configured: OnceLock::new() };
        assert!(daemon.configured.set(Configured { format, feed: Some(feed) }).is_ok());
        log::set_max_level(LevelFilter::Info);

        let id = "c0123456789ab".parse().unwrap();
        let peer = Some(machinarium::net::addr::PeerAddr::Unix);
        let who = Who { user: Some("app"), database: Some("db"), peer, ..Who::client(id) };
        context::say(&daemon, Level::Info, "startup", &who, format_args!("hello {}", 1));
        context::say(&daemon, Level::Fatal, "init", &Who::NOBODY, format_args!("over"));
        context::say(&daemon, Level::Debug, "query", &who, format_args!("nobody asked"));
        let plain = log::Record::builder()
            .level(log::Level::Warn)
            .target("machinarium::machine")
            .args(format_args!("careful"))
            .build();
        log::Log::log(&daemon, &plain);
        drop(guard);

        let want = "info [c0123456789ab none] (startup) app@db <unix socket>:-1 hello 1\n\
                    fatal [none none] (init) none@none none:none over\n\
                    error [none none] (machine) none@none none:none careful\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), want);
        std::fs::remove_file(&path).unwrap();
    }
}
