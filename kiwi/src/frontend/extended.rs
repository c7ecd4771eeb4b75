//! Parse, Bind, Describe, Execute, Close, Flush, Sync. Source: `protocol-message-formats`.

use crate::backend::rows::Values;
use crate::error::{DecodeError, EncodeError};
use crate::read::Reader;
use crate::tag::Frontend;
use crate::write::{self, Writer};

/// A counted list of Int16 format codes: 0 text, 1 binary. An empty list means text for all, a list of one
/// applies to all.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Formats<'a> {
    count: u16,
    codes: &'a [u8],
}

impl<'a> Formats<'a> {
    /// No codes: everything is text.
    pub const TEXT: Formats<'static> = Formats { count: 0, codes: &[] };

    pub(crate) fn read(r: &mut Reader<'a>) -> Result<Formats<'a>, DecodeError> {
        let count = r.count()?;
        Ok(Formats { count, codes: r.bytes(usize::from(count) * 2)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.count(self.count);
        w.bytes(self.codes);
    }

    /// The codes, in order.
    pub fn iter(&self) -> impl Iterator<Item = i16> {
        self.codes.as_chunks::<2>().0.iter().map(|code| i16::from_be_bytes(*code))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count
    }
}

/// A counted list of Int32 object ids of types; 0 leaves the type to the server.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct TypeIds<'a> {
    count: u16,
    ids: &'a [u8],
}

impl<'a> TypeIds<'a> {
    /// No types stated.
    pub const NONE: TypeIds<'static> = TypeIds { count: 0, ids: &[] };

    pub(crate) fn read(r: &mut Reader<'a>) -> Result<TypeIds<'a>, DecodeError> {
        let count = r.count()?;
        Ok(TypeIds { count, ids: r.bytes(usize::from(count) * 4)? })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.count(self.count);
        w.bytes(self.ids);
    }

    /// The ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.ids.as_chunks::<4>().0.iter().map(|id| u32::from_be_bytes(*id))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count
    }
}

/// Parse: String statement, String sql, Int16 count × Int32 type.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Parse<'a> {
    /// Name of the statement; empty for the unnamed one.
    pub statement: &'a [u8],
    /// Its text.
    pub sql: &'a [u8],
    /// Types of its parameters.
    pub types: TypeIds<'a>,
}

impl<'a> Parse<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    #[expect(
        clippy::self_named_constructors,
        reason = "every message has a parse, and this one has its name"
    )]
    pub fn parse(frame: &'a [u8]) -> Result<Parse<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Frontend::Parse.as_byte())?;
        let (statement, sql, types) = (r.cstr()?, r.cstr()?, TypeIds::read(&mut r)?);
        r.finish()?;
        Ok(Parse { statement, sql, types })
    }

    /// What makes two statements the same: the bytes of a Parse frame behind the statement's name (text, zero
    /// byte, types). `None` when the frame has no complete name.
    #[must_use]
    pub fn identity(frame: &[u8]) -> Option<&[u8]> {
        let body = frame.get(crate::frame::HEADER_LEN..)?;
        let end = body.iter().position(|byte| *byte == 0)?;
        body.get(end + 1..)
    }

    /// Appends the frame; a zero byte ends a string.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::Parse.as_byte(), |w| {
            w.cstr(self.statement);
            w.cstr(self.sql);
            self.types.write(w);
        });
    }
}

/// Bind: String portal, String statement, Int16 count × Int16 format, Int16 count × value,
/// Int16 count × Int16 result format.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Bind<'a> {
    /// Name of the portal; empty for the unnamed one.
    pub portal: &'a [u8],
    /// Name of the statement; empty for the unnamed one.
    pub statement: &'a [u8],
    /// Formats of the values.
    pub formats: Formats<'a>,
    /// The values.
    pub values: Values<'a>,
    /// Formats of the result's columns.
    pub result_formats: Formats<'a>,
}

impl<'a> Bind<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<Bind<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Frontend::Bind.as_byte())?;
        let (portal, statement) = (r.cstr()?, r.cstr()?);
        let formats = Formats::read(&mut r)?;
        let values = Values::read(&mut r)?;
        let result_formats = Formats::read(&mut r)?;
        r.finish()?;
        Ok(Bind { portal, statement, formats, values, result_formats })
    }

    /// Reads only the two names, without a look at the rest. Errors: `UnknownTag`, `Length`, `Field`.
    pub fn names(frame: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), DecodeError> {
        let mut r = Reader::frame(frame, Frontend::Bind.as_byte())?;
        Ok((r.cstr()?, r.cstr()?))
    }

    /// Appends a Bind frame with another statement name; portal and everything behind the names are copied as
    /// they are. Errors: as [`Bind::names`]; then nothing is appended.
    pub fn rename(frame: &[u8], statement: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
        let mut r = Reader::frame(frame, Frontend::Bind.as_byte())?;
        let portal = r.cstr()?;
        r.cstr()?;
        write::frame(out, Frontend::Bind.as_byte(), |w| {
            w.cstr(portal);
            w.cstr(statement);
            w.bytes(r.remaining());
        });
        Ok(())
    }

    /// Appends the frame; a zero byte ends a string.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::Bind.as_byte(), |w| {
            w.cstr(self.portal);
            w.cstr(self.statement);
            self.formats.write(w);
            self.values.write(w);
            self.result_formats.write(w);
        });
    }
}

/// Appends a Bind whose values and results are text.
///
/// Errors: `Nul` for a zero byte in a name, `Count` above 65 535 values, `TooLong`; then nothing is appended.
pub fn write_bind_text(
    out: &mut Vec<u8>,
    portal: &[u8],
    statement: &[u8],
    values: &[Option<&[u8]>],
) -> Result<(), EncodeError> {
    write::try_frame(out, Frontend::Bind.as_byte(), |w| {
        w.exact_cstr(portal, "portal name")?;
        w.exact_cstr(statement, "statement name")?;
        Formats::TEXT.write(w);
        w.count_of(values.len(), "bind values")?;
        for value in values {
            w.value(*value, "bind value")?;
        }
        Formats::TEXT.write(w);
        Ok(())
    })
}

/// What Describe and Close speak about.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Target<'a> {
    /// `S`: a prepared statement by name.
    Statement(&'a [u8]),
    /// `P`: a portal by name.
    Portal(&'a [u8]),
}

impl<'a> Target<'a> {
    fn parse(frame: &'a [u8], tag: Frontend) -> Result<Target<'a>, DecodeError> {
        let mut r = Reader::frame(frame, tag.as_byte())?;
        let at = r.at();
        let target = match r.u8()? {
            b'S' => Target::Statement(r.cstr()?),
            b'P' => Target::Portal(r.cstr()?),
            _ => return Err(r.bad_field(at)),
        };
        r.finish()?;
        Ok(target)
    }

    fn write(self, out: &mut Vec<u8>, tag: Frontend) {
        let (kind, name) = match self {
            Target::Statement(name) => (b'S', name),
            Target::Portal(name) => (b'P', name),
        };
        write::frame(out, tag.as_byte(), |w| {
            w.u8(kind);
            w.cstr(name);
        });
    }
}

/// Describe: Byte1 `S` or `P`, String name.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Describe<'a> {
    /// What to describe.
    pub target: Target<'a>,
}

impl<'a> Describe<'a> {
    /// Reads the frame. Errors: `Field` for a kind other than S and P, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<Describe<'a>, DecodeError> {
        Target::parse(frame, Frontend::Describe).map(|target| Describe { target })
    }

    /// Appends the frame; a zero byte ends the name.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.target.write(out, Frontend::Describe);
    }
}

/// Close: Byte1 `S` or `P`, String name.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Close<'a> {
    /// What to drop.
    pub target: Target<'a>,
}

impl<'a> Close<'a> {
    /// Reads the frame. Errors: `Field` for a kind other than S and P, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<Close<'a>, DecodeError> {
        Target::parse(frame, Frontend::Close).map(|target| Close { target })
    }

    /// Appends the frame; a zero byte ends the name.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.target.write(out, Frontend::Close);
    }
}

/// Execute: String portal, Int32 most rows.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Execute<'a> {
    /// Name of the portal; empty for the unnamed one.
    pub portal: &'a [u8],
    /// Most rows to return; 0 or less for all.
    pub rows_max: i32,
}

impl<'a> Execute<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<Execute<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Frontend::Execute.as_byte())?;
        let (portal, rows_max) = (r.cstr()?, r.i32()?);
        r.finish()?;
        Ok(Execute { portal, rows_max })
    }

    /// Appends the frame; a zero byte ends the name.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::Execute.as_byte(), |w| {
            w.cstr(self.portal);
            w.i32(self.rows_max);
        });
    }
}

/// Flush: no body.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Flush;

impl Flush {
    /// Reads the frame. Errors: `Length` for a body.
    pub fn parse(frame: &[u8]) -> Result<Flush, DecodeError> {
        Reader::frame(frame, Frontend::Flush.as_byte())?.finish()?;
        Ok(Flush)
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::Flush.as_byte(), |_| {});
    }
}

/// Sync: no body.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Sync;

impl Sync {
    /// Reads the frame. Errors: `Length` for a body.
    pub fn parse(frame: &[u8]) -> Result<Sync, DecodeError> {
        Reader::frame(frame, Frontend::Sync.as_byte())?.finish()?;
        Ok(Sync)
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Frontend::Sync.as_byte(), |_| {});
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_and_its_identity() {
        let frame = b"P\0\0\0\x15a\0select 1\0\0\x01\0\0\0\x17";
        let message = Parse::parse(frame).unwrap();
        assert_eq!((message.statement, message.sql), (&b"a"[..], &b"select 1"[..]));
        assert_eq!(message.types.iter().collect::<Vec<_>>(), [23]);
        assert_eq!(Parse::identity(frame), Some(&b"select 1\0\0\x01\0\0\0\x17"[..]));
        assert_eq!(Parse::identity(b"P\0\0\0\x05a"), None);
    }

    #[test]
    fn bind_is_renamed_and_otherwise_kept() {
        let mut bind = Vec::new();
        write_bind_text(&mut bind, b"p", b"s", &[Some(b"xy"), None]).unwrap();
        let mut renamed = Vec::new();
        Bind::rename(&bind, b"longer", &mut renamed).unwrap();
        let (before, after) = (Bind::parse(&bind).unwrap(), Bind::parse(&renamed).unwrap());
        assert_eq!(Bind { statement: b"s", ..after }, before);
        assert_eq!(after.statement, b"longer");
        assert_eq!(after.values.iter().collect::<Vec<_>>(), [Some(&b"xy"[..]), None]);
        assert_eq!(Bind::names(&renamed), Ok((&b"p"[..], &b"longer"[..])));
    }

    #[test]
    fn broken_messages() {
        let field = |tag, at| Err(DecodeError::Field { tag, at });
        let cases: [(&str, &[u8], Result<(), DecodeError>); 7] = [
            ("parse without text", b"P\0\0\0\x06a\0", field(b'P', 7)),
            ("parse with too few types", b"P\0\0\0\x0aa\0b\0\0\x01", field(b'P', 11)),
            ("bind value of length -2", b"B\0\0\0\x0e\0\0\0\0\0\x01\xff\xff\xff\xfe", field(b'B', 11)),
            ("describe neither S nor P", b"D\0\0\0\x06X\0", field(b'D', 5)),
            ("close without end", b"C\0\0\0\x06Sx", field(b'C', 6)),
            ("execute without count", b"E\0\0\0\x05\0", field(b'E', 6)),
            ("sync with a body", b"S\0\0\0\x05x", Err(DecodeError::Length { tag: b'S', got: 5 })),
        ];
        for (name, frame, want) in cases {
            let got = match frame[0] {
                b'P' => Parse::parse(frame).map(drop),
                b'B' => Bind::parse(frame).map(drop),
                b'D' => Describe::parse(frame).map(drop),
                b'C' => Close::parse(frame).map(drop),
                b'E' => Execute::parse(frame).map(drop),
                _ => Sync::parse(frame).map(drop),
            };
            assert_eq!(got, want, "{name}");
        }
    }
}
