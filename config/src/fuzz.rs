//! The fuzzing door: any bytes, no panic, and what was promised about the outcome holds.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use crate::source::Loader;
use crate::{Client, Config, Level, Outcome, PoolRouting, convert, parse};

/// Every path leads to the same bytes, so that includes and HBA files are fuzzed too.
struct Same<'d>(&'d [u8]);

impl Loader for Same<'_> {
    fn load(&self, _path: &str) -> io::Result<Vec<u8>> {
        Ok(self.0.to_vec())
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
    let outcome = parse(&Written(written, text.clone().into_bytes(), Same(b"")), written);
    check_outcome(&outcome);
    let Some(config) = outcome.config else { panic!("{:?} of {text}", outcome.diagnostics) };
    check_rules(&config);
}

fn check(data: &[u8], entry: &str, other: &str) {
    let outcome = parse(&Same(data), entry);
    check_outcome(&outcome);
    let Some(config) = outcome.config else { return };
    check_rules(&config);
    let converted = convert(&Same(data), entry);
    let Some(text) = converted.text else {
        let failed = converted.diagnostics.iter().any(|found| found.level == Level::Error);
        return assert!(failed, "what is not written is reported");
    };
    let again = parse(&Written(other, text.clone().into_bytes(), Same(data)), other);
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
    for diagnostic in &outcome.diagnostics {
        assert!(diagnostic.line > 0 && diagnostic.col > 0, "positions start at 1");
        assert!(diagnostic.render().starts_with(&diagnostic.file), "a message starts with its file");
    }
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
