//! What a server stores of a password: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`.

use std::fmt;

use openssl::base64;
use openssl::sha::sha256;

use super::{Key, SALT_MAX, ScramKeys, decode, decode_key, hmac, salted_password};

/// Most rounds a verifier may ask for.
pub const ITERATIONS_MAX: u32 = 10_000_000;
/// Rounds for a password without a verifier, as in PostgreSQL.
pub const ITERATIONS_DEFAULT: u32 = 4096;

/// Checks proofs without knowing the password. `Debug` does not show its keys.
#[derive(Clone, Eq, PartialEq)]
pub struct Verifier {
    iterations: u32,
    salt: Box<[u8]>,
    stored_key: Key,
    server_key: Key,
}

impl Verifier {
    /// Reads the stored form. `None` when it is not one: another prefix, rounds outside
    /// 1..=[`ITERATIONS_MAX`], a salt outside 1..=[`SALT_MAX`] bytes, keys that are not 32 bytes.
    #[must_use]
    pub fn parse(secret: &str) -> Option<Verifier> {
        let (iterations, rest) = secret.strip_prefix("SCRAM-SHA-256$")?.split_once(':')?;
        let (salt, keys) = rest.split_once('$')?;
        let (stored, server) = keys.split_once(':')?;
        let digits = !iterations.is_empty() && iterations.bytes().all(|c| c.is_ascii_digit());
        let iterations = iterations.parse().ok().filter(|n| digits && (1..=ITERATIONS_MAX).contains(n))?;
        let salt = decode(salt.as_bytes()).filter(|salt| (1..=SALT_MAX).contains(&salt.len()))?;
        Some(Verifier {
            iterations,
            salt: salt.into_boxed_slice(),
            stored_key: decode_key(stored.as_bytes())?,
            server_key: decode_key(server.as_bytes())?,
        })
    }

    /// Makes one from a password. Costly: runs [`salted_password`].
    #[must_use]
    pub fn derive(password: &[u8], salt: &[u8], iterations: u32) -> Verifier {
        let keys = ScramKeys::from_salted(&salted_password(password, salt, iterations));
        Verifier {
            iterations: iterations.max(1),
            salt: salt.into(),
            stored_key: sha256(&keys.client_key),
            server_key: keys.server_key,
        }
    }

    /// One that no proof satisfies, for a user who does not exist. The same `user` under the same `key` always
    /// gets the same salt, as a real user would.
    #[must_use]
    pub fn mock(key: &[u8; 32], user: &[u8]) -> Verifier {
        let [salt @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _]: [u8; 32] =
            hmac(key, &[b"salt", user]);
        Verifier {
            iterations: ITERATIONS_DEFAULT,
            salt: Box::new(salt),
            // Finding a client key for this is inverting SHA-256.
            stored_key: hmac(key, &[b"stored", user]),
            server_key: hmac(key, &[b"server", user]),
        }
    }

    /// A salt for [`Verifier::derive`]. Panics when the system has no random bytes.
    #[must_use]
    pub fn random_salt() -> [u8; 16] {
        let mut salt = [0; 16];
        openssl::rand::rand_bytes(&mut salt).expect("the system has random bytes");
        salt
    }

    /// Rounds.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Salt.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        &self.salt
    }

    pub(super) fn stored_key(&self) -> &Key {
        &self.stored_key
    }

    pub(super) fn server_key(&self) -> &Key {
        &self.server_key
    }

    /// The stored form.
    #[must_use]
    pub fn to_secret(&self) -> String {
        let text = |bytes: &[u8]| base64::encode_block(bytes);
        let (salt, stored, server) = (text(&self.salt), text(&self.stored_key), text(&self.server_key));
        format!("SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({} iterations)", self.iterations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_read_and_written() {
        let verifier = Verifier::derive(b"pencil", b"0123456789abcdef", 4096);
        let secret = verifier.to_secret();
        assert_eq!(Verifier::parse(&secret), Some(verifier));
        let short = Verifier::derive(b"pencil", b"x", 1);
        assert_eq!(Verifier::parse(&short.to_secret()), Some(short));
    }

    #[test]
    fn what_is_not_a_verifier() {
        let key = base64::encode_block(&[7; 32]);
        let good = format!("SCRAM-SHA-256$4096:c2FsdA==${key}:{key}");
        assert!(Verifier::parse(&good).is_some());
        let cases = [
            ("another prefix", good.replace("SCRAM-SHA-256", "SCRAM-SHA-1")),
            ("no rounds", good.replace("4096", "0")),
            ("signed rounds", good.replace("4096", "+4096")),
            ("too many rounds", good.replace("4096", "10000001")),
            ("rounds beyond a number", good.replace("4096", "99999999999999999999")),
            ("empty salt", good.replace("c2FsdA==", "")),
            ("bad salt", good.replace("c2FsdA==", "c2Fs*A==")),
            ("long salt", good.replace("c2FsdA==", &base64::encode_block(&[1; 1025]))),
            ("short key", good.replace(&key, "AAAA")),
            ("tail", format!("{good}:x")),
            ("nothing", String::new()),
        ];
        for (name, secret) in cases {
            assert_eq!(Verifier::parse(&secret), None, "{name}");
        }
    }

    #[test]
    fn a_mock_is_stable_per_user() {
        let (a, again, b) =
            (Verifier::mock(&[1; 32], b"a"), Verifier::mock(&[1; 32], b"a"), Verifier::mock(&[1; 32], b"b"));
        assert_eq!(a, again);
        assert_ne!(a.salt(), b.salt());
        assert_eq!((a.salt().len(), a.iterations()), (16, 4096));
        assert_eq!(format!("{a:?}"), "Verifier(4096 iterations)");
    }
}
