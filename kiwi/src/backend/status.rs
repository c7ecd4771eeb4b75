//! ReadyForQuery, ParameterStatus, BackendKeyData. Source: `protocol-message-formats`.

use crate::error::{DecodeError, EncodeError};
use crate::read::Reader;
use crate::startup::{CancelKey, SecretKey};
use crate::tag::Backend;
use crate::write;

/// Where the server stands in a transaction, as ReadyForQuery says.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default)]
pub enum TxStatus {
    /// `I`: not in a transaction block.
    #[default]
    Idle,
    /// `T`: in a transaction block.
    InBlock,
    /// `E`: in a failed transaction block; only its end is accepted.
    Failed,
}

impl TxStatus {
    /// The status a byte stands for, or `None`.
    #[inline]
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<TxStatus> {
        match byte {
            b'I' => Some(TxStatus::Idle),
            b'T' => Some(TxStatus::InBlock),
            b'E' => Some(TxStatus::Failed),
            _ => None,
        }
    }

    /// The byte on the wire.
    #[inline]
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        match self {
            TxStatus::Idle => b'I',
            TxStatus::InBlock => b'T',
            TxStatus::Failed => b'E',
        }
    }
}

/// ReadyForQuery: Byte1 status.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct ReadyForQuery {
    /// The status.
    pub status: TxStatus,
}

impl ReadyForQuery {
    /// Reads the frame. Errors: `Length`, `Field` for a status byte other than I, T, E.
    pub fn parse(frame: &[u8]) -> Result<ReadyForQuery, DecodeError> {
        let mut r = Reader::frame(frame, Backend::ReadyForQuery.as_byte())?;
        let at = r.at();
        let status = TxStatus::from_byte(r.u8()?).ok_or(r.bad_field(at))?;
        r.finish()?;
        Ok(ReadyForQuery { status })
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Backend::ReadyForQuery.as_byte(), |w| w.u8(self.status.as_byte()));
    }
}

/// Appends ReadyForQuery.
pub fn write_ready(out: &mut Vec<u8>, status: TxStatus) {
    ReadyForQuery { status }.write(out);
}

/// ParameterStatus: String name, String value.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct ParameterStatus<'a> {
    /// The setting's name in PostgreSQL's spelling.
    pub name: &'a [u8],
    /// Its value now.
    pub value: &'a [u8],
}

impl<'a> ParameterStatus<'a> {
    /// Reads the frame. Errors: `Length`, `Field`.
    pub fn parse(frame: &'a [u8]) -> Result<ParameterStatus<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Backend::ParameterStatus.as_byte())?;
        let (name, value) = (r.cstr()?, r.cstr()?);
        r.finish()?;
        Ok(ParameterStatus { name, value })
    }

    /// Appends the frame; a zero byte ends a string.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Backend::ParameterStatus.as_byte(), |w| {
            w.cstr(self.name);
            w.cstr(self.value);
        });
    }

    /// Appends the frame. Errors: `Nul` when a string holds a zero byte; then nothing is appended.
    pub fn try_write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        write::try_frame(out, Backend::ParameterStatus.as_byte(), |w| {
            w.exact_cstr(self.name, "parameter name")?;
            w.exact_cstr(self.value, "parameter value")
        })
    }
}

/// BackendKeyData: Int32 process id, then a secret of 4 bytes (3.0) or 4 to 256 bytes (3.2).
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct BackendKeyData {
    /// What a CancelRequest must show.
    pub key: CancelKey,
}

impl BackendKeyData {
    /// Reads the frame. Errors: `Field` when the secret is not 4 to 256 bytes.
    pub fn parse(frame: &[u8]) -> Result<BackendKeyData, DecodeError> {
        let mut r = Reader::frame(frame, Backend::BackendKeyData.as_byte())?;
        let pid = r.i32()?;
        let at = r.at();
        let secret = SecretKey::new(r.rest()).ok_or(r.bad_field(at))?;
        Ok(BackendKeyData { key: CancelKey { pid, secret } })
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_key_data(out, &self.key);
    }
}

/// Appends BackendKeyData.
pub fn write_key_data(out: &mut Vec<u8>, key: &CancelKey) {
    write::frame(out, Backend::BackendKeyData.as_byte(), |w| {
        w.i32(key.pid);
        w.bytes(key.secret.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_for_query() {
        let cases: [(&str, &[u8], Result<TxStatus, DecodeError>); 5] = [
            ("idle", b"Z\0\0\0\x05I", Ok(TxStatus::Idle)),
            ("in a block", b"Z\0\0\0\x05T", Ok(TxStatus::InBlock)),
            ("failed", b"Z\0\0\0\x05E", Ok(TxStatus::Failed)),
            ("unknown status", b"Z\0\0\0\x05?", Err(DecodeError::Field { tag: b'Z', at: 5 })),
            ("length lies", b"Z\0\0\0\x06I", Err(DecodeError::Length { tag: b'Z', got: 6 })),
        ];
        for (name, wire, want) in cases {
            assert_eq!(ReadyForQuery::parse(wire).map(|r| r.status), want, "{name}");
        }
        let mut out = Vec::new();
        write_ready(&mut out, TxStatus::Failed);
        assert_eq!(out, b"Z\0\0\0\x05E");
    }

    #[test]
    fn key_data_lengths() {
        for (len, good) in [(3, false), (4, true), (32, true), (256, true), (257, false)] {
            let mut out = Vec::new();
            write::frame(&mut out, b'K', |w| {
                w.i32(7);
                w.bytes(&vec![1; len]);
            });
            assert_eq!(BackendKeyData::parse(&out).is_ok(), good, "{len}");
        }
    }

    #[test]
    fn a_zero_byte_is_refused_or_ends_the_value() {
        let status = ParameterStatus { name: b"a", value: b"b\0c" };
        let mut out = Vec::new();
        assert_eq!(status.try_write(&mut out), Err(EncodeError::Nul { field: "parameter value" }));
        assert!(out.is_empty());
        status.write(&mut out);
        assert_eq!(ParameterStatus::parse(&out), Ok(ParameterStatus { name: b"a", value: b"b" }));
    }
}
