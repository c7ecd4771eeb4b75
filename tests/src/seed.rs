//! Randomness that can be repeated: every random test prints its seed when it fails.

use std::time::{SystemTime, UNIX_EPOCH};

/// A small generator (xorshift64*), good enough to shuffle a test and the same on every machine.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A generator that always gives the sequence of `seed`.
    pub fn new(seed: u64) -> Rng {
        // Zero is the one state xorshift cannot leave; the odd constant also spreads small seeds.
        Rng { state: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 to `end` - 1; `end` must not be 0.
    pub fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "there is no number below zero");
        (self.next_u64() >> 11) % end
    }

    /// Yes, once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of `choices`, which must not be empty.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len() as u64) as usize]
    }

    /// `len` random bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next_u64() as u8).collect()
    }
}

/// Prints the seed when the test that holds it panics.
#[derive(Debug)]
pub struct Seed(u64);

impl Seed {
    /// The seed of the variable `SEED`, or a new one.
    pub fn from_env() -> Seed {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_nanos() as u64);
        Seed(std::env::var("SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(now))
    }

    /// A generator for this seed.
    pub fn rng(&self) -> Rng {
        Rng::new(self.0)
    }

    /// A generator for the `n`-th of several parties, each with its own sequence.
    pub fn rng_for(&self, n: u64) -> Rng {
        Rng::new(self.0 ^ n.wrapping_add(1).wrapping_mul(0xD1B5_4A32_D192_ED03))
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat with SEED={}", self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_sequence() {
        let take = |seed| {
            let mut rng = Rng::new(seed);
            [rng.next_u64(), rng.next_u64(), rng.next_u64()]
        };
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
        assert_ne!(take(0), [0; 3], "zero is a seed like any other");
    }

    #[test]
    fn below_stays_below_and_reaches_everything() {
        let mut rng = Rng::new(1);
        let mut seen = [0; 5];
        (0..1000).for_each(|_| seen[rng.below(5) as usize] += 1);
        assert!(seen.iter().all(|&n| n > 100), "{seen:?}");
    }
}
