//! What a client got for one question.

use crate::wire::Message;

/// Rows of text, `None` for NULL.
pub type Rows = Vec<Vec<Option<String>>>;

/// All messages of one answer, in order.
#[derive(Clone, Debug)]
pub struct Reply {
    /// As they came; the last one is what was waited for.
    pub messages: Vec<Message>,
}

impl Reply {
    /// The tags as a text, such as `"TDCZ"`.
    pub fn tags(&self) -> String {
        self.messages.iter().map(|m| char::from(m.tag)).collect()
    }

    /// The rows.
    pub fn rows(&self) -> Rows {
        self.of(b'D').map(Message::row).collect()
    }

    /// The names of the columns of the first RowDescription.
    pub fn columns(&self) -> Vec<String> {
        self.of(b'T').next().map_or_else(Vec::new, |t| t.columns().into_iter().map(|c| c.name).collect())
    }

    /// The first ErrorResponse.
    pub fn error(&self) -> Option<&Message> {
        self.of(b'E').next()
    }

    /// The SQLSTATE of that, or an empty text.
    pub fn sqlstate(&self) -> String {
        self.error().and_then(|e| e.field(b'C')).unwrap_or_default()
    }

    /// The tag of the last CommandComplete, or an empty text.
    pub fn command(&self) -> String {
        self.of(b'C').last().map_or_else(String::new, Message::text)
    }

    /// The transaction status of ReadyForQuery: `I`, `T` or `E`; `?` without one.
    pub fn status(&self) -> char {
        self.of(b'Z').last().and_then(|z| z.body.first()).map_or('?', |b| char::from(*b))
    }

    fn of(&self, tag: u8) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |m| m.tag == tag)
    }
}

/// What a console command answered.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    command: String,
}

impl Table {
    /// Reads it out of an answer.
    pub fn of(reply: &Reply) -> Table {
        Table { columns: reply.columns(), rows: reply.rows(), command: reply.command() }
    }

    /// Names of the columns, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The tag of CommandComplete, empty if none came.
    pub fn command(&self) -> &str {
        &self.command
    }

    /// The rows, which know their columns.
    pub fn rows(&self) -> impl Iterator<Item = TableRow<'_>> {
        self.rows.iter().map(|values| TableRow { table: self, values })
    }
}

/// One row of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct TableRow<'a> {
    table: &'a Table,
    values: &'a [Option<String>],
}

impl<'a> TableRow<'a> {
    /// The value of a column, NULL as an empty text; panics when there is no such column.
    pub fn get(&self, column: &str) -> &'a str {
        let place = self.table.columns.iter().position(|name| name == column);
        let place = place.unwrap_or_else(|| panic!("no column {column} in {:?}", self.table.columns));
        self.values.get(place).and_then(Option::as_deref).unwrap_or("")
    }
}
