//! The file of `auth_file`: `"user" "secret"` lines.

use std::sync::Arc;

use super::ini::quoted;
use super::report::Cx;
use super::settings::{Setting, Settings};
use crate::source::{Position, system_text};

/// What a secret is, as far as it matters for how it can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretKind {
    /// No password is right.
    Empty,
    Plain,
    /// `md5` and 32 hexadecimal digits.
    Md5,
    /// `SCRAM-SHA-256$...`
    Scram,
}

/// Recognises a secret by its beginning.
pub(super) fn kind(secret: &str) -> SecretKind {
    let hash = |hex: &str| hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    match secret {
        "" => SecretKind::Empty,
        secret if secret.strip_prefix("md5").is_some_and(hash) => SecretKind::Md5,
        secret if secret.starts_with("SCRAM-SHA-256$") => SecretKind::Scram,
        _ => SecretKind::Plain,
    }
}

/// Reads the users of the file that `auth_file` names; each setting is a user with its secret.
///
/// Of a user written twice the later line counts.
pub(super) fn read(auth_file: &Setting, cx: &mut Cx<'_>) -> Settings {
    let mut users = Settings::default();
    let path = auth_file.value.as_str();
    let bytes = match cx.loader.load(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("failed to open auth_file '{path}': {}", system_text(&error));
            cx.sink.error(&auth_file.at, message);
            return users;
        }
    };
    let file: Arc<str> = path.into();
    for (number, bytes) in (1u32..).zip(bytes.split(|byte| *byte == b'\n')) {
        let at = Position { file: file.clone(), line: number, col: 1 };
        let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')) else {
            cx.sink.error(&at, "the line is not valid UTF-8 text");
            continue;
        };
        let text = text.trim();
        if text.is_empty() || text.starts_with(';') {
            continue;
        }
        match line(text) {
            Some((name, value)) => {
                if let Some(old) = users.put(Setting { name, value, at }) {
                    cx.note(
                        &old.at,
                        &format!("\"{}\"", old.name),
                        "the user is listed again, the later line counts",
                    );
                }
            }
            None => cx.sink.error(&at, "expected '\"user\" \"secret\"'"),
        }
        if cx.sink.is_full() {
            break;
        }
    }
    users
}

/// The first two fields of a line; what follows them is passed over.
fn line(text: &str) -> Option<(String, String)> {
    let (user, rest) = quoted(text.strip_prefix('"')?)?;
    let (secret, _) = quoted(rest.trim_start().strip_prefix('"')?)?;
    (!user.is_empty()).then_some((user, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_apart() {
        let cases = [
            ("", SecretKind::Empty),
            ("md5", SecretKind::Plain),
            ("md545f2603610af569b6155c45067268c6b", SecretKind::Md5),
            ("md5z5f2603610af569b6155c45067268c6b", SecretKind::Plain),
            ("SCRAM-SHA-256$4096:c2FsdA==$a:b", SecretKind::Scram),
            ("word", SecretKind::Plain),
        ];
        for (secret, want) in cases {
            assert_eq!(kind(secret), want, "{secret}");
        }
    }

    #[test]
    fn lines_have_two_quoted_fields() {
        let cases = [
            ("\"a\" \"b\"", Some(("a", "b"))),
            ("\"a\"\"\"  \"b\"\"c\" trailing", Some(("a\"", "b\"c"))),
            ("\"a\"\"b\"", None),
            ("a b", None),
            ("\"a\"", None),
            ("\"\" \"b\"", None),
        ];
        for (text, want) in cases {
            let want = want.map(|(user, secret)| (user.to_owned(), secret.to_owned()));
            assert_eq!(line(text), want, "{text}");
        }
    }
}
