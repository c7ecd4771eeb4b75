//! odyssey.conf, or the same as TOML: one text to one typed configuration, with diagnostics.
//!
//! Four phases, each a file or folder, each reporting into one list instead of stopping at the first problem:
//!
//! 1. [`source`](crate::Loader) and `files`: which files there are, and the form each is written in;
//! 2. `lexer` and `parser`, or `toml_reader`: bytes to blocks of entries as written (`ast`), each value checked
//!    against its row of the option tables (`options`) by `insert`, includes expanded in place;
//! 3. `resolve`: blocks to the [`Config`] the program runs on: defaults, references, cross-checks;
//! 4. `matching`, `hba_match`: questions asked of a finished configuration.
//!
//! [`convert`] has blocks that pass all of this written in the other form (`write`).
//!
//! The crate knows no socket, no clock and no runtime, and opens files only through its [`Loader`].
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::as_conversions)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing))]

mod address;
mod affinity;
mod ast;
mod convert;
mod describe;
mod diagnostic;
mod diff;
mod explain;
mod files;
mod fuzz;
mod hba;
mod hba_match;
mod hosts;
mod insert;
mod lexer;
mod matching;
mod model;
mod option;
mod options;
mod overrides;
mod parser;
mod pgbouncer;
mod reload;
mod render;
mod resolve;
mod rule_index;
mod settings;
mod source;
mod toml_reader;
mod value;
mod write;
mod written;

pub use convert::{Converted, convert};
pub use diagnostic::{DIAGNOSTICS_MAX, Diagnostic, Level};
pub use diff::{Change, Difference, diff};
pub use explain::{Explanation, Refusal, explain};
pub use fuzz::{fuzz_config, fuzz_hba, fuzz_hosts, fuzz_pgbouncer, fuzz_toml};
pub use hba::{Hba, HbaBlock, HbaConnection, HbaDatabase, HbaRecord, HbaUser, HbaVerdict};
pub use matching::Client;
pub use model::*;
pub use option::{Check, Effect, Fallback, Opt, Reload, Ty};
pub use options::{not_effective_table, sections};
pub use overrides::Override;
pub use resolve::option_names;
pub use settings::{Origin, Setting};
pub use source::{
    FILE_BYTES_MAX, FileLoader, INCLUDE_DEPTH_MAX, INCLUDES_MAX, Loader, MemoryLoader, Position,
};

/// What came of reading a configuration.
#[derive(Debug)]
pub struct Outcome {
    /// The configuration; present exactly when no diagnostic is an error.
    pub config: Option<Config>,
    /// Everything found, in the order of the text, phase by phase.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the configuration `entry` and everything it includes, and checks it.
///
/// A file whose name ends in `.toml` is a TOML document, any other is written as odyssey.conf; a file of one form
/// may include one of the other.
///
/// Files are read through `loader`; nothing else is opened: TLS files, sockets, logs and names are the
/// caller's. The result does not depend on the clock or the environment, except that `workers "auto"` asks for
/// the number of CPUs where other limits are derived from it.
pub fn parse(loader: &dyn Loader, entry: &str) -> Outcome {
    let mut sink = diagnostic::Sink::default();
    let reading = files::read(loader, entry, &mut sink);
    let config = resolve::resolve(reading.root, loader, &mut sink);
    Outcome { config, diagnostics: sink.into_found() }
}
