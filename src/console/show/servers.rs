//! SHOW SERVERS: one row per server connection of every worker.

use super::{address, mode, port};
use crate::console::table::{self, Cell, Column, int4, text};
use crate::stats::snapshot::{Report, ServerRow, ServerState};

const COLUMNS: [Column<ServerRow>; 17] = [
    text("type", |_| Cell::text("S")),
    text("user", |s| Cell::text(&s.user)),
    text("database", |s| Cell::text(&s.database)),
    text("state", |s| {
        Cell::text(match s.state {
            ServerState::Idle => "idle",
            ServerState::Active => "active",
        })
    }),
    text("addr", |s| address(&s.peer)),
    int4("port", |s| port(&s.peer)),
    text("local_addr", |s| address(&s.local)),
    int4("local_port", |s| port(&s.local)),
    text("connect_time", |_| Cell::Null),
    text("request_time", |_| Cell::Null),
    int4("wait", |_| Cell::Number(0)),
    int4("wait_us", |_| Cell::Number(0)),
    text("ptr", |s| Cell::shown(s.id)),
    text("link", |s| s.client.map_or(Cell::text(""), Cell::shown)),
    int4("remote_pid", |s| Cell::Number(i64::from(s.remote_pid))),
    text("tls", |s| mode(s.tls)),
    text("offline", |_| Cell::text("0")),
];

pub(super) fn write(out: &mut Vec<u8>, reports: &[Report]) {
    table::write(out, &COLUMNS, reports.iter().flat_map(|report| &report.servers));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::ServerId;
    use crate::console::decoded::Decoded;
    use machinarium::net::addr::PeerAddr;

    #[test]
    fn columns_and_values() {
        let idle = ServerRow {
            id: ServerId::random(),
            user: "app".into(),
            database: "db".into(),
            state: ServerState::Idle,
            peer: PeerAddr::Tcp("10.0.0.1:5432".parse().unwrap()),
            local: PeerAddr::Tcp("10.0.0.9:40000".parse().unwrap()),
            remote_pid: 1234,
            client: None,
            tls: odyssey_config::TlsMode::Disable,
        };
        let active = ServerRow {
            id: ServerId::random(),
            state: ServerState::Active,
            peer: PeerAddr::Unix,
            local: PeerAddr::Unix,
            client: Some("c0123456789ab".parse().unwrap()),
            ..idle.clone()
        };
        let (one, two) = (idle.id.to_string(), active.id.to_string());
        let reports = [
            Report { servers: vec![idle], ..Report::default() },
            Report { servers: vec![active], ..Report::default() },
        ];
        let table = Decoded::of(|out| write(out, &reports));
        let want = [
            ("type text", ["S"; 2]),
            ("user text", ["app"; 2]),
            ("database text", ["db"; 2]),
            ("state text", ["idle", "active"]),
            ("addr text", ["10.0.0.1", "<unix socket>"]),
            ("port int4", ["5432", "-1"]),
            ("local_addr text", ["10.0.0.9", "<unix socket>"]),
            ("local_port int4", ["40000", "-1"]),
            ("connect_time text", ["NULL"; 2]),
            ("request_time text", ["NULL"; 2]),
            ("wait int4", ["0"; 2]),
            ("wait_us int4", ["0"; 2]),
            ("ptr text", [&one, &two]),
            ("link text", ["", "c0123456789ab"]),
            ("remote_pid int4", ["1234"; 2]),
            ("tls text", ["disable"; 2]),
            ("offline text", ["0"; 2]),
        ];
        table.assert(&want);
    }
}
