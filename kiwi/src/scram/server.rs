//! The server's side: checks a client that need not be honest.

use std::fmt;

use openssl::base64;
use openssl::sha::sha256;

use super::verifier::Verifier;
use super::{ScramError, ScramKeys, attribute, check_nonce, decode, decode_key, hmac, nonce, xor};

/// What the client chose, and what its connection can offer.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Binding<'a> {
    /// SCRAM-SHA-256, and SCRAM-SHA-256-PLUS was not on offer.
    None,
    /// SCRAM-SHA-256, though SCRAM-SHA-256-PLUS was on offer.
    Declined,
    /// SCRAM-SHA-256-PLUS, with the connection's tls-server-end-point data.
    EndPoint(&'a [u8]),
}

/// An exchange that waits for the client's last message. Its `Debug` shows nothing.
pub struct ScramServer {
    /// client-first-message-bare "," server-first-message.
    messages: Vec<u8>,
    /// Client's and server's nonce.
    nonce: Vec<u8>,
    /// What `c=` must decode to: gs2 header and binding data.
    binding: Vec<u8>,
}

/// The client has proved itself.
#[derive(Clone, Debug)]
pub struct Finished {
    /// server-final-message, for AuthenticationSASLFinal.
    pub message: String,
    /// For logging in to a server with the same verifier.
    pub keys: ScramKeys,
}

impl Finished {
    /// The bytes of the message.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.message.as_bytes()
    }
}

impl ScramServer {
    /// Reads client-first-message for SCRAM-SHA-256 where PLUS is not on offer; returns server-first-message.
    ///
    /// Errors: `Malformed`, `AuthorizationIdentity`, `MandatoryExtension`, `ChannelBinding`, `Random`.
    pub fn start(first: &[u8], verifier: &Verifier) -> Result<(ScramServer, String), ScramError> {
        ScramServer::start_bound(first, verifier, Binding::None)
    }

    /// Reads client-first-message; returns server-first-message.
    ///
    /// Errors: as [`ScramServer::start`], and `Downgrade` when the client thinks PLUS was not on offer.
    pub fn start_bound(
        first: &[u8],
        verifier: &Verifier,
        binding: Binding<'_>,
    ) -> Result<(ScramServer, String), ScramError> {
        ScramServer::with_nonce(first, verifier, binding, &nonce()?)
    }

    /// The same with a nonce of the caller's choice, for recorded exchanges. Real ones use
    /// [`ScramServer::start_bound`].
    pub fn with_nonce(
        first: &[u8],
        verifier: &Verifier,
        binding: Binding<'_>,
        nonce: &str,
    ) -> Result<(ScramServer, String), ScramError> {
        let (gs2, bare) = split_gs2(first, binding)?;
        let mut rest = bare;
        // The user named here is not looked at: the startup packet's counts.
        attribute(&mut rest, b'n')?;
        let client_nonce = attribute(&mut rest, b'r')?;
        check_nonce(client_nonce)?;
        let nonce = [client_nonce, nonce.as_bytes()].concat();
        let server_first = format!(
            "r={},s={},i={}",
            nonce.escape_ascii(),
            base64::encode_block(verifier.salt()),
            verifier.iterations()
        );
        let data: &[u8] = match binding {
            Binding::EndPoint(data) => data,
            Binding::None | Binding::Declined => b"",
        };
        let server = ScramServer {
            messages: [bare, b",", server_first.as_bytes()].concat(),
            nonce,
            binding: [gs2, data].concat(),
        };
        Ok((server, server_first))
    }

    /// Checks client-final-message against the verifier given at the start.
    ///
    /// Errors: `Malformed`, `BindingMismatch`, `Nonce`, `WrongProof`.
    pub fn finish(self, last: &[u8], verifier: &Verifier) -> Result<Finished, ScramError> {
        let mut rest = last;
        let binding = attribute(&mut rest, b'c')?;
        let nonce = attribute(&mut rest, b'r')?;
        // Extensions, which mean nothing to us, may stand before the proof, which is always last.
        let proof_text = match rest.strip_prefix(b"p=") {
            Some(text) => text,
            None => {
                let at = rest.windows(3).rposition(|window| window == b",p=").ok_or(ScramError::Malformed)?;
                rest.get(at + 3..).unwrap_or_default()
            }
        };
        let proof = decode_key(proof_text).ok_or(ScramError::Malformed)?;
        // What is signed: everything before ",p=".
        let signed = last.len() - proof_text.len() - 3;
        let without_proof = last.get(..signed).unwrap_or_default();
        if decode(binding).ok_or(ScramError::Malformed)? != self.binding {
            return Err(ScramError::BindingMismatch);
        }
        if nonce != self.nonce {
            return Err(ScramError::Nonce);
        }
        let message: [&[u8]; 3] = [&self.messages, b",", without_proof];
        let client_key = xor(&proof, &hmac(verifier.stored_key(), &message));
        if !openssl::memcmp::eq(&sha256(&client_key), verifier.stored_key()) {
            return Err(ScramError::WrongProof);
        }
        let signature = base64::encode_block(&hmac(verifier.server_key(), &message));
        let keys = ScramKeys { client_key, server_key: *verifier.server_key() };
        Ok(Finished { message: format!("v={signature}"), keys })
    }
}

impl fmt::Debug for ScramServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramServer")
    }
}

/// Splits client-first-message into its gs2 header and the rest, and checks that the header agrees with the
/// mechanism chosen and what was on offer.
fn split_gs2<'a>(first: &'a [u8], binding: Binding<'_>) -> Result<(&'a [u8], &'a [u8]), ScramError> {
    let comma = |text: &[u8]| text.iter().position(|byte| *byte == b',').ok_or(ScramError::Malformed);
    let flag_end = comma(first)?;
    let (flag, behind) = first.split_at(flag_end);
    match (flag, binding) {
        (b"n", Binding::None | Binding::Declined) | (b"y", Binding::None) => {}
        (b"p=tls-server-end-point", Binding::EndPoint(_)) => {}
        (b"y", Binding::Declined) => return Err(ScramError::Downgrade),
        (b"n" | b"y", Binding::EndPoint(_)) => return Err(ScramError::Malformed),
        _ if flag.starts_with(b"p=") => return Err(ScramError::ChannelBinding),
        _ => return Err(ScramError::Malformed),
    }
    let behind = behind.strip_prefix(b",").unwrap_or_default();
    let identity_end = comma(behind)?;
    match behind.split_at(identity_end).0 {
        b"" => {}
        identity if identity.starts_with(b"a=") => return Err(ScramError::AuthorizationIdentity),
        _ => return Err(ScramError::Malformed),
    }
    first.split_at_checked(flag_end + 1 + identity_end + 1).ok_or(ScramError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(first: &str, binding: Binding<'_>) -> Option<ScramError> {
        let verifier = Verifier::derive(b"pencil", b"salt", 1);
        ScramServer::start_bound(first.as_bytes(), &verifier, binding).err()
    }

    #[test]
    fn first_messages() {
        let bound = Binding::EndPoint(b"data");
        let cases: [(&str, &str, Binding<'_>, Option<ScramError>); 19] = [
            ("plain", "n,,n=,r=abc", Binding::None, None),
            ("with a user and an extension", "n,,n=bob,r=abc,x=1", Binding::None, None),
            ("could bind, not on offer", "y,,n=,r=abc", Binding::None, None),
            ("could bind, was on offer", "y,,n=,r=abc", Binding::Declined, Some(ScramError::Downgrade)),
            ("cannot bind, was on offer", "n,,n=,r=abc", Binding::Declined, None),
            ("bound", "p=tls-server-end-point,,n=,r=abc", bound, None),
            ("bound in another way", "p=tls-unique,,n=,r=abc", bound, Some(ScramError::ChannelBinding)),
            (
                "bound without the mechanism",
                "p=tls-server-end-point,,n=,r=a",
                Binding::None,
                Some(ScramError::ChannelBinding),
            ),
            ("mechanism without binding", "n,,n=,r=abc", bound, Some(ScramError::Malformed)),
            ("empty", "", Binding::None, Some(ScramError::Malformed)),
            ("other flag", "q,,n=,r=abc", Binding::None, Some(ScramError::Malformed)),
            ("identity", "n,a=bob,n=,r=abc", Binding::None, Some(ScramError::AuthorizationIdentity)),
            ("no identity, no comma", "n,n=,r=abc", Binding::None, Some(ScramError::Malformed)),
            ("mandatory extension", "n,,m=x,n=,r=abc", Binding::None, Some(ScramError::MandatoryExtension)),
            ("no nonce", "n,,n=", Binding::None, Some(ScramError::Malformed)),
            ("empty nonce", "n,,n=,r=", Binding::None, Some(ScramError::Malformed)),
            ("blank in nonce", "n,,n=,r=a b", Binding::None, Some(ScramError::Malformed)),
            ("only a flag", "n", Binding::None, Some(ScramError::Malformed)),
            ("only a header", "n,,", Binding::None, Some(ScramError::Malformed)),
        ];
        for (name, first, binding, want) in cases {
            assert_eq!(start(first, binding), want, "{name}");
        }
        let long = format!("n,,n=,r={}", "a".repeat(super::super::NONCE_MAX + 1));
        assert_eq!(start(&long, Binding::None), Some(ScramError::Excessive));
    }

    #[test]
    fn last_messages() {
        let proof = base64::encode_block(&[0; 32]);
        let cases = [
            ("wrong proof", format!("c=biws,r=abcSRV,p={proof}"), ScramError::WrongProof),
            ("other binding", format!("c=eSws,r=abcSRV,p={proof}"), ScramError::BindingMismatch),
            ("binding not base64", format!("c=*,r=abcSRV,p={proof}"), ScramError::Malformed),
            ("other nonce", format!("c=biws,r=abcSRW,p={proof}"), ScramError::Nonce),
            ("client's nonce only", format!("c=biws,r=abc,p={proof}"), ScramError::Nonce),
            ("no proof", "c=biws,r=abcSRV".to_owned(), ScramError::Malformed),
            ("short proof", "c=biws,r=abcSRV,p=AAAA".to_owned(), ScramError::Malformed),
            ("behind the proof", format!("c=biws,r=abcSRV,p={proof},x=1"), ScramError::Malformed),
            ("extension before the proof", format!("c=biws,r=abcSRV,x=1,p={proof}"), ScramError::WrongProof),
            ("proof twice", format!("c=biws,p={proof}"), ScramError::Malformed),
            ("empty", String::new(), ScramError::Malformed),
        ];
        let verifier = Verifier::derive(b"pencil", b"salt", 1);
        for (name, last, want) in cases {
            let (server, _) =
                ScramServer::with_nonce(b"n,,n=,r=abc", &verifier, Binding::None, "SRV").unwrap();
            assert_eq!(server.finish(last.as_bytes(), &verifier).err(), Some(want), "{name}");
        }
    }
}
