//! Settings as written, found by name and read as numbers, switches and times.

use std::collections::BTreeMap;

use super::report::Cx;
use crate::source::Position;

/// One `name = value`, of a section or within a connection string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    /// The line it stands on.
    pub(super) at: Position,
}

/// Settings by name, in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    list: Vec<Setting>,
    by_name: BTreeMap<String, usize>,
}

impl Settings {
    /// Adds a setting. One of the same name is replaced, keeps its place and is returned.
    pub(super) fn put(&mut self, setting: Setting) -> Option<Setting> {
        if let Some(old) = self.by_name.get(&setting.name).and_then(|index| self.list.get_mut(*index)) {
            return Some(std::mem::replace(old, setting));
        }
        self.by_name.insert(setting.name.clone(), self.list.len());
        self.list.push(setting);
        None
    }

    /// Every setting, in the order of the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.list.iter()
    }

    /// The setting `name`, if written.
    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        self.by_name.get(name).and_then(|index| self.list.get(*index))
    }

    /// Its text, if it is written and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|setting| setting.value.as_str()).filter(|text| !text.is_empty())
    }

    /// Its value as a whole number; any other text is reported.
    pub(super) fn number(&self, name: &str, cx: &mut Cx<'_>) -> Option<i64> {
        self.read(name, "a whole number", |text| text.parse().ok(), cx)
    }

    /// Its value as a switch; any other text is reported.
    pub(super) fn flag(&self, name: &str, cx: &mut Cx<'_>) -> Option<bool> {
        self.read(name, "0 or 1", flag, cx)
    }

    /// Its value as milliseconds, rounded up; any other text is reported.
    pub(super) fn millis(&self, name: &str, cx: &mut Cx<'_>) -> Option<i64> {
        self.read(name, "a number of seconds", |text| Some(micros(text)?.div_ceil(1000)), cx)
            .map(|ms| i64::try_from(ms).unwrap_or(i64::MAX))
    }

    /// Its value as seconds, rounded up; any other text is reported.
    pub(super) fn seconds(&self, name: &str, cx: &mut Cx<'_>) -> Option<i64> {
        self.read(name, "a number of seconds", |text| Some(micros(text)?.div_ceil(MICROS)), cx)
            .map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    fn read<T>(
        &self,
        name: &str,
        expected: &str,
        from: impl Fn(&str) -> Option<T>,
        cx: &mut Cx<'_>,
    ) -> Option<T> {
        let setting = self.get(name)?;
        let value = from(setting.value.trim());
        if value.is_none() {
            let message = format!("{name}: expected {expected}, found '{}'", setting.value);
            cx.sink.error(&setting.at, message);
        }
        value
    }
}

/// Microseconds of a second.
const MICROS: u64 = 1_000_000;

/// A switch: a number that is zero or not, or a word for it.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" => Some(true),
        "no" | "off" | "false" => Some(false),
        text => text.parse::<i64>().ok().map(|number| number != 0),
    }
}

/// Seconds with an optional fraction, or a number with one of the units PostgreSQL knows, in microseconds.
fn micros(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let unit: u64 = match unit.trim_start() {
        "us" => 1,
        "ms" => 1000,
        "" | "s" => MICROS,
        "min" => 60 * MICROS,
        "h" => 3600 * MICROS,
        "d" => 86_400 * MICROS,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if !number.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = |text: &str| if text.is_empty() { Some(0) } else { text.parse::<u64>().ok() };
    // Six digits are all that a fraction of a second needs; the rest would be less than a microsecond.
    let fraction: String = fraction.chars().take(6).collect();
    let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part = digits(&fraction)?.checked_mul(unit)?.checked_div(scale)?;
    digits(whole)?.checked_mul(unit)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_fractions_and_units() {
        let cases = [
            ("0", Some(0)),
            ("15", Some(15 * MICROS)),
            ("5.0", Some(5 * MICROS)),
            (".5", Some(500_000)),
            ("1.", Some(MICROS)),
            ("0.0000019", Some(1)),
            ("250ms", Some(250_000)),
            ("1.5 h", Some(5400 * MICROS)),
            ("2d", Some(172_800 * MICROS)),
            ("", None),
            (".", None),
            ("1.2.3", None),
            ("-1", None),
            ("1 week", None),
            ("99999999999999999999", None),
            ("18446744073709551615", None),
        ];
        for (text, want) in cases {
            assert_eq!(micros(text), want, "{text}");
        }
    }

    #[test]
    fn switches_are_numbers_or_words() {
        let cases =
            [("0", Some(false)), ("1", Some(true)), ("Yes", Some(true)), ("off", Some(false)), ("", None)];
        for (text, want) in cases {
            assert_eq!(flag(text), want, "{text}");
        }
    }
}
