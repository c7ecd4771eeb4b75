//! TOML documents to blocks.
//!
//! A directive is a key, and a section a table, or an array of tables where it may be repeated. What stands
//! between the word and the brace in odyssey.conf is keys of the table: `name` or `default = true`, `address`,
//! `connection`. The pairs of `options` are a table of strings, or an array of tables to say one name twice.
//!
//! The document itself is read by the `toml` crate. Here its values become entries of the option tables, checked
//! by the same code as those of odyssey.conf.

mod place;
mod value;

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::place::Places;
use crate::ast::{Block, BlockName, Header, Kind, Lost, connection_named, connection_words};
use crate::files::Run;
use crate::insert;
use crate::option::{Opt, Ty};
use crate::options::keywords;
use crate::source::Position;

const NAME: &str = "name";
const DEFAULT: &str = "default";
const ADDRESS: &str = "address";
const CONNECTION: &str = "connection";

/// Reads the file `file`, whose content is `text`, into `root`.
///
/// A document that breaks the rules of TOML says so, in every place, and nothing else: what its values were meant
/// to be is unknown.
pub(crate) fn read(run: &mut Run<'_>, file: &Arc<str>, text: &[u8], depth: u32, root: &mut Block) {
    let places = Places::new(file, text);
    let text = match std::str::from_utf8(text) {
        Ok(text) => text,
        Err(error) => {
            root.lose(Lost::Blocks);
            return run.sink.error(&places.at(error.valid_up_to()), "file is not valid UTF-8");
        }
    };
    let (document, mut faults) = DeTable::parse_recoverable(text);
    let start = |fault: &toml::de::Error| fault.span().map_or(0, |span| span.start);
    faults.sort_by_key(start);
    // The second word about one place is mostly a consequence of the first.
    faults.dedup_by_key(|fault| start(fault));
    for fault in &faults {
        run.sink.error(&places.at(start(fault)), format!("syntax error, {}", fault.message()));
    }
    if faults.is_empty() {
        Reader { run, places, depth }.content(document.get_ref(), root);
    } else {
        root.lose(Lost::Blocks);
    }
}

/// One document being read.
struct Reader<'r, 'a> {
    run: &'r mut Run<'a>,
    places: Places,
    depth: u32,
}

impl Reader<'_, '_> {
    /// The keys of a table, in the order of the text, as what they mean in `block`.
    fn content(&mut self, table: &DeTable<'_>, block: &mut Block) {
        let mut items: Vec<_> = table.iter().collect();
        items.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in items {
            if self.run.is_over() {
                return block.lose(Lost::Blocks);
            }
            let at = self.places.at(key.span().start);
            let word = key.get_ref().as_ref();
            match (block.kind, block.kind.row(word), block.kind.child(word)) {
                (Kind::Root, None, None) if word == "include" => self.include(&at, value, block),
                (Kind::Options | Kind::BackendOptions, ..) => self.pair(word, &at, value, block),
                (_, Some(row), _) => self.directive(row, at, value, block),
                (_, None, Some(kind)) => self.sections(word, kind, &at, value, block),
                (kind, None, None) if header_keys(kind.header()).contains(&word) => {}
                (kind, None, None) => {
                    block.lose(Lost::Directives);
                    self.unexpected(word, &at, kind);
                }
            }
        }
    }

    fn include(&mut self, at: &Position, value: &Spanned<DeValue<'_>>, root: &mut Block) {
        for (path, at) in self.items(at, value) {
            if self.run.is_over() {
                return;
            }
            match self.text("include", &at, path) {
                Some(path) => self.run.file(&path, Some(&at), self.depth + 1, root),
                None => root.lose(Lost::Blocks),
            }
        }
    }

    fn pair(&mut self, name: &str, at: &Position, value: &Spanned<DeValue<'_>>, block: &mut Block) {
        if let DeValue::Table(_) = value.get_ref() {
            let message = value::mistyped(&shown(name), "a string", value.get_ref());
            return self.run.sink.error_hint(at, message, "a name that contains dots stands in quotes");
        }
        let Some(text) = self.text(&shown(name), at, value) else { return };
        match value::checked_text(name) {
            Ok(name) => block.pairs.push((name, text)),
            Err(message) => self.run.sink.error(at, message),
        }
    }

    fn directive(
        &mut self,
        row: &'static Opt,
        at: Position,
        value: &Spanned<DeValue<'_>>,
        block: &mut Block,
    ) {
        let values = match row.ty {
            Ty::Texts | Ty::TextsOrDefault => self.items(&at, value),
            _ => vec![(value, at)],
        };
        for (value, at) in values {
            match value::of(row, value.get_ref()) {
                Ok(value) => insert::directive(block, row, at, value, self.run.sink),
                Err(message) => {
                    block.lose(Lost::Directives);
                    self.run.sink.error(&at, message);
                }
            }
        }
    }

    /// One section, or several.
    fn sections(
        &mut self,
        word: &str,
        kind: Kind,
        at: &Position,
        value: &Spanned<DeValue<'_>>,
        parent: &mut Block,
    ) {
        let (values, expected) = match kind.repeats() {
            true => (self.items(at, value), "a table or an array of tables"),
            false => (vec![(value, at.clone())], "a table"),
        };
        for (value, at) in values {
            match value.get_ref() {
                DeValue::Table(table) => {
                    let at = self.places.at(value.span().start);
                    self.section(word, Block::new(kind, at), table, parent);
                }
                other => {
                    parent.lose(Lost::Blocks);
                    self.run.sink.error(&at, value::mistyped(word, expected, other));
                }
            }
        }
    }

    /// A section without a name is read for its mistakes and left out.
    fn section(&mut self, word: &str, mut block: Block, table: &DeTable<'_>, parent: &mut Block) {
        insert::check_alone(parent, block.kind, word, &block.at, self.run.sink);
        let named = self.header(word, table, &mut block);
        self.content(table, &mut block);
        match named {
            Some(()) => parent.blocks.push(block),
            None => parent.lose(Lost::Blocks),
        }
    }

    /// The keys that say what odyssey.conf says before the brace; `None` after an error was reported.
    fn header(&mut self, word: &str, table: &DeTable<'_>, block: &mut Block) -> Option<()> {
        let keys = header_keys(block.kind.header());
        if keys.contains(&NAME) {
            block.name = self.name(word, keys, table, &block.at)?;
        }
        if keys.contains(&ADDRESS)
            && let Some((at, value)) = self.field(table, ADDRESS)
        {
            block.address = Some(self.text(ADDRESS, &at, value)?);
        }
        if keys.contains(&CONNECTION)
            && let Some((at, value)) = self.field(table, CONNECTION)
        {
            let text = self.text(CONNECTION, &at, value)?;
            block.connection = connection_named(&text);
            if block.connection.is_none() {
                let words: Vec<&str> = connection_words().collect();
                self.run.sink.error(&at, value::not_a_word(CONNECTION, &words, &text));
                return None;
            }
        }
        Some(())
    }

    /// What `name` and, among `keys`, `default` say; one of them must.
    fn name(
        &mut self,
        word: &str,
        keys: &[&str],
        table: &DeTable<'_>,
        section: &Position,
    ) -> Option<BlockName> {
        let may_default = keys.contains(&DEFAULT);
        let default = match self.field(table, DEFAULT).filter(|_| may_default) {
            Some((at, value)) => self.is_default(&at, value)?,
            None => false,
        };
        match (self.field(table, NAME), default) {
            (Some((at, value)), false) => self.text(NAME, &at, value).map(BlockName::Text),
            (None, true) => Some(BlockName::Default),
            (Some((at, _)), true) => {
                self.run.sink.error(&at, format!("{word} section has both 'name' and 'default'"));
                None
            }
            (None, false) => {
                let or = if may_default { " or 'default = true'" } else { "" };
                self.run.sink.error(section, format!("{word} section is missing 'name'{or}"));
                None
            }
        }
    }

    /// The key `name` of a table: where it stands, and its value.
    fn field<'v, 't>(
        &self,
        table: &'v DeTable<'t>,
        name: &str,
    ) -> Option<(Position, &'v Spanned<DeValue<'t>>)> {
        let (key, value) = table.get_key_value(name)?;
        Some((self.places.at(key.span().start), value))
    }

    fn is_default(&mut self, at: &Position, value: &Spanned<DeValue<'_>>) -> Option<bool> {
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        self.run.sink.error(at, value::mistyped(DEFAULT, "a boolean", value.get_ref()));
        None
    }

    /// A string; `None` after an error was reported.
    fn text(&mut self, name: &str, at: &Position, value: &Spanned<DeValue<'_>>) -> Option<String> {
        let text = match value.get_ref() {
            DeValue::String(text) => value::checked_text(text),
            other => Err(value::mistyped(name, "a string", other)),
        };
        text.map_err(|message| self.run.sink.error(at, message)).ok()
    }

    /// The elements of an array, each where it stands, or the one value that stands for itself.
    fn items<'v, 't>(
        &self,
        at: &Position,
        value: &'v Spanned<DeValue<'t>>,
    ) -> Vec<(&'v Spanned<DeValue<'t>>, Position)> {
        match value.get_ref() {
            DeValue::Array(items) => {
                items.iter().map(|item| (item, self.places.at(item.span().start))).collect()
            }
            _ => vec![(value, at.clone())],
        }
    }

    fn unexpected(&mut self, word: &str, at: &Position, kind: Kind) {
        let message = format!("unexpected key '{}'", shown(word));
        if Kind::Root.row(word).is_some() || word == "include" {
            let hint = format!("'{word}' belongs to no section: it stands above the first table");
            return self.run.sink.error_hint(at, message, hint);
        }
        // These mean something elsewhere: no word like them was meant.
        if keywords::find(word).is_some() || [NAME, ADDRESS, CONNECTION].contains(&word) {
            return self.run.sink.error(at, message);
        }
        let hint = insert::unknown_word(&shown(word), header_keys(kind.header()));
        self.run.sink.error_hint(at, message, hint);
    }
}

/// A key as a message shows it: in a document it may hold anything.
fn shown(key: &str) -> String {
    key.escape_debug().to_string()
}

/// The keys that say what stands before the brace.
fn header_keys(header: Header) -> &'static [&'static str] {
    match header {
        Header::Nothing => &[],
        Header::Text => &[NAME],
        Header::TextOrDefault => &[NAME, DEFAULT],
        Header::TextAndSelector => &[NAME, ADDRESS, CONNECTION],
        Header::TextOrDefaultAndSelector => &[NAME, DEFAULT, ADDRESS, CONNECTION],
    }
}
