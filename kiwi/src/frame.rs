//! Cutting a stream of bytes into messages, without copying and without looking inside.
//!
//! A frame is a tag byte, a big-endian length word that counts itself but not the tag, and a body. Only a
//! client's first packet has no tag ([`opening`]). Source: `protocol-overview`, `protocol-message-formats`.

use crate::error::DecodeError;

/// Bytes of a frame before its body: the tag and the length word.
pub const HEADER_LEN: usize = 5;

/// Longest body of a first packet, length word excluded.
pub const OPENING_BODY_MAX: usize = 10_000;

/// Largest length word of a message that carries no bulk (Sync, Close, Execute, ...).
pub const SMALL_MAX: usize = 10_000;

/// Largest length word of any other message from a client: what a PostgreSQL server itself takes.
pub const LARGE_MAX: usize = 1_073_741_821;

/// Largest length word before a login is complete, either direction.
pub const AUTHENTICATION_MAX: usize = 64 * 1024;

/// A frame's first five bytes.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Header {
    /// The tag byte as received; see [`crate::tag`] for its meaning.
    pub tag: u8,
    /// Length of the whole frame in bytes, tag and length word included; at least 5.
    pub len: usize,
}

impl Header {
    /// Length of the body in bytes.
    #[inline]
    #[must_use]
    pub const fn body_len(self) -> usize {
        self.len.saturating_sub(HEADER_LEN)
    }
}

#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum Phase {
    Frontend,
    Backend,
    Authentication,
}

/// How long a message may be, by phase of the connection.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Limits(Phase);

impl Limits {
    /// A logged-in client: CopyDone, CopyFail, Flush, Sync, Terminate, Close, Describe and Execute up to
    /// [`SMALL_MAX`], everything else, unknown tags included, up to [`LARGE_MAX`].
    #[must_use]
    pub const fn frontend() -> Limits {
        Limits(Phase::Frontend)
    }

    /// A logged-in server: up to [`LARGE_MAX`] + 4.
    #[must_use]
    pub const fn backend() -> Limits {
        Limits(Phase::Backend)
    }

    /// Either side before login is complete: up to [`AUTHENTICATION_MAX`].
    #[must_use]
    pub const fn authentication() -> Limits {
        Limits(Phase::Authentication)
    }

    /// The largest length word accepted for `tag`.
    #[inline]
    #[must_use]
    pub const fn max(&self, tag: u8) -> usize {
        match self.0 {
            Phase::Frontend => match tag {
                b'c' | b'f' | b'H' | b'S' | b'X' | b'C' | b'D' | b'E' => SMALL_MAX,
                _ => LARGE_MAX,
            },
            Phase::Backend => LARGE_MAX + 4,
            Phase::Authentication => AUTHENTICATION_MAX,
        }
    }
}

/// Reads the header at the front of `buf`. `Ok(None)`: fewer than five bytes are there.
///
/// The body need not be in `buf`. Errors: `Length` when the length word is below 4, `TooLong` when it is above
/// the limit of this tag.
#[inline]
pub fn header(buf: &[u8], limits: &Limits) -> Result<Option<Header>, DecodeError> {
    let Some(&[tag, a, b, c, d]) = buf.first_chunk::<HEADER_LEN>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length < 4 {
        return Err(DecodeError::Length { tag, got: length });
    }
    if length > limits.max(tag) {
        return Err(DecodeError::TooLong { tag, got: length, max: limits.max(tag) });
    }
    Ok(Some(Header { tag, len: length + 1 }))
}

/// Reads the length of a first packet: the packet's total length in bytes, or `Ok(None)` when fewer than four
/// bytes are there.
///
/// Errors: `DirectTls` when the first byte opens a TLS record, `Length` or `TooLong` when the body is not
/// 0..=[`OPENING_BODY_MAX`] bytes.
pub fn opening(buf: &[u8]) -> Result<Option<usize>, DecodeError> {
    // A TLS handshake record; as a length it would be 369 MB, so nothing honest is lost.
    if buf.first() == Some(&0x16) {
        return Err(DecodeError::DirectTls);
    }
    let Some(word) = buf.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*word) as usize;
    if length < 4 {
        return Err(DecodeError::Length { tag: 0, got: length });
    }
    if length > OPENING_BODY_MAX + 4 {
        return Err(DecodeError::TooLong { tag: 0, got: length, max: OPENING_BODY_MAX + 4 });
    }
    Ok(Some(length))
}

/// The complete frames at the front of a buffer, in order.
///
/// Ends at the first incomplete frame (then [`Frames::rest`] is what must be kept) or at the first error, which
/// it yields once.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    buf: &'a [u8],
    limits: Limits,
    consumed: usize,
    broken: Option<DecodeError>,
}

impl<'a> Frames<'a> {
    /// Starts at the first byte of `buf`, which must be a tag.
    #[inline]
    #[must_use]
    pub const fn new(buf: &'a [u8], limits: Limits) -> Frames<'a> {
        Frames { buf, limits, consumed: 0, broken: None }
    }

    /// Bytes of the frames yielded so far.
    #[inline]
    #[must_use]
    pub const fn consumed(&self) -> usize {
        self.consumed
    }

    /// What lies behind the frames yielded so far.
    #[inline]
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.buf.get(self.consumed..).unwrap_or_default()
    }

    /// The header of the frame at the front of [`Frames::rest`], complete or not.
    #[inline]
    pub fn peek(&self) -> Result<Option<Header>, DecodeError> {
        header(self.rest(), &self.limits)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(Header, &'a [u8]), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.broken.is_some() {
            return None;
        }
        let rest = self.rest();
        match header(rest, &self.limits) {
            Ok(Some(head)) => {
                let frame = rest.get(..head.len)?;
                self.consumed += head.len;
                Some(Ok((head, frame)))
            }
            Ok(None) => None,
            Err(error) => {
                self.broken = Some(error);
                Some(Err(error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let (fe, be, auth) = (Limits::frontend(), Limits::backend(), Limits::authentication());
        let cases: [(&str, &[u8], Limits, Result<Option<Header>, DecodeError>); 12] = [
            ("nothing", b"", fe, Ok(None)),
            ("four bytes", b"Z\0\0\0", fe, Ok(None)),
            ("no body", b"S\0\0\0\x04", fe, Ok(Some(Header { tag: b'S', len: 5 }))),
            ("body not there yet", b"Q\0\0\0\x09", fe, Ok(Some(Header { tag: b'Q', len: 10 }))),
            ("length below four", b"Q\0\0\0\x03", fe, Err(DecodeError::Length { tag: b'Q', got: 3 })),
            ("small limit", b"S\0\0\x27\x10", fe, Ok(Some(Header { tag: b'S', len: 10_001 }))),
            (
                "above it",
                b"S\0\0\x27\x11",
                fe,
                Err(DecodeError::TooLong { tag: b'S', got: 10_001, max: 10_000 }),
            ),
            ("large limit", b"Q\x3f\xff\xff\xfd", fe, Ok(Some(Header { tag: b'Q', len: LARGE_MAX + 1 }))),
            (
                "above it",
                b"Q\x3f\xff\xff\xfe",
                fe,
                Err(DecodeError::TooLong { tag: b'Q', got: LARGE_MAX + 1, max: LARGE_MAX }),
            ),
            (
                "server's Sync byte is ParameterStatus",
                b"S\0\0\x27\x11",
                be,
                Ok(Some(Header { tag: b'S', len: 10_002 })),
            ),
            (
                "login",
                b"p\0\x01\0\x01",
                auth,
                Err(DecodeError::TooLong { tag: b'p', got: 65_537, max: 65_536 }),
            ),
            ("unknown tag", b"\x07\0\0\0\x04", fe, Ok(Some(Header { tag: 7, len: 5 }))),
        ];
        for (name, buf, limits, want) in cases {
            assert_eq!(header(buf, &limits), want, "{name}");
        }
    }

    #[test]
    fn openings() {
        let cases: [(&str, &[u8], Result<Option<usize>, DecodeError>); 8] = [
            ("nothing", b"", Ok(None)),
            ("three bytes", b"\0\0\0", Ok(None)),
            ("ssl request", b"\0\0\0\x08\x04\xd2\x16\x2f", Ok(Some(8))),
            ("empty body", b"\0\0\0\x04", Ok(Some(4))),
            ("below itself", b"\0\0\0\x03", Err(DecodeError::Length { tag: 0, got: 3 })),
            ("largest", b"\0\0\x27\x14", Ok(Some(10_004))),
            ("too large", b"\0\0\x27\x15", Err(DecodeError::TooLong { tag: 0, got: 10_005, max: 10_004 })),
            ("tls at once", b"\x16", Err(DecodeError::DirectTls)),
        ];
        for (name, buf, want) in cases {
            assert_eq!(opening(buf), want, "{name}");
        }
    }

    #[test]
    fn frames_stop_before_the_incomplete_one() {
        let mut frames = Frames::new(b"S\0\0\0\x04H\0\0\0\x04Q\0\0\0\x09ab", Limits::frontend());
        let tags: Vec<u8> = frames.by_ref().map(|f| f.unwrap().0.tag).collect();
        assert_eq!(tags, b"SH");
        assert_eq!(frames.consumed(), 10);
        assert_eq!(frames.rest(), b"Q\0\0\0\x09ab");
        assert_eq!(frames.peek(), Ok(Some(Header { tag: b'Q', len: 10 })));
    }

    #[test]
    fn an_error_is_yielded_once() {
        let mut frames = Frames::new(b"S\0\0\0\x04Q\0\0\0\x01", Limits::frontend());
        assert!(frames.next().unwrap().is_ok());
        assert_eq!(frames.next(), Some(Err(DecodeError::Length { tag: b'Q', got: 1 })));
        assert_eq!(frames.next(), None);
    }
}
