//! From a client to its rule: the order in which rules are tried, and the test each makes.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::net::IpAddr;

use crate::model::{AddressRange, Config, ConnectionType, Name, PoolRouting, Rule, RuleUser};

/// What is known about a client when its rule is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// Database of the startup message.
    pub database: &'a str,
    /// User of the startup message.
    pub user: &'a str,
    /// Address of a TCP client; `None` for a unix socket and for our own queries.
    pub address: Option<IpAddr>,
    /// Whether it came by a unix socket.
    pub unix: bool,
    /// Whether its connection is encrypted.
    pub tls: bool,
    /// Its host name, found by reverse lookup and confirmed by forward lookup; `None` when that failed or was
    /// not tried. Without it rules with a host name or suffix never match (see [`Config::needs_host_names`]).
    pub host_name: Option<&'a str>,
    /// `ClientVisible` for real clients, `Internal` for our own queries: rules of the other kind do not exist
    /// for it.
    pub routing: PoolRouting,
}

impl Config {
    /// The first rule, in order, that fits `who`, as an index into `rules`.
    ///
    /// `in_group` answers whether a user is a member now: it gets the index of a group rule and the user name.
    /// The first match is final; a failed login does not fall through to the next rule.
    pub fn match_rule(&self, who: &Client<'_>, in_group: &dyn Fn(usize, &str) -> bool) -> Option<usize> {
        self.rule_index.find(&self.rules, who, in_group)
    }

    /// Whether any rule names hosts, so that clients' host names are worth looking up before matching.
    pub fn needs_host_names(&self) -> bool {
        self.rule_index.names_hosts()
    }
}

/// Whether the client asks for a rule's database.
pub(crate) fn database_fits(database: &Name, who: &Client<'_>) -> bool {
    match database {
        Name::Any => true,
        Name::Is(name) => name == who.database,
    }
}

/// Whether the client's address is one of a rule's.
pub(crate) fn address_fits(range: &AddressRange, who: &Client<'_>) -> bool {
    match range {
        AddressRange::Any => true,
        _ if who.unix => false,
        AddressRange::Cidr(cidr) => who.address.is_some_and(|ip| cidr.contains(ip)),
        AddressRange::Host(_) | AddressRange::Suffix(_) => {
            who.host_name.is_some_and(|name| host_fits(range, name))
        }
    }
}

/// Whether the client came the way a rule asks for.
pub(crate) fn connection_fits(connection: ConnectionType, who: &Client<'_>) -> bool {
    match connection {
        ConnectionType::Any => true,
        ConnectionType::Local => who.unix,
        ConnectionType::Host => !who.unix,
        ConnectionType::HostSsl => !who.unix && who.tls,
        ConnectionType::HostNoSsl => !who.unix && !who.tls,
    }
}

/// Whether a client's host name is the one a rule names, or lies below its domain.
pub(crate) fn host_fits(range: &AddressRange, name: &str) -> bool {
    match range {
        AddressRange::Host(host) => name.eq_ignore_ascii_case(&host.text),
        AddressRange::Suffix(suffix) => {
            let start = name.len().checked_sub(suffix.text.len());
            let end = start.and_then(|start| name.get(start..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(&suffix.text))
        }
        AddressRange::Any | AddressRange::Cidr(_) => false,
    }
}

/// The order in which rules are tried: indexes into `rules`.
///
/// By creation when `sequential` routing is on. Otherwise the more parts a rule names the earlier it comes,
/// a database counting more than everything else together, and so on down; equal rules keep creation order,
/// so of exact duplicates the first one wins.
pub(crate) fn order<R: Borrow<Rule>>(rules: &[R], sequential: Sequential) -> Vec<usize> {
    let mut keyed: Vec<(usize, Key<'_>)> = rules.iter().map(|rule| key(rule.borrow())).enumerate().collect();
    if sequential == Sequential::No {
        keyed.sort_by(|(_, a), (_, b)| compare(a, b));
    }
    keyed.into_iter().map(|(index, _)| index).collect()
}

/// `sequential_routing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sequential {
    /// Rules are tried in creation order.
    Yes,
    /// Rules are tried by specificity.
    No,
}

struct Key<'a> {
    score: u32,
    database: &'a Name,
    user: Option<std::borrow::Cow<'a, str>>,
    address: Option<&'a str>,
    connection: u8,
}

fn key(rule: &Rule) -> Key<'_> {
    let points = |given: bool, worth: u32| if given { worth } else { 0 };
    let user = (rule.user != RuleUser::Any).then(|| rule.user.rule_name());
    let address = rule.address.text();
    Key {
        score: points(rule.database != Name::Any, 1000)
            + points(user.is_some(), 100)
            + points(address.is_some(), 10)
            + points(rule.connection != ConnectionType::Any, 1),
        database: &rule.database,
        user,
        address,
        connection: match rule.connection {
            ConnectionType::HostNoSsl => 0,
            ConnectionType::HostSsl => 1,
            ConnectionType::Host => 2,
            ConnectionType::Local => 3,
            ConnectionType::Any => 4,
        },
    }
}

/// Names compare by bytes; ranges by their text, not by their width: `10.0.0.0/8` comes before `10.1.0.0/16`
/// and wins. Operators order ranges by hand with `sequential_routing`.
fn compare(a: &Key<'_>, b: &Key<'_>) -> Ordering {
    b.score
        .cmp(&a.score)
        .then_with(|| a.database.rule_name().as_bytes().cmp(b.database.rule_name().as_bytes()))
        .then_with(|| given_first(a.user.as_deref(), b.user.as_deref()))
        .then_with(|| given_first(a.address, b.address))
        .then_with(|| a.connection.cmp(&b.connection))
}

fn given_first(a: Option<&str>, b: Option<&str>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}
