//! SHOW RULES: one row per rule, in the order in which rules are tried.

use crate::console::table::{self, Cell, Column, flag, text};
use odyssey_config::{AddressRange, Config, ConnectionType, Name, Rule, RuleUser};

const ANY: &str = "<default>";

const COLUMNS: [Column<Rule>; 5] = [
    text("database", |r| database(&r.database)),
    text("user", |r| user(&r.user)),
    text("address", |r| address(&r.address)),
    text("connection_type", |r| connection(r.connection)),
    // Rules of an earlier version are not in the configuration any more.
    flag("obsolete", |_| Cell::Flag(false)),
];

pub(super) fn write(out: &mut Vec<u8>, config: &Config) {
    table::write(
        out,
        &COLUMNS,
        config.rule_order.iter().filter_map(|index| config.rules.get(*index).map(AsRef::as_ref)),
    );
}

fn database(name: &Name) -> Cell<'_> {
    match name {
        Name::Any => Cell::text(ANY),
        Name::Is(name) => Cell::text(name),
    }
}

fn user(user: &RuleUser) -> Cell<'_> {
    match user {
        RuleUser::Any => Cell::text(ANY),
        RuleUser::Is(_) | RuleUser::Group(_) => Cell::Text(user.rule_name()),
    }
}

fn address(range: &AddressRange) -> Cell<'_> {
    Cell::text(range.text().unwrap_or(ANY))
}

fn connection(connection: ConnectionType) -> Cell<'static> {
    Cell::text(match connection {
        ConnectionType::Any => "all",
        ConnectionType::Local => "local",
        ConnectionType::Host => "host",
        ConnectionType::HostSsl => "hostssl",
        ConnectionType::HostNoSsl => "hostnossl",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::decoded::Decoded;
    use odyssey_config::Cidr;

    #[test]
    fn columns() {
        let table = Decoded::of(|out| table::write(out, &COLUMNS, []));
        let want = ["database text", "user text", "address text", "connection_type text", "obsolete bool"];
        assert_eq!(table.columns, want);
    }

    #[test]
    fn values() {
        let cidr = AddressRange::Cidr(Cidr {
            base: "10.0.0.0".parse().unwrap(),
            prefix: 8,
            text: "10.0.0.0/8".into(),
        });
        let (db, app) = (Name::Is("db".into()), RuleUser::Is("app".into()));
        let ops = RuleUser::Group("ops".into());
        let cases = [
            (database(&Name::Any), "<default>"),
            (database(&db), "db"),
            (user(&RuleUser::Any), "<default>"),
            (user(&app), "app"),
            (user(&ops), "group_ops"),
            (address(&AddressRange::Any), "<default>"),
            (address(&cidr), "10.0.0.0/8"),
            (connection(ConnectionType::Any), "all"),
            (connection(ConnectionType::HostNoSsl), "hostnossl"),
        ];
        for (cell, want) in cases {
            assert_eq!(cell, Cell::text(want));
        }
    }
}
