//! Names of clients, servers, workers and routes.

use kiwi::startup::{CancelKey, SecretKey};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

const DIGITS: u64 = 0xFFFF_FFFF_FFFF;

/// A client's name in logs, error texts and the console: `c` and 12 hexadecimal digits. Says nothing about its
/// cancel key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(u64);

/// A server connection's name: `s` and 12 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(u64);

impl ClientId {
    /// A random name.
    pub fn random() -> ClientId {
        ClientId(random_bits() & DIGITS)
    }
}

impl ServerId {
    /// A random name.
    pub fn random() -> ServerId {
        ServerId(random_bits() & DIGITS)
    }
}

/// What a client's cancel requests must carry: 31 random bits in the place of a process id, 32 in that of the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(u64);

impl ClientKey {
    /// A key nobody can guess.
    pub fn random() -> ClientKey {
        ClientKey(random_bits() & (u64::MAX >> 1))
    }

    /// As it goes over the wire.
    pub fn to_wire(self) -> CancelKey {
        let [a, b, c, d, secret @ ..] = self.0.to_be_bytes();
        let secret = SecretKey::new(&secret).expect("four bytes are a key");
        CancelKey { pid: i32::from_be_bytes([a, b, c, d]), secret }
    }

    /// As it came over the wire; `None`: no key of ours looks like this.
    pub fn from_wire(key: &CancelKey) -> Option<ClientKey> {
        let secret: [u8; 4] = key.secret.as_bytes().try_into().ok()?;
        let [a, b, c, d] = key.pid.to_be_bytes();
        let [e, f, g, h] = secret;
        Some(ClientKey(u64::from_be_bytes([a, b, c, d, e, f, g, h])))
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey(***)")
    }
}

/// 64 random bits from a cryptographically secure generator.
pub fn random_bits() -> u64 {
    // A version 4 UUID fixes 6 of its 128 bits; none of them is among those that this mixes in twice.
    let (high, low) = Uuid::new_v4().as_u64_pair();
    high.rotate_left(32) ^ low
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:012x}", self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ServerId {
    /// How long a server of this name lives when the operator says `limit`: up to a tenth less, by its name, so that
    /// servers that were born together do not die together.
    pub fn lifetime(self, limit: Duration) -> Duration {
        let share = u32::try_from(self.0 % 1000).unwrap_or(0);
        limit - limit / 10_000 * share
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{:012x}", self.0)
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not one letter and 12 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadId;

impl FromStr for ClientId {
    type Err = BadId;

    /// Any first letter, as the console of the C program takes it, then 12 hexadecimal digits.
    fn from_str(text: &str) -> Result<ClientId, BadId> {
        match text.get(1..) {
            Some(digits) if digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                u64::from_str_radix(digits, 16).map(ClientId).map_err(|_| BadId)
            }
            _ => Err(BadId),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_wire() {
        let key = ClientKey::random();
        assert_eq!(ClientKey::from_wire(&key.to_wire()), Some(key));
        let long = CancelKey { pid: 1, secret: SecretKey::new(&[0; 32]).expect("a long key") };
        assert_eq!(ClientKey::from_wire(&long), None);
        assert!(key.to_wire().pid >= 0);
    }

    #[test]
    fn lifetimes_are_spread_over_a_tenth() {
        let hour = Duration::from_secs(3600);
        let lives: Vec<u64> = (0..1000).map(|n| ServerId(n).lifetime(hour).as_secs()).collect();
        assert_eq!((lives.iter().min(), lives.iter().max()), (Some(&3240), Some(&3600)));
        let early = lives.iter().filter(|secs| **secs < 3420).count();
        assert!((450..550).contains(&early), "evenly: {early}");
        assert!(ServerId(DIGITS).lifetime(Duration::MAX) <= Duration::MAX, "nothing overflows");
    }

    #[test]
    fn a_client_id_is_written_and_read_back() {
        for id in [ClientId(0), ClientId(0xabc), ClientId(DIGITS), ClientId::random()] {
            let text = id.to_string();
            assert_eq!(text.len(), 13);
            assert_eq!(text.parse(), Ok(id));
        }
        for bad in ["", "c", "c12345678901", "c1234567890123", "c12345678901g", "é23456789012"] {
            assert_eq!(bad.parse::<ClientId>(), Err(BadId), "{bad}");
        }
    }
}
