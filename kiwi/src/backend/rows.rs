//! Rows and their shape: RowDescription, ParameterDescription, DataRow, FunctionCallResponse, Copy*Response.
//! Source: `protocol-message-formats`.

use crate::error::{DecodeError, EncodeError};
use crate::frontend::extended::{Formats, TypeIds};
use crate::read::Reader;
use crate::tag::Backend;
use crate::write::{self, Writer};

/// A counted list of values, each an Int32 length (-1 for NULL) and that many bytes.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Values<'a> {
    count: u16,
    bytes: &'a [u8],
}

impl<'a> Values<'a> {
    /// No values.
    pub const NONE: Values<'static> = Values { count: 0, bytes: &[] };

    pub(crate) fn read(r: &mut Reader<'a>) -> Result<Values<'a>, DecodeError> {
        let count = r.count()?;
        let (all, start) = (r.remaining(), r.at());
        for _ in 0..count {
            r.value()?;
        }
        Ok(Values { count, bytes: all.get(..r.at() - start).unwrap_or_default() })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.count(self.count);
        w.bytes(self.bytes);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The values, in order; `None` is NULL.
    pub fn iter(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut rest = self.bytes;
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk::<4>()?;
            let length = i32::from_be_bytes(*length);
            // Lengths were checked when the list was read: a negative one is NULL.
            let (value, behind) = match usize::try_from(length) {
                Err(_) => (None, behind),
                Ok(length) => behind.split_at_checked(length).map(|(value, behind)| (Some(value), behind))?,
            };
            rest = behind;
            Some(value)
        })
    }
}

/// DataRow: Int16 count × value.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct DataRow<'a> {
    /// The columns.
    pub values: Values<'a>,
}

impl<'a> DataRow<'a> {
    /// Reads the frame. Errors: `Field` at the first value that reaches behind the frame, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<DataRow<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Backend::DataRow.as_byte())?;
        let values = Values::read(&mut r)?;
        r.finish()?;
        Ok(DataRow { values })
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Backend::DataRow.as_byte(), |w| self.values.write(w));
    }
}

/// Appends a DataRow made of values; `None` is NULL.
///
/// Errors: `Count` above 65 535 columns, `TooLong`; then nothing is appended.
pub fn write_data_row<V: AsRef<[u8]>>(out: &mut Vec<u8>, values: &[Option<V>]) -> Result<(), EncodeError> {
    write::try_frame(out, Backend::DataRow.as_byte(), |w| {
        w.count_of(values.len(), "columns")?;
        values.iter().try_for_each(|value| w.value(value.as_ref().map(AsRef::as_ref), "column"))
    })
}

/// One column of a RowDescription.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Object id of its table, 0 when it is no column of a table.
    pub table: u32,
    /// Its number in that table, or 0.
    pub column: i16,
    /// Object id of its type.
    pub type_id: u32,
    /// Size of the type in bytes; negative for types of varying size.
    pub type_size: i16,
    /// The type's modifier; -1 for none.
    pub type_modifier: i32,
    /// 0 text, 1 binary.
    pub format: i16,
}

impl<'a> Field<'a> {
    /// A computed column in text format.
    #[must_use]
    pub const fn text(name: &'a [u8], type_id: u32, type_size: i16) -> Field<'a> {
        Field { name, table: 0, column: 0, type_id, type_size, type_modifier: -1, format: 0 }
    }

    fn read(r: &mut Reader<'a>) -> Result<Field<'a>, DecodeError> {
        Ok(Field {
            name: r.cstr()?,
            table: r.u32()?,
            column: r.i16()?,
            type_id: r.u32()?,
            type_size: r.i16()?,
            type_modifier: r.i32()?,
            format: r.i16()?,
        })
    }

    fn write(&self, w: &mut Writer<'_>) -> Result<(), EncodeError> {
        w.exact_cstr(self.name, "column name")?;
        w.u32(self.table);
        w.i16(self.column);
        w.u32(self.type_id);
        w.i16(self.type_size);
        w.i32(self.type_modifier);
        w.i16(self.format);
        Ok(())
    }
}

/// RowDescription: Int16 count × field.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct RowDescription<'a> {
    count: u16,
    frame: &'a [u8],
}

impl<'a> RowDescription<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<RowDescription<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Backend::RowDescription.as_byte())?;
        let count = r.count()?;
        for _ in 0..count {
            Field::read(&mut r)?;
        }
        r.finish()?;
        Ok(RowDescription { count, frame })
    }

    /// How many columns there are.
    #[must_use]
    pub fn count(&self) -> u16 {
        self.count
    }

    /// The columns, in order.
    pub fn iter(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let mut reader = Reader::frame(self.frame, Backend::RowDescription.as_byte()).ok();
        let counted = reader.as_mut().map_or(0, |r| r.count().unwrap_or(0));
        (0..counted).map_while(move |_| reader.as_mut().and_then(|r| Field::read(r).ok()))
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.frame);
    }
}

/// Appends a RowDescription made of fields.
///
/// Errors: `Count` above 65 535 fields, `Nul` for a zero byte in a name; then nothing is appended.
pub fn write_row_description(out: &mut Vec<u8>, fields: &[Field<'_>]) -> Result<(), EncodeError> {
    write::try_frame(out, Backend::RowDescription.as_byte(), |w| {
        w.count_of(fields.len(), "columns")?;
        fields.iter().try_for_each(|field| field.write(w))
    })
}

/// ParameterDescription: Int16 count × Int32 type.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct ParameterDescription<'a> {
    /// Types of the statement's parameters.
    pub types: TypeIds<'a>,
}

impl<'a> ParameterDescription<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<ParameterDescription<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Backend::ParameterDescription.as_byte())?;
        let types = TypeIds::read(&mut r)?;
        r.finish()?;
        Ok(ParameterDescription { types })
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Backend::ParameterDescription.as_byte(), |w| self.types.write(w));
    }
}

/// FunctionCallResponse: one value.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct FunctionCallResponse<'a> {
    /// The result; `None` is NULL.
    pub value: Option<&'a [u8]>,
}

impl<'a> FunctionCallResponse<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<FunctionCallResponse<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Backend::FunctionCallResponse.as_byte())?;
        let value = r.value()?;
        r.finish()?;
        Ok(FunctionCallResponse { value })
    }

    /// Appends the frame. Panics above 2 GiB, which no frame holds.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Backend::FunctionCallResponse.as_byte(), |w| {
            w.value(self.value, "result").expect("a result fits into a frame");
        });
    }
}

/// CopyInResponse, CopyOutResponse, CopyBothResponse: Int8 format, Int16 count × Int16 column format.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct CopyResponse<'a> {
    /// Which of the three.
    pub tag: Backend,
    /// 0 text, 1 binary.
    pub format: u8,
    /// Formats of the columns.
    pub columns: Formats<'a>,
}

impl<'a> CopyResponse<'a> {
    /// Reads the frame of whichever of the three it is. Errors: `UnknownTag` for others, `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<CopyResponse<'a>, DecodeError> {
        let byte = frame.first().copied().unwrap_or_default();
        let tag = match Backend::from_byte(byte) {
            Some(tag @ (Backend::CopyInResponse | Backend::CopyOutResponse | Backend::CopyBothResponse)) => {
                tag
            }
            _ => return Err(DecodeError::UnknownTag { tag: byte }),
        };
        let mut r = Reader::frame(frame, byte)?;
        let (format, columns) = (r.u8()?, Formats::read(&mut r)?);
        r.finish()?;
        Ok(CopyResponse { tag, format, columns })
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, self.tag.as_byte(), |w| {
            w.u8(self.format);
            self.columns.write(w);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_written() {
        let mut out = Vec::new();
        write_data_row(&mut out, &[Some("ab"), None, Some("")]).unwrap();
        assert_eq!(out, b"D\0\0\0\x14\0\x03\0\0\0\x02ab\xff\xff\xff\xff\0\0\0\0");
        let row = DataRow::parse(&out).unwrap();
        assert_eq!(row.values.iter().collect::<Vec<_>>(), [Some(&b"ab"[..]), None, Some(&b""[..])]);
    }

    #[test]
    fn a_description_is_read_as_written() {
        let fields = [Field::text(b"a", 25, -1), Field { column: 3, format: 1, ..Field::text(b"", 20, 8) }];
        let mut out = Vec::new();
        write_row_description(&mut out, &fields).unwrap();
        let read = RowDescription::parse(&out).unwrap();
        assert_eq!((read.count(), read.iter().collect::<Vec<_>>()), (2, fields.to_vec()));
        let refused = write_row_description(&mut out, &[Field::text(b"a\0", 25, -1)]);
        assert_eq!(refused, Err(EncodeError::Nul { field: "column name" }));
    }

    #[test]
    fn too_many_columns_are_refused() {
        let mut out = Vec::new();
        let refused = write_data_row(&mut out, &vec![None::<&str>; 65_536]);
        assert_eq!(refused, Err(EncodeError::Count { field: "columns", got: 65_536 }));
        assert!(out.is_empty());
    }

    #[test]
    fn broken_rows() {
        let cases: [(&str, &[u8], DecodeError); 4] = [
            ("fewer values than counted", b"D\0\0\0\x06\0\x01", DecodeError::Field { tag: b'D', at: 7 }),
            ("value too long", b"D\0\0\0\x0b\0\x01\0\0\0\x02a", DecodeError::Field { tag: b'D', at: 7 }),
            ("more than counted", b"D\0\0\0\x07\0\0x", DecodeError::Length { tag: b'D', got: 7 }),
            ("no count", b"D\0\0\0\x04", DecodeError::Field { tag: b'D', at: 5 }),
        ];
        for (name, frame, want) in cases {
            assert_eq!(DataRow::parse(frame), Err(want), "{name}");
        }
    }
}
