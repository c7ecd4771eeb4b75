//! The text a configuration was made of, kept beside it: for showing, comparing and merging.

use std::fmt;
use std::sync::Arc;

use crate::ast::{Block, Entry, Kind, Value};
use crate::option::Opt;

/// The whole file as written.
///
/// Equal to every other: how a configuration was written does not decide whether it is the same.
#[derive(Clone)]
pub(crate) struct Written(Arc<Block>);

impl Written {
    /// Keeps `root`.
    pub(crate) fn new(root: Block) -> Self {
        Written(Arc::new(root))
    }

    /// The file.
    pub(crate) fn root(&self) -> &Block {
        &self.0
    }

    /// The file, to change.
    pub(crate) fn root_mut(&mut self) -> &mut Block {
        Arc::make_mut(&mut self.0)
    }
}

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Written {
    /// Says nothing: there are passwords inside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

/// The block of a rule, with what surrounds it.
#[derive(Clone, Copy)]
pub(crate) struct RuleBlock<'a> {
    /// The `database` or `storage` block it stands in.
    pub(crate) outer: &'a Block,
    /// The `user`, `group` or `watchdog` block.
    pub(crate) block: &'a Block,
}

impl Block {
    /// The blocks of the rules, in the order of `Config::rules`. A generated rule has none.
    pub(crate) fn rules(&self) -> impl Iterator<Item = RuleBlock<'_>> {
        let watchdogs = self
            .of(Kind::Storage)
            .flat_map(|outer| outer.of(Kind::Watchdog).map(move |block| RuleBlock { outer, block }));
        let routes = self.of(Kind::Database).flat_map(|outer| {
            let users = outer.of(Kind::User);
            users.chain(outer.of(Kind::Group)).map(move |block| RuleBlock { outer, block })
        });
        watchdogs.chain(routes)
    }

    /// Writes `value` for `row`, instead of what was written.
    pub(crate) fn set(&mut self, row: &'static Opt, value: Value) {
        let at = self.place(row).clone();
        self.entries.retain(|entry| entry.opt.name != row.name);
        self.entries.push(Entry { opt: row, at, value });
    }

    /// Whether `other` says the same in the same order, wherever it stands.
    pub(crate) fn same_text(&self, other: &Block) -> bool {
        let entry = |a: &Entry, b: &Entry| a.opt.name == b.opt.name && a.value == b.value;
        let all = |a: &[Entry], b: &[Entry]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| entry(a, b));
        self.kind == other.kind
            && (&self.name, &self.address, self.connection) == (&other.name, &other.address, other.connection)
            && all(&self.entries, &other.entries)
            && self.pairs == other.pairs
            && self.blocks.len() == other.blocks.len()
            && self.blocks.iter().zip(&other.blocks).all(|(a, b)| a.same_text(b))
    }
}
