//! What a client's servers are chosen by: its own hints, its listener, its rule and its storage, in one.

use kiwi::params::{self, Params};
use odyssey_config::{BalancingMethod, Listen, Rule, Storage, TargetSessionAttrs};
use std::time::Duration;

/// What a client itself asks for, by startup parameters, `options`, or the rule's `options` block.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Hints {
    /// `odyssey.target_session_attrs`; a word that names nothing is no hint.
    pub attrs: Option<TargetSessionAttrs>,
    /// `odyssey_catchup_timeout` in seconds; zero lifts the limit. What is not a plain number is no hint.
    pub catchup: Option<Duration>,
}

impl Hints {
    /// Takes the hints, and whatever else means nothing to a server, out of a client's parameters: what is left
    /// may be deployed.
    pub fn take(wanted: &mut Params) -> Hints {
        let attrs = wanted.get(b"odyssey.target_session_attrs").and_then(attrs);
        let catchup = wanted.get(b"odyssey_catchup_timeout").and_then(seconds);
        if wanted.iter().any(|(name, _)| !params::is_deployable(name)) {
            *wanted = wanted.iter().filter(|(name, _)| params::is_deployable(name)).collect();
        }
        Hints { attrs, catchup }
    }
}

fn attrs(word: &[u8]) -> Option<TargetSessionAttrs> {
    TargetSessionAttrs::named(std::str::from_utf8(word).ok()?)
}

/// A number of seconds: digits and nothing else.
fn seconds(text: &[u8]) -> Option<Duration> {
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds: u32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(Duration::from_secs(u64::from(seconds)))
}

/// Whether it matters which zone an endpoint is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Zones {
    /// Endpoints of our own zone come first.
    OwnFirst,
    /// All are alike.
    Alike,
}

/// What a client wants of its servers, in whatever storage they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wishes {
    /// The role they must have.
    pub attrs: TargetSessionAttrs,
    /// How far they may be behind; `None`: any distance.
    pub lag_max: Option<Duration>,
    /// How the next one is picked; `None`: as the storage says.
    pub method: Option<BalancingMethod>,
}

impl Wishes {
    /// Of a client with these hints, of this listener and rule.
    pub fn new(hints: Hints, listen: &Listen, rule: &Rule) -> Wishes {
        Wishes {
            attrs: session_attrs(hints.attrs, listen.target_session_attrs, rule.target_session_attrs),
            lag_max: lag_max(hints.catchup, rule.catchup_timeout, listen.catchup_timeout),
            method: listen.balancing_method,
        }
    }

    /// The terms in this storage.
    pub fn at(self, storage: &Storage) -> Terms {
        let balancing = &storage.balancing;
        Terms {
            attrs: self.attrs,
            lag_max: self.lag_max,
            method: method(self.method, balancing.method),
            zones: if balancing.az_aware { Zones::OwnFirst } else { Zones::Alike },
            trusted_for: storage.endpoints_status_poll_interval,
        }
    }
}

/// What a client's servers are chosen by in one storage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The role they must have.
    pub attrs: TargetSessionAttrs,
    /// How far they may be behind; `None`: any distance.
    pub lag_max: Option<Duration>,
    /// How the next one is picked.
    pub method: BalancingMethod,
    /// Whether zones matter.
    pub zones: Zones,
    /// How long what is known of an endpoint is believed.
    pub trusted_for: Duration,
}

/// The client's hint, else the listener's word, else the rule's, else any role.
fn session_attrs(
    hint: Option<TargetSessionAttrs>,
    listen: Option<TargetSessionAttrs>,
    rule: Option<TargetSessionAttrs>,
) -> TargetSessionAttrs {
    hint.or(listen).or(rule).unwrap_or(TargetSessionAttrs::Any)
}

/// The client's hint, which may lift the limit, else the rule's limit, else the listener's.
fn lag_max(hint: Option<Duration>, rule: Option<Duration>, listen: Option<Duration>) -> Option<Duration> {
    match hint {
        Some(limit) => Some(limit).filter(|limit| !limit.is_zero()),
        None => rule.or(listen),
    }
}

/// The listener's method, else the storage's, else one after the other.
fn method(listen: Option<BalancingMethod>, storage: Option<BalancingMethod>) -> BalancingMethod {
    listen.or(storage).unwrap_or(BalancingMethod::RoundRobin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use BalancingMethod::{LeastConn, RoundRobin};
    use TargetSessionAttrs::{Any, PreferStandby, ReadOnly, ReadWrite};

    #[test]
    fn the_more_particular_wins() {
        let cases = [
            ((None, None, None), Any),
            ((None, None, Some(ReadOnly)), ReadOnly),
            ((None, Some(ReadWrite), Some(ReadOnly)), ReadWrite),
            ((Some(PreferStandby), Some(ReadWrite), Some(ReadOnly)), PreferStandby),
            ((Some(Any), Some(ReadWrite), None), Any),
        ];
        for ((hint, listen, rule), want) in cases {
            assert_eq!(session_attrs(hint, listen, rule), want, "{hint:?} {listen:?} {rule:?}");
        }
        let s = |n: u64| Some(Duration::from_secs(n));
        let cases = [
            ((None, None, None), None),
            ((None, None, s(3)), s(3)),
            ((None, s(2), s(3)), s(2)),
            ((s(1), s(2), s(3)), s(1)),
            ((s(0), s(2), s(3)), None),
        ];
        for ((hint, rule, listen), want) in cases {
            assert_eq!(lag_max(hint, rule, listen), want, "{hint:?} {rule:?} {listen:?}");
        }
        assert_eq!(method(None, None), RoundRobin);
        assert_eq!(method(None, Some(LeastConn)), LeastConn);
        assert_eq!(method(Some(RoundRobin), Some(LeastConn)), RoundRobin);
    }

    #[test]
    fn hints_are_taken_out_of_what_is_deployed() {
        let mut wanted: Params = [
            ("TimeZone", "UTC"),
            ("Odyssey.Target_Session_Attrs", "read-only"),
            ("compression", "on"),
            ("odyssey_catchup_timeout", "10"),
            ("_pq_.test_protocol_negotiation", "1"),
            ("work_mem", "1MB"),
        ]
        .into_iter()
        .collect();
        let hints = Hints::take(&mut wanted);
        assert_eq!(hints, Hints { attrs: Some(ReadOnly), catchup: Some(Duration::from_secs(10)) });
        assert_eq!(wanted, [("TimeZone", "UTC"), ("work_mem", "1MB")].into_iter().collect());
    }

    #[test]
    fn what_is_no_hint() {
        let cases =
            ["", "x", "read", "Read-Only", "read-only ", "10s", "-1", "+1", " 1", "4294967296", "1.5"];
        for text in cases {
            let names = ["odyssey.target_session_attrs", "odyssey_catchup_timeout"];
            let mut wanted: Params = names.into_iter().map(|name| (name, text)).collect();
            assert_eq!(Hints::take(&mut wanted), Hints::default(), "{text:?}");
            assert!(wanted.is_empty(), "{text:?} stays with us all the same");
        }
    }
}
