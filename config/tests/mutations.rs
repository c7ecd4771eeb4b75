//! Damaged configurations never make the reader panic. `SEED=n` replays one seed; a failure names it.

use odyssey_config::fuzz_config;

const ROUNDS: u64 = 3000;

const CORPUS: [&str; 3] = [
    include_str!("valid/everything.conf"),
    include_str!("valid/routes.conf"),
    "host all all 10.0.0.0/8 trust\nlocal sameuser a,b reject # c\nhostssl d u ::1 ffff:: deny\n",
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
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut text = CORPUS[random.below(CORPUS.len())].as_bytes().to_vec();
    for _ in 0..=random.below(8) {
        damage(&mut text, &mut random);
    }
    fuzz_config(&text);
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
    for text in CORPUS {
        for end in (0..text.len()).step_by(7) {
            fuzz_config(&text.as_bytes()[..end]);
        }
    }
}
