//! Damaged texts never make a reader panic. `SEED=n` replays one seed; a failure names it.

use odyssey_config::{fuzz_config, fuzz_hba, fuzz_hosts};

const ROUNDS: u64 = 3000;

const HBA: &str = include_str!("valid/parts/good.hba");

/// A reader, and texts it likes.
type Door = (fn(&[u8]), &'static [&'static str]);

const DOORS: [Door; 3] = [
    (fuzz_config, &[include_str!("valid/everything.conf"), include_str!("valid/routes.conf"), HBA]),
    (fuzz_hba, &[HBA, include_str!("invalid/bad.hba")]),
    (
        fuzz_hosts,
        &["a,b:1,[::1]:2:zone,tcp://c:zone-c:3,unix:///tmp/s", "10.0.0.0/8", "fd00::/8", ".example.com"],
    ),
];

const PIECES: [&str; 16] = [
    "{",
    "}",
    "\"",
    "\\\"",
    "default",
    "-1",
    "9223372036854775807k",
    "include \"x\"",
    "user",
    "yes",
    "\0",
    "\n",
    "#",
    "\u{e9}",
    "99999999999999999999",
    "storage \"s\"",
];

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(value).expect("48 bits fit") % limit.max(1)
    }
}

fn damage(text: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(40)).min(text.len());
    match random.below(5) {
        0 => drop(text.drain(at..end)),
        1 => drop(text.splice(at..at, PIECES[random.below(PIECES.len())].bytes())),
        2 => {
            let copy = text[at..end].to_vec();
            let to = random.below(text.len() + 1);
            drop(text.splice(to..to, copy));
        }
        3 => text.truncate(at),
        _ => {
            if let Some(byte) = text.get_mut(at) {
                *byte = u8::try_from(random.below(256)).expect("below 256");
            }
        }
    }
}

fn round(seed: u64) {
    for (read, corpus) in DOORS {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut text = corpus[random.below(corpus.len())].as_bytes().to_vec();
        for _ in 0..=random.below(8) {
            damage(&mut text, &mut random);
        }
        read(&text);
    }
}

#[test]
fn damaged_text_never_panics() {
    if let Ok(seed) = std::env::var("SEED") {
        return round(seed.parse().expect("SEED is a number"));
    }
    for seed in 0..ROUNDS {
        let caught = std::thread::spawn(move || round(seed)).join();
        assert!(caught.is_ok(), "replay with SEED={seed}");
    }
}

#[test]
fn every_prefix_of_a_good_file_is_handled() {
    for (read, corpus) in DOORS {
        for text in corpus {
            let step = if text.len() > 1000 { 7 } else { 1 };
            for end in (0..text.len()).step_by(step) {
                read(&text.as_bytes()[..end]);
            }
        }
    }
}
