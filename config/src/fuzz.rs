//! The fuzzing door: any bytes, no panic, and what was promised about the outcome holds.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use crate::source::Loader;
use crate::{Client, Level, PoolRouting, parse};

/// Every path leads to the same bytes, so that includes and HBA files are fuzzed too.
struct Same<'d>(&'d [u8]);

impl Loader for Same<'_> {
    fn load(&self, _path: &str) -> io::Result<Vec<u8>> {
        Ok(self.0.to_vec())
    }
}

/// Reads `data` as a configuration and asks the result some questions.
///
/// Panics only if a promise is broken: a configuration exists exactly when there is no error, every diagnostic
/// can be shown, and the order of rules is a permutation.
pub fn fuzz_config(data: &[u8]) {
    let outcome = parse(&Same(data), "fuzz");
    let failed = outcome.diagnostics.iter().any(|found| found.level == Level::Error);
    assert_eq!(failed, outcome.config.is_none(), "a configuration exists exactly when there is no error");
    for diagnostic in &outcome.diagnostics {
        assert!(diagnostic.line > 0 && diagnostic.col > 0, "positions start at 1");
        assert!(diagnostic.render().starts_with(&diagnostic.file), "a message starts with its file");
    }
    let Some(config) = outcome.config else { return };
    let mut order = config.rule_order.clone();
    order.sort_unstable();
    assert!(order.into_iter().eq(0..config.rules.len()), "the order holds every rule once");
    let who = Client {
        database: "db",
        user: "user",
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        unix: false,
        tls: false,
        host_name: Some("host.example.com"),
        routing: PoolRouting::ClientVisible,
    };
    let found = config.match_rule(&who, &|_, _| true).and_then(|index| config.rules.get(index));
    if let (Some(rule), Some(hba)) = (found, &config.hba) {
        hba.decide(rule, &who);
    }
}
