//! Writes rows: RowDescription, DataRow, CommandComplete. Source: `protocol-message-formats`.
//!
//! A column names, types and fills itself, so that a description and its rows cannot disagree. Values go out as
//! text, from table 0, attribute 0, with type modifier 0.

use kiwi::backend::command::CommandComplete;
use kiwi::backend::rows::{Field, write_data_row, write_row_description};
use std::borrow::Cow;
use std::fmt;

/// A column's type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `text`.
    Text,
    /// `int4`; a number beyond it is shown as the nearest one it has.
    Int4,
    /// `int8`.
    Int8,
    /// `bool`.
    Bool,
}

impl Kind {
    /// Type id and size in bytes, -1 for a variable one, as `pg_type` has them.
    fn id_and_size(self) -> (u32, i16) {
        match self {
            Kind::Text => (25, -1),
            Kind::Int4 => (23, 4),
            Kind::Int8 => (20, 8),
            Kind::Bool => (16, 1),
        }
    }
}

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A number.
    Number(i64),
    /// `t` or `f`.
    Flag(bool),
}

impl<'a> Cell<'a> {
    /// A text.
    pub fn text(text: &'a str) -> Cell<'a> {
        Cell::Text(Cow::Borrowed(text))
    }

    /// Anything as text.
    pub fn shown(thing: impl fmt::Display) -> Cell<'a> {
        Cell::Text(Cow::Owned(thing.to_string()))
    }

    /// A count; one beyond `int8` is shown as the largest.
    pub fn count(count: u64) -> Cell<'a> {
        Cell::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

/// One column of a table whose rows are made from `R`.
pub struct Column<R> {
    name: &'static str,
    kind: Kind,
    of: for<'r> fn(&'r R) -> Cell<'r>,
}

impl<R> Column<R> {
    fn field(&self) -> Field<'static> {
        let (type_id, type_size) = self.kind.id_and_size();
        Field { type_modifier: 0, ..Field::text(self.name.as_bytes(), type_id, type_size) }
    }
}

/// A `text` column.
pub const fn text<R>(name: &'static str, of: for<'r> fn(&'r R) -> Cell<'r>) -> Column<R> {
    Column { name, kind: Kind::Text, of }
}

/// An `int4` column.
pub const fn int4<R>(name: &'static str, of: for<'r> fn(&'r R) -> Cell<'r>) -> Column<R> {
    Column { name, kind: Kind::Int4, of }
}

/// An `int8` column.
pub const fn int8<R>(name: &'static str, of: for<'r> fn(&'r R) -> Cell<'r>) -> Column<R> {
    Column { name, kind: Kind::Int8, of }
}

/// A `bool` column.
pub const fn flag<R>(name: &'static str, of: for<'r> fn(&'r R) -> Cell<'r>) -> Column<R> {
    Column { name, kind: Kind::Bool, of }
}

/// Appends the description, a row for each of `rows`, and the tag SHOW.
pub fn write<'r, R: 'r>(out: &mut Vec<u8>, columns: &[Column<R>], rows: impl IntoIterator<Item = &'r R>) {
    write_tagged(out, "SHOW", columns, rows);
}

/// As [`write()`], under another tag.
pub fn write_tagged<'r, R: 'r>(
    out: &mut Vec<u8>,
    tag: &str,
    columns: &[Column<R>],
    rows: impl IntoIterator<Item = &'r R>,
) {
    const FITS: &str = "a table has a handful of columns, named here, and short values";
    let fields: Vec<_> = columns.iter().map(Column::field).collect();
    write_row_description(out, &fields).expect(FITS);
    for row in rows {
        let values: Vec<_> = columns.iter().map(|column| rendered((column.of)(row), column.kind)).collect();
        let values: Vec<_> = values.iter().map(|value| value.as_deref().map(str::as_bytes)).collect();
        write_data_row(out, &values).expect(FITS);
    }
    complete(out, tag);
}

/// Appends CommandComplete.
pub fn complete(out: &mut Vec<u8>, tag: &str) {
    CommandComplete { tag: tag.as_bytes() }.write(out);
}

fn rendered(cell: Cell<'_>, kind: Kind) -> Option<Cow<'_, str>> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Text(text) => text,
        Cell::Number(number) if kind == Kind::Int4 => {
            number.clamp(i64::from(i32::MIN), i64::from(i32::MAX)).to_string().into()
        }
        Cell::Number(number) => number.to_string().into(),
        Cell::Flag(true) => "t".into(),
        Cell::Flag(false) => "f".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_table() {
        let columns: [Column<i64>; 4] = [
            text("name", |_| Cell::text("x")),
            int4("small", |n| Cell::Number(*n)),
            int8("large", |n| Cell::Number(*n)),
            flag("odd", |n| if n % 2 == 1 { Cell::Flag(true) } else { Cell::Null }),
        ];
        let mut out = Vec::new();
        write(&mut out, &columns, &[7, i64::MAX - 1]);
        let mut want = Vec::new();
        want.extend_from_slice(b"T\0\0\0\x63\0\x04");
        want.extend_from_slice(b"name\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\0\0\0\0\0\0");
        want.extend_from_slice(b"small\0\0\0\0\0\0\0\0\0\0\x17\0\x04\0\0\0\0\0\0");
        want.extend_from_slice(b"large\0\0\0\0\0\0\0\0\0\0\x14\0\x08\0\0\0\0\0\0");
        want.extend_from_slice(b"odd\0\0\0\0\0\0\0\0\0\0\x10\0\x01\0\0\0\0\0\0");
        want.extend_from_slice(b"D\0\0\0\x1a\0\x04\0\0\0\x01x\0\0\0\x017\0\0\0\x017\0\0\0\x01t");
        want.extend_from_slice(
            b"D\0\0\0\x34\0\x04\0\0\0\x01x\0\0\0\x0a2147483647\0\0\0\x139223372036854775806",
        );
        want.extend_from_slice(b"\xff\xff\xff\xffC\0\0\0\x09SHOW\0");
        assert_eq!(out, want);
    }
}
