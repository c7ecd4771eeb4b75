//! The rules by name, so that finding a client's rule does not look at every rule.
//!
//! A rule is filed under what it names: database and user, database alone, user alone, or nothing. A client can
//! only match rules of four such lists, so those are searched, each up to the first rule that fits. The lists
//! hold rules in the order in which they are tried; the lowest position among the four answers is the match.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::address::Mask;
use crate::matching::{self, Client};
use crate::model::{AddressRange, ConnectionType, Name, PoolRouting, Rule, RuleUser};

/// Every rule once, filed by routing class, then by database, then by user.
#[derive(Clone, PartialEq, Default)]
pub(crate) struct RuleIndex {
    visible: ByDatabase,
    internal: ByDatabase,
    names_hosts: bool,
}

/// Rules of one routing class.
#[derive(Clone, PartialEq, Default)]
struct ByDatabase {
    named: HashMap<String, ByUser>,
    any: ByUser,
}

/// Rules of one database, or of all databases.
#[derive(Clone, PartialEq, Default)]
struct ByUser {
    named: HashMap<String, Vec<Entry>>,
    /// Default users and groups: only asking tells whether they fit.
    rest: Vec<Entry>,
}

/// What is left to test once the names agree. It is kept beside its neighbours, not behind a pointer: a list of
/// thousands of ranges is then read at the speed of memory.
#[derive(Clone, PartialEq)]
struct Entry {
    /// Place in the order of rules.
    position: usize,
    /// Index of the rule.
    rule: usize,
    connection: ConnectionType,
    member: Member,
    place: Place,
}

/// Whether the user must be asked for in a group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    NotNeeded,
    OfGroup,
}

#[derive(Clone, PartialEq)]
enum Place {
    Any,
    Block {
        base: IpAddr,
        mask: Mask,
    },
    /// A host name or suffix; the rule itself knows which.
    HostName,
}

impl RuleIndex {
    /// Files `rules`, which are tried in this `order`.
    pub(crate) fn new(rules: &[Arc<Rule>], order: &[usize]) -> Self {
        let mut index = RuleIndex::default();
        for (position, rule_index) in order.iter().copied().enumerate() {
            let Some(rule) = rules.get(rule_index) else { continue };
            let entry = Entry::new(rule, rule_index, position);
            index.names_hosts |= entry.place == Place::HostName;
            index.class_mut(rule.pool.routing).file(rule, entry);
        }
        index
    }

    /// The index of the rule for `who`; see `Config::match_rule`.
    pub(crate) fn find(
        &self,
        rules: &[Arc<Rule>],
        who: &Client<'_>,
        in_group: &dyn Fn(usize, &str) -> bool,
    ) -> Option<usize> {
        let class = match who.routing {
            PoolRouting::ClientVisible => &self.visible,
            PoolRouting::Internal => &self.internal,
        };
        let mut best: Option<&Entry> = None;
        for list in class.lists(who) {
            let before = best.map_or(usize::MAX, |entry| entry.position);
            let mut earlier = list.iter().take_while(|entry| entry.position < before);
            best = earlier.find(|entry| entry.fits(rules, who, in_group)).or(best);
        }
        best.map(|entry| entry.rule)
    }

    /// The rules tried before `rule`, which is at `position`, whose names fit whenever its own do. Groups are left
    /// out: who is in them is not known.
    pub(crate) fn tried_before<'i>(&'i self, position: usize, rule: &'i Rule) -> impl Iterator<Item = usize> {
        let class = match rule.pool.routing {
            PoolRouting::ClientVisible => &self.visible,
            PoolRouting::Internal => &self.internal,
        };
        let named = match &rule.database {
            Name::Is(name) => class.named.get(name),
            Name::Any => None,
        };
        let users = [named, Some(&class.any)].into_iter().flatten();
        let lists = users.flat_map(move |users| {
            let named = match &rule.user {
                RuleUser::Is(name) => users.named.get(name),
                RuleUser::Any | RuleUser::Group(_) => None,
            };
            [named.map_or(&[][..], Vec::as_slice), &users.rest]
        });
        let earlier =
            lists.flat_map(move |list| list.iter().take_while(move |entry| entry.position < position));
        earlier.filter(|entry| entry.member == Member::NotNeeded).map(|entry| entry.rule)
    }

    /// Whether any rule names hosts.
    pub(crate) fn names_hosts(&self) -> bool {
        self.names_hosts
    }

    fn class_mut(&mut self, routing: PoolRouting) -> &mut ByDatabase {
        match routing {
            PoolRouting::ClientVisible => &mut self.visible,
            PoolRouting::Internal => &mut self.internal,
        }
    }
}

/// It says nothing the rules and their order do not say.
impl fmt::Debug for RuleIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RuleIndex")
    }
}

impl ByDatabase {
    fn file(&mut self, rule: &Rule, entry: Entry) {
        let users = match &rule.database {
            Name::Any => &mut self.any,
            Name::Is(name) => self.named.entry(name.clone()).or_default(),
        };
        match &rule.user {
            RuleUser::Is(name) => users.named.entry(name.clone()).or_default().push(entry),
            RuleUser::Any | RuleUser::Group(_) => users.rest.push(entry),
        }
    }

    /// The lists that can hold the client's rule, those that name more first: they answer most clients.
    fn lists(&self, who: &Client<'_>) -> impl Iterator<Item = &[Entry]> {
        let named = self.named.get(who.database);
        [named, Some(&self.any)]
            .into_iter()
            .flatten()
            .flat_map(|users| [users.named.get(who.user).map_or(&[][..], Vec::as_slice), &users.rest])
    }
}

impl Entry {
    fn new(rule: &Rule, index: usize, position: usize) -> Self {
        Entry {
            position,
            rule: index,
            connection: rule.connection,
            member: match rule.user {
                RuleUser::Group(_) => Member::OfGroup,
                RuleUser::Any | RuleUser::Is(_) => Member::NotNeeded,
            },
            place: match &rule.address {
                AddressRange::Any => Place::Any,
                AddressRange::Cidr(cidr) => {
                    Place::Block { base: cidr.base, mask: Mask::of_prefix(cidr.base, cidr.prefix) }
                }
                AddressRange::Host(_) | AddressRange::Suffix(_) => Place::HostName,
            },
        }
    }

    fn fits(&self, rules: &[Arc<Rule>], who: &Client<'_>, in_group: &dyn Fn(usize, &str) -> bool) -> bool {
        matching::connection_fits(self.connection, who)
            && match &self.place {
                Place::Any => true,
                _ if who.unix => false,
                Place::Block { base, mask } => who.address.is_some_and(|ip| mask.cut(ip) == Some(*base)),
                Place::HostName => who.host_name.is_some_and(|name| {
                    rules.get(self.rule).is_some_and(|rule| matching::host_fits(&rule.address, name))
                }),
            }
            // Last, because only the caller knows what asking costs.
            && (self.member == Member::NotNeeded || in_group(self.rule, who.user))
    }
}
