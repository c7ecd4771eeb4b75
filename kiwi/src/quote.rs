//! Putting names and values into SQL text.
//!
//! Text that is UTF-8 goes in as it is. Bytes that are not become `\xHH` escapes in literals and U+FFFD in
//! names, so the result is always a `String` that a server with any setting reads as meant.

use std::fmt::Write as _;

/// A value as `E'...'`: quotes doubled and backslashes doubled, so that it reads the same with
/// standard_conforming_strings on or off. Ends at the first zero byte.
#[must_use]
pub fn literal(value: &[u8]) -> String {
    let mut text = String::with_capacity(value.len() + 3);
    text.push_str("E'");
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    for chunk in value.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\'' || c == '\\' {
                text.push(c);
            }
            text.push(c);
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("a String takes everything");
        }
    }
    text.push('\'');
    text
}

/// A name as `"..."`: quotes doubled. Ends at the first zero byte.
#[must_use]
pub fn identifier(name: &[u8]) -> String {
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    format!("\"{}\"", String::from_utf8_lossy(name).replace('"', "\"\""))
}

/// The name of a setting: as it is when made of letters, digits, `_` and dots, else each part between dots as an
/// [`identifier`].
#[must_use]
pub fn parameter_name(name: &[u8]) -> String {
    let plain = |part: &[u8]| {
        part.first().is_some_and(|c| c.is_ascii_alphabetic() || *c == b'_')
            && part.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'_')
    };
    let parts = || name.split(|byte| *byte == b'.');
    if parts().all(plain) {
        String::from_utf8_lossy(name).into_owned()
    } else {
        parts().map(identifier).collect::<Vec<_>>().join(".")
    }
}

/// Settings whose value is a list of names. `SET name='a, b'` would make one name of it.
const LISTS: [&str; 6] = [
    "search_path",
    "temp_tablespaces",
    "session_preload_libraries",
    "local_preload_libraries",
    "shared_preload_libraries",
    "unix_socket_directories",
];

/// Whether this setting's value is a list of names, to be written with [`list`].
#[must_use]
pub fn is_list_setting(name: &[u8]) -> bool {
    LISTS.iter().any(|list| list.as_bytes().eq_ignore_ascii_case(name))
}

/// The value of a list setting, as SHOW and ParameterStatus give it (`"$user", public`), in the form SET takes:
/// every element an [`identifier`]. Unquoted elements fold to lower case, as the server does it. An empty value,
/// or one that is no list, becomes one [`literal`].
#[must_use]
pub fn list(value: &[u8]) -> String {
    match elements(value) {
        Some(elements) if !elements.is_empty() => {
            elements.iter().map(|element| identifier(element)).collect::<Vec<_>>().join(", ")
        }
        _ => literal(value),
    }
}

/// Splits a list at its commas; `None` for an empty element or an open quote.
fn elements(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = value.trim_ascii();
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let mut element = Vec::new();
        if let Some(mut quoted) = rest.strip_prefix(b"\"") {
            loop {
                let end = quoted.iter().position(|byte| *byte == b'"')?;
                element.extend_from_slice(quoted.get(..end)?);
                quoted = quoted.get(end + 1..)?;
                match quoted.strip_prefix(b"\"") {
                    Some(behind) => {
                        element.push(b'"');
                        quoted = behind;
                    }
                    None => break,
                }
            }
            rest = quoted;
        } else {
            let end = rest
                .iter()
                .position(|byte| *byte == b',' || byte.is_ascii_whitespace())
                .unwrap_or(rest.len());
            let (bare, behind) = rest.split_at(end);
            // A quote inside a bare element is nothing the server would write.
            if bare.contains(&b'"') {
                return None;
            }
            element = bare.to_ascii_lowercase();
            rest = behind;
        }
        if element.is_empty() {
            return None;
        }
        elements.push(element);
        rest = rest.trim_ascii_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(b",")?.trim_ascii_start();
            if rest.is_empty() {
                return None;
            }
        }
    }
    Some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        let cases: [(&[u8], &str); 6] = [
            (b"", "E''"),
            (b"a'b", "E'a''b'"),
            (b"a\\b", "E'a\\\\b'"),
            ("naïve".as_bytes(), "E'naïve'"),
            (b"\xff\xfe'", "E'\\xff\\xfe'''"),
            (b"a\0b", "E'a'"),
        ];
        for (value, want) in cases {
            assert_eq!(literal(value), want);
        }
    }

    #[test]
    fn names() {
        assert_eq!(identifier(b"a\"b"), "\"a\"\"b\"");
        let cases: [(&[u8], &str); 6] = [
            (b"DateStyle", "DateStyle"),
            (b"a.b_c", "a.b_c"),
            (b"a;b", "\"a;b\""),
            (b"a.b c", "\"a\".\"b c\""),
            (b"1a", "\"1a\""),
            (b"a\"=1;--", "\"a\"\"=1;--\""),
        ];
        for (name, want) in cases {
            assert_eq!(parameter_name(name), want);
        }
    }

    #[test]
    fn lists() {
        let cases = [
            ("public", "\"public\""),
            ("\"$user\", public", "\"$user\", \"public\""),
            ("A,\"B\"\"c, d\" , e", "\"a\", \"B\"\"c, d\", \"e\""),
            ("", "E''"),
            ("\"\"", "E'\"\"'"),
            ("a,", "E'a,'"),
            ("a,,b", "E'a,,b'"),
            ("\"a", "E'\"a'"),
            ("a b", "E'a b'"),
            ("a';drop", "\"a';drop\""),
        ];
        for (value, want) in cases {
            assert_eq!(list(value.as_bytes()), want, "{value}");
        }
    }
}
