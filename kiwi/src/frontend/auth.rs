//! Answers to authentication requests. All have the tag `p`; which one it is depends on the request before it.
//! Source: `protocol-message-formats`, `sasl-authentication`. Their `Debug` does not show what they hold.

use std::fmt;

use crate::error::DecodeError;
use crate::read::Reader;
use crate::tag::Frontend;
use crate::write;

const TAG: u8 = Frontend::Password.as_byte();

/// PasswordMessage: String password, in clear or as an md5 response.
#[derive(Copy, Clone, Eq, PartialEq)]
pub struct PasswordMessage<'a> {
    /// The password.
    pub password: &'a [u8],
}

impl<'a> PasswordMessage<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<PasswordMessage<'a>, DecodeError> {
        let mut r = Reader::frame(frame, TAG)?;
        let password = r.cstr()?;
        r.finish()?;
        Ok(PasswordMessage { password })
    }

    /// Appends the frame; a zero byte ends the password.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, TAG, |w| w.cstr(self.password));
    }
}

impl fmt::Debug for PasswordMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordMessage")
    }
}

/// SASLInitialResponse: String mechanism, Int32 length or -1, Byte*n data.
#[derive(Copy, Clone, Eq, PartialEq)]
pub struct SaslInitialResponse<'a> {
    /// The mechanism chosen.
    pub mechanism: &'a [u8],
    /// Its first message, `None` when the client wants to be asked for it.
    pub data: Option<&'a [u8]>,
}

impl<'a> SaslInitialResponse<'a> {
    /// Reads the frame. Errors: `Field`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<SaslInitialResponse<'a>, DecodeError> {
        let mut r = Reader::frame(frame, TAG)?;
        let (mechanism, data) = (r.cstr()?, r.value()?);
        r.finish()?;
        Ok(SaslInitialResponse { mechanism, data })
    }

    /// Appends the frame; a zero byte ends the mechanism.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, TAG, |w| {
            w.cstr(self.mechanism);
            w.value(self.data, "SASL data").expect("SASL data is bounded well below 2 GiB");
        });
    }
}

impl fmt::Debug for SaslInitialResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SaslInitialResponse({})", self.mechanism.escape_ascii())
    }
}

/// SASLResponse, and GSSResponse, which has the same form: Byte*n data.
#[derive(Copy, Clone, Eq, PartialEq)]
pub struct SaslResponse<'a> {
    /// The mechanism's next message.
    pub data: &'a [u8],
}

impl<'a> SaslResponse<'a> {
    /// Reads the frame. Errors: `UnknownTag`, `Length`.
    pub fn parse(frame: &'a [u8]) -> Result<SaslResponse<'a>, DecodeError> {
        Ok(SaslResponse { data: Reader::frame(frame, TAG)?.rest() })
    }

    /// Appends the frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::frame(out, TAG, |w| w.bytes(self.data));
    }
}

impl fmt::Debug for SaslResponse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SaslResponse")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sasl_initial_response_with_and_without_data() {
        let cases: [(&str, &[u8], Option<&[u8]>); 3] = [
            ("no data", b"p\0\0\0\x0aX\0\xff\xff\xff\xff", None),
            ("empty data", b"p\0\0\0\x0aX\0\0\0\0\0", Some(b"")),
            ("data", b"p\0\0\0\x0cX\0\0\0\0\x02ab", Some(b"ab")),
        ];
        for (name, frame, data) in cases {
            let message = SaslInitialResponse { mechanism: b"X", data };
            assert_eq!(SaslInitialResponse::parse(frame), Ok(message), "{name}");
            let mut out = Vec::new();
            message.write(&mut out);
            assert_eq!(out, frame, "{name}");
        }
    }

    #[test]
    fn broken_answers() {
        assert_eq!(PasswordMessage::parse(b"p\0\0\0\x06ab"), Err(DecodeError::Field { tag: b'p', at: 5 }));
        assert_eq!(
            PasswordMessage::parse(b"p\0\0\0\x07a\0b"),
            Err(DecodeError::Length { tag: b'p', got: 7 })
        );
        let behind = SaslInitialResponse::parse(b"p\0\0\0\x0bX\0\0\0\0\x00a");
        assert_eq!(behind, Err(DecodeError::Length { tag: b'p', got: 11 }));
        let short = SaslInitialResponse::parse(b"p\0\0\0\x0aX\0\0\0\0\x01");
        assert_eq!(short, Err(DecodeError::Field { tag: b'p', at: 7 }));
    }

    #[test]
    fn secrets_do_not_print() {
        let text =
            format!("{:?} {:?}", PasswordMessage { password: b"hush" }, SaslResponse { data: b"hush" });
        assert_eq!(text, "PasswordMessage SaslResponse");
    }
}
