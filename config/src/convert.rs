//! From one form to the other.

use crate::ast::Block;
use crate::diagnostic::{Diagnostic, Sink};
use crate::files::{self, Form, Reading};
use crate::pgbouncer;
use crate::resolve;
use crate::source::Loader;
use crate::write::{write_conf, write_toml};

/// What came of converting a configuration.
#[derive(Debug)]
pub struct Converted {
    /// The other form; present exactly when no diagnostic is an error.
    pub text: Option<String>,
    /// What [`parse`](crate::parse) says about the configuration, and which values the other form cannot express.
    pub diagnostics: Vec<Diagnostic>,
    /// What the text leaves out or says in another way; a line each.
    pub notes: Vec<String>,
}

/// Reads the configuration `entry` and everything it includes, checks it, and writes it in the other form:
/// odyssey.conf for a name that ends in `.toml`, TOML for any other. A name that ends in `.ini` is a configuration of
/// PgBouncer, which becomes odyssey.conf; the notes say what has no equivalent, each as `FILE:LINE: setting: reason`.
///
/// The text is one file, whose configuration equals that of the original. Whatever is not a value is lost: comments,
/// layout, and which file said what.
pub fn convert(loader: &dyn Loader, entry: &str) -> Converted {
    let mut sink = Sink::default();
    if pgbouncer::is_one(entry) {
        return from_pgbouncer(loader, entry, sink);
    }
    let Reading { root, files } = files::read(loader, entry, &mut sink);
    let config = resolve::resolve(root, loader, &mut sink);
    let text = config.and_then(|config| other_form(Form::of(entry), config.written.root(), &mut sink));
    let notes = text.as_ref().map_or_else(Vec::new, |_| notes(entry, &files));
    Converted { text, diagnostics: sink.into_found(), notes }
}

fn from_pgbouncer(loader: &dyn Loader, entry: &str, mut sink: Sink) -> Converted {
    let mut notes = Vec::new();
    let root = pgbouncer::read(loader, entry, &mut sink, &mut notes);
    // What stands in the file wrong would only be reported again by its consequences.
    let config = if sink.errors() == 0 { resolve::resolve(root, loader, &mut sink) } else { None };
    let text = config.and_then(|config| write_conf(config.written.root(), &mut sink));
    Converted { text, diagnostics: sink.into_found(), notes }
}

fn notes(entry: &str, files: &[String]) -> Vec<String> {
    let included = files.iter().skip(1);
    let included = included.map(|path| format!("{path}: its content stands in place of the include"));
    std::iter::once(format!("{entry}: comments are not kept")).chain(included).collect()
}

fn other_form(form: Form, root: &Block, sink: &mut Sink) -> Option<String> {
    match form {
        Form::Conf => Some(write_toml(root)),
        Form::Toml => write_conf(root, sink),
    }
}
