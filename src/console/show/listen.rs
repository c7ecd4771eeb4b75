//! SHOW LISTEN: one row per `listen` section.

use super::{mode, optional};
use crate::console::table::{self, Cell, Column, int4, text};
use odyssey_config::Listen;

const COLUMNS: [Column<Listen>; 7] = [
    // No host is a unix socket.
    text("host", |l| optional(&l.host)),
    int4("port", |l| Cell::Number(i64::from(l.port))),
    text("tls", |l| mode(l.tls.mode)),
    text("tls_cert_file", |l| optional(&l.tls.cert)),
    text("tls_key_file", |l| optional(&l.tls.key)),
    text("tls_ca_file", |l| optional(&l.tls.ca)),
    text("tls_protocols", |l| optional(&l.tls.protocols)),
];

pub(super) fn write(out: &mut Vec<u8>, listens: &[Listen]) {
    table::write(out, &COLUMNS, listens);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::decoded::Decoded;
    use odyssey_config::{ListenTls, TlsMode};
    use std::time::Duration;

    #[test]
    fn columns_and_values() {
        let tls = ListenTls {
            mode: TlsMode::VerifyFull,
            ca: Some("ca.pem".into()),
            key: Some("key.pem".into()),
            cert: Some("cert.pem".into()),
            protocols: Some("tlsv1.3".into()),
        };
        let host = Listen {
            host: Some("*".into()),
            port: 6432,
            backlog: 128,
            client_login_timeout: Duration::from_secs(15),
            tls,
            target_session_attrs: None,
            balancing_method: None,
            catchup_timeout: None,
            storages: Vec::new(),
        };
        let tls = ListenTls { mode: TlsMode::Disable, ca: None, key: None, cert: None, protocols: None };
        let unix = Listen { host: None, tls, ..host.clone() };
        let want = [
            ("host text", ["*", "(None)"]),
            ("port int4", ["6432"; 2]),
            ("tls text", ["verify_full", "disable"]),
            ("tls_cert_file text", ["cert.pem", "(None)"]),
            ("tls_key_file text", ["key.pem", "(None)"]),
            ("tls_ca_file text", ["ca.pem", "(None)"]),
            ("tls_protocols text", ["tlsv1.3", "(None)"]),
        ];
        Decoded::of(|out| write(out, &[host, unix])).assert(&want);
    }
}
