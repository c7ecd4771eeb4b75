//! The `options` startup parameter: command-line switches in one string.

use super::is_tracked;

/// Calls `each` with name and value of every `-c name=value` and `--name=value` whose name is
/// [tracked](is_tracked), in order; others are skipped.
///
/// White space separates tokens and a backslash takes the next byte as it is; `-` in a name stands for `_`.
/// Anything else ends the reading, and what came before it counts. Values have no limit but that of the startup
/// packet.
pub fn parse_options(text: &[u8], mut each: impl FnMut(&[u8], &[u8])) {
    let mut tokens = Tokens { rest: text };
    while let Some(token) = tokens.next() {
        let setting = match token.strip_prefix(b"--") {
            Some(setting) => Some(setting.to_vec()),
            None if token == b"-c" => tokens.next(),
            None => None,
        };
        let Some(setting) = setting else { return };
        let Some(split) = setting.iter().position(|byte| *byte == b'=') else { return };
        let (name, value) = setting.split_at(split);
        let value = value.strip_prefix(b"=").unwrap_or_default();
        let name: Vec<u8> = name.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect();
        if is_tracked(&name) {
            each(&name, value);
        }
    }
}

struct Tokens<'a> {
    rest: &'a [u8],
}

impl Iterator for Tokens<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.rest = self.rest.trim_ascii_start();
        if self.rest.is_empty() {
            return None;
        }
        let mut token = Vec::new();
        while let Some((&byte, behind)) = self.rest.split_first() {
            if byte.is_ascii_whitespace() {
                break;
            }
            self.rest = behind;
            if byte != b'\\' {
                token.push(byte);
            } else if let Some((&escaped, behind)) = behind.split_first() {
                token.push(escaped);
                self.rest = behind;
            }
        }
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        parse_options(text.as_bytes(), |name, value| {
            found.push(format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
        });
        found
    }

    #[test]
    fn the_grammar() {
        let long = format!("-c {}=1 -c role=2", "n".repeat(5000));
        let cases: [(&str, &[&str]); 13] = [
            ("", &[]),
            ("-c role=b", &["role=b"]),
            ("  -c\trole=b  --work-mem=e-f ", &["role=b", "work_mem=e-f"]),
            ("-c geqo=off -c search_path=x", &["search_path=x"]),
            (r"-c role=b\ c\\d --TimeZone=\'", &["role=b c\\d", "TimeZone='"]),
            ("-c role=", &["role="]),
            ("-c role=b=c", &["role=b=c"]),
            ("-crole=b -c work_mem=e", &[]),
            ("-c role=b stop -c work_mem=e", &["role=b"]),
            ("-c role=b -c", &["role=b"]),
            ("-c role=b --c -c work_mem=e", &["role=b"]),
            ("--=x --role=b\\", &["role=b"]),
            (&long, &["role=2"]),
        ];
        for (text, want) in cases {
            assert_eq!(read(text), want, "{text}");
        }
    }
}
