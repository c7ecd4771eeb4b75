//! The client's side: logs in to a server that need not be honest. Never uses channel binding.

use std::fmt;

use openssl::base64;
use openssl::sha::sha256;

use super::{
    Key, NONCE_MAX, SALT_MAX, ScramError, ScramKeys, attribute, check_nonce, decode, decode_key, hmac, nonce,
    xor,
};

/// Most rounds we run for a server. PostgreSQL's default is 4096; this many take about a third of a second.
pub const ITERATIONS_MAX: u32 = 1_000_000;

/// gs2 header: no channel binding, no authorization identity.
const GS2: &str = "n,,";

/// One exchange. Its `Debug` shows nothing.
pub struct ScramClient {
    nonce: String,
    /// What the server must sign with, once we have proved ourselves.
    signature: Option<Key>,
}

/// A server's challenge: what [`super::salted_password`] needs.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// server-first-message.
    message: Box<[u8]>,
    nonce: Box<str>,
    salt: Box<[u8]>,
    iterations: u32,
}

impl Challenge {
    /// Salt, 1..=[`SALT_MAX`] bytes.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    /// Rounds, 1..=[`ITERATIONS_MAX`].
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }
}

impl ScramClient {
    /// Begins an exchange with a fresh nonce. Errors: `Random`.
    pub fn new() -> Result<ScramClient, ScramError> {
        Ok(ScramClient::with_nonce(nonce()?))
    }

    /// The same with a nonce of the caller's choice, for recorded exchanges.
    #[must_use]
    pub fn with_nonce(nonce: String) -> ScramClient {
        ScramClient { nonce, signature: None }
    }

    /// client-first-message, for SASLInitialResponse. It names no user: the startup packet did.
    #[must_use]
    pub fn first(&self) -> String {
        format!("{GS2}{}", self.first_bare())
    }

    fn first_bare(&self) -> String {
        format!("n=,r={}", self.nonce)
    }

    /// Reads server-first-message.
    ///
    /// Errors: `Malformed`, `MandatoryExtension`, `Nonce` when ours is not its beginning or nothing was added,
    /// `Excessive` above [`ITERATIONS_MAX`], [`SALT_MAX`] or [`NONCE_MAX`].
    pub fn challenge(&self, message: &[u8]) -> Result<Challenge, ScramError> {
        let mut rest = message;
        let nonce = attribute(&mut rest, b'r')?;
        let salt = attribute(&mut rest, b's')?;
        let iterations = attribute(&mut rest, b'i')?;
        if nonce.len() > NONCE_MAX || salt.len() > SALT_MAX * 2 {
            return Err(ScramError::Excessive);
        }
        check_nonce(nonce)?;
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(self.nonce.as_bytes()) {
            return Err(ScramError::Nonce);
        }
        let salt = decode(salt).filter(|salt| !salt.is_empty()).ok_or(ScramError::Malformed)?;
        if salt.len() > SALT_MAX {
            return Err(ScramError::Excessive);
        }
        Ok(Challenge {
            message: message.into(),
            nonce: nonce.escape_ascii().to_string().into_boxed_str(),
            salt: salt.into_boxed_slice(),
            iterations: rounds(iterations)?,
        })
    }

    /// client-final-message from a result of [`super::salted_password`] over the challenge's salt and rounds.
    #[must_use]
    pub fn prove(self, challenge: Challenge, salted: &[u8; 32]) -> (ScramClient, String) {
        self.prove_with(challenge, &ScramKeys::from_salted(salted))
    }

    /// client-final-message from the keys another exchange left; the server must have the same verifier.
    #[must_use]
    pub fn prove_with(self, challenge: Challenge, keys: &ScramKeys) -> (ScramClient, String) {
        let without_proof = format!("c={},r={}", base64::encode_block(GS2.as_bytes()), challenge.nonce);
        let bare = self.first_bare();
        let message: [&[u8]; 5] = [bare.as_bytes(), b",", &challenge.message, b",", without_proof.as_bytes()];
        let proof = xor(&keys.client_key, &hmac(&sha256(&keys.client_key), &message));
        let signature = Some(hmac(&keys.server_key, &message));
        let last = format!("{without_proof},p={}", base64::encode_block(&proof));
        (ScramClient { signature, ..self }, last)
    }

    /// Reads server-final-message: the server must know the verifier too. Only then is AuthenticationOk to be
    /// believed ([`ScramClient::is_finished`]).
    ///
    /// Errors: `Refused`, `Malformed`, `WrongSignature`, `OutOfOrder` before the proof or a second time.
    pub fn finish(&mut self, message: &[u8]) -> Result<(), ScramError> {
        let expected = self.signature.take().ok_or(ScramError::OutOfOrder)?;
        if message.starts_with(b"e=") {
            return Err(ScramError::Refused);
        }
        let signature = decode_key(attribute(&mut &*message, b'v')?).ok_or(ScramError::Malformed)?;
        if !openssl::memcmp::eq(&signature, &expected) {
            return Err(ScramError::WrongSignature);
        }
        self.nonce.clear();
        Ok(())
    }

    /// Whether the server has proved itself.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        // Every exchange has a nonce until its end.
        self.nonce.is_empty()
    }
}

impl fmt::Debug for ScramClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramClient")
    }
}

fn rounds(text: &[u8]) -> Result<u32, ScramError> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err(ScramError::Malformed);
    }
    // Digits that are no number are a number too large.
    match std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
        Some(0) => Err(ScramError::Malformed),
        Some(rounds @ 1..=ITERATIONS_MAX) => Ok(rounds),
        _ => Err(ScramError::Excessive),
    }
}

#[cfg(test)]
mod tests {
    use super::super::salted_password;
    use super::*;

    #[test]
    fn challenges() {
        let long_salt = base64::encode_block(&[1; SALT_MAX + 1]);
        let cases = [
            ("good", "r=abcd,s=c2FsdA==,i=1".to_owned(), None),
            ("extension", "r=abcd,s=c2FsdA==,i=1,x=y".to_owned(), None),
            ("most rounds", "r=abcd,s=c2FsdA==,i=1000000".to_owned(), None),
            ("too many rounds", "r=abcd,s=c2FsdA==,i=1000001".to_owned(), Some(ScramError::Excessive)),
            ("absurd rounds", "r=abcd,s=c2FsdA==,i=99999999999".to_owned(), Some(ScramError::Excessive)),
            ("no rounds", "r=abcd,s=c2FsdA==,i=0".to_owned(), Some(ScramError::Malformed)),
            ("signed rounds", "r=abcd,s=c2FsdA==,i=+1".to_owned(), Some(ScramError::Malformed)),
            ("nothing added to the nonce", "r=abc,s=c2FsdA==,i=1".to_owned(), Some(ScramError::Nonce)),
            ("other nonce", "r=xbcd,s=c2FsdA==,i=1".to_owned(), Some(ScramError::Nonce)),
            ("no salt", "r=abcd,s=,i=1".to_owned(), Some(ScramError::Malformed)),
            ("bad salt", "r=abcd,s=*,i=1".to_owned(), Some(ScramError::Malformed)),
            ("long salt", format!("r=abcd,s={long_salt},i=1"), Some(ScramError::Excessive)),
            (
                "mandatory extension",
                "m=x,r=abcd,s=c2FsdA==,i=1".to_owned(),
                Some(ScramError::MandatoryExtension),
            ),
            ("empty", String::new(), Some(ScramError::Malformed)),
            ("error", "e=other-error".to_owned(), Some(ScramError::Malformed)),
        ];
        let client = ScramClient::with_nonce("abc".to_owned());
        for (name, message, want) in cases {
            assert_eq!(client.challenge(message.as_bytes()).err(), want, "{name}");
        }
    }

    #[test]
    fn final_messages() {
        let zero = base64::encode_block(&[0; 32]);
        let cases = [
            ("wrong signature", format!("v={zero}"), ScramError::WrongSignature),
            ("short signature", "v=AAAA".to_owned(), ScramError::Malformed),
            ("error", "e=invalid-proof".to_owned(), ScramError::Refused),
            ("empty", String::new(), ScramError::Malformed),
        ];
        for (name, message, want) in cases {
            let client = ScramClient::with_nonce("abc".to_owned());
            let challenge = client.challenge(b"r=abcd,s=c2FsdA==,i=1").unwrap();
            let (mut client, _) = client.prove(challenge, &salted_password(b"pencil", b"salt", 1));
            assert_eq!(client.finish(message.as_bytes()), Err(want), "{name}");
            assert!(!client.is_finished(), "{name}");
        }
        let early = ScramClient::with_nonce("abc".to_owned()).finish(b"v=");
        assert_eq!(early, Err(ScramError::OutOfOrder));
    }
}
