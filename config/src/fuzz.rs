//! The fuzzing doors: any bytes, no panic, and what was promised about the outcome holds.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use crate::diagnostic::{Diagnostic, Sink};
use crate::model::{AddressRange, EndpointAddress};
use crate::source::Loader;
use crate::{Client, Config, Level, Outcome, PoolRouting, address, convert, hba, hosts, parse};

/// Files opened in one run. A text that includes itself many times shows nothing new after the first levels, and
/// would take most of the time.
const LOADS_MAX: u32 = 40;

/// Every path leads to the same bytes, so that includes and HBA files are fuzzed too; in the end nothing is found.
struct Same<'d> {
    data: &'d [u8],
    loads: Cell<u32>,
}

impl<'d> Same<'d> {
    fn new(data: &'d [u8]) -> Same<'d> {
        Same { data, loads: Cell::new(0) }
    }
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

/// As `Same`, but for the one path of a text that was written.
struct Written<'d>(&'d str, Vec<u8>, Same<'d>);

impl Loader for Written<'_> {
    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        if path == self.0 { Ok(self.1.clone()) } else { self.2.load(path) }
    }
}

/// Reads `data` as odyssey.conf and asks the result some questions.
///
/// Panics only if a promise is broken: a configuration exists exactly when there is no error, every diagnostic
/// can be shown, the order of rules is a permutation, and the other form of the text means the same.
pub fn fuzz_config(data: &[u8]) {
    check(data, "fuzz.conf", "written.toml");
}

/// As [`fuzz_config`], for `data` as a TOML document.
pub fn fuzz_toml(data: &[u8]) {
    check(data, "fuzz.toml", "written.conf");
}

/// Three files in one, cut at zero bytes: those in `*.txt` and `*.hba` are the second and the third.
struct Parts<'d>(&'d [u8]);

impl Loader for Parts<'_> {
    fn load(&self, path: &str) -> io::Result<Vec<u8>> {
        let index = match path.rsplit_once('.') {
            Some((_, "txt")) => 1,
            Some((_, "hba")) => 2,
            _ => 0,
        };
        Ok(self.0.split(|byte| *byte == 0).nth(index).unwrap_or_default().to_vec())
    }
}

/// Converts `data` as a pgbouncer.ini, then a zero byte and its file of users, then one and its file of records.
///
/// Panics only if a promise is broken: a text exists exactly when there is no error, and it is an odyssey.conf that is
/// read without one.
pub fn fuzz_pgbouncer(data: &[u8]) {
    let converted = convert(&Parts(data), "fuzz.ini");
    let failed = converted.diagnostics.iter().any(|found| found.level == Level::Error);
    assert_eq!(failed, converted.text.is_none(), "a text exists exactly when there is no error");
    let Some(text) = converted.text else { return };
    let written = "written.conf";
    let outcome = parse(&Written(written, text.clone().into_bytes(), Same::new(b"")), written);
    check_outcome(&outcome);
    let Some(config) = outcome.config else { panic!("{:?} of {text}", outcome.diagnostics) };
    check_rules(&config);
}

fn check(data: &[u8], entry: &str, other: &str) {
    let outcome = parse(&Same::new(data), entry);
    check_outcome(&outcome);
    let Some(config) = outcome.config else { return };
    check_rules(&config);
    let converted = convert(&Same::new(data), entry);
    let Some(text) = converted.text else {
        let failed = converted.diagnostics.iter().any(|found| found.level == Level::Error);
        return assert!(failed, "what is not written is reported");
    };
    let again = parse(&Written(other, text.clone().into_bytes(), Same::new(data)), other);
    let Some(again) = again.config else { panic!("{:?} of {text}", again.diagnostics) };
    assert!(means_the_same(&config, &again), "the other form means something else: {text}");
}

/// Whether two configurations differ in nothing but places in the text.
fn means_the_same(a: &Config, b: &Config) -> bool {
    a.global == b.global
        && a.listens == b.listens
        && a.storages == b.storages
        && a.rules == b.rules
        && a.rule_order == b.rule_order
        && a.shared_pools == b.shared_pools
        && a.ldap_endpoints == b.ldap_endpoints
        && a.hba == b.hba
}

fn check_outcome(outcome: &Outcome) {
    let failed = outcome.diagnostics.iter().any(|found| found.level == Level::Error);
    assert_eq!(failed, outcome.config.is_none(), "a configuration exists exactly when there is no error");
    outcome.diagnostics.iter().for_each(check_diagnostic);
}

fn check_rules(config: &Config) {
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
