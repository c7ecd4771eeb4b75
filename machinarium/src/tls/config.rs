//! TLS contexts made of files: certificates, keys, and how the peer is verified.
//!
//! A context is made once and shared by every machine, so that a session ticket issued by one is taken by all.

use crate::error::IoError;
use openssl::error::ErrorStack;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslMode, SslOptions, SslVerifyMode,
    SslVersion,
};
use openssl::x509::X509;
use openssl::x509::verify::X509CheckFlags;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names the sessions of this program in tickets and caches; any constant will do.
const SESSION_ID_CONTEXT: &[u8] = b"machinarium";

/// What a server asks of its clients' certificates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientVerify {
    /// Does not ask for one.
    None,
    /// Asks; one that is given must be signed by the CA.
    IfGiven,
    /// Asks; without a valid one there is no connection.
    Required,
}

/// What a client asks of its server's certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerVerify {
    /// Nothing: the connection is encrypted, to whomever.
    None,
    /// It is signed by the CA.
    Ca,
    /// It is signed by the CA and names the host that was asked for.
    Full,
}

/// The files of a server, in PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerTlsFiles {
    /// Certificate, followed by its intermediate ones.
    pub cert: PathBuf,
    /// Private key of the certificate.
    pub key: PathBuf,
    /// Certificates that sign clients; without it none is valid.
    pub ca: Option<PathBuf>,
    /// What is asked of clients.
    pub verify: ClientVerify,
}

/// The files of a client, in PEM; `cert` and `key` come together or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientTlsFiles {
    /// Certificates that sign servers; without it the system's.
    pub ca: Option<PathBuf>,
    /// Certificate shown when the server asks for one.
    pub cert: Option<PathBuf>,
    /// Its private key.
    pub key: Option<PathBuf>,
    /// What is asked of the server.
    pub verify: ServerVerify,
}

/// What a file was meant to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsFile {
    /// A certificate chain.
    Cert,
    /// A private key.
    Key,
    /// Certificates of authorities.
    Ca,
}

impl fmt::Display for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TlsFile::Cert => "certificate",
            TlsFile::Key => "private key",
            TlsFile::Ca => "CA",
        })
    }
}

/// Why no context could be made.
#[derive(Debug)]
pub enum TlsConfigError {
    /// This file could not be read, or does not hold what it should.
    File {
        /// What it was meant to be.
        what: TlsFile,
        /// Where it is.
        path: PathBuf,
        /// OpenSSL's words.
        source: ErrorStack,
    },
    /// The private key in this file does not belong to the certificate.
    KeyMismatch {
        /// File of the key.
        key: PathBuf,
        /// File of the certificate.
        cert: PathBuf,
    },
    /// A certificate was given without its key, or a key without its certificate.
    HalfPair(PathBuf),
    /// OpenSSL refused something that concerns no file.
    OpenSsl(ErrorStack),
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsConfigError::File { what, path, source } => {
                write!(f, "could not load {what} file \"{}\": {source}", path.display())
            }
            TlsConfigError::KeyMismatch { key, cert } => write!(
                f,
                "private key file \"{}\" does not belong to certificate file \"{}\"",
                key.display(),
                cert.display()
            ),
            TlsConfigError::HalfPair(path) => {
                write!(
                    f,
                    "certificate and private key must be given together, only \"{}\" was",
                    path.display()
                )
            }
            TlsConfigError::OpenSsl(source) => write!(f, "openssl: {source}"),
        }
    }
}

impl std::error::Error for TlsConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            TlsConfigError::File { source, .. } | TlsConfigError::OpenSsl(source) => Some(source),
            TlsConfigError::KeyMismatch { .. } | TlsConfigError::HalfPair(_) => None,
        }
    }
}

impl From<ErrorStack> for TlsConfigError {
    fn from(error: ErrorStack) -> TlsConfigError {
        TlsConfigError::OpenSsl(error)
    }
}

/// How connections are accepted over TLS. Cheap to clone, may be sent to any machine.
#[derive(Clone)]
pub struct ServerTls {
    context: Arc<SslContext>,
    certificate: Arc<X509>,
}

impl ServerTls {
    /// Reads the files. Blocks on them.
    ///
    /// # Errors
    /// Which file, and what is wrong with it.
    pub fn new(files: &ServerTlsFiles) -> Result<ServerTls, TlsConfigError> {
        let mut builder = common(SslMethod::tls_server())?;
        // Renegotiation would let a client make a write wait for a read.
        builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE | SslOptions::NO_RENEGOTIATION);
        builder.set_session_id_context(SESSION_ID_CONTEXT)?;
        let certificate = load_pair(&mut builder, &files.cert, &files.key)?;
        if let Some(ca) = &files.ca {
            let failed = |source| TlsConfigError::File { what: TlsFile::Ca, path: ca.clone(), source };
            builder.set_ca_file(ca).map_err(failed)?;
            let names = openssl::x509::X509Name::load_client_ca_file(ca).map_err(failed)?;
            builder.set_client_ca_list(names);
        }
        builder.set_verify(match files.verify {
            ClientVerify::None => SslVerifyMode::NONE,
            ClientVerify::IfGiven => SslVerifyMode::PEER,
            ClientVerify::Required => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        });
        Ok(ServerTls { context: Arc::new(builder.build()), certificate: Arc::new(certificate) })
    }

    /// The state of one connection to be accepted, for [`Io::start_tls`](crate::Io::start_tls).
    ///
    /// # Errors
    /// `Tls`: OpenSSL has no memory.
    pub fn accept(&self) -> Result<Ssl, IoError> {
        Ssl::new(&self.context).map_err(no_ssl)
    }

    /// The certificate shown to clients, for channel binding.
    pub fn certificate(&self) -> &X509 {
        &self.certificate
    }
}

impl fmt::Debug for ServerTls {
    /// Keys are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

/// How connections are made over TLS. Cheap to clone, may be sent to any machine.
#[derive(Clone)]
pub struct ClientTls {
    context: Arc<SslContext>,
    verify: ServerVerify,
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("verify", &self.verify).finish_non_exhaustive()
    }
}

impl ClientTls {
    /// Reads the files. Blocks on them.
    ///
    /// # Errors
    /// Which file, and what is wrong with it.
    pub fn new(files: &ClientTlsFiles) -> Result<ClientTls, TlsConfigError> {
        let mut builder = common(SslMethod::tls_client())?;
        match (&files.cert, &files.key) {
            (Some(cert), Some(key)) => {
                load_pair(&mut builder, cert, key)?;
            }
            (Some(path), None) | (None, Some(path)) => return Err(TlsConfigError::HalfPair(path.clone())),
            (None, None) => {}
        }
        match &files.ca {
            Some(ca) => builder.set_ca_file(ca).map_err(|source| TlsConfigError::File {
                what: TlsFile::Ca,
                path: ca.clone(),
                source,
            })?,
            None if files.verify == ServerVerify::None => {}
            None => builder.set_default_verify_paths()?,
        }
        builder.set_verify(match files.verify {
            ServerVerify::None => SslVerifyMode::NONE,
            ServerVerify::Ca | ServerVerify::Full => SslVerifyMode::PEER,
        });
        Ok(ClientTls { context: Arc::new(builder.build()), verify: files.verify })
    }

    /// The state of one connection to `host`, a name or a literal address: a name is sent to the server (SNI),
    /// and with [`ServerVerify::Full`] the certificate must carry it.
    ///
    /// # Errors
    /// `Tls`: `host` cannot be a host's name, or OpenSSL has no memory.
    pub fn connect(&self, host: &str) -> Result<Ssl, IoError> {
        // OpenSSL takes a string that ends at its first zero byte.
        if host.contains('\0') {
            return Err(IoError::Tls("the host's name holds a zero byte".to_owned()));
        }
        let mut ssl = Ssl::new(&self.context).map_err(no_ssl)?;
        let literal = host.parse::<IpAddr>().ok();
        // RFC 6066: literal addresses are not sent.
        if literal.is_none() && !host.is_empty() {
            ssl.set_hostname(host).map_err(no_ssl)?;
        }
        if self.verify == ServerVerify::Full {
            if host.is_empty() {
                return Err(IoError::Tls("there is no host's name to verify".to_owned()));
            }
            let param = ssl.param_mut();
            param.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
            match literal {
                Some(ip) => param.set_ip(ip).map_err(no_ssl)?,
                None => param.set_host(host).map_err(no_ssl)?,
            }
        }
        Ok(ssl)
    }
}

/// What both ends have in common.
fn common(method: SslMethod) -> Result<SslContextBuilder, TlsConfigError> {
    let mut builder = SslContext::builder(method)?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    // A write may be partial and be tried again from another buffer; an idle connection holds no buffer.
    builder.set_mode(
        SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER | SslMode::RELEASE_BUFFERS,
    );
    // One read takes a whole flight instead of a header and then a body.
    builder.set_read_ahead(true);
    builder.set_options(SslOptions::NO_COMPRESSION);
    Ok(builder)
}

/// Loads a certificate chain and its key; the certificate comes back.
fn load_pair(builder: &mut SslContextBuilder, cert: &Path, key: &Path) -> Result<X509, TlsConfigError> {
    let file = |what, path: &Path, source| TlsConfigError::File { what, path: path.to_owned(), source };
    builder.set_certificate_chain_file(cert).map_err(|source| file(TlsFile::Cert, cert, source))?;
    let pem = std::fs::read(cert).map_err(|_| file(TlsFile::Cert, cert, ErrorStack::get()))?;
    let certificate = X509::from_pem(&pem).map_err(|source| file(TlsFile::Cert, cert, source))?;
    // The certificate's own public key decides first, so that a strange key is not reported as an unreadable file.
    let pem = std::fs::read(key).map_err(|_| file(TlsFile::Key, key, ErrorStack::get()))?;
    let private =
        openssl::pkey::PKey::private_key_from_pem(&pem).map_err(|source| file(TlsFile::Key, key, source))?;
    if !certificate.public_key()?.public_eq(&private) {
        return Err(TlsConfigError::KeyMismatch { key: key.to_owned(), cert: cert.to_owned() });
    }
    builder.set_private_key_file(key, SslFiletype::PEM).map_err(|source| file(TlsFile::Key, key, source))?;
    builder.check_private_key()?;
    Ok(certificate)
}

fn no_ssl(error: ErrorStack) -> IoError {
    IoError::Tls(error.to_string())
}
