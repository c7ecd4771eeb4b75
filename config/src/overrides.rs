//! What the command line says goes before the file.

use std::sync::Arc;

use crate::ast::{Block, Kind, Value};
use crate::model::Config;
use crate::option::Opt;
use crate::options::{global, logging, rule};

/// One thing to set in place of what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Override {
    /// `daemonize no`
    Foreground,
    /// `log_to_stdout yes`
    LogToStdout,
    /// `log_debug`, `log_session`, `log_query`, `log_stats`, and `log_debug` and `log_query` of each rule: `no`.
    Silent,
    /// The same directives: `yes`.
    Verbose,
}

impl Config {
    /// Goes on as if it had been written so. A reload keeps of this what only a restart can change.
    pub fn override_with(&mut self, what: Override) {
        match what {
            Override::Foreground => {
                self.global.daemonize = false;
                self.write(&global::DAEMONIZE, false);
            }
            Override::LogToStdout => {
                self.global.log_to_stdout = true;
                self.write(&logging::LOG_TO_STDOUT, true);
            }
            Override::Silent => self.log_everything(false),
            Override::Verbose => self.log_everything(true),
        }
    }

    fn write(&mut self, row: &'static Opt, flag: bool) {
        self.written.root_mut().set(row, Value::Flag(flag));
    }

    fn log_everything(&mut self, flag: bool) {
        let global = &mut self.global;
        (global.log_debug, global.log_session) = (flag, flag);
        (global.log_query, global.log_stats) = (flag, flag);
        for row in [&logging::LOG_DEBUG, &logging::LOG_SESSION, &logging::LOG_QUERY, &logging::LOG_STATS] {
            self.write(row, flag);
        }
        for rule in &mut self.rules {
            let rule = Arc::make_mut(rule);
            (rule.log_debug, rule.log_query) = (flag, flag);
        }
        write_rules(self.written.root_mut(), flag);
    }
}

fn write_rules(block: &mut Block, flag: bool) {
    for block in &mut block.blocks {
        match block.kind {
            Kind::User | Kind::Group | Kind::Watchdog => {
                block.set(&rule::LOG_DEBUG, Value::Flag(flag));
                block.set(&rule::LOG_QUERY, Value::Flag(flag));
            }
            _ => write_rules(block, flag),
        }
    }
}
