//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: exchanges fed bytes. Source: RFC 5802, RFC 7677,
//! `sasl-authentication`.
//!
//! The costly step, [`salted_password`], is a function of its own, so that a caller can run it elsewhere or keep
//! its result; everything else takes microseconds.

pub mod client;
pub mod server;
pub mod verifier;

use std::borrow::Cow;
use std::fmt;

use openssl::base64;
use openssl::hash::MessageDigest;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkey::PKey;
use openssl::sign::Signer;

/// Name of the mechanism without channel binding.
pub const SHA_256: &str = "SCRAM-SHA-256";
/// Name of the mechanism with channel binding.
pub const SHA_256_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// Longest salt read, in bytes.
pub const SALT_MAX: usize = 1024;
/// Longest nonce read, in characters.
pub const NONCE_MAX: usize = 1024;

/// Random bytes of a nonce of ours, as in PostgreSQL.
const NONCE_BYTES: usize = 18;
/// Length of a SHA-256 digest.
const KEY_LEN: usize = 32;

pub(crate) type Key = [u8; KEY_LEN];

/// Why an exchange ended without success.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum ScramError {
    /// A message does not have the form it must have.
    Malformed,
    /// The client wants to act as somebody else (`a=`), which PostgreSQL does not support.
    AuthorizationIdentity,
    /// A mandatory extension (`m=`), none of which exists.
    MandatoryExtension,
    /// The client asks for channel binding where none is offered, or of another type.
    ChannelBinding,
    /// The client says we do not offer channel binding though we do: somebody in between took the offer out.
    Downgrade,
    /// The channel binding data is another connection's.
    BindingMismatch,
    /// The nonce is not the one of this exchange.
    Nonce,
    /// The client's proof is wrong: it does not know the password.
    WrongProof,
    /// The server's signature is wrong: it does not know our verifier.
    WrongSignature,
    /// The server ended the exchange with an error (`e=`).
    Refused,
    /// The server asks for more rounds, salt or nonce than we are willing to work on.
    Excessive,
    /// A message came out of order.
    OutOfOrder,
    /// The system has no random bytes for us.
    Random,
}

impl fmt::Display for ScramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ScramError::Malformed => "malformed scram message",
            ScramError::AuthorizationIdentity => "authorization identity is not supported",
            ScramError::MandatoryExtension => "mandatory scram extension is not supported",
            ScramError::ChannelBinding => "channel binding is not supported here",
            ScramError::Downgrade => "channel binding was offered but not seen by the client",
            ScramError::BindingMismatch => "channel binding data does not match",
            ScramError::Nonce => "scram nonce does not match",
            ScramError::WrongProof => "scram proof is wrong",
            ScramError::WrongSignature => "scram signature of the server is wrong",
            ScramError::Refused => "server refused the scram exchange",
            ScramError::Excessive => "server asks for too much scram work",
            ScramError::OutOfOrder => "scram message out of order",
            ScramError::Random => "no random bytes",
        })
    }
}

impl std::error::Error for ScramError {}

/// What a finished exchange leaves on either side; enough to log in to another server that has the same verifier.
/// `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct ScramKeys {
    /// Proves the client.
    pub client_key: [u8; 32],
    /// Proves the server.
    pub server_key: [u8; 32],
}

impl ScramKeys {
    /// From a result of [`salted_password`].
    #[must_use]
    pub fn from_salted(salted: &[u8; 32]) -> ScramKeys {
        ScramKeys { client_key: hmac(salted, &[b"Client Key"]), server_key: hmac(salted, &[b"Server Key"]) }
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramKeys")
    }
}

/// PBKDF2 with HMAC-SHA-256: the costly step, about a millisecond per 4096 rounds. The password is prepared
/// first ([`prepare`]). `iterations` of 0 counts as 1.
#[must_use]
pub fn salted_password(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
    let mut salted = [0; KEY_LEN];
    let rounds = usize::try_from(iterations.max(1)).unwrap_or(usize::MAX);
    pbkdf2_hmac(&prepare(password), salt, rounds, MessageDigest::sha256(), &mut salted)
        .expect("PBKDF2 with SHA-256 is always there");
    salted
}

/// SASLprep (RFC 4013) of a password. As PostgreSQL does, a password that is not UTF-8 or holds what SASLprep
/// forbids is used as it is.
#[must_use]
pub fn prepare(password: &[u8]) -> Cow<'_, [u8]> {
    // Printable ASCII is its own preparation, and control characters are forbidden.
    if password.is_ascii() {
        return Cow::Borrowed(password);
    }
    match std::str::from_utf8(password).map(stringprep::saslprep) {
        Ok(Ok(prepared)) if !prepared.is_empty() => Cow::Owned(prepared.into_owned().into_bytes()),
        _ => Cow::Borrowed(password),
    }
}

pub(crate) fn hmac(key: &[u8], parts: &[&[u8]]) -> Key {
    let sign = || {
        let key = PKey::hmac(key)?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        for part in parts {
            signer.update(part)?;
        }
        let mut digest = [0; KEY_LEN];
        signer.sign(&mut digest)?;
        Ok::<Key, openssl::error::ErrorStack>(digest)
    };
    sign().expect("HMAC with SHA-256 is always there")
}

pub(crate) fn xor(a: &Key, b: &Key) -> Key {
    std::array::from_fn(|i| a.get(i).copied().unwrap_or_default() ^ b.get(i).copied().unwrap_or_default())
}

/// A fresh nonce: printable characters without a comma.
pub(crate) fn nonce() -> Result<String, ScramError> {
    let mut bytes = [0; NONCE_BYTES];
    openssl::rand::rand_bytes(&mut bytes).map_err(|_| ScramError::Random)?;
    Ok(base64::encode_block(&bytes))
}

/// Base64 in its one canonical form; anything else is `None`.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    if text.is_empty() {
        return Some(Vec::new());
    }
    let bytes = base64::decode_block(text).ok()?;
    (base64::encode_block(&bytes) == text).then_some(bytes)
}

pub(crate) fn decode_key(text: &[u8]) -> Option<Key> {
    decode(text)?.try_into().ok()
}

/// Takes the attribute `name=value` off the front of a message, and the comma behind it.
pub(crate) fn attribute<'a>(rest: &mut &'a [u8], name: u8) -> Result<&'a [u8], ScramError> {
    let behind = match rest.split_first_chunk::<2>() {
        Some(([b'm', b'='], _)) if name != b'm' => return Err(ScramError::MandatoryExtension),
        Some(([found, b'='], behind)) if *found == name => behind,
        _ => return Err(ScramError::Malformed),
    };
    match behind.iter().position(|byte| *byte == b',') {
        Some(end) => {
            let (value, comma) = behind.split_at(end);
            *rest = comma.strip_prefix(b",").unwrap_or_default();
            Ok(value)
        }
        None => {
            *rest = b"";
            Ok(behind)
        }
    }
}

/// A nonce from the peer: printable, no comma, neither empty nor without end.
pub(crate) fn check_nonce(nonce: &[u8]) -> Result<(), ScramError> {
    if nonce.is_empty() || !nonce.iter().all(u8::is_ascii_graphic) {
        Err(ScramError::Malformed)
    } else if nonce.len() > NONCE_MAX {
        Err(ScramError::Excessive)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_base64_is_read() {
        let cases: [(&str, Option<&[u8]>); 9] = [
            ("", Some(b"")),
            ("YQ==", Some(b"a")),
            ("YWI=", Some(b"ab")),
            ("YWJj", Some(b"abc")),
            ("YQ", None),
            ("YR==", None),
            (" YQ==", None),
            ("YQ==\n", None),
            ("Y=Q=", None),
        ];
        for (text, want) in cases {
            assert_eq!(decode(text.as_bytes()).as_deref(), want, "{text:?}");
        }
    }

    #[test]
    fn preparation() {
        let cases: [(&str, &[u8], &[u8]); 5] = [
            ("ascii", b"pencil", b"pencil"),
            ("soft hyphen vanishes", "I\u{ad}X".as_bytes(), b"IX"),
            ("compatibility form", "\u{2168}".as_bytes(), b"IX"),
            ("forbidden: as it is", "\u{627}\u{31}".as_bytes(), "\u{627}\u{31}".as_bytes()),
            ("not utf-8: as it is", b"\xff\xfe", b"\xff\xfe"),
        ];
        for (name, password, want) in cases {
            assert_eq!(&*prepare(password), want, "{name}");
        }
    }

    #[test]
    fn attributes() {
        let mut rest = &b"r=abc,s=d=,i=1"[..];
        assert_eq!(attribute(&mut rest, b'r'), Ok(&b"abc"[..]));
        assert_eq!(attribute(&mut rest, b'i'), Err(ScramError::Malformed));
        assert_eq!(attribute(&mut rest, b's'), Ok(&b"d="[..]));
        assert_eq!(attribute(&mut rest, b'i'), Ok(&b"1"[..]));
        assert_eq!(attribute(&mut rest, b'i'), Err(ScramError::Malformed));
        assert_eq!(attribute(&mut &b"m=x"[..], b'r'), Err(ScramError::MandatoryExtension));
    }
}
