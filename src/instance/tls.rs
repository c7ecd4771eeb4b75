//! TLS contexts of listeners and storages, made once at start.

use crate::instance::Failed;
use crate::log::{Who, log_error};
use machinarium::tls::config::{
    ClientTls, ClientTlsFiles, ClientVerify, ServerTls, ServerTlsFiles, ServerVerify,
};
use odyssey_config::{Listen, Storage, TlsMode};

/// The TLS context of a listener; `None`: it offers none.
pub(super) fn of_listener(listen: &Listen) -> Result<Option<ServerTls>, Failed> {
    let tls = &listen.tls;
    let verify = match tls.mode {
        TlsMode::Disable => return Ok(None),
        TlsMode::Allow | TlsMode::Prefer => ClientVerify::None,
        TlsMode::Require => ClientVerify::IfGiven,
        TlsMode::VerifyCa | TlsMode::VerifyFull => ClientVerify::Required,
    };
    let (Some(cert), Some(key)) = (&tls.cert, &tls.key) else {
        log_error!(
            &Who::NOBODY,
            "tls",
            "listener on port {} has tls on, but no certificate and key",
            listen.port
        );
        return Err(Failed);
    };
    let files =
        ServerTlsFiles { cert: cert.into(), key: key.into(), ca: tls.ca.as_ref().map(Into::into), verify };
    ServerTls::new(&files).map(Some).map_err(|error| {
        log_error!(&Who::NOBODY, "tls", "{error}");
        Failed
    })
}

/// The TLS context of a storage; `None`: its servers are spoken to in the clear.
///
/// A certificate is checked when the mode demands it, and also in the weaker modes when there are authorities to
/// check it against.
pub(super) fn of_storage(storage: &Storage) -> Result<Option<ClientTls>, Failed> {
    let tls = &storage.tls;
    let verify = match tls.mode {
        TlsMode::Disable => return Ok(None),
        TlsMode::Allow | TlsMode::Prefer | TlsMode::Require if tls.ca.is_none() => ServerVerify::None,
        TlsMode::Allow | TlsMode::Prefer | TlsMode::Require | TlsMode::VerifyCa => ServerVerify::Ca,
        TlsMode::VerifyFull => ServerVerify::Full,
    };
    let path = |file: &Option<String>| file.as_ref().map(Into::into);
    let files = ClientTlsFiles { ca: path(&tls.ca), cert: path(&tls.cert), key: path(&tls.key), verify };
    ClientTls::new(&files).map(Some).map_err(|error| {
        log_error!(&Who::NOBODY, "tls", "storage '{}': {error}", storage.name);
        Failed
    })
}
