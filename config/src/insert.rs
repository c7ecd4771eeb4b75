//! What every reader does with a directive or a section once it has understood it: the checks that need only the
//! table row and the block around it.

use crate::ast::{Block, Entry, Kind, Value};
use crate::diagnostic::Sink;
use crate::option::{Opt, Ty};
use crate::options::keywords;
use crate::source::Position;
use crate::value;

/// Puts a directive into its block, or reports why not; `value` has the shape of the row's type.
///
/// A number that is out of bounds is reported and kept, so that a second one is still a duplicate.
pub(crate) fn directive(block: &mut Block, row: &'static Opt, at: Position, value: Value, sink: &mut Sink) {
    match row.ty {
        Ty::DeprecatedInt | Ty::DeprecatedBool => {
            return sink.warning(&at, format!("option '{}' is deprecated and ignored", row.name));
        }
        Ty::Texts | Ty::TextsOrDefault => {}
        _ if block.entry(row).is_some() => {
            return sink.error(&at, format!("duplicate option '{}'", row.name));
        }
        _ => {}
    }
    if let Value::Number(number) = value
        && let Err(message) = value::check_number(row, number)
    {
        sink.error(&at, message);
    }
    if let (Ty::CountOrAuto, Value::Text(text)) = (row.ty, &value)
        && text != "auto"
    {
        let message = format!("'{text}' is invalid value for {}", row.name);
        sink.error_hint(&at, message, "expected a number or \"auto\"");
    }
    block.entries.push(Entry { opt: row, at, value });
}

/// Reports a section of this kind, opened by `word` at `at`, if `parent` has one that must stay alone.
pub(crate) fn check_alone(parent: &Block, kind: Kind, word: &str, at: &Position, sink: &mut Sink) {
    if kind.repeats() || parent.one(kind).is_none() {
        return;
    }
    let message = match kind {
        Kind::Watchdog => format!("redefinition of watchdog in storage '{}'", parent.text_name()),
        _ => format!("{word} is redefined"),
    };
    sink.error(at, message);
}

/// The hint for a word without a meaning; `also` are words that mean something besides the keywords.
pub(crate) fn unknown_word(word: &str, also: &[&'static str]) -> String {
    match keywords::nearest(word, also) {
        Some(near) => format!("unknown directive '{word}'; did you mean '{near}'?"),
        None => format!("unknown directive '{word}'"),
    }
}
