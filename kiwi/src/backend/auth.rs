//! Authentication requests and NegotiateProtocolVersion. Source: `protocol-message-formats`,
//! `sasl-authentication`.

use crate::error::DecodeError;
use crate::read::Reader;
use crate::startup::ProtocolVersion;
use crate::tag::Backend;
use crate::write;

/// Names of SASL mechanisms in the server's order of preference: Strings, ended by an empty one.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Mechanisms<'a> {
    /// Each name with its zero byte; checked.
    names: &'a [u8],
}

impl<'a> Mechanisms<'a> {
    /// Only SCRAM-SHA-256: what a plaintext connection offers.
    pub const SCRAM: Mechanisms<'static> = Mechanisms { names: b"SCRAM-SHA-256\0" };
    /// With channel binding, in the C program's order.
    pub const SCRAM_THEN_PLUS: Mechanisms<'static> =
        Mechanisms { names: b"SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0" };
    /// With channel binding, in PostgreSQL's order.
    pub const PLUS_THEN_SCRAM: Mechanisms<'static> =
        Mechanisms { names: b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0" };

    /// The names, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        self.names.split(|byte| *byte == 0).filter(|name| !name.is_empty())
    }
}

/// An authentication request: Int32 kind, then what the kind needs.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Authentication<'a> {
    /// 0: logged in.
    Ok,
    /// 2: Kerberos 5, no longer supported by anyone.
    KerberosV5,
    /// 3: the password in clear.
    CleartextPassword,
    /// 5: the md5 response to this salt.
    Md5Password {
        /// Changes with each login.
        salt: [u8; 4],
    },
    /// 7: GSSAPI.
    Gss,
    /// 8: more GSSAPI or SSPI data.
    GssContinue(&'a [u8]),
    /// 9: SSPI.
    Sspi,
    /// 10: SASL with one of these mechanisms.
    Sasl(Mechanisms<'a>),
    /// 11: the mechanism's challenge.
    SaslContinue(&'a [u8]),
    /// 12: the mechanism's outcome; AuthenticationOk follows.
    SaslFinal(&'a [u8]),
    /// Any other kind.
    Other(i32),
}

impl<'a> Authentication<'a> {
    /// Reads the frame. Errors: `Length`, `Field` at a mechanism name without end or a salt too short.
    pub fn parse(frame: &'a [u8]) -> Result<Authentication<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Backend::Authentication.as_byte())?;
        let request = match r.i32()? {
            0 => Authentication::Ok,
            2 => Authentication::KerberosV5,
            3 => Authentication::CleartextPassword,
            5 => Authentication::Md5Password { salt: [r.u8()?, r.u8()?, r.u8()?, r.u8()?] },
            7 => Authentication::Gss,
            8 => Authentication::GssContinue(r.rest()),
            9 => Authentication::Sspi,
            10 => {
                let (all, start) = (r.remaining(), r.at());
                while !r.cstr()?.is_empty() {}
                Authentication::Sasl(Mechanisms { names: all.get(..r.at() - start - 1).unwrap_or_default() })
            }
            11 => Authentication::SaslContinue(r.rest()),
            12 => Authentication::SaslFinal(r.rest()),
            other => {
                r.rest();
                Authentication::Other(other)
            }
        };
        r.finish()?;
        Ok(request)
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        let (kind, data): (i32, &[u8]) = match self {
            Authentication::Ok => (0, b""),
            Authentication::KerberosV5 => (2, b""),
            Authentication::CleartextPassword => (3, b""),
            Authentication::Md5Password { salt } => (5, salt),
            Authentication::Gss => (7, b""),
            Authentication::GssContinue(data) => (8, data),
            Authentication::Sspi => (9, b""),
            Authentication::Sasl(mechanisms) => (10, mechanisms.names),
            Authentication::SaslContinue(data) => (11, data),
            Authentication::SaslFinal(data) => (12, data),
            Authentication::Other(kind) => (*kind, b""),
        };
        write::frame(out, Backend::Authentication.as_byte(), |w| {
            w.i32(kind);
            w.bytes(data);
            if kind == 10 {
                w.u8(0);
            }
        });
    }
}

/// NegotiateProtocolVersion: Int32 newest version, Int32 count, count × String option.
///
/// The manual calls the first field the newest minor version; PostgreSQL sends the whole version there.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct NegotiateProtocolVersion<'a> {
    /// The newest version of the requested major that the sender speaks.
    pub newest: ProtocolVersion,
    /// Protocol options the sender does not know.
    pub options: Vec<&'a [u8]>,
}

impl<'a> NegotiateProtocolVersion<'a> {
    /// The answer of a server that speaks 3.0 and none of these options.
    #[must_use]
    pub fn v3_0(options: &[&'a [u8]]) -> NegotiateProtocolVersion<'a> {
        NegotiateProtocolVersion { newest: ProtocolVersion::V3_0, options: options.to_vec() }
    }

    /// Reads the frame. Errors: `Field` at the count when negative, or at the first string without a terminator;
    /// `Length` if bytes remain.
    pub fn parse(frame: &'a [u8]) -> Result<NegotiateProtocolVersion<'a>, DecodeError> {
        let mut r = Reader::frame(frame, Backend::NegotiateProtocolVersion.as_byte())?;
        let newest = ProtocolVersion::from_code(r.u32()?);
        let at = r.at();
        let count = usize::try_from(r.i32()?).map_err(|_| r.bad_field(at))?;
        // Each option takes at least its zero byte, so a lying count reserves nothing.
        let mut options = Vec::new();
        for _ in 0..count {
            options.push(r.cstr()?);
        }
        r.finish()?;
        Ok(NegotiateProtocolVersion { newest, options })
    }

    /// Appends the frame; a zero byte ends an option.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, Backend::NegotiateProtocolVersion.as_byte(), |w| {
            w.u32(self.newest.code());
            w.i32(i32::try_from(self.options.len()).expect("options come from one startup packet"));
            for option in &self.options {
                w.cstr(option);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let cases: [(&[u8], Authentication<'_>); 5] = [
            (b"R\0\0\0\x08\0\0\0\0", Authentication::Ok),
            (b"R\0\0\0\x08\0\0\0\x03", Authentication::CleartextPassword),
            (b"R\0\0\0\x0c\0\0\0\x05abcd", Authentication::Md5Password { salt: *b"abcd" }),
            (b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", Authentication::Sasl(Mechanisms::SCRAM)),
            (b"R\0\0\0\x0a\0\0\0\x0cv=", Authentication::SaslFinal(b"v=")),
        ];
        for (frame, want) in cases {
            assert_eq!(Authentication::parse(frame), Ok(want));
            let mut out = Vec::new();
            want.write(&mut out);
            assert_eq!(out, frame);
        }
        assert_eq!(
            Mechanisms::PLUS_THEN_SCRAM.iter().collect::<Vec<_>>(),
            [&b"SCRAM-SHA-256-PLUS"[..], &b"SCRAM-SHA-256"[..]]
        );
    }

    #[test]
    fn broken_requests() {
        let cases: [(&str, &[u8], DecodeError); 4] = [
            ("ok with a tail", b"R\0\0\0\x09\0\0\0\0x", DecodeError::Length { tag: b'R', got: 9 }),
            ("short salt", b"R\0\0\0\x0a\0\0\0\x05ab", DecodeError::Field { tag: b'R', at: 11 }),
            ("mechanism without end", b"R\0\0\0\x09\0\0\0\x0aX", DecodeError::Field { tag: b'R', at: 9 }),
            ("list without end", b"R\0\0\0\x0a\0\0\0\x0aX\0", DecodeError::Field { tag: b'R', at: 11 }),
        ];
        for (name, frame, want) in cases {
            assert_eq!(Authentication::parse(frame), Err(want), "{name}");
        }
    }

    #[test]
    fn negotiation_sends_the_whole_version() {
        let mut out = Vec::new();
        NegotiateProtocolVersion::v3_0(&[b"_pq_.a"]).write(&mut out);
        assert_eq!(out, b"v\0\0\0\x13\0\x03\0\0\0\0\0\x01_pq_.a\0");
        assert_eq!(NegotiateProtocolVersion::parse(&out).unwrap().options, [b"_pq_.a"]);
        let lying = NegotiateProtocolVersion::parse(b"v\0\0\0\x0c\0\x03\0\0\x7f\xff\xff\xff");
        assert_eq!(lying, Err(DecodeError::Field { tag: b'v', at: 13 }));
    }
}
