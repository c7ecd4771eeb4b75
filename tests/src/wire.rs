//! Protocol 3.0 on the wire: what a frontend writes, and what either side reads (PostgreSQL
//! `protocol-message-formats`).

use std::fmt;

/// One message: Byte1 tag, Int32 length (itself included), body.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The type byte.
    pub tag: u8,
    /// Everything behind the length.
    pub body: Vec<u8>,
}

impl Message {
    /// Builds a message from its parts.
    pub fn new(tag: u8, body: impl Into<Vec<u8>>) -> Message {
        Message { tag, body: body.into() }
    }

    /// As it stands on the wire.
    pub fn encode(&self) -> Vec<u8> {
        frame(self.tag, &self.body)
    }

    /// A field of an ErrorResponse or NoticeResponse (`protocol-error-fields`), such as `b'C'` for the SQLSTATE.
    pub fn field(&self, code: u8) -> Option<String> {
        let mut rest = self.body.as_slice();
        while let Some((&found, after)) = rest.split_first() {
            let (text, next) = split_c_string(after)?;
            if found == code {
                return Some(text);
            }
            rest = next;
        }
        None
    }

    /// The values of a DataRow, as text; `None` stands for NULL.
    pub fn row(&self) -> Vec<Option<String>> {
        let mut body = Body(&self.body);
        let count = body.i16().unwrap_or(0);
        let mut values = Vec::new();
        for _ in 0..count {
            let Some(length) = body.i32() else { break };
            // -1 is NULL.
            let value = usize::try_from(length).ok().and_then(|n| body.take(n));
            values.push(value.map(|bytes| String::from_utf8_lossy(bytes).into_owned()));
        }
        values
    }

    /// The columns of a RowDescription.
    pub fn columns(&self) -> Vec<Column> {
        let mut body = Body(&self.body);
        let count = body.i16().unwrap_or(0);
        (0..count).map_while(|_| Column::read(&mut body)).collect()
    }

    /// The text of a message that is one string: CommandComplete, Query.
    pub fn text(&self) -> String {
        split_c_string(&self.body).map_or_else(String::new, |(text, _)| text)
    }

    /// The name and value of a ParameterStatus.
    pub fn pair(&self) -> Option<(String, String)> {
        let (name, rest) = split_c_string(&self.body)?;
        Some((name, split_c_string(rest)?.0))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.body[..self.body.len().min(120)];
        write!(f, "{:?}({}: {})", char::from(self.tag), self.body.len(), shown.escape_ascii())
    }
}

/// A column of a RowDescription, as far as tests look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The OID of its type.
    pub type_oid: i32,
}

impl Column {
    /// String name, Int32 table, Int16 attribute, Int32 type, Int16 length, Int32 modifier, Int16 format.
    fn read(body: &mut Body<'_>) -> Option<Column> {
        let (name, rest) = split_c_string(body.0)?;
        body.0 = rest;
        body.take(6)?;
        let type_oid = body.i32()?;
        body.take(8)?;
        Some(Column { name, type_oid })
    }
}

/// The unread rest of a body.
pub struct Body<'a>(
    /// What has not been read yet.
    pub &'a [u8],
);

impl<'a> Body<'a> {
    /// The next `n` bytes, or `None` if there are fewer.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    /// The next Int16.
    pub fn i16(&mut self) -> Option<i16> {
        Some(i16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// The next Int32.
    pub fn i32(&mut self) -> Option<i32> {
        Some(i32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    /// The next String.
    pub fn string(&mut self) -> Option<String> {
        let (text, rest) = split_c_string(self.0)?;
        self.0 = rest;
        Some(text)
    }
}

fn split_c_string(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(|&b| b == 0)?;
    Some((String::from_utf8_lossy(&bytes[..end]).into_owned(), &bytes[end + 1..]))
}

/// Cuts one whole message off the front of `buffer`; `None` until all of it is there.
///
/// A length below 4 is a broken peer, and a panic: the tests that want one look at raw bytes.
pub fn take_message(buffer: &mut Vec<u8>) -> Option<Message> {
    let header: [u8; 5] = buffer.get(..5)?.try_into().ok()?;
    let length = i32::from_be_bytes([header[1], header[2], header[3], header[4]]);
    assert!(length >= 4, "message {:?} claims a length of {length}", char::from(header[0]));
    let end = 1 + length as usize;
    let body = buffer.get(5..end)?.to_vec();
    buffer.drain(..end);
    Some(Message { tag: header[0], body })
}

/// A message from its tag and body.
pub fn frame(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    out.extend_from_slice(&untagged(body));
    out
}

/// A message without a tag: the startup family.
pub fn untagged(body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(body.len() + 4).expect("tests send less than 2 GB");
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(body);
    out
}

/// StartupMessage for `major`.`minor` with these parameters.
pub fn startup(major: u16, minor: u16, params: &[(&str, &str)]) -> Vec<u8> {
    let mut body = [major.to_be_bytes(), minor.to_be_bytes()].concat();
    for (name, value) in params {
        put_string(&mut body, name);
        put_string(&mut body, value);
    }
    body.push(0);
    untagged(&body)
}

/// SSLRequest.
pub fn ssl_request() -> Vec<u8> {
    untagged(&80_877_103_i32.to_be_bytes())
}

/// GSSENCRequest.
pub fn gss_request() -> Vec<u8> {
    untagged(&80_877_104_i32.to_be_bytes())
}

/// CancelRequest with a key as BackendKeyData gave it: Int32 process id and secret.
pub fn cancel_request(key: &[u8]) -> Vec<u8> {
    let mut body = 80_877_102_i32.to_be_bytes().to_vec();
    body.extend_from_slice(key);
    untagged(&body)
}

/// Query.
pub fn query(sql: &str) -> Vec<u8> {
    frame(b'Q', &c_string(sql))
}

/// PasswordMessage, also the carrier of SASL responses.
pub fn password(body: &[u8]) -> Vec<u8> {
    frame(b'p', body)
}

/// Parse without parameter types.
pub fn parse(statement: &str, sql: &str) -> Vec<u8> {
    let mut body = c_string(statement);
    put_string(&mut body, sql);
    body.extend_from_slice(&0_i16.to_be_bytes());
    frame(b'P', &body)
}

/// Bind with text parameters (`None` is NULL) and text results.
pub fn bind(portal: &str, statement: &str, params: &[Option<&str>]) -> Vec<u8> {
    let mut body = c_string(portal);
    put_string(&mut body, statement);
    body.extend_from_slice(&0_i16.to_be_bytes());
    body.extend_from_slice(&i16::try_from(params.len()).expect("few parameters").to_be_bytes());
    for param in params {
        match param {
            Some(text) => body.extend_from_slice(&untagged_value(text)),
            None => body.extend_from_slice(&(-1_i32).to_be_bytes()),
        }
    }
    body.extend_from_slice(&0_i16.to_be_bytes());
    frame(b'B', &body)
}

/// Describe a prepared statement.
pub fn describe_statement(statement: &str) -> Vec<u8> {
    frame(b'D', &[b"S", c_string(statement).as_slice()].concat())
}

/// Describe a portal.
pub fn describe_portal(portal: &str) -> Vec<u8> {
    frame(b'D', &[b"P", c_string(portal).as_slice()].concat())
}

/// Execute; `rows_max` 0 means all.
pub fn execute(portal: &str, rows_max: i32) -> Vec<u8> {
    let mut body = c_string(portal);
    body.extend_from_slice(&rows_max.to_be_bytes());
    frame(b'E', &body)
}

/// Close a prepared statement.
pub fn close_statement(statement: &str) -> Vec<u8> {
    frame(b'C', &[b"S", c_string(statement).as_slice()].concat())
}

/// Sync.
pub fn sync() -> Vec<u8> {
    frame(b'S', &[])
}

/// Flush.
pub fn flush() -> Vec<u8> {
    frame(b'H', &[])
}

/// Terminate.
pub fn terminate() -> Vec<u8> {
    frame(b'X', &[])
}

/// CopyData.
pub fn copy_data(data: &[u8]) -> Vec<u8> {
    frame(b'd', data)
}

/// CopyDone.
pub fn copy_done() -> Vec<u8> {
    frame(b'c', &[])
}

/// CopyFail.
pub fn copy_fail(reason: &str) -> Vec<u8> {
    frame(b'f', &c_string(reason))
}

/// Parse, Bind, Execute of one statement through the unnamed statement and portal, without a Sync.
pub fn unnamed(sql: &str, params: &[Option<&str>]) -> Vec<u8> {
    [parse("", sql), bind("", "", params), execute("", 0)].concat()
}

/// A string with its terminator.
pub fn c_string(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 1);
    put_string(&mut out, text);
    out
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.push(0);
}

/// Int32 length (without itself) and the bytes.
fn untagged_value(text: &str) -> Vec<u8> {
    let mut out = i32::try_from(text.len()).expect("small parameters").to_be_bytes().to_vec();
    out.extend_from_slice(text.as_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frontend_messages_as_documented() {
        let cases: [(&str, Vec<u8>, &[u8]); 8] = [
            ("ssl request", ssl_request(), b"\0\0\0\x08\x04\xd2\x16\x2f"),
            ("startup", startup(3, 0, &[("user", "u")]), b"\0\0\0\x10\0\x03\0\0user\0u\0\0"),
            (
                "cancel",
                cancel_request(&[0, 0, 0, 1, 0, 0, 0, 2]),
                b"\0\0\0\x10\x04\xd2\x16\x2e\0\0\0\x01\0\0\0\x02",
            ),
            ("query", query("x"), b"Q\0\0\0\x06x\0"),
            ("parse", parse("s", "q"), b"P\0\0\0\x0as\0q\0\0\0"),
            (
                "bind",
                bind("", "s", &[Some("ab"), None]),
                b"B\0\0\0\x17\0s\0\0\0\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\0",
            ),
            ("execute", execute("", 0), b"E\0\0\0\x09\0\0\0\0\0"),
            ("sync", sync(), b"S\0\0\0\x04"),
        ];
        for (name, got, want) in cases {
            assert_eq!(got, want, "{name}: {}", got.escape_ascii());
        }
    }

    #[test]
    fn messages_are_cut_off_whole() {
        let wire =
            [Message::new(b'Z', b"I").encode(), Message::new(b'C', c_string("SELECT 1")).encode()].concat();
        for cut in 0..wire.len() {
            let mut buffer = wire[..cut].to_vec();
            let mut got = Vec::new();
            got.extend(take_message(&mut buffer));
            got.extend(take_message(&mut buffer));
            buffer.extend_from_slice(&wire[cut..]);
            while let Some(message) = take_message(&mut buffer) {
                got.push(message);
            }
            assert_eq!(got.len(), 2, "cut at {cut}");
            assert_eq!(got[1].text(), "SELECT 1");
        }
    }

    #[test]
    fn rows_and_error_fields() {
        let row = Message::new(b'D', *b"\0\x02\0\0\0\x02hi\xff\xff\xff\xff");
        assert_eq!(row.row(), [Some("hi".to_owned()), None]);
        let error = Message::new(b'E', *b"SERROR\0C3D000\0Mno route\0\0");
        assert_eq!(error.field(b'C').as_deref(), Some("3D000"));
        assert_eq!(error.field(b'M').as_deref(), Some("no route"));
        assert_eq!(error.field(b'V'), None);
    }
}
