//! Random trees written and read again. `SEED=n` replays one seed; a failure names it.

use super::{write_conf, write_toml};
use crate::ast::{Block, BlockName, Entry, Header, Kind, Value, connection_named, connection_words};
use crate::diagnostic::Sink;
use crate::files;
use crate::option::{Check, Opt, Ty};
use crate::source::{MemoryLoader, Position};

const ROUNDS: u64 = 2000;

/// What strings are made of: what either form may mistake for something else, and each form's escapes.
const PIECES: [&str; 18] = [
    "a",
    "B-1",
    " ",
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "\t",
    "#",
    "{",
    "]",
    "=",
    "\u{7f}",
    "é",
    "\\u0041",
    "\\\"",
    "'''\"\"\"",
];

/// xorshift64*: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16;
        usize::try_from(value).unwrap() % limit.max(1)
    }

    fn number(&mut self, low: i64, high: i64) -> i64 {
        match self.below(4) {
            0 => low,
            1 => high,
            _ => low + i64::try_from(self.below(5000)).unwrap().min(high - low),
        }
    }

    /// Any text that odyssey.conf can express.
    fn text(&mut self) -> String {
        let text: String = (0..self.below(6)).map(|_| PIECES[self.below(PIECES.len())]).collect();
        text.trim_end_matches('\\').to_owned()
    }

    fn value(&mut self, row: &Opt) -> Value {
        match row.ty {
            Ty::Bool | Ty::DeprecatedBool => Value::Flag(self.below(2) == 0),
            Ty::Int(Check::Range(low, high)) => Value::Number(self.number(low, high)),
            Ty::Int(Check::NonNegative(high)) => Value::Number(self.number(0, high)),
            Ty::Int(Check::Int32) => Value::Number(self.number(-5, 5)),
            Ty::DeprecatedInt => Value::Number(1),
            Ty::Size => Value::Number(self.number(0, 9000) << (5 * self.below(8))),
            Ty::CountOrAuto if self.below(2) == 0 => Value::Text("auto".to_owned()),
            Ty::CountOrAuto => Value::Number(self.number(1, 9)),
            Ty::TextsOrDefault if self.below(2) == 0 => Value::Default,
            Ty::Text | Ty::Secret | Ty::Texts | Ty::TextsOrDefault => Value::Text(self.text()),
            Ty::Word(words) => Value::Word(words[self.below(words.len())]),
        }
    }

    fn block(&mut self, kind: Kind) -> Block {
        let at = Position::start_of("random");
        let mut block = Block::new(kind, at.clone());
        let header = kind.header();
        block.name = match header {
            Header::Nothing => BlockName::Absent,
            Header::TextOrDefault | Header::TextOrDefaultAndSelector if self.below(3) == 0 => {
                BlockName::Default
            }
            _ => BlockName::Text(self.text()),
        };
        if matches!(header, Header::TextAndSelector | Header::TextOrDefaultAndSelector) {
            block.address = (self.below(2) == 0).then(|| self.text());
            let word = connection_words().nth(self.below(10));
            block.connection = word.and_then(connection_named);
        }
        for row in kind.tables().into_iter().flatten().copied() {
            let times = match row.ty {
                // Not kept by the reader, so there is nothing to write.
                Ty::DeprecatedInt | Ty::DeprecatedBool => 0,
                Ty::Texts | Ty::TextsOrDefault => self.below(4),
                _ => self.below(4) / 3,
            };
            for _ in 0..times {
                let at = self.below(block.entries.len() + 1);
                let entry = Entry { opt: row, at: block.at.clone(), value: self.value(row) };
                block.entries.insert(at, entry);
            }
        }
        if matches!(kind, Kind::Options | Kind::BackendOptions) {
            block.pairs = (0..self.below(4)).map(|_| (self.text(), self.text())).collect();
        }
        for (_, child) in kind.children() {
            let times = if child.repeats() { self.below(3) } else { self.below(2) };
            for _ in 0..times {
                if child.repeats() || block.one(*child).is_none() {
                    let at = self.below(block.blocks.len() + 1);
                    block.blocks.insert(at, self.block(*child));
                }
            }
        }
        block
    }
}

/// A tree as text, without what no form promises to keep: positions, the order of unlike things, and how pairs are
/// spread over blocks.
fn canonical(block: &Block) -> String {
    let mut entries: Vec<(&str, &Value)> =
        block.entries.iter().map(|entry| (entry.opt.name, &entry.value)).collect();
    entries.sort_by_key(|(name, _)| *name);
    let mut text = format!(
        "{:?} {:?} {:?} {:?} {entries:?} {:?} [",
        block.kind, block.name, block.address, block.connection, block.pairs
    );
    for (_, kind) in block.kind.children() {
        if matches!(kind, Kind::Options | Kind::BackendOptions) {
            let pairs: Vec<_> = block.of(*kind).flat_map(|child| &child.pairs).collect();
            text.push_str(&format!("{kind:?} {pairs:?} "));
        } else {
            block.of(*kind).for_each(|child| text.push_str(&canonical(child)));
        }
    }
    text + "]"
}

fn read(file: &str, text: &str, seed: u64) -> Block {
    let mut sink = Sink::default();
    let root = files::read(&MemoryLoader::new().with(file, text), file, &mut sink).root;
    assert_eq!(sink.into_found(), [], "SEED={seed}\n{text}");
    root
}

fn round(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let root = random.block(Kind::Root);
    let want = canonical(&root);
    let conf = write_conf(&root, &mut Sink::default()).unwrap();
    let as_conf = read("c.conf", &conf, seed);
    assert_eq!(canonical(&as_conf), want, "SEED={seed}\n{conf}");
    let toml = write_toml(&as_conf);
    let as_toml = read("c.toml", &toml, seed);
    assert_eq!(canonical(&as_toml), want, "SEED={seed}\n{toml}");
    let conf = write_conf(&as_toml, &mut Sink::default()).unwrap();
    assert_eq!(canonical(&read("c.conf", &conf, seed)), want, "SEED={seed}\n{conf}");
}

#[test]
fn what_is_written_is_read_as_it_was() {
    if let Ok(seed) = std::env::var("SEED") {
        return round(seed.parse().unwrap());
    }
    (0..ROUNDS).for_each(round);
}
