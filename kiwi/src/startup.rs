//! What may open a connection: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest.
//!
//! Source: `protocol-message-formats`, `protocol-flow` (Start-up, Canceling Requests in Progress).

use std::fmt;

use crate::error::DecodeError;
use crate::read::Reader;
use crate::write;

const SSL_REQUEST: u32 = 80_877_103;
const GSSENC_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// A protocol version as a startup packet states it.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct ProtocolVersion {
    /// Versions with different majors do not understand each other.
    pub major: u16,
    /// A server that knows a lower minor negotiates down.
    pub minor: u16,
}

impl ProtocolVersion {
    /// 3.0: every PostgreSQL since 7.4.
    pub const V3_0: ProtocolVersion = ProtocolVersion { major: 3, minor: 0 };
    /// 3.2: PostgreSQL 18; cancel secrets of 4 to 256 bytes.
    pub const V3_2: ProtocolVersion = ProtocolVersion { major: 3, minor: 2 };

    /// From the packet's 32-bit code.
    #[must_use]
    pub const fn from_code(code: u32) -> ProtocolVersion {
        let [a, b, c, d] = code.to_be_bytes();
        ProtocolVersion { major: u16::from_be_bytes([a, b]), minor: u16::from_be_bytes([c, d]) }
    }

    /// The packet's 32-bit code.
    #[must_use]
    pub const fn code(self) -> u32 {
        let ([a, b], [c, d]) = (self.major.to_be_bytes(), self.minor.to_be_bytes());
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// The secret half of a cancel key: 4 bytes in protocol 3.0, 4 to 256 in 3.2. Comparison takes the same time
/// wherever two keys differ; `Debug` does not show it.
#[derive(Clone)]
pub struct SecretKey(Box<[u8]>);

impl SecretKey {
    /// Fewest bytes.
    pub const LEN_MIN: usize = 4;
    /// Most bytes.
    pub const LEN_MAX: usize = 256;

    /// A key of 4 to 256 bytes, otherwise `None`.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<SecretKey> {
        (Self::LEN_MIN..=Self::LEN_MAX).contains(&bytes.len()).then(|| SecretKey(bytes.into()))
    }

    /// The key's bytes, for the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for SecretKey {
    fn eq(&self, other: &SecretKey) -> bool {
        self.0.len() == other.0.len() && openssl::memcmp::eq(&self.0, &other.0)
    }
}

impl Eq for SecretKey {}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({} bytes)", self.0.len())
    }
}

/// What a client must show to cancel a query: the process id it was told, and the secret.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct CancelKey {
    /// Process id as told in BackendKeyData.
    pub pid: i32,
    /// The secret.
    pub secret: SecretKey,
}

/// A client's first packet, or the next after an SSL or GSS request was answered.
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum Opening {
    /// A session is wanted.
    Startup(StartupMessage),
    /// TLS is wanted; answer `S` or `N`.
    Ssl,
    /// GSSAPI encryption is wanted; answer `G` or `N`.
    Gss,
    /// Somebody's query is to be cancelled; no answer is due.
    Cancel(CancelKey),
}

impl Opening {
    /// Reads one whole first packet, as cut by [`crate::frame::opening`].
    ///
    /// A startup packet whose major version is not 3 is returned without its parameters, for their form is
    /// unknown. Errors: `Length` when the packet's length word lies or bytes follow the end, `Field` at a string
    /// without terminator, a missing final zero or a cancel secret outside 4..=256 bytes, `MissingUser`.
    pub fn parse(packet: &[u8]) -> Result<Opening, DecodeError> {
        let mut r = Reader::opening(packet)?;
        match r.u32()? {
            SSL_REQUEST => r.finish().map(|()| Opening::Ssl),
            GSSENC_REQUEST => r.finish().map(|()| Opening::Gss),
            CANCEL_REQUEST => {
                let pid = r.i32()?;
                let at = r.at();
                let secret = SecretKey::new(r.rest()).ok_or(r.bad_field(at))?;
                Ok(Opening::Cancel(CancelKey { pid, secret }))
            }
            code => StartupMessage::parse(ProtocolVersion::from_code(code), r).map(Opening::Startup),
        }
    }
}

/// How a session means to replicate, from the startup parameter `replication`.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Replication {
    /// An ordinary session: the parameter is absent or a false word.
    Off,
    /// A true word: a physical walsender.
    Physical,
    /// The word `database`: a logical walsender.
    Logical,
    /// Neither; PostgreSQL refuses it.
    Invalid,
}

/// A StartupMessage: version and parameters, kept as they came in one allocation.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct StartupMessage {
    /// The version asked for.
    pub version: ProtocolVersion,
    /// name NUL value NUL ..., checked to be complete pairs with non-empty names.
    pairs: Box<[u8]>,
}

impl StartupMessage {
    /// A message made of parameters. Zero bytes in names or values end them; empty names are left out.
    pub fn new<K, V>(version: ProtocolVersion, params: impl IntoIterator<Item = (K, V)>) -> StartupMessage
    where
        K: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        let mut pairs = Vec::new();
        for (name, value) in params {
            push_pair(&mut pairs, name.as_ref(), value.as_ref());
        }
        StartupMessage { version, pairs: pairs.into_boxed_slice() }
    }

    fn parse(version: ProtocolVersion, mut r: Reader<'_>) -> Result<StartupMessage, DecodeError> {
        if version.major != 3 {
            return Ok(StartupMessage { version, pairs: Box::default() });
        }
        let all = r.remaining();
        let start = r.at();
        while !r.cstr()?.is_empty() {
            r.cstr()?;
        }
        let pairs = all.get(..r.at() - start - 1).unwrap_or_default().into();
        r.finish()?;
        let message = StartupMessage { version, pairs };
        if message.user().is_empty() {
            return Err(DecodeError::MissingUser);
        }
        Ok(message)
    }

    /// The user; never empty in a parsed message of major version 3.
    #[must_use]
    pub fn user(&self) -> &[u8] {
        self.get(b"user").unwrap_or_default()
    }

    /// The database; the user's name when absent or empty.
    #[must_use]
    pub fn database(&self) -> &[u8] {
        self.get(b"database").filter(|name| !name.is_empty()).unwrap_or(self.user())
    }

    /// What the parameter `replication` asks for. Boolean words are PostgreSQL's: unique prefixes of true, false,
    /// yes and no, `of`, and the words on, off, 1, 0, in any case.
    #[must_use]
    pub fn replication(&self) -> Replication {
        match self.get(b"replication") {
            None => Replication::Off,
            Some(b"database") => Replication::Logical,
            Some(word) => match boolean(word) {
                Some(true) => Replication::Physical,
                Some(false) => Replication::Off,
                None => Replication::Invalid,
            },
        }
    }

    /// The `options` parameter: command-line switches, for [`crate::params::parse_options`].
    #[must_use]
    pub fn options(&self) -> Option<&[u8]> {
        self.get(b"options")
    }

    /// The value of a parameter by its exact name; the last one wins when a name is repeated.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().filter(|(found, _)| *found == name).last().map(|(_, value)| value)
    }

    /// Every parameter as (name, value), in the order sent, repeated names included.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut strings = self.pairs.split(|byte| *byte == 0);
        // Each pair ends in a zero byte, so the last piece is empty and is never half of a pair.
        std::iter::from_fn(move || Some((strings.next()?, strings.next()?)))
    }

    /// The parameters that are settings: all but user, database, replication, options and `_pq_.` options.
    pub fn settings(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.iter().filter(|(name, _)| {
            !matches!(*name, b"user" | b"database" | b"replication" | b"options")
                && !name.starts_with(b"_pq_.")
        })
    }

    /// Names of protocol options (`_pq_.`...), to be listed in NegotiateProtocolVersion when not implemented.
    pub fn unknown_options(&self) -> impl Iterator<Item = &[u8]> {
        self.iter().map(|(name, _)| name).filter(|name| name.starts_with(b"_pq_."))
    }

    /// Appends the packet.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::untagged(out, |w| {
            w.u32(self.version.code());
            w.bytes(&self.pairs);
            w.u8(0);
        });
    }
}

fn push_pair(pairs: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let (name, value) = (before_nul(name), before_nul(value));
    if !name.is_empty() {
        for text in [name, value] {
            pairs.extend_from_slice(text);
            pairs.push(0);
        }
    }
}

fn before_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// PostgreSQL's boolean words: any unique prefix, in any case.
fn boolean(word: &[u8]) -> Option<bool> {
    let word = word.to_ascii_lowercase();
    let prefix_of = |full: &[u8], least: usize| word.len() >= least && full.starts_with(&word);
    if word == b"1" || word == b"on" || prefix_of(b"true", 1) || prefix_of(b"yes", 1) {
        Some(true)
    } else if word == b"0" || prefix_of(b"off", 2) || prefix_of(b"false", 1) || prefix_of(b"no", 1) {
        Some(false)
    } else {
        None
    }
}

/// Appends a StartupMessage of protocol 3.0. Zero bytes in names or values end them.
pub fn write_startup<K, V>(out: &mut Vec<u8>, params: impl IntoIterator<Item = (K, V)>)
where
    K: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    StartupMessage::new(ProtocolVersion::V3_0, params).write(out);
}

/// Appends an SSLRequest.
pub fn write_ssl_request(out: &mut Vec<u8>) {
    write::untagged(out, |w| w.u32(SSL_REQUEST));
}

/// Appends a GSSENCRequest.
pub fn write_gssenc_request(out: &mut Vec<u8>) {
    write::untagged(out, |w| w.u32(GSSENC_REQUEST));
}

/// Appends a CancelRequest.
pub fn write_cancel_request(out: &mut Vec<u8>, key: &CancelKey) {
    write::untagged(out, |w| {
        w.u32(CANCEL_REQUEST);
        w.i32(key.pid);
        w.bytes(key.secret.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write::untagged(&mut out, |w| w.bytes(body));
        out
    }

    fn startup(body: &[u8]) -> Result<StartupMessage, DecodeError> {
        match Opening::parse(&packet(&[&[0, 3, 0, 0], body].concat()))? {
            Opening::Startup(message) => Ok(message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn requests_survive_the_wire() {
        let mut out = Vec::new();
        write_ssl_request(&mut out);
        assert_eq!(out, b"\0\0\0\x08\x04\xd2\x16\x2f");
        assert_eq!(Opening::parse(&out), Ok(Opening::Ssl));
        out.clear();
        write_gssenc_request(&mut out);
        assert_eq!(Opening::parse(&out), Ok(Opening::Gss));
        for len in [4, 32, 256] {
            let key = CancelKey { pid: -7, secret: SecretKey::new(&vec![9; len]).unwrap() };
            out.clear();
            write_cancel_request(&mut out, &key);
            assert_eq!(Opening::parse(&out), Ok(Opening::Cancel(key)), "{len}");
        }
    }

    #[test]
    fn user_database_and_settings() {
        let m = startup(b"user\0bob\0application_name\0x\0_pq_.a\0\0user\0eve\0\0").unwrap();
        assert_eq!((m.user(), m.database()), (&b"eve"[..], &b"eve"[..]));
        assert_eq!(m.settings().collect::<Vec<_>>(), [(&b"application_name"[..], &b"x"[..])]);
        assert_eq!(m.unknown_options().collect::<Vec<_>>(), [&b"_pq_.a"[..]]);
        assert_eq!(m.iter().count(), 4);
        let m = startup(b"database\0shop\0user\0bob\0options\0-c a=b\0\0").unwrap();
        assert_eq!((m.user(), m.database(), m.options()), (&b"bob"[..], &b"shop"[..], Some(&b"-c a=b"[..])));
        assert_eq!(startup(b"database\0\0user\0bob\0\0").unwrap().database(), b"bob");
    }

    #[test]
    fn broken_packets() {
        let field = |at| Err(DecodeError::Field { tag: 0, at });
        let cases: [(&str, &[u8], Result<StartupMessage, DecodeError>); 7] = [
            ("no parameters, no end", b"", field(8)),
            ("no user", b"\0", Err(DecodeError::MissingUser)),
            ("empty user", b"user\0\0\0", Err(DecodeError::MissingUser)),
            ("name without end", b"user", field(8)),
            ("value without end", b"user\0bob", field(13)),
            ("no final zero", b"user\0bob\0", field(17)),
            ("bytes behind the end", b"user\0bob\0\0x", Err(DecodeError::Length { tag: 0, got: 19 })),
        ];
        for (name, body, want) in cases {
            assert_eq!(startup(body), want, "{name}");
        }
        assert_eq!(Opening::parse(b"\0\0\0\x04"), Err(DecodeError::Field { tag: 0, at: 4 }));
        assert_eq!(
            Opening::parse(b"\0\0\0\x09\x04\xd2\x16\x2f"),
            Err(DecodeError::Length { tag: 0, got: 9 })
        );
        let short = packet(b"\x04\xd2\x16\x2e\0\0\0\x01abc");
        assert_eq!(Opening::parse(&short), Err(DecodeError::Field { tag: 0, at: 12 }));
    }

    #[test]
    fn another_major_version_is_not_read_further() {
        let opening = Opening::parse(&packet(b"\0\x02\0\0nonsense"));
        let Ok(Opening::Startup(message)) = opening else { panic!("{opening:?}") };
        assert_eq!(message.version.to_string(), "2.0");
        assert_eq!(message.iter().count(), 0);
    }

    #[test]
    fn replication_words() {
        let cases: [(&str, Replication); 11] = [
            ("database", Replication::Logical),
            ("Database", Replication::Invalid),
            ("true", Replication::Physical),
            ("T", Replication::Physical),
            ("on", Replication::Physical),
            ("1", Replication::Physical),
            ("off", Replication::Off),
            ("of", Replication::Off),
            ("n", Replication::Off),
            ("o", Replication::Invalid),
            ("", Replication::Invalid),
        ];
        for (word, want) in cases {
            let m = StartupMessage::new(ProtocolVersion::V3_0, [("user", "u"), ("replication", word)]);
            assert_eq!(m.replication(), want, "{word}");
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        let key = CancelKey { pid: 1, secret: SecretKey::new(b"hush").unwrap() };
        assert_eq!(format!("{key:?}"), "CancelKey { pid: 1, secret: SecretKey(4 bytes) }");
    }
}
