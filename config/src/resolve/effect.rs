//! What the file asks for and this release does not do.

use super::Cx;
use crate::ast::{Block, Entry, Kind, Value};
use crate::model::NotEffective;
use crate::option::Effect;
use crate::options::rule;
use crate::options::values::{self, ValueRow};
use crate::source::Position;

/// Walks the file and records every directive without effect.
pub(super) fn collect(block: &Block, cx: &mut Cx<'_>) {
    let usage = match block.kind {
        Kind::Group => Some(&values::GROUP),
        Kind::Watchdog => Some(&values::WATCHDOG),
        Kind::BalancingMethod => Some(&values::BALANCING_METHOD),
        Kind::Options if !block.pairs.is_empty() => Some(&values::OPTIONS),
        Kind::BackendOptions if !block.pairs.is_empty() => Some(&values::BACKEND_STARTUP_OPTIONS),
        _ => None,
    };
    if let Some(row) = usage {
        note_value(row, &block.at, cx);
    }
    for entry in &block.entries {
        entry_effect(entry, cx);
    }
    for child in &block.blocks {
        collect(child, cx);
    }
}

/// Records the use of a value, if it has no effect.
pub(super) fn note_value(row: &ValueRow, at: &Position, cx: &mut Cx<'_>) {
    if let Some(why) = row.not_yet {
        cx.not_effective.push(NotEffective { name: row.name.to_owned(), at: at.clone(), why });
    }
}

fn entry_effect(entry: &Entry, cx: &mut Cx<'_>) {
    match entry.opt.effect {
        Effect::NotYet(why) if !is_off(&entry.value) => {
            cx.not_effective.push(NotEffective {
                name: entry.opt.name.to_owned(),
                at: entry.at.clone(),
                why,
            });
        }
        Effect::Ignored(why) => {
            cx.notes.push(format!("{}: '{}' has no effect: {why}", entry.at, entry.opt.name));
        }
        Effect::NotYet(_) | Effect::Full => {}
    }
    if entry.opt.name == rule::AUTHENTICATION.name {
        match &entry.value {
            Value::Text(method) if method == "cert" => note_value(&values::AUTH_CERT, &entry.at, cx),
            Value::Text(method) if method == "external" => note_value(&values::AUTH_EXTERNAL, &entry.at, cx),
            _ => {}
        }
    }
}

/// Whether the value asks for nothing, so that doing nothing is what was asked for.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Flag(flag) => !flag,
        Value::Number(number) => *number == 0,
        Value::Text(text) => matches!(text.as_str(), "" | "disable" | "off" | "any"),
        Value::Word(word) => *word == "disabled",
        Value::Default => false,
    }
}
