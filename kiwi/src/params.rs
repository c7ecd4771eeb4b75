//! Session parameters: which ones follow a client from server to server, sets of them, and the `options` grammar.
//!
//! Names compare without regard to ASCII case, as PostgreSQL compares settings. Values are C strings: they hold
//! no zero byte.

mod options;

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use crate::quote;

pub use options::parse_options;

/// Names that are tracked, in the order in which they are deployed. All but those in [`is_deployable`]'s list
/// are settings of a server.
pub const TRACKED: [&str; 31] = [
    "client_encoding",
    "DateStyle",
    "TimeZone",
    "standard_conforming_strings",
    "application_name",
    "compression",
    "search_path",
    "statement_timeout",
    "work_mem",
    "lock_timeout",
    "log_statement",
    "log_min_messages",
    "log_min_error_statement",
    "log_min_duration_statement",
    "idle_in_transaction_session_timeout",
    "default_table_access_method",
    "default_toast_compression",
    "check_function_bodies",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "default_transaction_deferrable",
    "transaction_isolation",
    "transaction_read_only",
    "idle_session_timeout",
    "role",
    "spqrguard.prevent_distributed_table_modify",
    "spqrguard.prevent_reference_table_modify",
    "gp_session_role",
    "odyssey_catchup_timeout",
    "odyssey.target_session_attrs",
    "_pq_.test_protocol_negotiation",
];

/// Tracked names that mean something to the pooler and nothing to a server.
const OURS: [&str; 4] = [
    "compression",
    "odyssey_catchup_timeout",
    "odyssey.target_session_attrs",
    "_pq_.test_protocol_negotiation",
];

/// Whether a client's value for this name is kept.
#[must_use]
pub fn is_tracked(name: &[u8]) -> bool {
    TRACKED.iter().any(|tracked| tracked.as_bytes().eq_ignore_ascii_case(name))
}

/// Whether a tracked value is for servers: not compression, odyssey_catchup_timeout,
/// odyssey.target_session_attrs or _pq_.test_protocol_negotiation.
#[must_use]
pub fn is_deployable(name: &[u8]) -> bool {
    !OURS.iter().any(|ours| ours.as_bytes().eq_ignore_ascii_case(name))
}

/// A set of parameters, in the order they were first set, in one allocation; an empty one has none. Made for a
/// few dozen entries: every operation walks the set.
#[derive(Clone, Default)]
pub struct Params {
    /// name NUL value NUL ...
    pairs: Box<[u8]>,
}

impl Params {
    /// An empty set.
    #[must_use]
    pub fn new() -> Params {
        Params::default()
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// How many are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Every parameter as (name, value), names as first spelled.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut strings = self.pairs.split(|byte| *byte == 0);
        // Each pair ends in a zero byte, so the last piece is empty and is never half of a pair.
        std::iter::from_fn(move || Some((strings.next()?, strings.next()?)))
    }

    /// The value of a name in any case.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Sets a value; a known name keeps its place and spelling. A zero byte ends name or value; an empty name is
    /// not set. Nothing is allocated when the value is the same already.
    pub fn set(&mut self, name: &[u8], value: &[u8]) {
        let (name, value) = (before_nul(name), before_nul(value));
        if name.is_empty() || self.get(name) == Some(value) {
            return;
        }
        let mut pairs = Vec::with_capacity(self.pairs.len() + name.len() + value.len() + 2);
        let mut add = |name: &[u8], value: &[u8]| {
            for text in [name, value] {
                pairs.extend_from_slice(text);
                pairs.push(0);
            }
        };
        let mut placed = false;
        for (known, old) in self.iter() {
            let same = known.eq_ignore_ascii_case(name);
            placed |= same;
            add(known, if same { value } else { old });
        }
        if !placed {
            add(name, value);
        }
        self.pairs = pairs.into_boxed_slice();
    }

    /// Forgets a name, in any case.
    pub fn remove(&mut self, name: &[u8]) {
        if self.get(name).is_some() {
            *self = self.iter().filter(|(known, _)| !known.eq_ignore_ascii_case(name)).collect();
        }
    }

    /// A number that equal sets share, in whatever order and spelling of names; 0 for the empty set. It is made
    /// with a key of this process, so that nobody finds a set of his own with the number of somebody else's.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        static KEY: OnceLock<RandomState> = OnceLock::new();
        if self.is_empty() {
            return 0;
        }
        let key = KEY.get_or_init(RandomState::new);
        let sum = self.iter().fold(0_u64, |sum, (name, value)| {
            let mut hash = key.build_hasher();
            name.iter().for_each(|byte| hash.write_u8(byte.to_ascii_lowercase()));
            hash.write_usize(name.len());
            hash.write(value);
            sum.wrapping_add(hash.finish())
        });
        // 0 is the empty set's alone.
        sum.max(1)
    }
}

fn before_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

impl PartialEq for Params {
    /// Same names in any case, same values, in any order.
    fn eq(&self, other: &Params) -> bool {
        self.len() == other.len() && self.iter().all(|(name, value)| other.get(name) == Some(value))
    }
}

impl Eq for Params {}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Params {
        let mut params = Params::new();
        for (name, value) in pairs {
            params.set(name.as_ref(), value.as_ref());
        }
        params
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &[u8]| text.escape_ascii().to_string();
        f.debug_map().entries(self.iter().map(|(name, value)| (shown(name), shown(value)))).finish()
    }
}

/// What must be set so that a session that has `known` has `wanted` too: deployable names whose value is another
/// or not known.
pub fn difference<'a>(wanted: &'a Params, known: &Params) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    wanted.iter().filter(|(name, value)| is_deployable(name) && known.get(name) != Some(*value))
}

/// Appends `SET name=E'value';`, or `SET name=element, element;` for a setting that is a list of names
/// ([`quote::is_list_setting`]), where one string would be one element.
pub fn write_set(sql: &mut String, name: &[u8], value: &[u8]) {
    sql.push_str("SET ");
    sql.push_str(&quote::parameter_name(name));
    sql.push('=');
    sql.push_str(&if quote::is_list_setting(name) { quote::list(value) } else { quote::literal(value) });
    sql.push(';');
}

/// Appends `RESET name;`.
pub fn write_reset(sql: &mut String, name: &[u8]) {
    sql.push_str("RESET ");
    sql.push_str(&quote::parameter_name(name));
    sql.push(';');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_ignore_case_and_keep_their_first_spelling() {
        let mut params = Params::new();
        params.set(b"DateStyle", b"ISO");
        params.set(b"work_mem", b"1MB");
        params.set(b"datestyle", b"German");
        assert_eq!(
            params.iter().collect::<Vec<_>>(),
            [(&b"DateStyle"[..], &b"German"[..]), (&b"work_mem"[..], &b"1MB"[..])]
        );
        params.remove(b"DATESTYLE");
        assert_eq!((params.len(), params.get(b"WORK_MEM")), (1, Some(&b"1MB"[..])));
        params.set(b"empty", b"");
        assert_eq!(params.get(b"empty"), Some(&b""[..]));
        params.set(b"", b"x");
        params.set(b"cut", b"a\0b");
        assert_eq!((params.len(), params.get(b"cut")), (3, Some(&b"a"[..])));
    }

    #[test]
    fn an_empty_set_is_two_words() {
        assert_eq!(size_of::<Params>(), 2 * size_of::<usize>());
    }

    #[test]
    fn fingerprints_ignore_order_and_case_only() {
        let a: Params = [("a", "1"), ("B", "2")].into_iter().collect();
        let b: Params = [("b", "2"), ("A", "1")].into_iter().collect();
        let c: Params = [("b", "1"), ("A", "2")].into_iter().collect();
        assert_eq!((a.fingerprint(), a == b), (b.fingerprint(), true));
        assert_ne!((a.fingerprint(), a == c), (c.fingerprint(), true));
        assert_eq!(Params::new().fingerprint(), 0);
    }

    #[test]
    fn the_difference_leaves_out_what_is_ours_or_known() {
        let wanted: Params =
            [("TimeZone", "UTC"), ("work_mem", "1MB"), ("compression", "on"), ("application_name", "it's\\")]
                .into_iter()
                .collect();
        let known: Params = [("timezone", "UTC"), ("work_mem", "2MB")].into_iter().collect();
        let mut sql = String::new();
        for (name, value) in difference(&wanted, &known) {
            write_set(&mut sql, name, value);
        }
        assert_eq!(sql, "SET work_mem=E'1MB';SET application_name=E'it''s\\\\';");
        sql.clear();
        write_set(&mut sql, b"search_path", b"\"$user\", public");
        write_reset(&mut sql, b"odd name");
        assert_eq!(sql, "SET search_path=\"$user\", \"public\";RESET \"odd name\";");
    }

    #[test]
    fn tracked_names() {
        for name in ["datestyle", "SEARCH_PATH", "spqrguard.prevent_reference_table_modify"] {
            assert!(is_tracked(name.as_bytes()), "{name}");
        }
        for name in ["extra_float_digits", "is_hot_standby", "in_hot_standby", ""] {
            assert!(!is_tracked(name.as_bytes()), "{name}");
        }
        assert!(!is_deployable(b"Odyssey_catchup_timeout"));
    }
}
