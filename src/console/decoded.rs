//! For tests: what a client reads from an answer.

use kiwi::backend::errors::ErrorFields;
use kiwi::backend::rows::{DataRow, Field, RowDescription};
use kiwi::frame::{Frames, Limits};

/// The messages of an answer, each whole.
pub(super) fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let mut frames = Frames::new(bytes, Limits::backend());
    let all = frames.by_ref().map(|frame| frame.unwrap().1).collect();
    assert!(frames.rest().is_empty(), "an answer ends with a message");
    all
}

/// Each message in short: its tag, and of an error its code and text, of a completion its tag.
pub(super) fn summary(bytes: &[u8]) -> Vec<String> {
    let short = |frame: &&[u8]| match frame[0] {
        b'E' => {
            let fields = ErrorFields::parse(frame).unwrap();
            let kinds: String = fields.iter().map(|(kind, _)| char::from(kind)).collect();
            assert_eq!((kinds.as_str(), fields.severity_text()), ("SCM", Some(&b"ERROR"[..])));
            format!("E {} {}", fields.code().unwrap().as_str(), text(fields.message()))
        }
        b'C' => format!("C {}", text(&frame[5..frame.len() - 1])),
        tag => char::from(tag).to_string(),
    };
    frames(bytes).iter().map(short).collect()
}

/// A table as a client sees it.
pub(super) struct Decoded {
    /// `name type` of each column.
    pub(super) columns: Vec<String>,
    /// The values, `NULL` for NULL.
    pub(super) rows: Vec<Vec<String>>,
}

impl Decoded {
    /// Reads RowDescription, rows, and the tag SHOW; nothing else may be there.
    pub(super) fn of(write: impl FnOnce(&mut Vec<u8>)) -> Decoded {
        let mut bytes = Vec::new();
        write(&mut bytes);
        let frames = frames(&bytes);
        let [head, rows @ .., tag] = frames.as_slice() else { panic!("no table") };
        assert_eq!(*tag, b"C\0\0\0\x09SHOW\0");
        Decoded { columns: columns(head), rows: rows.iter().map(|row| values(row)).collect() }
    }

    /// Compares column by column: `name type`, then the value in each row.
    pub(super) fn assert<const ROWS: usize>(&self, want: &[(&str, [&str; ROWS])]) {
        let names: Vec<_> = want.iter().map(|(name, _)| *name).collect();
        assert_eq!(self.columns, names);
        for (at, (name, values)) in want.iter().enumerate() {
            let got: Vec<_> = self.rows.iter().map(|row| row[at].as_str()).collect();
            assert_eq!(got, values, "{name}");
        }
    }
}

fn columns(frame: &[u8]) -> Vec<String> {
    let name = |field: Field<'_>| {
        assert_eq!((field.table, field.column, field.type_modifier, field.format), (0, 0, 0, 0));
        let kind = match (field.type_id, field.type_size) {
            (25, -1) => "text",
            (23, 4) => "int4",
            (20, 8) => "int8",
            (16, 1) => "bool",
            other => panic!("{other:?}"),
        };
        format!("{} {kind}", text(field.name))
    };
    RowDescription::parse(frame).unwrap().iter().map(name).collect()
}

fn values(frame: &[u8]) -> Vec<String> {
    let row = DataRow::parse(frame).unwrap();
    row.values.iter().map(|value| value.map_or("NULL".to_owned(), text)).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
