//! What a TLS connection proves about its ends: channel binding data and the names in the peer's certificate.

use openssl::hash::{DigestBytes, MessageDigest, hash};
use openssl::nid::Nid;
use openssl::ssl::SslRef;
use openssl::x509::X509Ref;

/// The `tls-server-end-point` data of a server's certificate: its hash under the hash function of its signature,
/// where MD5 and SHA-1 count as SHA-256 (RFC 5929).
///
/// `None`: the signature names no single hash function (RSA-PSS, Ed25519), so that this binding is not defined.
pub fn server_end_point(certificate: &X509Ref) -> Option<DigestBytes> {
    let signature = certificate.signature_algorithm().object().nid().signature_algorithms()?;
    let digest = match signature.digest {
        Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
        Nid::UNDEF => return None,
        other => MessageDigest::from_nid(other)?,
    };
    hash(digest, &certificate.to_der().ok()?).ok()
}

/// [`server_end_point`] of the peer, for the end that is the client. `None`: it showed no certificate, too.
pub fn peer_end_point(ssl: &SslRef) -> Option<DigestBytes> {
    server_end_point(ssl.peer_certificate()?.as_ref())
}

/// The common names in the subject of the certificate that the peer showed, in its order; empty without one.
///
/// A name that is not text, or that holds a zero byte (which other programs would take for its end), is left out.
pub fn peer_common_names(ssl: &SslRef) -> Vec<String> {
    let Some(certificate) = ssl.peer_certificate() else { return Vec::new() };
    common_names(&certificate)
}

/// The common names in a certificate's subject; see [`peer_common_names`].
pub fn common_names(certificate: &X509Ref) -> Vec<String> {
    let entries = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
    entries
        .filter_map(|entry| entry.data().to_string().ok())
        .filter(|name| !name.is_empty() && !name.contains('\0'))
        .collect()
}
