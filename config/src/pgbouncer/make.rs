//! Small steps of making blocks.

use crate::ast::{Block, BlockName, Entry, Kind, Value};
use crate::diagnostic::Sink;
use crate::option::Opt;
use crate::source::Position;
use crate::value::check_number;

/// A block with a quoted name.
pub(super) fn named(kind: Kind, name: &str, at: &Position) -> Block {
    let mut block = Block::new(kind, at.clone());
    block.name = BlockName::Text(name.to_owned());
    block
}

/// Adds a quoted string.
pub(super) fn text(block: &mut Block, opt: &'static Opt, text: &str, at: &Position) {
    put(block, opt, Value::Text(text.to_owned()), at);
}

/// Adds a switch.
pub(super) fn flag(block: &mut Block, opt: &'static Opt, flag: bool, at: &Position) {
    put(block, opt, Value::Flag(flag), at);
}

/// Adds a number; one the directive refuses is reported at `at`.
pub(super) fn number(block: &mut Block, opt: &'static Opt, number: i64, at: &Position, sink: &mut Sink) {
    block.entries.extend(checked(opt, Value::Number(number), at, sink));
}

/// An entry, unless it is a number the directive refuses, which is reported at `at`.
pub(super) fn checked(opt: &'static Opt, value: Value, at: &Position, sink: &mut Sink) -> Option<Entry> {
    if let Value::Number(number) = value
        && let Err(message) = check_number(opt, number)
    {
        sink.error(at, message);
        return None;
    }
    Some(Entry { opt, at: at.clone(), value })
}

/// The same entry once more.
pub(super) fn copy(entry: &Entry) -> Entry {
    Entry { opt: entry.opt, at: entry.at.clone(), value: entry.value.clone() }
}

/// Adds any value that needs no check.
pub(super) fn put(block: &mut Block, opt: &'static Opt, value: Value, at: &Position) {
    block.entries.push(Entry { opt, at: at.clone(), value });
}
