//! The `tls*` directives of `listen` and `storage`: the same words, each with its own effect.

use crate::option::Effect::{Full, NotYet};
use crate::option::Fallback::{Text, Unset};
use crate::option::{Opt, Reload, Ty, table};

/// Towards clients.
pub(crate) mod listen {
    use super::{Full, NotYet, Opt, Reload, Text, Ty, Unset, table};
    table! {
        TLS = "tls", Ty::Text, Text("disable"), Applied, Full, "`disable`, `allow`, `prefer`, `require`, `verify_ca` or `verify_full`.";
        TLS_CA_FILE = "tls_ca_file", Ty::Text, Unset, Applied, Full, "File (PEM) of the authorities that sign clients' certificates.";
        TLS_KEY_FILE = "tls_key_file", Ty::Text, Unset, Applied, Full, "File (PEM) of our private key; read again at each reload, like the others.";
        TLS_CERT_FILE = "tls_cert_file", Ty::Text, Unset, Applied, Full, "File (PEM) of our certificate and those that lead to its authority.";
        TLS_PROTOCOLS = "tls_protocols", Ty::Text, Unset, Restart, NotYet("the TLS library chooses the protocol version"), "Protocol versions to allow.";
    }
}

/// Towards servers.
pub(crate) mod storage {
    use super::{Full, NotYet, Opt, Reload, Text, Ty, Unset, table};
    table! {
        TLS = "tls", Ty::Text, Text("disable"), NewClients, Full, "`disable`, `allow`, `prefer`, `require`, `verify_ca` or `verify_full`.";
        TLS_CA_FILE = "tls_ca_file", Ty::Text, Unset, NewClients, Full, "File (PEM) of the authorities that sign servers' certificates.";
        TLS_KEY_FILE = "tls_key_file", Ty::Text, Unset, NewClients, Full, "File (PEM) of our private key, for servers that ask for a certificate.";
        TLS_CERT_FILE = "tls_cert_file", Ty::Text, Unset, NewClients, Full, "File (PEM) of our certificate, for servers that ask for one.";
        TLS_PROTOCOLS = "tls_protocols", Ty::Text, Unset, NewClients, NotYet("the TLS library chooses the protocol version"), "Protocol versions to allow.";
    }
}
