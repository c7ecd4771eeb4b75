//! Tokens to blocks, with includes expanded in place.
//!
//! A syntax error does not end the run: the parser passes over what it did not understand up to the next word
//! that means something in the same block, and goes on. What a value may be is asked of the directive's row.

use std::sync::Arc;

use crate::ast::{Block, BlockName, Header, Kind, Lost, Value, connection_named};
use crate::files::Run;
use crate::insert;
use crate::lexer::{Lexer, Token};
use crate::option::{Opt, Ty};
use crate::options;
use crate::source::Position;

/// Most alternatives a message lists; longer lists help nobody.
const EXPECTED_MAX: usize = 4;

/// Reads the file `file`, whose content is `text`, into `root`.
pub(crate) fn read(run: &mut Run<'_>, file: &Arc<str>, text: &[u8], depth: u32, root: &mut Block) {
    let mut lexer = Lexer::new(file, text);
    let (token, at) = lexer.next();
    Parser { run, lexer, token, at, depth, unclosed: false }.body(root);
}

/// One file being read; `token` is the next one, not consumed yet.
struct Parser<'r, 'a, 't> {
    run: &'r mut Run<'a>,
    lexer: Lexer<'t>,
    token: Token,
    at: Position,
    depth: u32,
    /// A missing brace was reported; the enclosing blocks end without a word of their own.
    unclosed: bool,
}

impl Parser<'_, '_, '_> {
    /// The content of `block` and its closing brace; the whole file for the root.
    fn body(&mut self, block: &mut Block) {
        loop {
            if self.run.is_over() {
                return block.lose(Lost::Blocks);
            }
            match (&self.token, block.kind) {
                (Token::End, Kind::Root) => return,
                (Token::Close, kind) if kind != Kind::Root => return self.advance(),
                (Token::Keyword("include"), Kind::Root) => self.include(block),
                (Token::Text(_), Kind::Options | Kind::BackendOptions) => self.pair(block),
                (Token::Keyword(word), kind) => match (*word, kind.row(word), kind.child(word)) {
                    (_, Some(row), _) => self.directive(row, block),
                    (word, None, Some(child)) => self.block(word, child, block),
                    (_, None, None) if self.at_missing_brace(kind) => return block.lose(Lost::Blocks),
                    (_, None, None) => self.confused(block),
                },
                (Token::End, _) => {
                    self.missing_brace();
                    return block.lose(Lost::Blocks);
                }
                (_, _) => self.confused(block),
            }
        }
    }

    fn advance(&mut self) {
        (self.token, self.at) = self.lexer.next();
    }

    /// Takes the token and steps on.
    fn take(&mut self) -> (Token, Position) {
        let (token, at) = self.lexer.next();
        (std::mem::replace(&mut self.token, token), std::mem::replace(&mut self.at, at))
    }

    fn include(&mut self, root: &mut Block) {
        let (_, at) = self.take();
        let Some(path) = self.text(root) else { return root.lose(Lost::Blocks) };
        self.run.file(&path, Some(&at), self.depth + 1, root);
    }

    fn pair(&mut self, block: &mut Block) {
        let Some(key) = self.text(block) else { return };
        let Some(value) = self.text(block) else { return };
        block.pairs.push((key, value));
    }

    fn directive(&mut self, row: &'static Opt, block: &mut Block) {
        self.unclosed = false;
        let (_, at) = self.take();
        let Some(value) = self.value(row, block) else { return };
        insert::directive(block, row, at, value, self.run.sink);
    }

    /// The value of a directive, or `None` after an error was reported and passed over.
    fn value(&mut self, row: &'static Opt, block: &mut Block) -> Option<Value> {
        let found = match (row.ty, &mut self.token) {
            (Ty::Bool | Ty::DeprecatedBool, Token::Keyword("yes")) => Value::Flag(true),
            (Ty::Bool | Ty::DeprecatedBool, Token::Keyword("no")) => Value::Flag(false),
            (Ty::Int(_) | Ty::DeprecatedInt | Ty::Size | Ty::CountOrAuto, Token::Number(n))
            | (Ty::Size, Token::Size(n)) => Value::Number(*n),
            (Ty::Text | Ty::Secret | Ty::Texts | Ty::TextsOrDefault | Ty::CountOrAuto, Token::Text(text)) => {
                Value::Text(std::mem::take(text))
            }
            (Ty::TextsOrDefault, Token::Keyword("default")) => Value::Default,
            (Ty::Word(words), Token::Keyword(word)) if words.contains(word) => Value::Word(word),
            (ty, _) => {
                self.unexpected(expected(ty), self.value_hint(ty));
                self.recover(block);
                return None;
            }
        };
        self.advance();
        Some(found)
    }

    fn block(&mut self, word: &'static str, kind: Kind, parent: &mut Block) {
        self.unclosed = false;
        let (_, at) = self.take();
        let mut block = Block::new(kind, at);
        if self.header(&mut block).is_none() {
            parent.lose(Lost::Blocks);
            return self.recover(parent);
        }
        if self.token != Token::Open {
            self.unexpected(&["'{'"], None);
            parent.lose(Lost::Blocks);
            return self.recover(parent);
        }
        self.advance();
        insert::check_alone(parent, kind, word, &block.at, self.run.sink);
        self.body(&mut block);
        parent.blocks.push(block);
    }

    /// What stands between the word and the brace; `None` after an error was reported.
    fn header(&mut self, block: &mut Block) -> Option<()> {
        let header = block.kind.header();
        match (header, &mut self.token) {
            (Header::Nothing, _) => return Some(()),
            (_, Token::Text(name)) => block.name = BlockName::Text(std::mem::take(name)),
            (Header::TextOrDefault | Header::TextOrDefaultAndSelector, Token::Keyword("default")) => {
                block.name = BlockName::Default;
            }
            (Header::TextOrDefault | Header::TextOrDefaultAndSelector, _) => {
                self.unexpected(&["STRING", "default"], None);
                return None;
            }
            (_, _) => {
                self.unexpected(&["STRING"], None);
                return None;
            }
        }
        self.advance();
        if matches!(header, Header::TextAndSelector | Header::TextOrDefaultAndSelector) {
            self.selector(block);
        }
        Some(())
    }

    /// An address range and a connection type, each at most once, in any order.
    fn selector(&mut self, block: &mut Block) {
        loop {
            match &mut self.token {
                Token::Text(range) if block.address.is_none() => {
                    block.address = Some(std::mem::take(range));
                }
                Token::Keyword(word) if block.connection.is_none() => {
                    let Some(connection) = connection_named(word) else { return };
                    block.connection = Some(connection);
                }
                _ => return,
            }
            self.advance();
        }
    }

    fn text(&mut self, block: &mut Block) -> Option<String> {
        if let Token::Text(text) = &mut self.token {
            let text = std::mem::take(text);
            self.advance();
            return Some(text);
        }
        self.unexpected(&["STRING"], self.value_hint(Ty::Text));
        self.recover(block);
        None
    }

    /// A token that means nothing here.
    fn confused(&mut self, block: &mut Block) {
        let end = if block.kind == Kind::Root { "end of file" } else { "'}'" };
        let hint = match self.token {
            Token::Keyword(word) => home(word),
            _ => None,
        };
        self.unexpected(&[end], hint);
        if self.token == Token::Close {
            self.advance();
        }
        self.recover(block);
    }

    /// What is wrong with the token as a value of this type, where the message alone does not say.
    fn value_hint(&self, ty: Ty) -> Option<String> {
        if ty == Ty::Secret {
            // What stands there is most likely the secret.
            return Some("a string is written in quotes".to_owned());
        }
        let text = matches!(ty, Ty::Text | Ty::Texts | Ty::TextsOrDefault | Ty::CountOrAuto);
        match &self.token {
            Token::Ident(word) if text => {
                Some(format!("unknown directive '{word}'; a string is written in quotes: \"{word}\""))
            }
            Token::Keyword(word) if text => Some(format!("a string is written in quotes: \"{word}\"")),
            Token::Text(word) => Some(format!("written without quotes: {word}")),
            Token::Size(bytes) => Some(format!("written without a unit: {bytes}")),
            _ => None,
        }
    }

    /// Whether the word opens a section of the file: then the brace of this block was forgotten, and reading on
    /// outside of it finds more real errors than reading on inside.
    fn at_missing_brace(&mut self, kind: Kind) -> bool {
        let Token::Keyword(word) = self.token else { return false };
        let section = matches!(Kind::Root.child(word), Some(Kind::Database | Kind::Listen | Kind::Storage));
        let user = Kind::Database.child(word).is_some() && kind != Kind::Root;
        if kind == Kind::Root || !(section || user) {
            return false;
        }
        self.missing_brace();
        true
    }

    fn missing_brace(&mut self) {
        if !self.unclosed {
            self.unexpected(&["'}'"], None);
        }
        self.unclosed = true;
    }

    /// Reports the token; `hint` takes the place of what is said of every unknown word.
    fn unexpected(&mut self, expected: &[&str], hint: Option<String>) {
        if let Token::Bad(message, hint) = &self.token {
            match hint {
                Some(hint) => self.run.sink.error_hint(&self.at, message, *hint),
                None => self.run.sink.error(&self.at, message),
            }
        }
        let mut message = format!("syntax error, unexpected {}", self.token.title());
        if (1..=EXPECTED_MAX).contains(&expected.len()) {
            message.push_str(", expecting ");
            message.push_str(&expected.join(" or "));
        }
        let hint = match (hint, &self.token) {
            (Some(hint), _) => hint,
            (None, Token::Ident(word)) => insert::unknown_word(word, &[]),
            (None, _) => return self.run.sink.error(&self.at, message),
        };
        self.run.sink.error_hint(&self.at, message, hint);
    }

    /// Passes over tokens up to one that continues a block of this kind, whole braces at a time. A word on a
    /// later line is taken for a new beginning too, so that the next mistake is seen.
    fn recover(&mut self, block: &mut Block) {
        block.lose(Lost::Directives);
        let kind = block.kind;
        let mut depth = 0u32;
        let line = self.at.line;
        loop {
            match &self.token {
                Token::End => return block.lose(Lost::Blocks),
                Token::Open => {
                    block.lose(Lost::Blocks);
                    depth = depth.saturating_add(1);
                }
                Token::Close if depth == 0 => return,
                Token::Close => depth = depth.saturating_sub(1),
                Token::Keyword(word) if depth == 0 && continues(kind, word) => return,
                Token::Keyword(_) | Token::Ident(_) if depth == 0 && self.at.line > line => return,
                _ => {}
            }
            self.advance();
        }
    }
}

fn continues(kind: Kind, word: &str) -> bool {
    kind.row(word).is_some() || kind.child(word).is_some() || (kind == Kind::Root && word == "include")
}

/// Where a keyword may stand that does not belong where it stands.
fn home(word: &str) -> Option<String> {
    let mut homes: Vec<&str> = Vec::new();
    for (section, mut rows) in options::sections() {
        if rows.any(|row| row.name == word) {
            // Rows of one section may stand in two tables.
            homes.push(section.trim_end_matches(": logging").trim_end_matches(": TLS"));
        }
    }
    (!homes.is_empty()).then(|| format!("'{word}' belongs in: {}", homes.join("; ")))
}

fn expected(ty: Ty) -> &'static [&'static str] {
    match ty {
        Ty::Bool | Ty::DeprecatedBool => &["yes", "no"],
        Ty::Int(_) | Ty::DeprecatedInt => &["NUMBER"],
        Ty::Size => &["NUMBER", "SIZE_NUMBER"],
        Ty::Text | Ty::Secret | Ty::Texts => &["STRING"],
        Ty::TextsOrDefault => &["STRING", "default"],
        Ty::CountOrAuto => &["STRING", "NUMBER"],
        Ty::Word(words) => words,
    }
}
