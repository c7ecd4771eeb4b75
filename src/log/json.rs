//! The JSON form of a log line. Pure.
//!
//! ```text
//! {"timestamp":"..","pid":"..","tid":"0x..","level":"..","context":"..","message":".."
//!  [,"client":{"id","ip","port","user","database","server_host"}] [,"server":{"id"}]}
//! ```
//!
//! Keys come in this order, every value is a string, nothing separates the parts, and only what is known is
//! there. Each line is one complete object whatever its texts hold.

use super::format::{Event, bounded};
use super::utc::Utc;

/// Appends the event as one object and LF.
pub(super) fn write(out: &mut Vec<u8>, event: &Event<'_>) {
    out.extend_from_slice(b"{\"timestamp\":\"");
    Utc::of(event.time).write(out);
    out.push(b'"');
    pair(out, "pid", &event.pid.to_string());
    pair(out, "tid", &format!("{:#x}", event.thread));
    pair(out, "level", event.level.as_str());
    pair(out, "context", event.context);
    pair(out, "message", &bounded(event.message));
    let subject = &event.subject;
    if subject.client.is_some() || subject.address.is_some() {
        let parts = [
            ("id", &subject.client),
            ("ip", &subject.address),
            ("port", &subject.port),
            ("user", &subject.user),
            ("database", &subject.database),
            ("server_host", &subject.host),
        ];
        out.extend_from_slice(b",\"client\":{");
        for (key, value) in parts {
            if let Some(value) = value {
                pair(out, key, value);
            }
        }
        out.push(b'}');
    }
    if let Some(server) = &subject.server {
        out.extend_from_slice(b",\"server\":{");
        pair(out, "id", server);
        out.push(b'}');
    }
    out.extend_from_slice(b"}\n");
}

fn pair(out: &mut Vec<u8>, key: &str, value: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    string(out, key);
    out.push(b':');
    string(out, value);
}

/// A JSON string (RFC 8259, section 7). The slash is escaped as well, as readers of these logs expect.
fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        let letter = match byte {
            b'"' | b'\\' | b'/' => byte,
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0..0x20 | 0x7f => {
                out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                continue;
            }
            other => {
                out.push(other);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::super::format::{Level, MESSAGE_BYTES_MAX, Subject};
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn line(message: &str, subject: Subject<'_>) -> String {
        let event = Event {
            time: UNIX_EPOCH + Duration::from_secs(1_735_689_600),
            pid: 7,
            thread: 0x1f,
            level: Level::Error,
            context: "main",
            message,
            subject,
        };
        let mut out = Vec::new();
        write(&mut out, &event);
        String::from_utf8(out).unwrap()
    }

    const HEAD: &str = "{\"timestamp\":\"2025-01-01T00:00:00Z\",\"pid\":\"7\",\"tid\":\"0x1f\",\"level\":\"error\",\"context\":\"main\"";

    #[test]
    fn objects() {
        let client = Subject {
            client: Some("c1".into()),
            address: Some("127.0.0.1".into()),
            port: Some("5".into()),
            user: Some("a\"b".into()),
            database: Some("d".into()),
            host: Some("/run".into()),
            ..Subject::default()
        };
        let server = Subject { server: Some("s1".into()), host: Some("pg".into()), ..Subject::default() };
        let cases = [
            ("nobody", Subject::default(), ""),
            (
                "a client",
                client,
                ",\"client\":{\"id\":\"c1\",\"ip\":\"127.0.0.1\",\"port\":\"5\",\"user\":\"a\\\"b\",\"database\":\"d\",\
                 \"server_host\":\"\\/run\"}",
            ),
            ("a server", server, ",\"server\":{\"id\":\"s1\"}"),
        ];
        for (name, subject, want) in cases {
            assert_eq!(line("hi", subject), format!("{HEAD},\"message\":\"hi\"{want}}}\n"), "{name}");
        }
    }

    #[test]
    fn every_ascii_character_is_written_so_that_a_reader_gets_it_back() {
        for code in 0..0x80u8 {
            let text = char::from(code).to_string();
            let line = line(&text, Subject::default());
            let value =
                line.strip_prefix(HEAD).and_then(|rest| rest.strip_prefix(",\"message\":\"")).unwrap();
            let value = value.strip_suffix("\"}\n").unwrap();
            assert_eq!(unescape(value), text, "{code}");
            assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{code}");
        }
    }

    #[test]
    fn a_long_message_leaves_the_object_whole() {
        let line = line(&"\u{1}é\"".repeat(MESSAGE_BYTES_MAX), Subject::default());
        assert!(line.ends_with("...\"}\n"));
        assert_eq!(line.matches('\n').count(), 1);
    }

    fn unescape(text: &str) -> String {
        let mut chars = text.chars();
        let mut out = String::new();
        while let Some(c) = chars.next() {
            match c {
                '"' => panic!("a quotation mark inside a string"),
                '\\' => out.push(match chars.next().unwrap() {
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'u' => {
                        let digits: String = chars.by_ref().take(4).collect();
                        char::from_u32(u32::from_str_radix(&digits, 16).unwrap()).unwrap()
                    }
                    other => other,
                }),
                other => out.push(other),
            }
        }
        out
    }
}
