//! Damaged texts never make a reader panic. `SEED=n` replays one seed; a failure names it.

use odyssey_config::{fuzz_config, fuzz_hba, fuzz_hosts, fuzz_pgbouncer, fuzz_toml};

const ROUNDS: u64 = 3000;

/// One form, with texts to damage and pieces to damage them with.
struct Form {
    fuzz: fn(&[u8]),
    corpus: &'static [&'static str],
    pieces: &'static [&'static str],
}

const CONF: Form = Form { fuzz: fuzz_config, corpus: &CONF_CORPUS, pieces: &CONF_PIECES };
const TOML: Form = Form { fuzz: fuzz_toml, corpus: &TOML_CORPUS, pieces: &TOML_PIECES };

const PGBOUNCER: Form = Form { fuzz: fuzz_pgbouncer, corpus: &PGBOUNCER_CORPUS, pieces: &PGBOUNCER_PIECES };

const RECORDS: Form =
    Form { fuzz: fuzz_hba, corpus: &[HBA, include_str!("invalid/bad.hba")], pieces: &CONF_PIECES };
const HOSTS: Form = Form { fuzz: fuzz_hosts, corpus: &HOSTS_CORPUS, pieces: &CONF_PIECES };

const HBA: &str = include_str!("valid/parts/good.hba");

const HOSTS_CORPUS: [&str; 4] =
    ["a,b:1,[::1]:2:zone,tcp://c:zone-c:3,unix:///tmp/s", "10.0.0.0/8", "fd00::/8", ".example.com"];

const PGBOUNCER_CORPUS: [&str; 5] = [
    concat!(
        include_str!("pgbouncer/hba.ini"),
        "\0",
        include_str!("pgbouncer/users.txt"),
        "\0",
        include_str!("pgbouncer/records.hba"),
    ),
    concat!(include_str!("pgbouncer/lookup.ini"), "\0", include_str!("pgbouncer/users.txt")),
    concat!(include_str!("pgbouncer/forced.ini"), "\0", include_str!("pgbouncer/users.txt")),
    concat!(include_str!("pgbouncer/everything_limits.ini"), "listen_addr = *\n"),
    include_str!("pgbouncer/ldap.ini"),
];

const PGBOUNCER_PIECES: [&str; 20] = [
    "[databases]\n",
    "[users]\n",
    "[pgbouncer]\n",
    "* = host=h\n",
    "%include x.ini\n",
    "auth_type = any\n",
    "auth_user = u\n",
    "auth_dbname = d\n",
    "user=u",
    "=",
    "'",
    "\"",
    "\"\"",
    "\\",
    ",",
    "\n",
    "\0",
    "\u{e9}",
    "-1",
    "99999999999999999999",
];

const TOML_CORPUS: [&str; 3] = [
    include_str!("valid/everything.toml"),
    include_str!("valid/toml_includes.toml"),
    include_str!("invalid/toml_types.toml"),
];

const TOML_PIECES: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    "[[storage]]",
    "[database.user]",
    "\"",
    "'",
    "\"\"\"",
    "=",
    ".",
    ",",
    "true",
    "-1",
    "0xff",
    "include = \"x.conf\"\n",
    "\\u0000",
    "\n",
    "\u{e9}",
    "99999999999999999999",
];

const CONF_CORPUS: [&str; 3] =
    [include_str!("valid/everything.conf"), include_str!("valid/routes.conf"), HBA];

const CONF_PIECES: [&str; 16] = [
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

fn damage(text: &mut Vec<u8>, pieces: &[&str], random: &mut Random) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(40)).min(text.len());
    match random.below(5) {
        0 => drop(text.drain(at..end)),
        1 => drop(text.splice(at..at, pieces[random.below(pieces.len())].bytes())),
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

fn round(form: &Form, seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut text = form.corpus[random.below(form.corpus.len())].as_bytes().to_vec();
    for _ in 0..=random.below(8) {
        damage(&mut text, form.pieces, &mut random);
    }
    (form.fuzz)(&text);
}

fn rounds(form: &'static Form) {
    if let Ok(seed) = std::env::var("SEED") {
        return round(form, seed.parse().expect("SEED is a number"));
    }
    for seed in 0..ROUNDS {
        let caught = std::thread::spawn(move || round(form, seed)).join();
        assert!(caught.is_ok(), "replay with SEED={seed}");
    }
}

#[test]
fn damaged_text_never_panics() {
    rounds(&CONF);
}

#[test]
fn damaged_documents_never_panic() {
    rounds(&TOML);
}

#[test]
fn damaged_files_of_pgbouncer_never_panic() {
    rounds(&PGBOUNCER);
}

#[test]
fn damaged_records_never_panic() {
    rounds(&RECORDS);
}

#[test]
fn damaged_hosts_never_panic() {
    rounds(&HOSTS);
}

#[test]
fn every_prefix_of_a_good_file_is_handled() {
    for form in [CONF, TOML, PGBOUNCER, RECORDS, HOSTS] {
        for text in form.corpus {
            let step = if text.len() > 1000 { 7 } else { 1 };
            for end in (0..text.len()).step_by(step) {
                (form.fuzz)(&text.as_bytes()[..end]);
            }
        }
    }
}
