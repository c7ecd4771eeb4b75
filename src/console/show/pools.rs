//! SHOW POOLS: one row per route, whatever number of workers serve it.

use crate::console::table::{self, Cell, Column, int8, text};
use crate::stats::snapshot::{PoolRow, Report};
use std::collections::BTreeMap;

const COLUMNS: [Column<PoolRow>; 12] = [
    text("database", |p| Cell::text(&p.database)),
    text("user", |p| Cell::text(&p.user)),
    int8("cl_active", |p| Cell::count(p.clients_active)),
    // Clients that wait for a server, as the name says; idle ones are in no column.
    int8("cl_waiting", |p| Cell::count(p.clients_queued)),
    int8("sv_active", |p| Cell::count(p.servers_active.saturating_sub(p.servers_login))),
    int8("sv_idle", |p| Cell::count(p.servers_idle)),
    int8("sv_used", |_| Cell::Number(0)),
    int8("sv_tested", |_| Cell::Number(0)),
    int8("sv_login", |p| Cell::count(p.servers_login)),
    // Whole seconds here, the rest of the same wait in the next column.
    int8("maxwait", |p| Cell::count(p.max_wait_us / 1_000_000)),
    int8("maxwait_us", |p| Cell::count(p.max_wait_us % 1_000_000)),
    text("pool_mode", |p| Cell::text(p.mode)),
];

pub(super) fn write(out: &mut Vec<u8>, reports: &[Report]) {
    table::write(out, &COLUMNS, &merged(reports));
}

/// One row per database, user and mode, in this order: counts add up, the longest wait stays.
pub(super) fn merged(reports: &[Report]) -> Vec<PoolRow> {
    let mut routes: BTreeMap<_, PoolRow> = BTreeMap::new();
    for pool in reports.iter().flat_map(|report| &report.pools) {
        let key = (&pool.database, &pool.user, pool.mode);
        match routes.get_mut(&key) {
            None => {
                routes.insert(key, pool.clone());
            }
            Some(sum) => {
                sum.clients_active += pool.clients_active;
                sum.clients_pending += pool.clients_pending;
                sum.clients_queued += pool.clients_queued;
                sum.servers_active += pool.servers_active;
                sum.servers_idle += pool.servers_idle;
                sum.servers_login += pool.servers_login;
                sum.max_wait_us = sum.max_wait_us.max(pool.max_wait_us);
            }
        }
    }
    routes.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::decoded::Decoded;

    fn pool(user: &str, max_wait_us: u64) -> PoolRow {
        PoolRow {
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
        }
    }

    #[test]
    fn workers_are_added_up_by_route() {
        let reports = [
            Report { pools: vec![pool("b", 7), pool("a", 2_500_000)], ..Report::default() },
            Report { pools: vec![pool("a", 3_000_001)], ..Report::default() },
            Report { pools: vec![PoolRow { mode: "session", ..pool("b", 0) }], ..Report::default() },
        ];
        let table = Decoded::of(|out| write(out, &reports));
        let want = [
            ("database text", ["db"; 3]),
            ("user text", ["a", "b", "b"]),
            ("cl_active int8", ["2", "1", "1"]),
            ("cl_waiting int8", ["6", "3", "3"]),
            ("sv_active int8", ["6", "3", "3"]),
            ("sv_idle int8", ["10", "5", "5"]),
            ("sv_used int8", ["0"; 3]),
            ("sv_tested int8", ["0"; 3]),
            ("sv_login int8", ["2", "1", "1"]),
            ("maxwait int8", ["3", "0", "0"]),
            ("maxwait_us int8", ["1", "0", "7"]),
            ("pool_mode text", ["transaction", "session", "transaction"]),
        ];
        table.assert(&want);
    }
}
