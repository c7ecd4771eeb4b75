//! SHOW LISTS: numbers of things, in a fixed order. What this program has no notion of is 0.

use super::pools::merged;
use crate::console::ClientCounts;
use crate::console::table::{self, Cell, Column, int4, text};
use crate::stats::snapshot::Report;

struct Item {
    list: &'static str,
    items: u64,
}

const COLUMNS: [Column<Item>; 2] =
    [text("list", |i| Cell::text(i.list)), int4("items", |i| Cell::count(i.items))];

pub(super) fn write(out: &mut Vec<u8>, reports: &[Report], clients: ClientCounts) {
    let pools = merged(reports);
    let items = [
        ("databases", 0),
        ("users", 0),
        ("pools", pools.len() as u64),
        ("free_clients", 0),
        ("used_clients", clients.connected),
        ("login_clients", 0),
        ("routing_clients", clients.routing),
        ("free_servers", pools.iter().map(|pool| pool.servers_idle).sum()),
        ("used_servers", pools.iter().map(|pool| pool.servers_active).sum()),
        ("dns_names", 0),
        ("dns_zones", 0),
        ("dns_queries", 0),
        ("dns_pending", 0),
    ]
    .map(|(list, items)| Item { list, items });
    table::write(out, &COLUMNS, &items);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::decoded::Decoded;
    use crate::stats::snapshot::PoolRow;

    #[test]
    fn thirteen_numbers() {
        let pool = |user: &str, max_wait_us| PoolRow {
            database: "db".into(),
            user: user.into(),
            mode: "transaction",
            clients_active: 1,
            clients_pending: 20,
            clients_queued: 3,
            servers_active: 4,
            servers_idle: 5,
            servers_login: 1,
            max_wait_us,
        };
        let report = Report { pools: vec![pool("a", 0), pool("b", 0)], ..Report::default() };
        let clients = ClientCounts { connected: 9, routing: 2 };
        let table = Decoded::of(|out| write(out, &[report.clone(), report], clients));
        assert_eq!(table.columns, ["list text", "items int4"]);
        let rows: Vec<_> = table.rows.iter().map(|row| row.join("=")).collect();
        let want = [
            "databases=0",
            "users=0",
            "pools=2",
            "free_clients=0",
            "used_clients=9",
            "login_clients=0",
            "routing_clients=2",
            "free_servers=20",
            "used_servers=16",
            "dns_names=0",
            "dns_zones=0",
            "dns_queries=0",
            "dns_pending=0",
        ];
        assert_eq!(rows, want);
    }
}
