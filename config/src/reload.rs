//! What is in force after a reload: the new file, except for what only a restart can change.

use crate::ast::{Block, Entry, Kind, Value};
use crate::diagnostic::{Diagnostic, Level, Sink};
use crate::model::Config;
use crate::option::Reload;
use crate::options::listen;
use crate::resolve::{self, Cx};

impl Config {
    /// The configuration in force once this one, just read, has been loaded into a process that runs by
    /// `running`.
    ///
    /// Directives whose row says [`Reload::Restart`] keep the running value, every other takes the new one, and
    /// what is derived from them is derived again. Listeners keep running in their order; one that is still in
    /// the file under the same host text and port takes its reloadable directives. Names of storages that
    /// vanished are dropped from listeners.
    ///
    /// The error says why nothing can be loaded without a restart: each file is good by itself, but the mixture
    /// is not. Such is a storage without `host` next to a new `unix_socket_dir`.
    pub fn after_reload(self, running: &Config) -> Result<Config, Vec<Diagnostic>> {
        let root = merge_root(self.written.root(), running.written.root());
        let mut sink = Sink::default();
        let mut cx = Cx { sink: &mut sink, notes: Vec::new(), not_effective: Vec::new() };
        let config = resolve::build(root, |_, _| self.hba, &mut cx);
        let errors: Vec<Diagnostic> =
            sink.into_found().into_iter().filter(|found| found.level == Level::Error).collect();
        match errors.is_empty() {
            true => Ok(Config { not_effective: self.not_effective, notes: self.notes, ..config }),
            false => Err(errors),
        }
    }
}

/// Blocks that come and go with the process.
fn needs_restart(kind: Kind) -> bool {
    matches!(kind, Kind::Listen | Kind::ConnDrop | Kind::SoftOom | Kind::SoftOomDrop | Kind::QueryParsing)
}

fn merge_root(new: &Block, running: &Block) -> Block {
    let mut merged = merge(new, running);
    merged.blocks.extend(new.blocks.iter().filter(|block| !needs_restart(block.kind)).cloned());
    let storages: Vec<&str> = new.of(Kind::Storage).map(Block::text_name).collect();
    for block in merged.blocks.iter_mut().filter(|block| block.kind == Kind::Listen) {
        block.entries.retain(|entry| match &entry.value {
            Value::Text(name) if entry.opt.name == listen::STORAGE.name => storages.contains(&name.as_str()),
            _ => true,
        });
    }
    merged
}

/// The running block with the reloadable directives of the new one.
fn merge(new: &Block, running: &Block) -> Block {
    let restarts = |entry: &&Entry| entry.opt.reload == Reload::Restart;
    let mut merged = Block::new(running.kind, running.at.clone());
    merged.entries.extend(running.entries.iter().filter(restarts).cloned());
    merged.entries.extend(new.entries.iter().filter(|entry| !restarts(entry)).cloned());
    merged.blocks.extend(running.blocks.iter().filter(|block| needs_restart(block.kind)).map(|block| {
        let twin = new.of(block.kind).find(|other| same_place(block, other));
        twin.map_or_else(|| block.clone(), |twin| merge(twin, block))
    }));
    merged
}

/// Whether two blocks of one kind are about the same thing.
fn same_place(a: &Block, b: &Block) -> bool {
    a.kind != Kind::Listen
        || (a.text(&listen::HOST) == b.text(&listen::HOST)
            && a.number(&listen::PORT) == b.number(&listen::PORT))
}
