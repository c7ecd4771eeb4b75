//! SHOW CLIENTS: one row per client of every worker.

use super::{address, port};
use crate::console::table::{self, Cell, Column, int4, text};
use crate::stats::snapshot::{ClientRow, ClientState, Report};

const COLUMNS: [Column<ClientRow>; 18] = [
    text("type", |_| Cell::text("C")),
    text("user", |c| Cell::text(&c.user)),
    text("database", |c| Cell::text(&c.database)),
    text("state", |c| {
        Cell::text(match c.state {
            ClientState::Active => "active",
            ClientState::Pending => "pending",
            ClientState::Queue => "queue",
        })
    }),
    text("storage_user", |c| c.storage_user.as_deref().map_or(Cell::Null, Cell::text)),
    text("addr", |c| address(&c.peer)),
    int4("port", |c| port(&c.peer)),
    text("local_addr", |c| address(&c.local)),
    int4("local_port", |c| port(&c.local)),
    text("connect_time", |_| Cell::Null),
    text("request_time", |_| Cell::Null),
    int4("wait", |_| Cell::Number(0)),
    int4("wait_us", |_| Cell::Number(0)),
    text("id", |c| Cell::shown(c.id)),
    // Stands for an address in memory elsewhere; tools only compare it.
    text("ptr", |c| Cell::shown(format_args!("0x{}", &c.id.to_string()[1..]))),
    int4("coro", |c| Cell::count(c.slot)),
    int4("remote_pid", |_| Cell::Number(0)),
    text("tls", |c| Cell::text(if c.tls { "on" } else { "" })),
];

pub(super) fn write(out: &mut Vec<u8>, reports: &[Report]) {
    table::write(out, &COLUMNS, reports.iter().flat_map(|report| &report.clients));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::ServerId;
    use crate::console::decoded::Decoded;
    use machinarium::net::addr::PeerAddr;

    #[test]
    fn columns_and_values() {
        let first = ClientRow {
            id: "c0123456789ab".parse().unwrap(),
            user: "app".into(),
            database: "db".into(),
            state: ClientState::Queue,
            storage_user: Some("bench".into()),
            peer: PeerAddr::Tcp("[::1]:50000".parse().unwrap()),
            local: PeerAddr::Tcp("[::1]:6432".parse().unwrap()),
            slot: 7,
            server: None,
            tls: true,
        };
        let second = ClientRow {
            state: ClientState::Pending,
            storage_user: None,
            peer: PeerAddr::Unix,
            local: PeerAddr::Unix,
            slot: u64::MAX,
            tls: false,
            ..first.clone()
        };
        let third = ClientRow {
            state: ClientState::Active,
            server: Some(ServerId::random()),
            peer: PeerAddr::Unknown,
            ..second.clone()
        };
        let reports = [
            Report { clients: vec![first], ..Report::default() },
            Report { clients: vec![second, third], ..Report::default() },
        ];
        let table = Decoded::of(|out| write(out, &reports));
        let want = [
            ("type text", ["C", "C", "C"]),
            ("user text", ["app"; 3]),
            ("database text", ["db"; 3]),
            ("state text", ["queue", "pending", "active"]),
            ("storage_user text", ["bench", "NULL", "NULL"]),
            ("addr text", ["::1", "<unix socket>", "N/A"]),
            ("port int4", ["50000", "-1", "0"]),
            ("local_addr text", ["::1", "<unix socket>", "<unix socket>"]),
            ("local_port int4", ["6432", "-1", "-1"]),
            ("connect_time text", ["NULL"; 3]),
            ("request_time text", ["NULL"; 3]),
            ("wait int4", ["0"; 3]),
            ("wait_us int4", ["0"; 3]),
            ("id text", ["c0123456789ab"; 3]),
            ("ptr text", ["0x0123456789ab"; 3]),
            ("coro int4", ["7", "2147483647", "2147483647"]),
            ("remote_pid int4", ["0"; 3]),
            ("tls text", ["on", "", ""]),
        ];
        table.assert(&want);
    }
}
