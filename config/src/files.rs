//! One run over the entry file and everything it includes, each file read in the form its name tells.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use crate::ast::{Block, Kind, Lost};
use crate::diagnostic::Sink;
use crate::source::{INCLUDE_DEPTH_MAX, INCLUDES_MAX, Loader, Position, system_text};
use crate::{parser, toml_reader};

/// The form a configuration is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// odyssey.conf: any name that tells no other form.
    Conf,
    /// A TOML document: names that end in `.toml`.
    Toml,
}

impl Form {
    /// The form of the file `path`.
    pub(crate) fn of(path: &str) -> Form {
        match Path::new(path).extension().and_then(OsStr::to_str) {
            Some("toml") => Form::Toml,
            _ => Form::Conf,
        }
    }
}

/// What was read.
pub(crate) struct Reading {
    /// Everything, with includes expanded in place.
    pub(crate) root: Block,
    /// Every file that was opened, or could not be, in this order; the entry file first.
    pub(crate) files: Vec<String>,
}

/// Reads `entry` and everything it includes.
pub(crate) fn read(loader: &dyn Loader, entry: &str, sink: &mut Sink) -> Reading {
    let mut root = Block::new(Kind::Root, Position::start_of(entry));
    let mut run = Run { loader, sink, files: Vec::new(), ended: false };
    run.file(entry, None, 0, &mut root);
    Reading { files: run.files, root }
}

/// What all files of a run share.
pub(crate) struct Run<'a> {
    pub(crate) sink: &'a mut Sink,
    loader: &'a dyn Loader,
    files: Vec<String>,
    /// Includes got out of hand.
    ended: bool,
}

impl Run<'_> {
    /// Whether nothing more is worth reading.
    pub(crate) fn is_over(&self) -> bool {
        self.ended || self.sink.is_full()
    }

    /// Reads the file `path`, included from this place `depth` levels below the entry file, into `root`.
    pub(crate) fn file(&mut self, path: &str, from: Option<&Position>, depth: u32, root: &mut Block) {
        let start = Position::start_of(path);
        if depth > INCLUDE_DEPTH_MAX || self.files.len() >= INCLUDES_MAX {
            self.ended = true;
            root.lose(Lost::Blocks);
            let message = match depth > INCLUDE_DEPTH_MAX {
                true => {
                    format!("include depth limit ({INCLUDE_DEPTH_MAX}) exceeded, possibly a circular include")
                }
                false => {
                    format!("include count limit ({INCLUDES_MAX}) exceeded, possibly a circular include")
                }
            };
            return self.sink.error(&start, message);
        }
        self.files.push(path.to_owned());
        let text = match self.loader.load(path) {
            Ok(text) => text,
            Err(error) => {
                root.lose(Lost::Blocks);
                let message = format!("failed to open config file '{path}': {}", system_text(&error));
                return match from {
                    Some(from) => self.sink.error_hint(&start, message, format!("included at {from}")),
                    None => self.sink.error(&start, message),
                };
            }
        };
        let file: Arc<str> = path.into();
        match Form::of(path) {
            Form::Conf => parser::read(self, &file, &text, depth, root),
            Form::Toml => toml_reader::read(self, &file, &text, depth, root),
        }
    }
}
