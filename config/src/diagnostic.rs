//! What is wrong with a configuration, and the sink every phase reports into.

use crate::source::Position;

/// Diagnostics kept in one run; after so many errors the rest tells nobody anything.
pub const DIAGNOSTICS_MAX: usize = 200;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably means something else than its author thinks.
    Warning,
}

/// One finding, with the place it is about.
///
/// `Display` and [`Diagnostic::render`] write `FILE:LINE:COL: MESSAGE`, or
/// `FILE:LINE:COL: warning: MESSAGE`, and a hint on a second line as `  hint: TEXT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub level: Level,
    /// The path as given.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Byte in the line, from 1.
    pub col: u32,
    /// What was found, lower-case and without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Collects diagnostics; no phase stops at the first.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    found: Vec<Diagnostic>,
    errors: usize,
    dropped: bool,
}

impl Sink {
    /// Records an error.
    pub(crate) fn error(&mut self, at: &Position, message: impl Into<String>) {
        self.push(Level::Error, at, message.into(), None);
    }

    /// Records an error and what to do about it.
    pub(crate) fn error_hint(&mut self, at: &Position, message: impl Into<String>, hint: impl Into<String>) {
        self.push(Level::Error, at, message.into(), Some(hint.into()));
    }

    /// Records a warning.
    pub(crate) fn warning(&mut self, at: &Position, message: impl Into<String>) {
        self.push(Level::Warning, at, message.into(), None);
    }

    /// Records a warning and what to do about it.
    pub(crate) fn warning_hint(
        &mut self,
        at: &Position,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Level::Warning, at, message.into(), Some(hint.into()));
    }

    /// How many errors were recorded; a phase compares before and after.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Whether nothing more is kept, so that a phase may stop looking.
    pub(crate) fn is_full(&self) -> bool {
        self.errors >= DIAGNOSTICS_MAX
    }

    /// Everything found, in order.
    pub(crate) fn into_found(mut self) -> Vec<Diagnostic> {
        if self.dropped
            && let Some(last) = self.found.last_mut()
        {
            last.hint = Some("there is more, which is not shown".to_owned());
        }
        self.found
    }

    fn push(&mut self, level: Level, at: &Position, message: String, hint: Option<String>) {
        if level == Level::Error {
            self.errors = self.errors.saturating_add(1);
        }
        // An error must be kept even when warnings filled the list: a result without a configuration and
        // without a reason would be useless.
        let first_error = level == Level::Error && self.errors == 1;
        if self.found.len() >= DIAGNOSTICS_MAX && !first_error {
            self.dropped = true;
            return;
        }
        self.found.push(Diagnostic {
            level,
            file: at.file.to_string(),
            line: at.line,
            col: at.col,
            message,
            hint,
        });
    }
}
