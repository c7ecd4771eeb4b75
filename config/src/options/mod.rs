//! The option tables, one file per section: the only place where a directive is described.
//!
//! To make a directive effective, change the effect of its row to `Full`. To add one, add a row, a field of the
//! model and a line in `resolve`; parser, checks, defaults and documentation follow from the row.
//! Rows are one line each, longer than other lines on purpose, so that a column can be read downwards.

pub(crate) mod global;
pub(crate) mod keywords;
pub(crate) mod listen;
pub(crate) mod logging;
pub(crate) mod rule;
pub(crate) mod storage;
pub(crate) mod tls;
pub(crate) mod values;

use crate::option::{Effect, Opt};

static SECTIONS: [(&str, &[&Opt]); 16] = [
    ("global", global::TABLE),
    ("global: logging", logging::TABLE),
    ("conn_drop_options", global::conn_drop::TABLE),
    ("soft_oom", global::soft_oom::TABLE),
    ("soft_oom: drop", global::soft_oom_drop::TABLE),
    ("query_parsing", global::query_parsing::TABLE),
    ("listen", listen::TABLE),
    ("listen: TLS", tls::listen::TABLE),
    ("storage", storage::TABLE),
    ("storage: TLS", tls::storage::TABLE),
    ("storage: balancing", storage::balancing::TABLE),
    ("storage: balancing method", storage::balancing_method::TABLE),
    ("shared_pool", storage::shared_pool::TABLE),
    ("ldap_endpoint", storage::ldap::TABLE),
    ("user, group, watchdog", rule::TABLE),
    ("ldap_storage_credentials", rule::credentials::TABLE),
];

/// Every section with its rows, in the order of the documentation.
pub fn sections() -> impl Iterator<Item = (&'static str, impl Iterator<Item = &'static Opt>)> {
    SECTIONS.iter().map(|(section, rows)| (*section, rows.iter().copied()))
}

/// Every directive and value that is known and without effect in this release, with the reason.
///
/// A name that occurs in several sections is listed once for each. Directives that are ignored for good
/// are not listed.
pub fn not_effective_table() -> impl Iterator<Item = (&'static str, &'static str)> {
    let directives = SECTIONS.iter().flat_map(|(_, rows)| rows.iter()).filter_map(|row| match row.effect {
        Effect::NotYet(why) => Some((row.name, why)),
        Effect::Full | Effect::Ignored(_) => None,
    });
    let values = values::TABLE.iter().filter_map(|row| Some((row.name, row.not_yet?)));
    directives.chain(values)
}
