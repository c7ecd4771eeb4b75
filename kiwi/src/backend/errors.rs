//! ErrorResponse and NoticeResponse. Source: `protocol-error-fields`.

use std::fmt;

use crate::error::DecodeError;
use crate::read::Reader;
use crate::sqlstate::SqlState;
use crate::tag::Backend;
use crate::write;

/// How bad it is, as PostgreSQL spells it in English.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The session ends.
    Fatal,
    /// The server ends all sessions.
    Panic,
    /// Something looks wrong.
    Warning,
    /// Something worth knowing.
    Notice,
    /// Detail for developers.
    Debug,
    /// Something worth knowing, always sent.
    Info,
    /// Meant for the server log.
    Log,
}

impl Severity {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::Fatal => "FATAL",
            Severity::Panic => "PANIC",
            Severity::Warning => "WARNING",
            Severity::Notice => "NOTICE",
            Severity::Debug => "DEBUG",
            Severity::Info => "INFO",
            Severity::Log => "LOG",
        }
    }

    /// Reads the word; `None` for any other, for example a translated one.
    #[must_use]
    pub fn from_bytes(word: &[u8]) -> Option<Severity> {
        use Severity::{Debug, Error, Fatal, Info, Log, Notice, Panic, Warning};
        [Error, Fatal, Panic, Warning, Notice, Debug, Info, Log]
            .into_iter()
            .find(|s| s.as_str().as_bytes() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The fields of an ErrorResponse or NoticeResponse, borrowed from its frame. Any field may be missing.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct ErrorFields<'a> {
    /// type byte, text, NUL, ..., without the final zero byte; checked to be complete.
    fields: &'a [u8],
}

impl<'a> ErrorFields<'a> {
    /// Reads an ErrorResponse frame. Errors: `UnknownTag`, `Length`, `Field` at the first string without end.
    pub fn parse(frame: &'a [u8]) -> Result<ErrorFields<'a>, DecodeError> {
        Self::parse_as(frame, Backend::ErrorResponse)
    }

    /// Reads a NoticeResponse frame, which has the same form.
    pub fn parse_notice(frame: &'a [u8]) -> Result<ErrorFields<'a>, DecodeError> {
        Self::parse_as(frame, Backend::NoticeResponse)
    }

    fn parse_as(frame: &'a [u8], tag: Backend) -> Result<ErrorFields<'a>, DecodeError> {
        let mut r = Reader::frame(frame, tag.as_byte())?;
        let (all, start) = (r.remaining(), r.at());
        while r.u8()? != 0 {
            r.cstr()?;
        }
        let fields = all.get(..r.at() - start - 1).unwrap_or_default();
        r.finish()?;
        Ok(ErrorFields { fields })
    }

    /// Every field as (type, text), in the order sent.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> {
        // Each field ends in a zero byte, so only the piece behind the last one is empty.
        self.fields
            .split(|byte| *byte == 0)
            .filter_map(|field| field.split_first().map(|(kind, text)| (*kind, text)))
    }

    /// The text of a field by its type byte.
    #[must_use]
    pub fn field(&self, kind: u8) -> Option<&'a [u8]> {
        self.iter().find(|(found, _)| *found == kind).map(|(_, text)| text)
    }

    /// `S`: the severity, possibly translated.
    #[must_use]
    pub fn severity_text(&self) -> Option<&'a [u8]> {
        self.field(b'S')
    }

    /// The severity: `V`, which is never translated, else `S` when it is an English word.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.field(b'V').or(self.field(b'S')).and_then(Severity::from_bytes)
    }

    /// `C`: the code, when it is a well-formed SQLSTATE.
    #[must_use]
    pub fn code(&self) -> Option<SqlState> {
        self.field(b'C').and_then(SqlState::from_bytes)
    }

    /// `M`: the message; empty when missing.
    #[must_use]
    pub fn message(&self) -> &'a [u8] {
        self.field(b'M').unwrap_or_default()
    }

    /// `D`: the detail.
    #[must_use]
    pub fn detail(&self) -> Option<&'a [u8]> {
        self.field(b'D')
    }

    /// `H`: the hint.
    #[must_use]
    pub fn hint(&self) -> Option<&'a [u8]> {
        self.field(b'H')
    }

    /// `R`: the routine in the server's source that raised it; never translated.
    #[must_use]
    pub fn routine(&self) -> Option<&'a [u8]> {
        self.field(b'R')
    }

    /// Whether the server ends the session with this error.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.severity(), Some(Severity::Fatal | Severity::Panic))
    }

    /// Appends the same fields as an ErrorResponse.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_as(out, Backend::ErrorResponse);
    }

    /// Appends the same fields as a NoticeResponse.
    pub fn write_notice(&self, out: &mut Vec<u8>) {
        self.write_as(out, Backend::NoticeResponse);
    }

    fn write_as(&self, out: &mut Vec<u8>, tag: Backend) {
        write::frame(out, tag.as_byte(), |w| {
            w.bytes(self.fields);
            w.u8(0);
        });
    }
}

/// Appends a NoticeResponse with nothing but a text, as clients of the C program know it: fields `S`, an empty `s`,
/// and `M`; no SQLSTATE.
pub fn write_short_notice(out: &mut Vec<u8>, message: &str) {
    write::frame(out, Backend::NoticeResponse.as_byte(), |w| {
        for (kind, value) in [(b'S', "NOTICE"), (b's', ""), (b'M', message)] {
            w.u8(kind);
            w.cstr(value.as_bytes());
        }
        w.u8(0);
    });
}

/// An error or notice made here. Fields go out in the order S, C, D, H, M, and never V: clients of the C
/// program see exactly these.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct ErrorReply<'a> {
    /// Field `S`.
    pub severity: Severity,
    /// Field `C`.
    pub code: SqlState,
    /// Field `M`. A zero byte ends it, here and below.
    pub message: &'a str,
    /// Field `D`, left out when `None`.
    pub detail: Option<&'a str>,
    /// Field `H`, left out when `None`.
    pub hint: Option<&'a str>,
}

impl<'a> ErrorReply<'a> {
    /// An ERROR with a message only.
    #[must_use]
    pub const fn error(code: SqlState, message: &'a str) -> ErrorReply<'a> {
        ErrorReply { severity: Severity::Error, code, message, detail: None, hint: None }
    }

    /// A FATAL with a message only.
    #[must_use]
    pub const fn fatal(code: SqlState, message: &'a str) -> ErrorReply<'a> {
        ErrorReply { severity: Severity::Fatal, code, message, detail: None, hint: None }
    }

    /// Appends it as an ErrorResponse.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_as(out, Backend::ErrorResponse);
    }

    /// Appends it as a NoticeResponse.
    pub fn write_notice(&self, out: &mut Vec<u8>) {
        self.write_as(out, Backend::NoticeResponse);
    }

    fn write_as(&self, out: &mut Vec<u8>, tag: Backend) {
        let fields = [
            (b'S', Some(self.severity.as_str())),
            (b'C', Some(self.code.as_str())),
            (b'D', self.detail),
            (b'H', self.hint),
            (b'M', Some(self.message)),
        ];
        write::frame(out, tag.as_byte(), |w| {
            for (kind, text) in fields {
                if let Some(text) = text {
                    w.u8(kind);
                    w.cstr(text.as_bytes());
                }
            }
            w.u8(0);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_notice_has_no_code() {
        let mut out = Vec::new();
        write_short_notice(&mut out, "hi");
        assert_eq!(out, b"N\0\0\0\x13SNOTICE\0s\0Mhi\0\0");
    }

    #[test]
    fn a_reply_has_its_fields_in_order_and_no_v() {
        let mut out = Vec::new();
        let reply = ErrorReply {
            detail: Some("d"),
            hint: Some("h"),
            ..ErrorReply::fatal(SqlState::CONNECTION_FAILURE, "gone")
        };
        reply.write(&mut out);
        assert_eq!(out, b"E\0\0\0\x1fSFATAL\0C08006\0Dd\0Hh\0Mgone\0\0");
        let fields = ErrorFields::parse(&out).unwrap();
        assert_eq!(fields.iter().map(|(kind, _)| kind).collect::<Vec<_>>(), b"SCDHM");
        assert_eq!(fields.severity(), Some(Severity::Fatal));
        assert!(fields.is_fatal());
        assert_eq!(fields.code(), Some(SqlState::CONNECTION_FAILURE));
        assert_eq!(
            (fields.message(), fields.detail(), fields.hint()),
            (&b"gone"[..], Some(&b"d"[..]), Some(&b"h"[..]))
        );
    }

    #[test]
    fn severity_is_read_from_v_when_s_is_translated() {
        let mut out = Vec::new();
        write::frame(&mut out, b'E', |w| w.bytes(b"SFATALE\0VFATAL\0Cxx\0\0"));
        let fields = ErrorFields::parse(&out).unwrap();
        assert_eq!(fields.severity(), Some(Severity::Fatal));
        assert_eq!((fields.code(), fields.message()), (None, &b""[..]));
    }

    #[test]
    fn broken_fields() {
        let cases: [(&str, &[u8], Result<usize, DecodeError>); 5] = [
            ("no fields", b"E\0\0\0\x05\0", Ok(0)),
            ("empty text", b"E\0\0\0\x07M\0\0", Ok(1)),
            ("no end of text", b"E\0\0\0\x06Mx", Err(DecodeError::Field { tag: b'E', at: 6 })),
            ("no end of list", b"E\0\0\0\x07Mx\0", Err(DecodeError::Field { tag: b'E', at: 8 })),
            ("bytes behind the end", b"E\0\0\0\x06\0\0", Err(DecodeError::Length { tag: b'E', got: 6 })),
        ];
        for (name, frame, want) in cases {
            assert_eq!(ErrorFields::parse(frame).map(|f| f.iter().count()), want, "{name}");
        }
    }
}
