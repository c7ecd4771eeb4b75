//! Blocks as written to the configuration the program runs on.
//!
//! The shape of the file comes first (`structure`), then everything else: values, references between sections, and
//! the choices that depend on several directives. All of it is looked at in one run, whatever was found before;
//! consequences are not reported as causes because nobody misses a thing where the reader lost something
//! (`ast::Lost`), and nobody judges by a value that was refused. What is odd about a good file is said last
//! (`advice`).

mod advice;
mod effect;
mod generated;
mod global;
mod listen;
mod parameters;
mod rule;
mod rule_checks;
mod storage;
mod structure;
mod words;

pub use parameters::option_names;

use crate::ast::{Block, Kind};
use crate::diagnostic::Sink;
use crate::hba;
use crate::matching::{self, Sequential};
use crate::model::{Config, LdapEndpoint, NotEffective, Rule, Secret, SharedPool, StorageKind};
use crate::options::{global as opt, storage::ldap, storage::shared_pool};
use crate::rule_index::RuleIndex;
use crate::source::{Loader, system_text};
use crate::value;
use crate::written::Written;
use std::collections::HashMap;
use std::sync::Arc;

/// Where stages report to.
pub(crate) struct Cx<'a> {
    pub(crate) sink: &'a mut Sink,
    pub(crate) notes: Vec<String>,
    pub(crate) not_effective: Vec<NotEffective>,
}

/// Makes the configuration; `None` when any error was reported, now or while parsing.
pub(crate) fn resolve(root: Block, loader: &dyn Loader, sink: &mut Sink) -> Option<Config> {
    structure::misplaced(&root, sink);
    structure::check(&root, sink);
    let mut cx = Cx { sink, notes: Vec::new(), not_effective: Vec::new() };
    effect::collect(&root, &mut cx);
    let config = build(root, |root, cx| hba(root, loader, cx), &mut cx);
    (cx.sink.errors() == 0).then_some(config)
}

/// Everything but the shape of the file; `hba` knows the records.
pub(crate) fn build(
    root: Block,
    hba: impl FnOnce(&Block, &mut Cx<'_>) -> Option<hba::Hba>,
    cx: &mut Cx<'_>,
) -> Config {
    let written = Written::new(root);
    let root = written.root();
    let shared_pools = root.of(Kind::SharedPool).map(shared_pool).collect();
    let global = global::convert(root, cx);
    let hba = hba(root, cx);

    // Watchdogs make rules while storages are converted, before those of the databases.
    let mut rules: Vec<(&Block, Rule)> = Vec::new();
    let mut storages = Vec::new();
    for block in root.of(Kind::Storage) {
        storages.push(storage::convert(block, &mut rules, cx));
    }
    let listens = root.of(Kind::Listen).map(|block| listen::convert(block, cx)).collect();
    let ldap_endpoints = root.of(Kind::LdapEndpoint).map(ldap_endpoint).collect();
    for database in root.of(Kind::Database) {
        for kind in [Kind::User, Kind::Group] {
            rules.extend(database.of(kind).map(|block| (block, rule::convert(block, Some(database), cx))));
        }
    }

    global::check(root, &global, cx);
    for (storage, block) in storages.iter_mut().zip(root.of(Kind::Storage)) {
        storage::finish(storage, block, root, &global, cx);
    }
    let databases_whole = || root.of(Kind::Database).all(Block::knows_its_blocks);
    if rules.is_empty() && root.knows_its_blocks() && databases_whole() {
        cx.sink.error(&root.at, "no rules defined");
    }
    let kinds = root.knows_its_blocks().then(|| storage_kinds(root));
    let mut finished = Vec::with_capacity(rules.len());
    let mut blocks = Vec::with_capacity(rules.len());
    for (block, mut rule) in rules {
        rule_checks::finish(&mut rule, block, &kinds, &global, cx);
        finished.push(rule);
        blocks.push(block);
    }
    generated::add_internal_rule(&mut finished, cx);

    let sequential = if global.sequential_routing { Sequential::Yes } else { Sequential::No };
    let rule_order = matching::order(&finished, sequential);
    let rules: Vec<Arc<Rule>> = finished.into_iter().map(Arc::new).collect();
    let rule_index = RuleIndex::new(&rules, &rule_order);
    let config = Config {
        global,
        listens,
        storages: storages.into_iter().map(Arc::new).collect(),
        rules,
        rule_order,
        rule_index,
        shared_pools,
        ldap_endpoints,
        hba,
        written: written.clone(),
        not_effective: std::mem::take(&mut cx.not_effective),
        notes: std::mem::take(&mut cx.notes),
    };
    if cx.sink.errors() == 0 {
        advice::give(root, &config, &blocks, cx);
    }
    config
}

fn storage_kinds(root: &Block) -> HashMap<&str, Option<StorageKind>> {
    root.of(Kind::Storage).map(|block| (block.text_name(), storage::kind(block))).collect()
}

fn hba(root: &Block, loader: &dyn Loader, cx: &mut Cx<'_>) -> Option<hba::Hba> {
    let path = root.text(&opt::HBA_FILE)?;
    match loader.load(path) {
        Ok(text) => Some(hba::parse(path, &text, cx.sink)),
        Err(error) => {
            let message = format!("failed to open hba config file '{path}': {}", system_text(&error));
            cx.sink.error(root.place(&opt::HBA_FILE), message);
            None
        }
    }
}

fn shared_pool(block: &Block) -> SharedPool {
    let pool_size = value::count(block.number(&shared_pool::POOL_SIZE));
    SharedPool { name: block.text_name().to_owned(), pool_size }
}

fn ldap_endpoint(block: &Block) -> LdapEndpoint {
    LdapEndpoint {
        name: block.text_name().to_owned(),
        server: block.owned(&ldap::LDAPSERVER).unwrap_or_default(),
        port: u16::try_from(block.number(&ldap::LDAPPORT).unwrap_or(0)).unwrap_or(0),
        scheme: block.owned(&ldap::LDAPSCHEME).unwrap_or_default(),
        base_dn: block.owned(&ldap::LDAPBASEDN),
        prefix: block.owned(&ldap::LDAPPREFIX).unwrap_or_default(),
        suffix: block.owned(&ldap::LDAPSUFFIX).unwrap_or_default(),
        bind_dn: block.owned(&ldap::LDAPBINDDN),
        bind_password: block.text(&ldap::LDAPBINDPASSWD).map(Secret::new),
        search_attribute: block.owned(&ldap::LDAPSEARCHATTRIBUTE).unwrap_or_default(),
        search_filter: block.owned(&ldap::LDAPSEARCHFILTER),
        scope: block.owned(&ldap::LDAPSCOPE),
    }
}
