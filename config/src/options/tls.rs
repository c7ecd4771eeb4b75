//! The `tls*` directives of `listen` and `storage`: the same words, each with its own effect.

use crate::option::Effect::{Full, NotYet};
use crate::option::Fallback::{Text, Unset};
use crate::option::{Opt, Reload, Ty, table};

/// Towards clients.
pub(crate) mod listen {
    use super::{Full, NotYet, Opt, Reload, Text, Ty, Unset, table};
    table! {
        TLS = "tls", Ty::Text, Text("disable"), Applied, Full, "`disable`, `allow`, `prefer`, `require`, `verify_ca` or `verify_full`.";
        TLS_CA_FILE = "tls_ca_file", Ty::Text, Unset, Applied, Full, "Authorities that sign clients' certificates.";
        TLS_KEY_FILE = "tls_key_file", Ty::Text, Unset, Applied, Full, "Our private key.";
        TLS_CERT_FILE = "tls_cert_file", Ty::Text, Unset, Applied, Full, "Our certificate chain.";
        TLS_PROTOCOLS = "tls_protocols", Ty::Text, Unset, Restart, NotYet("the TLS library chooses the protocol version"), "Protocol versions to allow.";
    }
}

/// Towards servers.
pub(crate) mod storage {
    use super::{Full, NotYet, Opt, Reload, Text, Ty, Unset, table};
    table! {
        TLS = "tls", Ty::Text, Text("disable"), NewClients, Full, "`disable`, `allow`, `prefer`, `require`, `verify_ca` or `verify_full`.";
        TLS_CA_FILE = "tls_ca_file", Ty::Text, Unset, NewClients, Full, "Authorities that sign servers' certificates.";
        TLS_KEY_FILE = "tls_key_file", Ty::Text, Unset, NewClients, Full, "Our private key.";
        TLS_CERT_FILE = "tls_cert_file", Ty::Text, Unset, NewClients, Full, "Our certificate chain.";
        TLS_PROTOCOLS = "tls_protocols", Ty::Text, Unset, NewClients, NotYet("the TLS library chooses the protocol version"), "Protocol versions to allow.";
    }
}
