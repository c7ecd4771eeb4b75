//! Where the parts of the conversion report to: errors with their place, and notes of what changes its meaning.

use crate::diagnostic::Sink;
use crate::source::{Loader, Position};

/// Notes kept of one run; nobody reads on after so many.
const NOTES_MAX: usize = 2000;

/// What every part of the conversion is handed.
pub(super) struct Cx<'a> {
    pub(super) loader: &'a dyn Loader,
    /// Input that cannot be understood.
    pub(super) sink: &'a mut Sink,
    /// Input that is understood and has no exact equivalent: `FILE:LINE: setting: reason`.
    pub(super) notes: &'a mut Vec<String>,
}

impl Cx<'_> {
    /// Reports what became of `setting`, written at `at`.
    pub(super) fn note(&mut self, at: &Position, setting: &str, reason: impl AsRef<str>) {
        let note = format!("{}:{}: {setting}: {}", at.file, at.line, reason.as_ref());
        match self.notes.len() {
            // What holds for everybody is met once for each database.
            _ if self.notes.contains(&note) => {}
            kept if kept < NOTES_MAX => self.notes.push(note),
            NOTES_MAX => self.notes.push(format!("{}: there is more, which is not shown", at.file)),
            _ => {}
        }
    }
}
