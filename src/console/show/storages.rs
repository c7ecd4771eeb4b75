//! SHOW STORAGES: one row per `storage` section.

use super::{mode, optional};
use crate::console::table::{self, Cell, Column, int4, text};
use odyssey_config::{Storage, StorageKind};

const COLUMNS: [Column<Storage>; 8] = [
    text("type", |s| {
        Cell::text(match s.kind {
            StorageKind::Remote => "remote",
            StorageKind::Local => "local",
        })
    }),
    text("host", |s| Cell::text(s.host_text.as_deref().unwrap_or_default())),
    int4("port", |s| Cell::Number(i64::from(s.port))),
    text("tls", |s| mode(s.tls.mode)),
    text("tls_cert_file", |s| optional(&s.tls.cert)),
    text("tls_key_file", |s| optional(&s.tls.key)),
    text("tls_ca_file", |s| optional(&s.tls.ca)),
    text("tls_protocols", |s| optional(&s.tls.protocols)),
];

pub(super) fn write<'a>(out: &mut Vec<u8>, storages: impl IntoIterator<Item = &'a Storage>) {
    table::write(out, &COLUMNS, storages);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::decoded::Decoded;
    use odyssey_config::{Balancing, StorageTls, TlsMode};
    use std::time::Duration;

    #[test]
    fn columns_and_values() {
        let remote = Storage {
            name: "pg".into(),
            kind: StorageKind::Remote,
            endpoints: Vec::new(),
            host_text: Some("pg1,pg2".into()),
            port: 5432,
            tls: StorageTls {
                mode: TlsMode::Require,
                ca: Some("ca.pem".into()),
                key: None,
                cert: None,
                protocols: None,
            },
            server_max_routing: 1,
            endpoints_status_poll_interval: Duration::from_secs(1),
            balancing: Balancing { method: None, az_aware: false, show_notice_messages: false },
            watchdog: None,
        };
        let local = Storage { kind: StorageKind::Local, host_text: None, port: 0, ..remote.clone() };
        let want = [
            ("type text", ["remote", "local"]),
            ("host text", ["pg1,pg2", ""]),
            ("port int4", ["5432", "0"]),
            ("tls text", ["require"; 2]),
            ("tls_cert_file text", ["(None)"; 2]),
            ("tls_key_file text", ["(None)"; 2]),
            ("tls_ca_file text", ["ca.pem"; 2]),
            ("tls_protocols text", ["(None)"; 2]),
        ];
        Decoded::of(|out| write(out, [&remote, &local])).assert(&want);
    }
}
