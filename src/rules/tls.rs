//! TLS contexts of listeners and storages, made for each version of the rules.

use machinarium::tls::config::{
    ClientTls, ClientTlsFiles, ClientVerify, ServerTls, ServerTlsFiles, ServerVerify,
};
use odyssey_config::{Config, Listen, Storage, TlsMode};
use std::fmt;

/// Why a TLS context cannot be made; worth one line of the log.
#[derive(Debug)]
pub struct TlsFault(String);

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Contexts by listener, and by storage.
type Contexts = (Vec<Option<ServerTls>>, Vec<Option<ClientTls>>);

/// Reads the files of every listener and storage.
///
/// # Errors
/// Every file that cannot be used.
pub(super) fn load(config: &Config) -> Result<Contexts, Vec<TlsFault>> {
    let (listeners, mut faults) = sort(config.listens.iter().map(of_listener));
    let (storages, more) = sort(config.storages.iter().map(|storage| of_storage(storage)));
    faults.extend(more);
    if faults.is_empty() { Ok((listeners, storages)) } else { Err(faults) }
}

fn sort<T>(results: impl Iterator<Item = Result<T, TlsFault>>) -> (Vec<T>, Vec<TlsFault>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(context) => good.push(context),
            Err(fault) => bad.push(fault),
        }
    }
    (good, bad)
}

/// The TLS context of a listener; `None`: it offers none.
fn of_listener(listen: &Listen) -> Result<Option<ServerTls>, TlsFault> {
    let tls = &listen.tls;
    let verify = match tls.mode {
        TlsMode::Disable => return Ok(None),
        TlsMode::Allow | TlsMode::Prefer => ClientVerify::None,
        TlsMode::Require => ClientVerify::IfGiven,
        TlsMode::VerifyCa | TlsMode::VerifyFull => ClientVerify::Required,
    };
    // Nothing to show: clients are told so when they ask. The operator was warned with the place in the file.
    let (Some(cert), Some(key)) = (&tls.cert, &tls.key) else { return Ok(None) };
    let files =
        ServerTlsFiles { cert: cert.into(), key: key.into(), ca: tls.ca.as_ref().map(Into::into), verify };
    ServerTls::new(&files).map(Some).map_err(|error| TlsFault(error.to_string()))
}

/// The TLS context of a storage; `None`: its servers are spoken to in the clear.
///
/// A certificate is checked when the mode demands it, and also in the weaker modes when there are authorities to
/// check it against.
fn of_storage(storage: &Storage) -> Result<Option<ClientTls>, TlsFault> {
    let tls = &storage.tls;
    let verify = match tls.mode {
        TlsMode::Disable => return Ok(None),
        TlsMode::Allow | TlsMode::Prefer | TlsMode::Require if tls.ca.is_none() => ServerVerify::None,
        TlsMode::Allow | TlsMode::Prefer | TlsMode::Require | TlsMode::VerifyCa => ServerVerify::Ca,
        TlsMode::VerifyFull => ServerVerify::Full,
    };
    let path = |file: &Option<String>| file.as_ref().map(Into::into);
    let files = ClientTlsFiles { ca: path(&tls.ca), cert: path(&tls.cert), key: path(&tls.key), verify };
    let context = ClientTls::new(&files).map(Some);
    context.map_err(|error| TlsFault(format!("storage '{}': {error}", storage.name)))
}
