//! Diagnostics and the option tables as text.

use std::fmt;

use crate::diagnostic::{Diagnostic, Level};
use crate::option::{Effect, Opt};

impl Diagnostic {
    /// The line, or two lines with a hint, without a newline at the end.
    pub fn render(&self) -> String {
        self.to_string()
    }

    /// The first line alone: callers that log hints as lines of their own use this with `hint`.
    pub fn headline(&self) -> String {
        let warning = match self.level {
            Level::Error => "",
            Level::Warning => "warning: ",
        };
        format!("{}:{}:{}: {warning}{}", self.file, self.line, self.col, self.message)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The option tables as one Markdown page, section by section.
pub fn options_markdown() -> String {
    let mut page = String::new();
    for (section, rows) in crate::options::sections() {
        page.push_str(&format!("## {section}\n\n| directive | type | default | reload | effect |\n"));
        page.push_str("|---|---|---|---|---|\n");
        for row in rows {
            page.push_str(&markdown_row(row));
        }
        page.push('\n');
    }
    page
}

fn markdown_row(row: &Opt) -> String {
    let effect = match row.effect {
        Effect::Full => row.doc.to_owned(),
        Effect::NotYet(why) => format!("{} *Not effective yet: {why}.*", row.doc),
        Effect::Ignored(why) => format!("{} *Ignored: {why}.*", row.doc),
    };
    format!("| `{}` | {} | {} | {} | {effect} |\n", row.name, row.ty, row.default, row.reload)
}
