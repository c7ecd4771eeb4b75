//! How a server is cleaned: `server_reset_query` and prepared statements.

use super::make;
use super::report::Cx;
use super::settings::Settings;
use crate::ast::Block;
use crate::model::PoolMode;
use crate::options::rule as opt;
use crate::source::Position;

/// What runs when a server goes back.
#[derive(Debug, PartialEq, Eq)]
enum Query {
    Nothing,
    DiscardAll,
    Own(String),
}

/// In which pools it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pools {
    Session,
    All,
}

/// Whether prepared statements are kept where servers change between transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prepared {
    Kept,
    Unknown,
}

/// Everything about cleaning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reset {
    query: Query,
    pools: Pools,
    prepared: Prepared,
}

impl Reset {
    /// Reads it; bad values are reported.
    pub(super) fn read(settings: &Settings, cx: &mut Cx<'_>) -> Reset {
        let query = match settings.get("server_reset_query").map(|setting| setting.value.as_str()) {
            None => Query::DiscardAll,
            Some("") => Query::Nothing,
            Some(text) if text.trim_end_matches([';', ' ']).eq_ignore_ascii_case("discard all") => {
                Query::DiscardAll
            }
            Some(text) => Query::Own(text.to_owned()),
        };
        let always = settings.flag("server_reset_query_always", cx) == Some(true);
        let pools = if always { Pools::All } else { Pools::Session };
        let statements = settings.number("max_prepared_statements", cx);
        let mut prepared = if statements == Some(0) { Prepared::Unknown } else { Prepared::Kept };
        if let Some(setting) = settings.get("max_prepared_statements").filter(|_| prepared == Prepared::Kept)
        {
            cx.note(
                &setting.at,
                "max_prepared_statements",
                "statements are kept, without a limit to their number",
            );
        }
        if let (Query::Own(text), Pools::All, Prepared::Kept) = (&query, pools, prepared)
            && text.to_ascii_uppercase().contains("DEALLOCATE ALL")
        {
            prepared = Prepared::Unknown;
            if let Some(setting) = settings.get("server_reset_query") {
                let reason = "drops prepared statements after each transaction, so they are not kept at all";
                cx.note(&setting.at, "server_reset_query", reason);
            }
        }
        Reset { query, pools, prepared }
    }

    /// Adds what differs from our defaults.
    pub(super) fn write(&self, mode: PoolMode, rule: &mut Block, at: &Position) {
        if mode != PoolMode::Session && self.prepared == Prepared::Unknown {
            make::flag(rule, &opt::POOL_RESERVE_PREPARED_STATEMENT, false, at);
        }
        let runs = mode == PoolMode::Session || self.pools == Pools::All;
        match &self.query {
            Query::DiscardAll if runs => {}
            Query::Own(text) if runs => {
                make::flag(rule, &opt::POOL_DISCARD, false, at);
                make::text(rule, &opt::POOL_DISCARD_QUERY, text, at);
            }
            Query::Nothing | Query::DiscardAll | Query::Own(_) => {
                make::flag(rule, &opt::POOL_DISCARD, false, at)
            }
        }
    }
}
