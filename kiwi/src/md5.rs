//! The md5 password forms. Source: `protocol-flow` (Start-up), `auth-password`.

use std::fmt::Write as _;

use ::md5::{Digest, Md5};

/// The form PostgreSQL stores: `md5`, then 32 hexadecimal digits of md5(password, user).
#[must_use]
pub fn md5_password(user: &str, password: &str) -> String {
    hashed(password.as_bytes(), user.as_bytes())
}

/// The answer to AuthenticationMD5Password: `md5`, then 32 digits of md5(digits of the stored form, salt).
///
/// `secret` is a stored form ([`is_md5_secret`]), then `user` is not looked at, or a password in clear.
#[must_use]
pub fn md5_response(secret: &str, user: &str, salt: [u8; 4]) -> String {
    let derived;
    let stored = if is_md5_secret(secret) {
        secret
    } else {
        derived = md5_password(user, secret);
        &derived
    };
    hashed(stored.strip_prefix("md5").unwrap_or(stored).as_bytes(), &salt)
}

/// Whether a client's answer is the right one, in the same time wherever they differ.
#[must_use]
pub fn verify(answer: &[u8], secret: &str, user: &str, salt: [u8; 4]) -> bool {
    let want = md5_response(secret, user, salt);
    answer.len() == want.len() && openssl::memcmp::eq(answer, want.as_bytes())
}

/// Whether a secret is in the stored form: `md5` and exactly 32 lower-case hexadecimal digits.
#[must_use]
pub fn is_md5_secret(secret: &str) -> bool {
    let digits = secret.strip_prefix("md5").unwrap_or_default().as_bytes();
    digits.len() == 32 && digits.iter().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
}

fn hashed(first: &[u8], second: &[u8]) -> String {
    let mut text = String::with_capacity(35);
    text.push_str("md5");
    for byte in Md5::new().chain_update(first).chain_update(second).finalize() {
        write!(text, "{byte:02x}").expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        // md5("foobar") is 3858f62230ac3c915f300c664312c63f.
        assert_eq!(md5_password("bar", "foo"), "md53858f62230ac3c915f300c664312c63f");
        let from_clear = md5_response("foo", "bar", [1, 2, 3, 4]);
        let from_stored = md5_response("md53858f62230ac3c915f300c664312c63f", "ignored", [1, 2, 3, 4]);
        assert_eq!(from_clear, from_stored);
        assert!(verify(from_clear.as_bytes(), "foo", "bar", [1, 2, 3, 4]));
        assert!(!verify(from_clear.as_bytes(), "foo", "bar", [1, 2, 3, 5]));
        assert!(!verify(b"", "foo", "bar", [1, 2, 3, 4]));
    }

    #[test]
    fn only_the_exact_form_is_a_secret() {
        let cases = [
            ("md53858f62230ac3c915f300c664312c63f", true),
            ("md53858F62230AC3C915F300C664312C63F", false),
            ("md53858f62230ac3c915f300c664312c63", false),
            ("md53858f62230ac3c915f300c664312c63fa", false),
            ("MD53858f62230ac3c915f300c664312c63f", false),
            ("", false),
        ];
        for (secret, want) in cases {
            assert_eq!(is_md5_secret(secret), want, "{secret}");
        }
    }
}
