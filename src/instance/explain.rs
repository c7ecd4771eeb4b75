//! `--explain`: which rule a client gets, without a running pooler.

use super::{eprint, print};
use crate::cli::{Asked, From, Tls};
use odyssey_config::{Client, FileLoader, PoolRouting};
use std::process::ExitCode;

/// Nothing in the file matches the client.
const NO_MATCH: u8 = 2;

/// Reads the file and prints the explanation; what is wrong with the file goes to standard error.
pub(super) fn run(asked: &Asked) -> ExitCode {
    let outcome = odyssey_config::parse(&FileLoader, &asked.config.to_string_lossy());
    for diagnostic in &outcome.diagnostics {
        eprint(&format!("{diagnostic}\n"));
    }
    let Some(config) = outcome.config else { return ExitCode::FAILURE };
    let who = Client {
        database: &asked.database,
        user: &asked.user,
        address: match asked.from {
            From::Address(address) => Some(address),
            From::Unix => None,
        },
        unix: asked.from == From::Unix,
        tls: asked.tls == Tls::On,
        host_name: None,
        routing: PoolRouting::ClientVisible,
    };
    let explanation = odyssey_config::explain(&config, who);
    print(&explanation.to_string());
    if explanation.rule.is_some() { ExitCode::SUCCESS } else { ExitCode::from(NO_MATCH) }
}
