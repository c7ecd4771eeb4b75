//! Words that stand for values of the model: one table each, asked by whoever reads the word.

use crate::model::{
    Authentication, BalancingMethod, OomSignal, PoolMode, PoolRouting, Role, StorageKind, TargetSessionAttrs,
    TlsMode,
};
use crate::options::keywords;

/// The words of one directive.
pub(super) struct Words<T: 'static>(&'static [(&'static str, T)]);

impl<T: Copy> Words<T> {
    /// What the word stands for.
    pub(super) fn find(&self, word: &str) -> Option<T> {
        self.0.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
    }

    /// As `find`, in any letter case.
    pub(super) fn find_any_case(&self, word: &str) -> Option<T> {
        self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, value)| *value)
    }

    /// What could have been written instead of `word`.
    pub(super) fn hint(&self, word: &str) -> String {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| *name).collect();
        let list = match names.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
            names => names.join(""),
        };
        match keywords::nearest_of(&word.to_ascii_lowercase(), names) {
            Some(near) => format!("expected {list}; did you mean '{near}'?"),
            None => format!("expected {list}"),
        }
    }
}

/// The hint after a name that leads nowhere: the one that was probably meant.
pub(super) fn near<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    keywords::nearest_of(name, known).map(|near| format!("did you mean '{near}'?"))
}

pub(super) static TLS_MODES: Words<TlsMode> = Words(&[
    ("disable", TlsMode::Disable),
    ("allow", TlsMode::Allow),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify_ca", TlsMode::VerifyCa),
    ("verify_full", TlsMode::VerifyFull),
]);

pub(super) static STORAGE_KINDS: Words<StorageKind> =
    Words(&[("remote", StorageKind::Remote), ("local", StorageKind::Local)]);

pub(super) static BALANCING_METHODS: Words<BalancingMethod> =
    Words(&[("roundrobin", BalancingMethod::RoundRobin), ("leastconn", BalancingMethod::LeastConn)]);

pub(super) static SESSION_ATTRS: Words<TargetSessionAttrs> = Words(&[
    ("read-write", TargetSessionAttrs::ReadWrite),
    ("read-only", TargetSessionAttrs::ReadOnly),
    ("any", TargetSessionAttrs::Any),
    ("prefer-standby", TargetSessionAttrs::PreferStandby),
]);

pub(super) static POOL_MODES: Words<PoolMode> = Words(&[
    ("session", PoolMode::Session),
    ("transaction", PoolMode::Transaction),
    ("statement", PoolMode::Statement),
]);

pub(super) static POOL_ROUTINGS: Words<PoolRouting> =
    Words(&[("client_visible", PoolRouting::ClientVisible), ("internal", PoolRouting::Internal)]);

pub(super) static AUTHENTICATIONS: Words<Authentication> = Words(&[
    ("none", Authentication::None),
    ("block", Authentication::Block),
    ("clear_text", Authentication::ClearText),
    ("md5", Authentication::Md5),
    ("scram-sha-256", Authentication::ScramSha256),
    ("cert", Authentication::Cert),
    ("external", Authentication::External),
]);

pub(super) static ROLES: Words<Role> =
    Words(&[("admin", Role::Admin), ("stat", Role::Stat), ("notallow", Role::NotAllow)]);

/// Without their `SIG`, which may be left out.
pub(super) static SIGNALS: Words<OomSignal> = Words(&[
    ("HUP", OomSignal::Hup),
    ("INT", OomSignal::Int),
    ("QUIT", OomSignal::Quit),
    ("ABRT", OomSignal::Abrt),
    ("KILL", OomSignal::Kill),
    ("USR1", OomSignal::Usr1),
    ("USR2", OomSignal::Usr2),
    ("TERM", OomSignal::Term),
    ("STOP", OomSignal::Stop),
    ("TSTP", OomSignal::Tstp),
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_list_the_words_and_the_nearest() {
        assert_eq!(POOL_ROUTINGS.hint("hidden"), "expected client_visible or internal");
        assert_eq!(
            POOL_MODES.hint("sesion"),
            "expected session, transaction or statement; did you mean 'session'?"
        );
        assert_eq!(near("pgg", ["pg", "console"]), Some("did you mean 'pg'?".to_owned()));
        assert_eq!(near("elsewhere", ["pg", "console"]), None);
    }

    #[test]
    fn letter_case_counts_where_it_always_did() {
        assert_eq!(POOL_MODES.find("Session"), None);
        assert_eq!(BALANCING_METHODS.find_any_case("LeastConn"), Some(BalancingMethod::LeastConn));
    }
}
