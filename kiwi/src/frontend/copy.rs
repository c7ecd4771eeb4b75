//! CopyData, CopyDone, CopyFail. The first two look the same from both sides. Source:
//! `protocol-message-formats`.

use crate::error::DecodeError;
use crate::read::Reader;
use crate::tag::Frontend;
use crate::write;

/// CopyData: Byte*n data.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct CopyData<'a> {
    /// Any bytes; a row may be cut anywhere between messages from a client.
    pub data: &'a [u8],
}

impl<'a> CopyData<'a> {
    /// Reads the frame. Errors: `UnknownTag`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<CopyData<'a>, DecodeError> {
        Ok(CopyData { data: Reader::frame(frame, Frontend::CopyData.as_byte())?.rest() })
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::CopyData.as_byte(), |w| w.bytes(self.data));
    }
}

/// CopyDone: no body.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct CopyDone;

impl CopyDone {
    /// Reads the frame. Errors: `Length` for a body.
    pub fn parse(frame: &[u8]) -> Result<CopyDone, DecodeError> {
        Reader::frame(frame, Frontend::CopyDone.as_byte())?.finish()?;
        Ok(CopyDone)
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::CopyDone.as_byte(), |_| {});
    }
}

/// CopyFail: String reason.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct CopyFail<'a> {
    /// What the server is to report.
    pub reason: &'a [u8],
}

impl<'a> CopyFail<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<CopyFail<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Frontend::CopyFail.as_byte())?;
        let reason = r.cstr()?;
        r.finish()?;
        Ok(CopyFail { reason })
    }

    /// Appends the frame; a zero byte ends the reason.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::CopyFail.as_byte(), |w| w.cstr(self.reason));
    }
}
