//! pgbouncer.ini as written: sections of `name = value` lines, with line numbers and includes expanded.
//!
//! `;` and `#` start a comment only at the start of a line, as in PgBouncer; a value reaches to the end of its
//! line. Of a setting written twice the later one counts.

use std::sync::Arc;

use super::report::Cx;
use super::settings::{Setting, Settings};
use crate::source::{INCLUDE_DEPTH_MAX, INCLUDES_MAX, Position, system_text};

/// What the file says, section by section.
#[derive(Debug, Default)]
pub(super) struct Ini {
    /// `[pgbouncer]`
    pub(super) pgbouncer: Settings,
    /// `[databases]`: names with connection strings.
    pub(super) databases: Settings,
    /// `[users]`: names with settings.
    pub(super) users: Settings,
    /// `[peers]`: numbers with connection strings.
    pub(super) peers: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Pgbouncer,
    Databases,
    Users,
    Peers,
    /// Unknown and already reported: what stands in it is passed over.
    Unknown,
}

/// Reads `entry` and what it includes. Problems go to the sink, lines that do not count to the notes.
pub(super) fn read(entry: &str, cx: &mut Cx<'_>) -> Ini {
    let mut reader = Reader { ini: Ini::default(), section: None, files: 0 };
    reader.file(entry, &Position::start_of(entry), 0, cx);
    reader.ini
}

struct Reader {
    ini: Ini,
    section: Option<Section>,
    files: usize,
}

impl Reader {
    /// Reads the file `path`, named at `by`.
    fn file(&mut self, path: &str, by: &Position, depth: u32, cx: &mut Cx<'_>) {
        self.files = self.files.saturating_add(1);
        if depth > INCLUDE_DEPTH_MAX || self.files > INCLUDES_MAX {
            cx.sink.error(by, format!("%include \"{path}\": too many files include each other"));
            return;
        }
        let bytes = match cx.loader.load(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("failed to open config file '{path}': {}", system_text(&error));
                return cx.sink.error(by, message);
            }
        };
        let file: Arc<str> = path.into();
        for (line, bytes) in (1u32..).zip(bytes.split(|byte| *byte == b'\n')) {
            let at = Position { file: file.clone(), line, col: 1 };
            match std::str::from_utf8(bytes) {
                Ok(text) if !text.contains('\0') => self.line(text.trim(), &at, depth, cx),
                _ => cx.sink.error(&at, "the line is not valid UTF-8 text"),
            }
            if cx.sink.is_full() {
                return;
            }
        }
    }

    fn line(&mut self, line: &str, at: &Position, depth: u32, cx: &mut Cx<'_>) {
        if line.is_empty() || line.starts_with([';', '#']) {
            return;
        }
        if let Some(directive) = line.strip_prefix('%') {
            return match directive.strip_prefix("include").filter(|rest| rest.starts_with([' ', '\t'])) {
                Some(path) => self.file(path.trim(), at, depth.saturating_add(1), cx),
                None => cx.sink.error(at, format!("unknown directive '{line}', only %include is known")),
            };
        }
        if let Some(rest) = line.strip_prefix('[') {
            return self.header(rest, at, cx);
        }
        let Some((name, value)) = pair(line) else {
            return cx.sink.error(at, "expected 'name = value', '[section]' or a comment");
        };
        let setting = Setting { name, value: value.to_owned(), at: at.clone() };
        let settings = match self.section {
            Some(Section::Pgbouncer) => &mut self.ini.pgbouncer,
            Some(Section::Databases) => &mut self.ini.databases,
            Some(Section::Users) => &mut self.ini.users,
            Some(Section::Peers) => &mut self.ini.peers,
            Some(Section::Unknown) => return,
            None => return cx.sink.error(at, format!("'{}' stands before the first section", setting.name)),
        };
        if let Some(old) = settings.put(setting) {
            cx.note(&old.at, &old.name, format!("written again at {}:{}, which counts", at.file, at.line));
        }
    }

    fn header(&mut self, rest: &str, at: &Position, cx: &mut Cx<'_>) {
        let Some(name) = rest.strip_suffix(']') else {
            self.section = Some(Section::Unknown);
            return cx.sink.error(at, "expected ']' at the end of the section's name");
        };
        self.section = Some(match name.trim() {
            "pgbouncer" => Section::Pgbouncer,
            "databases" => Section::Databases,
            "users" => Section::Users,
            "peers" => Section::Peers,
            name => {
                cx.note(at, &format!("[{name}]"), "unknown section, not converted");
                Section::Unknown
            }
        });
    }
}

/// Cuts a line into name and value. A name may be quoted like an SQL identifier.
fn pair(line: &str) -> Option<(String, &str)> {
    let (name, rest) = match line.strip_prefix('"') {
        Some(rest) => quoted(rest)?,
        None => {
            let end = line.find(|c: char| c == '=' || c.is_whitespace())?;
            let (name, rest) = line.split_at_checked(end)?;
            (name.to_owned(), rest)
        }
    };
    let value = rest.trim_start().strip_prefix('=')?;
    (!name.is_empty()).then_some((name, value.trim()))
}

/// The text up to the closing quote, where `""` stands for one quote, and what follows the quote.
///
/// `text` begins behind the opening quote. `None` when nothing closes it.
pub(super) fn quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (head, tail) = rest.split_once('"')?;
        name.push_str(head);
        match tail.strip_prefix('"') {
            Some(tail) => {
                name.push('"');
                rest = tail;
            }
            None => return Some((name, tail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_at_the_first_equals_sign() {
        let cases: [(&str, Option<(&str, &str)>); 8] = [
            ("a=b", Some(("a", "b"))),
            ("a = b = c ; d", Some(("a", "b = c ; d"))),
            ("a =", Some(("a", ""))),
            ("* = host=h", Some(("*", "host=h"))),
            ("\"a b\"\"c\" = x", Some(("a b\"c", "x"))),
            ("\"a = x", None),
            ("a b = c", None),
            ("= c", None),
        ];
        for (line, want) in cases {
            assert_eq!(pair(line), want.map(|(name, value)| (name.to_owned(), value)), "{line}");
        }
    }
}
