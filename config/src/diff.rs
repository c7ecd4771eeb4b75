//! What changes from one configuration to another, directive by directive.

use std::collections::HashMap;
use std::fmt;

use crate::ast::{Block, BlockName, Kind};
use crate::hba::Hba;
use crate::matching::{self, Sequential};
use crate::model::{Config, ConnectionType};
use crate::option::Reload;
use crate::options::{global, listen, rule};
use crate::settings::{self, Setting, quoted, section};
use crate::written::RuleBlock;

/// One difference; its text is one line, `database "d" user "u": pool_size 10 -> 20 (new clients)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where: `global`, `listen *:6432`, `storage "pg"`, `database "d" user "u" "10.0.0.0/8" hostssl`.
    pub place: String,
    /// What is different there.
    pub what: Difference,
    /// When it takes effect.
    pub reload: Reload,
}

/// What is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A directive; values as in [`Setting`].
    Value {
        /// The directive.
        name: &'static str,
        /// What it was; empty when nothing held.
        old: String,
        /// What it becomes.
        new: String,
    },
    /// The whole block or record is new.
    Added,
    /// The whole block or record is gone.
    Removed,
    /// This rule is now tried before the named one, which came before it. Only the first such pair in the order
    /// of the rules is told.
    Before(String),
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |value: &String| if value.is_empty() { "none".to_owned() } else { value.clone() };
        write!(f, "{}: ", self.place)?;
        match &self.what {
            Difference::Value { name, old, new } => write!(f, "{name} {} -> {}", or_none(old), or_none(new))?,
            Difference::Added => f.write_str("added")?,
            Difference::Removed => f.write_str("removed")?,
            Difference::Before(other) => write!(f, "now tried before {other}")?,
        }
        match self.reload {
            Reload::Never => f.write_str(" (no effect)"),
            reload => write!(f, " ({reload})"),
        }
    }
}

/// Every difference between two configurations, in the order of the file: process, listeners, storages, shared
/// pools, LDAP endpoints, rules, HBA records.
///
/// Values are compared with defaults filled in, so writing a default is no change. Values derived from others
/// are not repeated. Of a secret only the fact that it changed is told.
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let (a, b) = (old.written.root(), new.written.root());
    let mut changes = Vec::new();
    compare("global", &settings::of_block(a), &settings::of_block(b), &mut changes);
    for kind in [Kind::ConnDrop, Kind::QueryParsing] {
        compare(section(kind), &settings::of_only(a, kind), &settings::of_only(b, kind), &mut changes);
    }
    let sections: [(Find, Reload); 6] = [
        (soft_oom, Reload::Restart),
        (|root| parts(root, Kind::Listen), Reload::Restart),
        (|root| parts(root, Kind::Storage), Reload::NewClients),
        (|root| parts(root, Kind::SharedPool), Reload::NewClients),
        (|root| parts(root, Kind::LdapEndpoint), Reload::NewClients),
        (rules, Reload::NewClients),
    ];
    for (parts, reload) in sections {
        compare_parts(parts(a), parts(b), reload, &mut changes);
    }
    changes.extend(order(old, new));
    records(old.hba.as_ref(), new.hba.as_ref(), &mut changes);
    changes
}

fn compare(place: &str, old: &[Setting], new: &[Setting], changes: &mut Vec<Change>) {
    // Both come from the same tables, so that they pair up.
    for (old, new) in old.iter().zip(new).filter(|(old, new)| !old.same_value(new)) {
        let what = Difference::Value { name: old.name, old: old.value.clone(), new: new.value.clone() };
        changes.push(Change { place: place.to_owned(), what, reload: old.reload });
    }
}

/// Finds the blocks of one sort in a file.
type Find = fn(&Block) -> Vec<Part<'_>>;

/// A block that may come, go and change.
struct Part<'a> {
    place: String,
    block: &'a Block,
}

fn compare_parts(old: Vec<Part<'_>>, new: Vec<Part<'_>>, reload: Reload, changes: &mut Vec<Change>) {
    let mut known: HashMap<String, &Block> =
        old.iter().map(|part| (part.place.clone(), part.block)).collect();
    let whole = |place, what| Change { place, what, reload };
    for part in new {
        match known.remove(&part.place) {
            Some(old) if old.same_text(part.block) => {}
            Some(old) => {
                compare(&part.place, &settings::of_block(old), &settings::of_block(part.block), changes);
            }
            None => changes.push(whole(part.place, Difference::Added)),
        }
    }
    let gone = old.into_iter().filter(|part| known.contains_key(&part.place));
    changes.extend(gone.map(|part| whole(part.place, Difference::Removed)));
}

fn soft_oom(root: &Block) -> Vec<Part<'_>> {
    let block = root.one(Kind::SoftOom);
    let drop = block.and_then(|block| block.one(Kind::SoftOomDrop));
    let found = [block, drop].into_iter().flatten();
    found.map(|block| Part { place: section(block.kind).to_owned(), block }).collect()
}

fn parts(root: &Block, kind: Kind) -> Vec<Part<'_>> {
    numbered(root.of(kind).map(|block| {
        let place = match kind {
            Kind::Listen => {
                let port = block.number(&listen::PORT).unwrap_or(0);
                format!("listen {}:{port}", block.text(&listen::HOST).unwrap_or("unix"))
            }
            _ => format!("{} {}", section(kind), quoted(block.text_name())),
        };
        Part { place, block }
    }))
}

/// Blocks about the same thing are told apart by their order.
fn numbered<'a>(parts: impl Iterator<Item = Part<'a>>) -> Vec<Part<'a>> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let number = |mut part: Part<'a>| {
        let times = seen.entry(part.place.clone()).or_default();
        *times = times.saturating_add(1);
        if *times > 1 {
            part.place.push_str(&format!(" #{times}"));
        }
        part
    };
    parts.map(number).collect()
}

fn rules(root: &Block) -> Vec<Part<'_>> {
    numbered(root.rules().map(|found| Part { place: rule_place(found), block: found.block }))
}

/// `database "d" user "u" "10.0.0.0/8" hostssl`
pub(crate) fn rule_place(RuleBlock { outer, block }: RuleBlock<'_>) -> String {
    let name = |block: &Block| match &block.name {
        BlockName::Text(name) => quoted(name),
        BlockName::Default | BlockName::Absent => "default".to_owned(),
    };
    let mut place = match block.kind {
        Kind::Watchdog => return format!("storage {} watchdog", name(outer)),
        Kind::Group => format!("database {} group {}", name(outer), name(block)),
        _ => format!("database {} user {}", name(outer), name(block)),
    };
    if let Some(address) = &block.address {
        place.push_str(&format!(" {}", quoted(address)));
    }
    let connection = match block.connection.unwrap_or(ConnectionType::Any) {
        ConnectionType::Any => "",
        ConnectionType::Local => " local",
        ConnectionType::Host => " host",
        ConnectionType::HostSsl => " hostssl",
        ConnectionType::HostNoSsl => " hostnossl",
    };
    place.push_str(connection);
    // Clients and our own queries have rules of their own, often beside each other.
    if block.text(&rule::POOL_ROUTING) == Some("internal") {
        place.push_str(" (internal)");
    }
    place
}

/// The first rule that overtakes another one both configurations have.
fn order(old: &Config, new: &Config) -> Option<Change> {
    // Turning sequential routing on or off is told as such, and waits for a restart.
    let sequential = if old.global.sequential_routing { Sequential::Yes } else { Sequential::No };
    let ordered = |config: &Config| -> Vec<String> {
        let places: Vec<String> = rules(config.written.root()).into_iter().map(|part| part.place).collect();
        let order = matching::order(&config.rules, sequential);
        order.into_iter().filter_map(|index| places.get(index).cloned()).collect()
    };
    let (mut a, mut b) = (ordered(old), ordered(new));
    let known: std::collections::HashSet<String> = a.iter().cloned().collect();
    b.retain(|place| known.contains(place));
    let left: std::collections::HashSet<&String> = b.iter().collect();
    a.retain(|place| left.contains(place));
    let (before, place) = a.into_iter().zip(b).find(|(a, b)| a != b)?;
    Some(Change { place, what: Difference::Before(before), reload: Reload::NewClients })
}

/// Records between the first and the last difference are gone and come anew: their order decides.
fn records(old: Option<&Hba>, new: Option<&Hba>, changes: &mut Vec<Change>) {
    let texts = |hba: Option<&Hba>| -> Vec<String> {
        hba.iter().flat_map(|hba| &hba.records).map(ToString::to_string).collect()
    };
    let (mut a, mut b) = (texts(old), texts(new));
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    a.drain(..head);
    b.drain(..head);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    a.truncate(a.len().saturating_sub(tail));
    b.truncate(b.len().saturating_sub(tail));
    let reload = global::HBA_FILE.reload;
    let change = |text: String, what| Change { place: format!("hba record {}", quoted(&text)), what, reload };
    changes.extend(a.into_iter().map(|text| change(text, Difference::Removed)));
    changes.extend(b.into_iter().map(|text| change(text, Difference::Added)));
}
