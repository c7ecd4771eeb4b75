//! The fuzzers' entry points on seeded mutations of well-formed bytes, and on plain noise.

mod common;

use common::{Rng, random_backend, random_frontend};
use kiwi::fuzz::{fuzz_backend, fuzz_frontend, fuzz_opening};
use kiwi::startup::write_startup;
use kiwi::tag::{Backend, Frontend};

const SEEDS: u64 = 5_000;

/// Changes a few bytes: flips, overwrites with telling values, removals, insertions.
fn mutate(mut bytes: Vec<u8>, rng: &mut Rng) -> Vec<u8> {
    for _ in 0..1 + rng.below(6) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.below(bytes.len());
        match rng.below(5) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.pick(&[0, 1, 4, 0x7f, 0x80, 0xff, b',', b'=', b'\\', b'"']),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, rng.bytes(1).first().copied().unwrap_or_default()),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

#[test]
fn openings() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let mut packet = Vec::new();
        let value = rng.text(30);
        let params: [(&[u8], &[u8]); 5] = [
            (b"user", b"bob"),
            (b"options", b"-c search_path=\"a\\ b\",c --work-mem=1MB"),
            (b"search_path", b"\"$user\", public"),
            (b"replication", b"database"),
            (b"application_name", &value),
        ];
        write_startup(&mut packet, params);
        let mut mutant = mutate(packet, &mut rng);
        fuzz_opening(&mutant);
        // With a length word that agrees, the mutant gets further.
        if mutant.len() >= 4 {
            let length = u32::try_from(mutant.len()).unwrap();
            mutant[..4].copy_from_slice(&length.to_be_bytes());
            fuzz_opening(&mutant);
        }
        fuzz_opening(&rng.bytes(200));
    }
}

#[test]
fn frontends() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let tags: Vec<Frontend> = (0..1 + rng.below(8)).map(|_| rng.pick(Frontend::ALL)).collect();
        let stream: Vec<u8> = tags.iter().flat_map(|tag| random_frontend(*tag, &mut rng)).collect();
        fuzz_frontend(&stream);
        fuzz_frontend(&mutate(stream, &mut rng));
        fuzz_frontend(&rng.bytes(200));
    }
}

#[test]
fn backends() {
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let tags: Vec<Backend> = (0..1 + rng.below(8)).map(|_| rng.pick(Backend::ALL)).collect();
        let stream: Vec<u8> = tags.iter().flat_map(|tag| random_backend(*tag, &mut rng)).collect();
        fuzz_backend(&stream);
        fuzz_backend(&mutate(stream, &mut rng));
        fuzz_backend(&rng.bytes(200));
    }
}
