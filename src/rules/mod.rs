//! A version of the rules, and the routes made of it.
//!
//! Both are immutable once made and shared by reference count: every machine reads the version it was sent.

use odyssey_config::{Config, Rule, Storage};
use std::sync::Arc;

/// One version of the configuration.
#[derive(Debug)]
pub struct Rules {
    /// Counts the versions; a reload makes the next.
    pub version: u64,
    /// What the operator wrote, checked.
    pub config: Config,
}

/// Names a route in messages. Never used again in the life of the process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RouteId(pub u64);

/// What clients of one rule share when they ask for the same database as the same user: a pool of servers.
#[derive(Debug)]
pub struct Route {
    /// Its name in messages.
    pub id: RouteId,
    /// The version of the rules it was made of.
    pub rules: Arc<Rules>,
    /// Index of its rule in the configuration.
    pub rule: usize,
    /// Index of its storage in the configuration.
    pub storage: usize,
    /// Database at the server.
    pub database: Arc<str>,
    /// User at the server.
    pub user: Arc<str>,
}

impl Route {
    /// Its rule.
    pub fn rule(&self) -> &Rule {
        &self.rules.config.rules[self.rule]
    }

    /// Its storage.
    pub fn storage(&self) -> &Storage {
        &self.rules.config.storages[self.storage]
    }

    /// `database.user` as logs and error texts name it.
    pub fn title(&self) -> String {
        format!("{}.{}", self.database, self.user)
    }
}
