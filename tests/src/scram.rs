//! The client's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.

use crate::hash::{base64_decode, base64_encode, hmac_sha256, pbkdf2_sha256, sha256};

/// Why an exchange cannot go on; all of them are the server's fault.
#[derive(Debug, PartialEq, Eq)]
pub enum ScramError {
    /// An attribute is missing or not in its place.
    Malformed,
    /// The server's nonce does not begin with ours.
    Nonce,
    /// The server does not know the password's verifier.
    Signature,
}

/// An exchange after the client's first message.
#[derive(Debug)]
pub struct Scram {
    password: String,
    first_bare: String,
    nonce: String,
}

/// An exchange after the client's final message.
#[derive(Debug)]
pub struct ScramFinal {
    server_signature: [u8; 32],
}

impl Scram {
    /// Begins; returns the exchange and the client-first-message.
    ///
    /// `user` is left empty by PostgreSQL's clients, whose server takes the startup packet's.
    pub fn start(user: &str, password: &str, nonce: &str) -> (Scram, String) {
        let first_bare = format!("n={user},r={nonce}");
        let message = format!("n,,{first_bare}");
        (Scram { password: password.to_owned(), first_bare, nonce: nonce.to_owned() }, message)
    }

    /// Reads the server-first-message; returns what is awaited next and the client-final-message.
    pub fn answer(self, server_first: &str) -> Result<(ScramFinal, String), ScramError> {
        let mut attributes = server_first.split(',');
        let mut next =
            |name| attributes.next().and_then(|a| a.strip_prefix(name)).ok_or(ScramError::Malformed);
        let nonce = next("r=")?;
        let salt = base64_decode(next("s=")?).ok_or(ScramError::Malformed)?;
        let rounds: u32 = next("i=")?.parse().map_err(|_| ScramError::Malformed)?;
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(ScramError::Nonce);
        }
        let salted = pbkdf2_sha256(self.password.as_bytes(), &salt, rounds);
        let client_key = hmac_sha256(&salted, b"Client Key");
        let without_proof = format!("c=biws,r={nonce}");
        let signed = format!("{},{server_first},{without_proof}", self.first_bare);
        let client_signature = hmac_sha256(&sha256(&client_key), signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(client_signature).map(|(key, sig)| key ^ sig).collect();
        let server_signature = hmac_sha256(&hmac_sha256(&salted, b"Server Key"), signed.as_bytes());
        Ok((ScramFinal { server_signature }, format!("{without_proof},p={}", base64_encode(&proof))))
    }
}

impl ScramFinal {
    /// Checks the server-final-message.
    pub fn verify(&self, server_final: &str) -> Result<(), ScramError> {
        let signature =
            server_final.strip_prefix("v=").and_then(base64_decode).ok_or(ScramError::Malformed)?;
        if signature == self.server_signature { Ok(()) } else { Err(ScramError::Signature) }
    }
}

/// The secret PostgreSQL stores for scram-sha-256: `SCRAM-SHA-256$rounds:salt$stored:server`.
pub fn scram_secret(password: &str, salt: &[u8], rounds: u32) -> String {
    let salted = pbkdf2_sha256(password.as_bytes(), salt, rounds);
    let stored = sha256(&hmac_sha256(&salted, b"Client Key"));
    let server = hmac_sha256(&salted, b"Server Key");
    let [salt, stored, server] = [salt, &stored, &server].map(base64_encode);
    format!("SCRAM-SHA-256${rounds}:{salt}${stored}:{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677, section 3.
    #[test]
    fn the_rfc_exchange() {
        let (scram, first) = Scram::start("user", "pencil", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let server_first =
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let (end, last) = scram.answer(server_first).expect("the RFC's own message");
        assert_eq!(
            last,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(end.verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
        assert_eq!(end.verify("v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Err(ScramError::Signature));
    }

    #[test]
    fn a_server_that_forgets_our_nonce_is_refused() {
        for (nonce, want) in [("abcdef", ScramError::Nonce), ("mine", ScramError::Nonce)] {
            let (scram, _) = Scram::start("", "x", "mine");
            let got = scram.answer(&format!("r={nonce},s=AAAA,i=1"));
            assert_eq!(got.err(), Some(want), "{nonce}");
        }
    }
}
