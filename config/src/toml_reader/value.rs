//! Single values of a document as values of the option tables.

use toml::de::{DeInteger, DeTable, DeValue};

use super::DEFAULT;
use crate::ast::Value;
use crate::lexer;
use crate::option::{Opt, Ty};

/// The value of the directive `row`; the error is the message to show.
pub(super) fn of(row: &Opt, value: &DeValue<'_>) -> Result<Value, String> {
    match (row.ty, value) {
        (Ty::Bool | Ty::DeprecatedBool, DeValue::Boolean(flag)) => Ok(Value::Flag(*flag)),
        (Ty::Int(_) | Ty::DeprecatedInt | Ty::Size | Ty::CountOrAuto, DeValue::Integer(digits)) => {
            number(digits)
        }
        (Ty::Size, DeValue::String(text)) => match lexer::size(text) {
            Some(bytes) => Ok(Value::Number(bytes)),
            None => Err(format!("value for '{}' must be {}, found {text:?}", row.name, SIZE)),
        },
        (Ty::Text | Ty::Secret | Ty::Texts | Ty::TextsOrDefault | Ty::CountOrAuto, DeValue::String(text)) => {
            checked_text(text).map(Value::Text)
        }
        (Ty::TextsOrDefault, DeValue::Table(table)) if is_default(table) => Ok(Value::Default),
        (Ty::Word(words), DeValue::String(text)) => match words.iter().find(|word| **word == *text) {
            Some(word) => Ok(Value::Word(word)),
            None => Err(not_a_word(row.name, words, text)),
        },
        (ty, other) => Err(mistyped(row.name, expected(ty), other)),
    }
}

const SIZE: &str = "an integer or a size such as \"2mb\"";

fn expected(ty: Ty) -> &'static str {
    match ty {
        Ty::Bool | Ty::DeprecatedBool => "a boolean",
        Ty::Int(_) | Ty::DeprecatedInt => "an integer",
        Ty::Size => SIZE,
        Ty::Text | Ty::Secret | Ty::Word(_) => "a string",
        Ty::Texts => "a string or an array of strings",
        Ty::TextsOrDefault => "a string, { default = true }, or an array of them",
        Ty::CountOrAuto => "an integer or \"auto\"",
    }
}

fn number(digits: &DeInteger<'_>) -> Result<Value, String> {
    let number = i64::from_str_radix(digits.as_str(), digits.radix());
    number.map(Value::Number).map_err(|_| "number is out of range".to_owned())
}

fn is_default(table: &DeTable<'_>) -> bool {
    let word = table.get(DEFAULT).map(|value| value.get_ref());
    table.len() == 1 && matches!(word, Some(DeValue::Boolean(true)))
}

/// Text without what no string of a configuration may hold; the error is the message to show.
pub(super) fn checked_text(text: &str) -> Result<String, String> {
    match text.contains('\0') {
        true => Err("string contains a zero byte".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// The message for a value of a wrong type. It does not show the value, which may be a secret.
pub(super) fn mistyped(name: &str, expected: &str, found: &DeValue<'_>) -> String {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    format!("value for '{name}' must be {expected}, found {found}")
}

/// The message for a string that is none of `words`.
pub(super) fn not_a_word(name: &str, words: &[&str], found: &str) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("value for '{name}' must be {}, found {found:?}", words.join(" or "))
}
