//! Diagnostics and HBA records as text.

use std::fmt;

use crate::address::Mask;
use crate::diagnostic::{Diagnostic, Level};
use crate::hba::{HbaBlock, HbaConnection, HbaDatabase, HbaRecord, HbaUser, HbaVerdict};

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

impl fmt::Display for HbaRecord {
    /// The record as a line of the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (connection, block) = match &self.connection {
            HbaConnection::Local => ("local", None),
            HbaConnection::Host(block) => ("host", Some(block)),
            HbaConnection::HostSsl(block) => ("hostssl", Some(block)),
            HbaConnection::HostNoSsl(block) => ("hostnossl", Some(block)),
        };
        let databases = self.databases.iter().map(|name| match name {
            HbaDatabase::All => "all",
            HbaDatabase::SameUser => "sameuser",
            HbaDatabase::Is(name) => name,
        });
        let users = self.users.iter().map(|name| match name {
            HbaUser::All => "all",
            HbaUser::Is(name) => name,
        });
        let (databases, users): (Vec<&str>, Vec<&str>) = (databases.collect(), users.collect());
        write!(f, "{connection} {} {}", databases.join(","), users.join(","))?;
        if let Some(block) = block {
            write!(f, " {block}")?;
        }
        f.write_str(match self.verdict {
            HbaVerdict::Allow => " allow",
            HbaVerdict::Reject => " reject",
        })
    }
}

impl fmt::Display for HbaBlock {
    /// `10.0.0.0/8`, or address and mask where the mask has holes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = (0..=128).find(|prefix| Mask::of_prefix(self.base, *prefix) == self.mask);
        match prefix {
            Some(prefix) => write!(f, "{}/{prefix}", self.base),
            None => write!(f, "{} {}", self.base, self.mask.0),
        }
    }
}
