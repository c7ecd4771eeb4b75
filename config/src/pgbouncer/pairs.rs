//! Connection strings: `key=value` pairs, the values of `[databases]`, `[users]` and `auth_ldap_options`.
//!
//! Blanks separate pairs and may stand around `=`. A value with blanks stands in quotes, and a quote within it
//! is written twice.

use super::report::Cx;
use super::settings::{Setting, Settings};

/// Reads the pairs of `line`, quoted with `quote`. What cannot be read is reported and ends the reading.
pub(super) fn read(line: &Setting, quote: char, cx: &mut Cx<'_>) -> Settings {
    let mut settings = Settings::default();
    let mut rest = line.value.trim_start();
    while !rest.is_empty() {
        match pair(rest, quote) {
            Ok((name, value, tail)) => {
                let setting = Setting { name: name.to_owned(), value, at: line.at.clone() };
                if let Some(old) = settings.put(setting) {
                    cx.note(
                        &old.at,
                        &format!("{}: {}", line.name, old.name),
                        "written twice, the later counts",
                    );
                }
                rest = tail.trim_start();
            }
            Err(message) => {
                cx.sink.error(&line.at, format!("{}: {message}", line.name));
                break;
            }
        }
    }
    settings
}

/// The first pair of `text` and what follows it.
fn pair(text: &str, quote: char) -> Result<(&str, String, &str), String> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end).unwrap_or((text, ""));
    if name.is_empty() {
        return Err(format!("expected 'key=value', found '{text}'"));
    }
    let Some(rest) = rest.trim_start().strip_prefix('=') else {
        return Err(format!("expected '=' behind '{name}'"));
    };
    let rest = rest.trim_start();
    let Some(quoted) = rest.strip_prefix(quote) else {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (value, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        return Ok((name, value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let Some((head, tail)) = rest.split_once(quote) else {
            return Err(format!("the quote of '{name}' is not closed"));
        };
        value.push_str(head);
        match tail.strip_prefix(quote) {
            Some(tail) => {
                value.push(quote);
                rest = tail;
            }
            None => return Ok((name, value, tail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_be_quoted() {
        let cases = [
            ("a=b c=d", Ok(("a", "b", " c=d"))),
            ("a = b", Ok(("a", "b", ""))),
            ("a='b c' d=e", Ok(("a", "b c", " d=e"))),
            ("a='it''s'", Ok(("a", "it's", ""))),
            ("a=''", Ok(("a", "", ""))),
            ("a=", Ok(("a", "", ""))),
            ("a='b", Err("the quote of 'a' is not closed")),
            ("a b=c", Err("expected '=' behind 'a'")),
            ("=c", Err("expected 'key=value', found '=c'")),
        ];
        for (text, want) in cases {
            let want = want.map(|(name, value, rest)| (name, value.to_owned(), rest)).map_err(str::to_owned);
            assert_eq!(pair(text, '\''), want, "{text}");
        }
    }
}
