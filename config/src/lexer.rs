//! Bytes to tokens.
//!
//! The text is free-form: blanks and line ends only separate, `#` starts a comment, and the longest token wins
//! (`4k` is a size even in `4keepalive`). Bad input becomes an error token; whoever meets it reports it.

use std::sync::Arc;

use crate::options::keywords;
use crate::source::Position;

/// One piece of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// `{`
    Open,
    /// `}`
    Close,
    /// A word of the keyword table.
    Keyword(&'static str),
    /// Any other word.
    Ident(String),
    /// A quoted string, `\"` already replaced.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A number with a unit, in bytes.
    Size(i64),
    /// The text is over.
    End,
    /// Bytes that are no token: what to say, and what to do about it.
    Bad(String, Option<&'static str>),
}

impl Token {
    /// What an error message calls it.
    pub(crate) fn title(&self) -> &'static str {
        match self {
            Token::Open => "'{'",
            Token::Close => "'}'",
            Token::Keyword(word) => word,
            Token::Ident(_) => "IDENT",
            Token::Text(_) => "STRING",
            Token::Number(_) => "NUMBER",
            Token::Size(_) => "SIZE_NUMBER",
            Token::End => "end of file",
            Token::Bad(..) => "ERROR_TOKEN",
        }
    }
}

/// The bytes that `text` says as a number with or without a unit, and with nothing else around it.
pub(crate) fn size(text: &str) -> Option<i64> {
    let mut lexer = Lexer::new(&"".into(), text.as_bytes());
    match (lexer.next(), lexer.rest) {
        ((Token::Number(bytes) | Token::Size(bytes), Position { line: 1, col: 1, .. }), []) => Some(bytes),
        _ => None,
    }
}

/// Cuts one file into tokens.
pub(crate) struct Lexer<'t> {
    rest: &'t [u8],
    at: Position,
}

impl<'t> Lexer<'t> {
    /// Starts at the first byte of `text`; `file` names it in positions.
    pub(crate) fn new(file: &Arc<str>, text: &'t [u8]) -> Self {
        Lexer { rest: text, at: Position { file: file.clone(), line: 1, col: 1 } }
    }

    /// The next token and where it starts. At the end of the text, `End` again and again.
    pub(crate) fn next(&mut self) -> (Token, Position) {
        self.skip_blanks();
        let at = self.at.clone();
        let token = match self.rest {
            [] => Token::End,
            [b'{', ..] => self.take(1, Token::Open),
            [b'}', ..] => self.take(1, Token::Close),
            [b'"', ..] => self.text(),
            [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] => self.number(),
            [b'A'..=b'Z' | b'a'..=b'z' | b'_', ..] => self.word(),
            _ => self.stranger(),
        };
        (token, at)
    }

    fn skip_blanks(&mut self) {
        loop {
            let blanks = count(self.rest, |byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
            self.advance(blanks);
            match self.rest {
                [b'#', ..] => self.advance(count(self.rest, |byte| byte != b'\n')),
                _ => return,
            }
        }
    }

    fn text(&mut self) -> Token {
        let mut value = Vec::new();
        let mut body = self.rest.iter().copied().skip(1).peekable();
        let mut length = 1usize;
        let closed = loop {
            let Some(byte) = body.next() else { break false };
            length += 1;
            match byte {
                b'"' => break true,
                // The only escape. A backslash before anything else, also before a backslash, is itself.
                b'\\' if body.peek() == Some(&b'"') => {
                    body.next();
                    length += 1;
                    value.push(b'"');
                }
                other => value.push(other),
            }
        };
        self.advance(length);
        if !closed {
            let hint = "the string is never closed; inside a string \\\" is a quote and ends nothing";
            return Token::Bad("unexpected character '\"'".to_owned(), Some(hint));
        }
        if value.contains(&0) {
            return Token::Bad("string contains a zero byte".to_owned(), None);
        }
        match String::from_utf8(value) {
            Ok(value) => Token::Text(value),
            Err(_) => Token::Bad("string is not valid UTF-8".to_owned(), None),
        }
    }

    fn number(&mut self) -> Token {
        let (sign, digits) = match self.rest {
            [b'-', digits @ ..] => (1, digits),
            digits => (0, digits),
        };
        let length = sign + count(digits, |byte| byte.is_ascii_digit());
        let (number, after) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        let (unit, shift) = match after {
            [b'k' | b'K', b'b' | b'B', ..] => (2, Some(10)),
            [b'm' | b'M', b'b' | b'B', ..] => (2, Some(20)),
            [b'g' | b'G', b'b' | b'B', ..] => (2, Some(30)),
            [b'k' | b'K', ..] => (1, Some(10)),
            [b'm' | b'M', ..] => (1, Some(20)),
            [b'g' | b'G', ..] => (1, Some(30)),
            [b'b' | b'B', ..] => (1, Some(0)),
            _ => (0, None),
        };
        let value = std::str::from_utf8(number).ok().and_then(|digits| digits.parse::<i64>().ok());
        let token = match (value, shift) {
            (Some(value), None) => Some(Token::Number(value)),
            (Some(value), Some(shift)) => value.checked_mul(1i64 << shift).map(Token::Size),
            (None, _) => None,
        };
        self.advance(length + unit);
        token.unwrap_or_else(|| Token::Bad("number is out of range".to_owned(), None))
    }

    fn word(&mut self) -> Token {
        let length = count(self.rest, |byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let word = self.rest.get(..length).map(|word| String::from_utf8_lossy(word).into_owned());
        self.advance(length);
        let word = word.unwrap_or_default();
        match keywords::find(&word) {
            Some(keyword) => Token::Keyword(keyword),
            None => Token::Ident(word),
        }
    }

    /// A character no token starts with; one whole character where the text is UTF-8.
    fn stranger(&mut self) -> Token {
        let head = self.rest.get(..4.min(self.rest.len())).unwrap_or_default();
        let valid = match std::str::from_utf8(head) {
            Ok(text) => text,
            Err(error) => {
                let good = head.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(good).unwrap_or_default()
            }
        };
        let (shown, length) = match (valid.chars().next(), self.rest.first()) {
            (Some(char), _) if !char.is_control() => (char.to_string(), char.len_utf8()),
            (_, Some(byte)) => (format!("\\x{byte:02x}"), 1),
            (_, None) => (String::new(), 0),
        };
        self.take(length, Token::Bad(format!("unexpected character '{shown}'"), None))
    }

    fn take(&mut self, length: usize, token: Token) -> Token {
        self.advance(length);
        token
    }

    fn advance(&mut self, length: usize) {
        let (passed, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, &[]));
        for byte in passed {
            if *byte == b'\n' {
                self.at.line = self.at.line.saturating_add(1);
                self.at.col = 1;
            } else {
                self.at.col = self.at.col.saturating_add(1);
            }
        }
        self.rest = rest;
    }
}

fn count(bytes: &[u8], fits: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| fits(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &[u8]) -> Vec<(Token, u32, u32)> {
        let file: Arc<str> = "t".into();
        let mut lexer = Lexer::new(&file, text);
        let mut found = Vec::new();
        loop {
            let (token, at) = lexer.next();
            if token == Token::End {
                return found;
            }
            found.push((token, at.line, at.col));
        }
    }

    fn only(text: &str) -> Vec<Token> {
        tokens(text.as_bytes()).into_iter().map(|(token, ..)| token).collect()
    }

    #[test]
    fn tokens_need_no_blanks_between_them() {
        let text = "listen{port 6432}storage\"s\"";
        let want = vec![
            Token::Keyword("listen"),
            Token::Open,
            Token::Keyword("port"),
            Token::Number(6432),
            Token::Close,
            Token::Keyword("storage"),
            Token::Text("s".into()),
        ];
        assert_eq!(only(text), want);
        assert_eq!(only("4log_debug"), [Token::Number(4), Token::Keyword("log_debug")]);
    }

    #[test]
    fn numbers_and_sizes() {
        let cases = [
            ("-007", Token::Number(-7)),
            ("750MB", Token::Size(786_432_000)),
            ("1gB", Token::Size(1 << 30)),
            ("8k", Token::Size(8192)),
            ("5b", Token::Size(5)),
            ("9223372036854775807", Token::Number(i64::MAX)),
            ("9223372036854775808", Token::Bad("number is out of range".into(), None)),
            ("9223372036854775807k", Token::Bad("number is out of range".into(), None)),
        ];
        for (text, want) in cases {
            assert_eq!(only(text), [want], "{text}");
        }
        assert_eq!(only("1GiB"), [Token::Size(1 << 30), Token::Ident("iB".into())]);
    }

    #[test]
    fn a_size_stands_alone() {
        let cases = [
            ("2mb", Some(2 << 20)),
            ("-1", Some(-1)),
            ("5", Some(5)),
            ("", None),
            ("x", None),
            (" 2mb", None),
            ("2mb ", None),
            ("2 mb", None),
            ("1GiB", None),
        ];
        for (text, want) in cases {
            assert_eq!(size(text), want, "{text:?}");
        }
    }

    #[test]
    fn a_string_has_one_escape() {
        let cases = [
            (r#""""#, ""),
            (r#""a\n""#, "a\\n"),
            (r#""a\\b""#, "a\\\\b"),
            (r#""say \"hi\"""#, "say \"hi\""),
            ("\"two\nlines\"", "two\nlines"),
            ("\"a # b\"", "a # b"),
        ];
        for (text, want) in cases {
            assert_eq!(only(text), [Token::Text(want.into())], "{text}");
        }
    }

    #[test]
    fn what_is_no_token_says_so_once() {
        let cases: [(&[u8], &str); 6] = [
            (b"=", "unexpected character '='"),
            (b"\"open", "unexpected character '\"'"),
            (b"\"C:\\\"", "unexpected character '\"'"),
            (b"\x0c", "unexpected character '\\x0c'"),
            (b"\xff", "unexpected character '\\xff'"),
            (b"\"\xff\"", "string is not valid UTF-8"),
        ];
        for (text, want) in cases {
            let found = tokens(text);
            let [(Token::Bad(got, _), 1, 1)] = found.as_slice() else { panic!("{text:?}: {found:?}") };
            assert_eq!(got, want);
        }
    }

    #[test]
    fn positions_count_bytes_and_lines() {
        let found = tokens("# c\r# d\r\n\t\"a\nb\" {\n  é".as_bytes());
        let places: Vec<(u32, u32)> = found.iter().map(|(_, line, col)| (*line, *col)).collect();
        assert_eq!(places, [(2, 2), (3, 4), (4, 3)]);
    }
}
