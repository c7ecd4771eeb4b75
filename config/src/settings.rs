//! Directives with the value that holds, each from its row: what consoles, logs and differences show.

use crate::ast::{Block, Entry, Kind, Value};
use crate::model::Secret;
use crate::option::{Effect, Fallback, Opt, Reload, Ty};
use crate::options::rule;
use crate::options::values::{self, ValueRow};

/// What is shown instead of a secret.
const HIDDEN: &str = "***";

/// One directive and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Where it stands: `global`, `soft_oom`, `soft_oom.drop`, `listen`, `storage`, `rule` and so on.
    pub section: &'static str,
    /// The word in the file.
    pub name: &'static str,
    /// As it would be written in the file, on one line; secrets are `***`; empty when nothing holds.
    pub value: String,
    /// What holds when it is not written, in the same form.
    pub default: String,
    /// Who decided the value.
    pub origin: Origin,
    /// When a changed value takes effect.
    pub reload: Reload,
    /// Whether this release acts on it.
    pub effect: Effect,
    /// The value of a secret, to be compared.
    secret: Option<Secret>,
}

/// Who decided a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: the default.
    Default,
    /// Who wrote the file or the command line.
    Written,
    /// The program, because of other settings.
    Chosen,
}

impl Setting {
    /// Whether the same holds in both; secrets are compared, not only their stars.
    pub(crate) fn same_value(&self, other: &Setting) -> bool {
        (&self.value, &self.secret) == (&other.value, &other.secret)
    }

    /// Takes `value` for what the program made of the file.
    pub(crate) fn choose(&mut self, value: &str) {
        if self.value != value {
            value.clone_into(&mut self.value);
            self.origin = Origin::Chosen;
        }
    }

    /// Nothing holds, not even the default.
    pub(crate) fn clear(&mut self) {
        self.value.clear();
        self.origin = Origin::Default;
    }
}

/// The directives of `block`, written or not, in the order of the tables, and those of the blocks in it that
/// exist once. Deprecated directives have no value and are left out.
pub(crate) fn of_block(block: &Block) -> Vec<Setting> {
    let mut made = rows(block);
    match block.kind {
        Kind::Storage => balancing(block, &mut made),
        Kind::User | Kind::Group | Kind::Watchdog => {
            made.push(pairs(block, Kind::Options, &values::OPTIONS));
            made.push(pairs(block, Kind::BackendOptions, &values::BACKEND_STARTUP_OPTIONS));
            made.push(credentials(block));
        }
        _ => {}
    }
    made
}

/// The directives of the block of this kind in `outer`, or of one that says nothing.
pub(crate) fn of_only(outer: &Block, kind: Kind) -> Vec<Setting> {
    match outer.one(kind) {
        Some(block) => rows(block),
        None => rows(&Block::new(kind, outer.at.clone())),
    }
}

fn rows(block: &Block) -> Vec<Setting> {
    let tables = block.kind.tables().into_iter().flatten().copied();
    tables.filter(|row| applies(block.kind, row)).map(|row| setting(block, row)).collect()
}

fn applies(kind: Kind, row: &Opt) -> bool {
    let groups = [&rule::GROUP_QUERY, &rule::GROUP_QUERY_USER, &rule::GROUP_QUERY_DB];
    let watchdogs = [&rule::WATCHDOG_LAG_QUERY, &rule::WATCHDOG_LAG_INTERVAL];
    let among = |rows: &[&Opt]| rows.iter().any(|other| other.name == row.name);
    match row.ty {
        Ty::DeprecatedInt | Ty::DeprecatedBool => false,
        _ => match kind {
            Kind::User => !among(&groups) && !among(&watchdogs),
            Kind::Group => !among(&watchdogs),
            Kind::Watchdog => !among(&groups),
            _ => true,
        },
    }
}

fn setting(block: &Block, row: &Opt) -> Setting {
    let default = default(row);
    let values: Vec<String> = block.all(row).map(|entry| written(&entry.value)).collect();
    let (origin, value) = match values.is_empty() {
        true => (Origin::Default, if computed(row) { String::new() } else { default.clone() }),
        false => (Origin::Written, values.join(", ")),
    };
    let (value, secret) = match row.ty {
        Ty::Secret if origin == Origin::Written => (HIDDEN.to_owned(), Some(Secret::new(value))),
        _ => (value, None),
    };
    let section = section(block.kind);
    Setting {
        section,
        name: row.name,
        value,
        default,
        origin,
        reload: row.reload,
        effect: row.effect,
        secret,
    }
}

fn computed(row: &Opt) -> bool {
    matches!(row.default, Fallback::Computed(_))
}

/// A value as it is written.
pub(crate) fn written(value: &Value) -> String {
    match value {
        Value::Flag(flag) => word(*flag).to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Text(text) => quoted(text),
        Value::Word(word) => (*word).to_owned(),
        Value::Default => "default".to_owned(),
    }
}

/// A switch as it is written.
pub(crate) fn word(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

/// A text in its quotes, on one line.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('"', "\\\""))
}

/// A text with what would break a line or a terminal as escapes.
pub(crate) fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => made.extend(c.escape_default()),
            c => made.push(c),
        }
    }
    made
}

/// The default as it would be written; how it is computed where no value can be given.
fn default(row: &Opt) -> String {
    match row.default {
        Fallback::Unset | Fallback::Required => String::new(),
        Fallback::Flag(flag) => word(flag).to_owned(),
        Fallback::Number(number) => number.to_string(),
        Fallback::Text(text) if matches!(row.ty, Ty::Word(_)) => text.to_owned(),
        Fallback::Text(text) => quoted(text),
        Fallback::Computed(how) => how.replace('`', ""),
    }
}

/// The section in the words of `Setting::section`.
pub(crate) fn section(kind: Kind) -> &'static str {
    match kind {
        Kind::Root => "global",
        Kind::Listen => "listen",
        Kind::Storage => "storage",
        Kind::Balancing => "balancing",
        Kind::BalancingMethod => "balancing method",
        Kind::SharedPool => "shared_pool",
        Kind::LdapEndpoint => "ldap_endpoint",
        Kind::ConnDrop => "conn_drop_options",
        Kind::SoftOom => "soft_oom",
        Kind::SoftOomDrop => "soft_oom.drop",
        Kind::QueryParsing => "query_parsing",
        Kind::LdapCredentials => "ldap_storage_credentials",
        Kind::Database | Kind::User | Kind::Group | Kind::Watchdog => "rule",
        Kind::Options | Kind::BackendOptions => "rule",
    }
}

/// What is written as a block rather than as a directive.
fn of_value(section: &'static str, name: &'static str, effect: Effect, value: String) -> Setting {
    Setting {
        section,
        name,
        origin: if value.is_empty() { Origin::Default } else { Origin::Written },
        value,
        default: String::new(),
        reload: Reload::NewClients,
        effect,
        secret: None,
    }
}

fn effect(row: &ValueRow) -> Effect {
    row.not_yet.map_or(Effect::Full, Effect::NotYet)
}

fn balancing(storage: &Block, made: &mut Vec<Setting>) {
    let absent = Block::new(Kind::Balancing, storage.at.clone());
    let block = storage.one(Kind::Balancing).unwrap_or(&absent);
    made.extend(rows(block));
    let method = block.one(Kind::BalancingMethod);
    let name = method.map(|method| quoted(method.text_name())).unwrap_or_default();
    let row = &values::BALANCING_METHOD;
    made.push(of_value(section(Kind::Balancing), row.name, effect(row), name));
    made.extend(of_only(block, Kind::BalancingMethod));
}

fn pairs(block: &Block, kind: Kind, row: &ValueRow) -> Setting {
    let pairs = block.of(kind).flat_map(|block| &block.pairs);
    let texts: Vec<String> =
        pairs.map(|(name, value)| format!("{} {}", quoted(name), quoted(value))).collect();
    of_value(section(kind), row.name, effect(row), braces(&texts))
}

fn credentials(block: &Block) -> Setting {
    let text = |value: fn(&Entry) -> String| {
        let blocks = block.of(Kind::LdapCredentials).map(|block| {
            let entries = block.entries.iter().map(|entry| format!("{} {}", entry.opt.name, value(entry)));
            format!("{} {}", quoted(block.text_name()), braces(&entries.collect::<Vec<_>>()))
        });
        blocks.collect::<Vec<_>>().join(", ")
    };
    let exact = |entry: &Entry| written(&entry.value);
    let shown = |entry: &Entry| match entry.opt.ty {
        Ty::Secret => HIDDEN.to_owned(),
        _ => written(&entry.value),
    };
    let effect = rule::credentials::PASSWORD.effect;
    let setting = of_value("rule", section(Kind::LdapCredentials), effect, text(shown));
    Setting { secret: Some(Secret::new(text(exact))), ..setting }
}

fn braces(texts: &[String]) -> String {
    if texts.is_empty() { String::new() } else { format!("{{ {} }}", texts.join(" ")) }
}
