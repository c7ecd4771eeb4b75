//! The fuzzing doors: any bytes, no panic, and what was promised about the outcome holds.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use crate::diagnostic::{Diagnostic, Sink};
use crate::model::{AddressRange, EndpointAddress};
use crate::source::Loader;
use crate::{Client, Level, PoolRouting, address, hba, hosts, parse};

/// Files opened in one run. A text that includes itself many times shows nothing new after the first levels, and
/// would take most of the time.
const LOADS_MAX: u32 = 40;

/// Every path leads to the same bytes, so that includes and HBA files are fuzzed too; in the end nothing is found.
struct Same<'d> {
    data: &'d [u8],
    loads: Cell<u32>,
}

impl Loader for Same<'_> {
    fn load(&self, _path: &str) -> io::Result<Vec<u8>> {
        self.loads.set(self.loads.get().saturating_add(1));
        if self.loads.get() > LOADS_MAX {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(self.data.to_vec())
    }
}

/// Reads `data` as a configuration and asks the result some questions.
///
/// Panics only if a promise is broken: a configuration exists exactly when there is no error, every diagnostic
/// can be shown, and the order of rules is a permutation.
pub fn fuzz_config(data: &[u8]) {
    let outcome = parse(&Same { data, loads: Cell::new(0) }, "fuzz");
    let failed = outcome.diagnostics.iter().any(|found| found.level == Level::Error);
    assert_eq!(failed, outcome.config.is_none(), "a configuration exists exactly when there is no error");
    outcome.diagnostics.iter().for_each(check_diagnostic);
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

/// Reads `data` as an HBA file.
///
/// Panics only if a promise is broken: a line gives one record or one error, and each error can be shown.
pub fn fuzz_hba(data: &[u8]) {
    let mut sink = Sink::default();
    let read = hba::parse("fuzz", data, &mut sink);
    let lines = data.split(|byte| *byte == b'\n').count();
    assert!(read.records.len() + sink.errors() <= lines, "a line is one record or one error");
    sink.into_found().iter().for_each(check_diagnostic);
}

/// Reads `data`, if it is text, as the `host` of a storage and as the address range of a route.
///
/// Panics only if a promise is broken: there are as many endpoints as the commas say, each with a host, a port if one
/// was given and a zone of at most 15 bytes; a range keeps its text; a refusal says why.
pub fn fuzz_hosts(data: &[u8]) {
    const DEFAULT_PORT: u16 = 5432;
    let Ok(text) = std::str::from_utf8(data) else { return };
    match hosts::parse(text, DEFAULT_PORT) {
        Ok(endpoints) => {
            assert_eq!(endpoints.len(), text.split(',').count(), "one endpoint between commas");
            for endpoint in endpoints {
                let (host, port) = match &endpoint.address {
                    EndpointAddress::Tcp { host, port } => (host, *port),
                    EndpointAddress::Unix(path) => (path, DEFAULT_PORT),
                };
                assert!(!host.is_empty() && port > 0, "an endpoint can be reached");
                let zone = endpoint.zone.unwrap_or_default();
                assert!(zone.len() <= hosts::ZONE_BYTES_MAX, "zones are short");
            }
        }
        Err(reason) => assert!(!reason.is_empty(), "a refusal says why"),
    }
    match address::range(text) {
        Ok(AddressRange::Any) => panic!("a text is never the absence of one"),
        Ok(range) => assert_eq!(range.text(), Some(text), "a range keeps its text"),
        Err((message, hint)) => assert!(message.contains(text) && !hint.is_empty(), "a refusal says why"),
    }
}

fn check_diagnostic(found: &Diagnostic) {
    assert!(found.line > 0 && found.col > 0, "positions start at 1");
    assert!(found.render().starts_with(&found.file), "a message starts with its file");
}
