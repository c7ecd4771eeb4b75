//! Query, FunctionCall, Terminate. Source: `protocol-message-formats`.

use crate::backend::rows::Values;
use crate::error::{DecodeError, EncodeError};
use crate::frontend::extended::Formats;
use crate::read::Reader;
use crate::tag::Frontend;
use crate::write;

/// Query: String sql, one or more statements.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Query<'a> {
    /// The text, in the session's client_encoding.
    pub sql: &'a [u8],
}

impl<'a> Query<'a> {
    /// Reads the frame. Errors: `Field` without a terminator, `Length` when bytes follow it.
    pub fn parse(frame: &'a [u8]) -> Result<Query<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Frontend::Query.as_byte())?;
        let sql = r.cstr()?;
        r.finish()?;
        Ok(Query { sql })
    }

    /// Appends the frame; a zero byte ends the text.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::Query.as_byte(), |w| w.cstr(self.sql));
    }

    /// Appends the frame. Errors: `Nul` when the text holds a zero byte; then nothing is appended.
    pub fn try_write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        write::try_frame(out, Frontend::Query.as_byte(), |w| w.exact_cstr(self.sql, "query"))
    }
}

/// FunctionCall: Int32 function, Int16 count × Int16 argument formats, Int16 count × value, Int16 result format.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct FunctionCall<'a> {
    /// Object id of the function.
    pub function: u32,
    /// Formats of the arguments.
    pub formats: Formats<'a>,
    /// The arguments.
    pub arguments: Values<'a>,
    /// Format of the result: 0 text, 1 binary.
    pub result_format: i16,
}

impl<'a> FunctionCall<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<FunctionCall<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Frontend::FunctionCall.as_byte())?;
        let function = r.u32()?;
        let formats = Formats::read(&mut r)?;
        let arguments = Values::read(&mut r)?;
        let result_format = r.i16()?;
        r.finish()?;
        Ok(FunctionCall { function, formats, arguments, result_format })
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::FunctionCall.as_byte(), |w| {
            w.u32(self.function);
            self.formats.write(w);
            self.arguments.write(w);
            w.i16(self.result_format);
        });
    }
}

/// Terminate: no body.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Terminate;

impl Terminate {
    /// Reads the frame. Errors: `Length` for a body.
    pub fn parse(frame: &[u8]) -> Result<Terminate, DecodeError> {
        Reader::frame(frame, Frontend::Terminate.as_byte())?.finish()?;
        Ok(Terminate)
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::Terminate.as_byte(), |_| {});
    }
}
