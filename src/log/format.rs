//! `log_format`: how one event becomes one line. Pure.
//!
//! A format that contains `json` in any letter case writes JSON objects, see `json.rs`. Every other format
//! is text with flags:
//!
//! | flag | stands for |   | flag | stands for |
//! |---|---|---|---|---|
//! | `%n` | unix time in seconds | | `%c` | context |
//! | `%t` | UTC time, `2025-01-31T12:00:00Z` | | `%l` | level |
//! | `%e` | its milliseconds, 3 digits | | `%m` | message |
//! | `%p` | process id | | `%M` | message with TAB, LF, CR, NUL, `\`, `=` escaped |
//! | `%T` | thread id, `0x` and hexadecimal digits | | `%h` | client address |
//! | `%i` | client id | | `%r` | client port, `-1` on a unix socket |
//! | `%s` | server id | | `%H` | the storage's `host` as written |
//! | `%u` | client user | | `%x` | external id |
//! | `%d` | client database | | `%%` | a percent sign |
//!
//! A value that is not known is `none`; another letter behind `%` is kept as it stands. `\\`, `\n`, `\t`, `\r`
//! are one character each; another backslash pair is kept. A line that does not end in LF gets one.

use super::json;
use super::utc::{Utc, digits};
use std::borrow::Cow;
use std::time::SystemTime;

/// Longest message in bytes that is written whole; a longer one is cut there and ends in `...`. Long enough for
/// a query text at [`crate::base::limits::LOGGED_QUERY_BYTES`] with what is said about it.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// How much an event matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// The process ends because of it.
    Fatal,
    /// An operator must act.
    Error,
    /// Life of the process, its listeners, pools and sessions.
    Info,
    /// Detail for the one who asked for it.
    Debug,
}

impl Level {
    /// The word in a line. There is no word for warnings; they are errors here.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Fatal => "fatal",
            Level::Error => "error",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// Who an event is about, as text; what is not known is `None`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Subject<'a> {
    /// The client's name.
    pub client: Option<Cow<'a, str>>,
    /// The server's name.
    pub server: Option<Cow<'a, str>>,
    /// User of the client's startup packet.
    pub user: Option<Cow<'a, str>>,
    /// Database of the client's startup packet.
    pub database: Option<Cow<'a, str>>,
    /// The client's address without its port, `<unix socket>` for a unix socket.
    pub address: Option<Cow<'a, str>>,
    /// The client's port, `-1` for a unix socket.
    pub port: Option<Cow<'a, str>>,
    /// The storage's `host` as written.
    pub host: Option<Cow<'a, str>>,
}

/// One event, ready to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event<'a> {
    /// When.
    pub time: SystemTime,
    /// Our process id.
    pub pid: u32,
    /// Id of the thread that speaks.
    pub thread: u64,
    /// How much it matters.
    pub level: Level,
    /// Which part of the program speaks.
    pub context: &'a str,
    /// What happened.
    pub message: &'a str,
    /// To whom.
    pub subject: Subject<'a>,
}

/// A `log_format`, taken apart once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Format(Form);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Form {
    /// One JSON object per line.
    Json,
    /// Literal text and flags, in order.
    Text(Vec<Piece>),
}

/// A part of a text format.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    /// Written as it is.
    Literal(String),
    /// Filled in from the event.
    Flag(Flag),
}

/// What a flag stands for: the table at the top of this file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flag {
    Unix,
    Time,
    Millis,
    Pid,
    Thread,
    Client,
    Server,
    User,
    Database,
    Context,
    Level,
    Message,
    EscapedMessage,
    Address,
    Port,
    Host,
    External,
}

impl Flag {
    fn of(letter: char) -> Option<Flag> {
        Some(match letter {
            'n' => Flag::Unix,
            't' => Flag::Time,
            'e' => Flag::Millis,
            'p' => Flag::Pid,
            'T' => Flag::Thread,
            'i' => Flag::Client,
            's' => Flag::Server,
            'u' => Flag::User,
            'd' => Flag::Database,
            'c' => Flag::Context,
            'l' => Flag::Level,
            'm' => Flag::Message,
            'M' => Flag::EscapedMessage,
            'h' => Flag::Address,
            'r' => Flag::Port,
            'H' => Flag::Host,
            'x' => Flag::External,
            _ => return None,
        })
    }
}

impl Format {
    /// Takes a `log_format` apart. Every text is a format.
    pub fn parse(text: &str) -> Format {
        if text.to_ascii_lowercase().contains("json") {
            return Format(Form::Json);
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '%' => match chars.next() {
                    Some('%') => literal.push('%'),
                    Some(letter) => match Flag::of(letter) {
                        Some(flag) => {
                            if !literal.is_empty() {
                                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                            }
                            pieces.push(Piece::Flag(flag));
                        }
                        None => literal.extend(['%', letter]),
                    },
                    None => literal.push('%'),
                },
                '\\' => match chars.next() {
                    Some('\\') => literal.push('\\'),
                    Some('n') => literal.push('\n'),
                    Some('t') => literal.push('\t'),
                    Some('r') => literal.push('\r'),
                    Some(other) => literal.extend(['\\', other]),
                    None => literal.push('\\'),
                },
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Format(Form::Text(pieces))
    }

    /// The format that is used until the configuration names one.
    pub fn built_in() -> Format {
        Format::parse("%p %t %l (%c) %h %m\n")
    }

    /// Appends the event as one line, its LF included. An empty text format writes nothing.
    pub fn write(&self, out: &mut Vec<u8>, event: &Event<'_>) {
        match &self.0 {
            Form::Json => json::write(out, event),
            Form::Text(pieces) if pieces.is_empty() => {}
            Form::Text(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                        Piece::Flag(flag) => fill(out, *flag, event),
                    }
                }
                if out.last() != Some(&b'\n') {
                    out.push(b'\n');
                }
            }
        }
    }
}

fn fill(out: &mut Vec<u8>, flag: Flag, event: &Event<'_>) {
    let subject = &event.subject;
    let named = match flag {
        Flag::Unix => return digits(out, Utc::of(event.time).unix, 1),
        Flag::Time => return Utc::of(event.time).write(out),
        Flag::Millis => return digits(out, u64::from(Utc::of(event.time).millis), 3),
        Flag::Pid => return digits(out, u64::from(event.pid), 1),
        Flag::Thread => return out.extend_from_slice(format!("{:#x}", event.thread).as_bytes()),
        Flag::Context => return out.extend_from_slice(event.context.as_bytes()),
        Flag::Level => return out.extend_from_slice(event.level.as_str().as_bytes()),
        Flag::Message => return out.extend_from_slice(bounded(event.message).as_bytes()),
        Flag::EscapedMessage => return escape(out, &bounded(event.message)),
        Flag::Client => &subject.client,
        Flag::Server => &subject.server,
        Flag::User => &subject.user,
        Flag::Database => &subject.database,
        Flag::Address => &subject.address,
        Flag::Port => &subject.port,
        Flag::Host => &subject.host,
        // Nothing gives a client an external id yet.
        Flag::External => &None,
    };
    match named {
        // A name is the peer's text: a line break in it must not begin a line of its own.
        Some(name) if name.chars().any(char::is_control) => {
            out.extend_from_slice(name.escape_debug().to_string().as_bytes())
        }
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(b"none"),
    }
}

/// `%M`: for formats that separate fields by tabs and keys from values by `=`.
fn escape(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            0 => out.extend_from_slice(b"\\0"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'=' => out.extend_from_slice(b"\\="),
            other => out.push(other),
        }
    }
}

/// The message, or its first [`MESSAGE_BYTES_MAX`] bytes and three dots.
pub(super) fn bounded(message: &str) -> Cow<'_, str> {
    if message.len() <= MESSAGE_BYTES_MAX {
        return Cow::Borrowed(message);
    }
    let mut kept = String::with_capacity(MESSAGE_BYTES_MAX + 3);
    for c in message.chars() {
        if kept.len() + c.len_utf8() > MESSAGE_BYTES_MAX {
            break;
        }
        kept.push(c);
    }
    kept.push_str("...");
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn event(message: &str) -> Event<'_> {
        Event {
            time: UNIX_EPOCH + Duration::from_millis(1_735_689_600_042),
            pid: 4321,
            thread: 0xabc,
            level: Level::Info,
            context: "startup",
            message,
            subject: Subject::default(),
        }
    }

    fn line(format: &str, event: &Event<'_>) -> String {
        let mut out = Vec::new();
        Format::parse(format).write(&mut out, event);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn flags_of_an_event_about_nobody() {
        let cases = [
            ("%n", "1735689600\n"),
            ("%t", "2025-01-01T00:00:00Z\n"),
            ("%e", "042\n"),
            ("%p", "4321\n"),
            ("%T", "0xabc\n"),
            ("%i %s %u %d %h %r %H %x", "none none none none none none none none\n"),
            ("%c %l", "startup info\n"),
            ("%m", "a=b\tc\\\n"),
            ("%M", "a\\=b\\tc\\\\\n"),
            ("100%% %z %", "100% %z %\n"),
            ("a\\tb\\\\n\\q\\", "a\tb\\n\\q\\\n"),
            ("no end of line", "no end of line\n"),
            ("one end of line\\n", "one end of line\n"),
            ("one end of line\n", "one end of line\n"),
            ("", ""),
        ];
        for (format, want) in cases {
            assert_eq!(line(format, &event("a=b\tc\\")), want, "{format}");
        }
    }

    #[test]
    fn flags_of_an_event_about_a_client_and_a_server() {
        let mut event = event("hello");
        event.subject = Subject {
            client: Some("c0123456789ab".into()),
            server: Some("s0123456789ab".into()),
            user: Some("app".into()),
            database: Some("db".into()),
            address: Some("<unix socket>".into()),
            port: Some("-1".into()),
            host: Some("pg1,pg2".into()),
        };
        let cases = [
            (
                "%p %t %l [%i %s] (%c) %m\n",
                "4321 2025-01-01T00:00:00Z info [c0123456789ab s0123456789ab] (startup) hello\n",
            ),
            ("%u %d %h %r %H %x", "app db <unix socket> -1 pg1,pg2 none\n"),
            ("tskv\\ttimestamp=%t\\tmessage=%M\\n", "tskv\ttimestamp=2025-01-01T00:00:00Z\tmessage=hello\n"),
        ];
        for (format, want) in cases {
            assert_eq!(line(format, &event), want, "{format}");
        }
    }

    #[test]
    fn a_name_cannot_begin_a_line() {
        let mut event = event("hello");
        event.subject.user = Some("eve\n4321 fatal".into());
        assert_eq!(line("%u %m", &event), "eve\\n4321 fatal hello\n");
    }

    #[test]
    fn json_is_chosen_by_its_name_anywhere() {
        for (format, json) in [("json", true), ("%m Json", true), ("JSON", true), ("%m js on", false)] {
            assert_eq!(Format::parse(format) == Format(Form::Json), json, "{format}");
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters_and_keeps_its_line() {
        let long = format!("a{}", "é".repeat(MESSAGE_BYTES_MAX));
        for format in ["%m", "%M\n"] {
            let line = line(format, &event(&long));
            assert_eq!(line.len(), MESSAGE_BYTES_MAX - 1 + "...\n".len(), "{format}");
            assert!(line.ends_with("é...\n"), "{format}");
        }
        let longest = "x".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(line("%m", &event(&longest)), format!("{longest}\n"));
    }
}
