use super::*;
use BalancingMethod::{LeastConn, RoundRobin};
use TargetSessionAttrs::{Any, PreferStandby, ReadOnly, ReadWrite};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn terms(method: BalancingMethod, attrs: TargetSessionAttrs) -> Terms {
    Terms { attrs, lag_max: None, method, zones: Zones::OwnFirst, trusted_for: SECOND }
}

/// An endpoint in a word: `z` another zone; `p`, `s` primary or standby, `d` dead, seen now, and in capitals seen
/// long ago; digits are connections; `l` lags 10 s.
fn endpoint(word: &str, now: Instant) -> Candidate {
    let mut made = Candidate { zone: Zone::Own, status: Status::default(), connections: 0 };
    for letter in word.chars() {
        let seen = if letter.is_ascii_uppercase() { now - SECOND } else { now };
        match letter.to_ascii_lowercase() {
            'z' => made.zone = Zone::Other,
            'p' => made.status.answered(Role::Primary, seen),
            's' => made.status.answered(Role::Standby, seen),
            'd' => made.status.died(seen),
            'l' => made.status.lag = SECOND * 10,
            digit => made.connections = digit.to_digit(10).expect("one of the letters above"),
        }
    }
    made
}

fn tried(terms: &Terms, turn: usize, words: &str) -> Vec<u16> {
    let now = machinarium::clock() + SECOND * 60;
    let endpoints: Vec<Candidate> = words.split(' ').map(|word| endpoint(word, now)).collect();
    // What was tried for another client is no concern of this one's.
    let mut found = vec![7, 7, 7];
    order(terms, turn, now, endpoints.len() as u16, |index| endpoints[usize::from(index)], &mut found);
    found
}

#[test]
fn the_order() {
    /// Name, method, wanted role, turn, endpoints, and the order they are tried in.
    type Case<'a> = (&'a str, BalancingMethod, TargetSessionAttrs, usize, &'a str, &'a [u16]);
    let cases: [Case; 22] = [
        ("one endpoint, whatever is known of it", RoundRobin, ReadWrite, 5, "dl", &[0]),
        ("in turn: first", RoundRobin, Any, 0, "0 0 0", &[0, 1, 2]),
        ("in turn: second", RoundRobin, Any, 1, "0 0 0", &[1, 2, 0]),
        ("in turn: once around", RoundRobin, Any, 5, "0 0 0", &[2, 0, 1]),
        ("our own zone first", RoundRobin, Any, 0, "z 0 z 0", &[1, 3, 0, 2]),
        ("each zone in turn", RoundRobin, Any, 1, "z 0 z 0", &[3, 1, 2, 0]),
        ("nobody in our zone", RoundRobin, Any, 1, "z z z", &[1, 2, 0]),
        ("connections do not count in turn", RoundRobin, Any, 0, "9 0", &[0, 1]),
        ("dead ones are left out", RoundRobin, Any, 0, "d 0 d", &[1]),
        ("for as long as that is believed", RoundRobin, Any, 0, "D 0 d", &[0, 1]),
        ("the turn is taken among those left", RoundRobin, Any, 1, "d 0 0", &[2, 1]),
        ("all are dead", RoundRobin, Any, 0, "d d", &[]),
        ("a primary is wanted", RoundRobin, ReadWrite, 0, "s p S P 0", &[1, 2, 3, 4]),
        ("a standby is wanted", RoundRobin, ReadOnly, 0, "s p S P 0", &[0, 2, 3, 4]),
        ("a standby is preferred", RoundRobin, PreferStandby, 0, "p s 0 P S", &[1, 2, 4, 0, 3]),
        ("preferred over our own zone", RoundRobin, PreferStandby, 0, "p zs", &[1, 0]),
        ("fewest connections", LeastConn, Any, 0, "3 1 2", &[1, 2, 0]),
        ("equally few: as written", LeastConn, Any, 2, "1 1 0 1", &[2, 0, 1, 3]),
        ("fewest in our own zone first", LeastConn, Any, 0, "z0 9 z1 8", &[3, 1, 0, 2]),
        ("fewest of those alive", LeastConn, Any, 0, "0d 2 1", &[2, 1]),
        ("fewest, a standby preferred", LeastConn, PreferStandby, 0, "0p 2s 1s", &[2, 1, 0]),
        ("none of the role", LeastConn, ReadOnly, 0, "p p", &[]),
    ];
    for (name, method, attrs, turn, words, want) in cases {
        assert_eq!(tried(&terms(method, attrs), turn, words), want, "{name}");
    }
}

#[test]
fn who_lags_too_far_is_left_out() {
    let with = |limit| Terms { lag_max: Some(limit), ..terms(RoundRobin, Any) };
    assert_eq!(tried(&with(SECOND * 9), 0, "sl s Sl"), [1, 2], "unless that is old news");
    assert_eq!(tried(&with(SECOND * 10), 0, "sl s"), [0, 1], "the limit itself is not too far");
}

#[test]
fn zones_may_be_alike() {
    let alike = Terms { zones: Zones::Alike, ..terms(RoundRobin, Any) };
    assert_eq!(tried(&alike, 0, "z 0 z"), [0, 1, 2]);
    let alike = Terms { zones: Zones::Alike, ..terms(LeastConn, Any) };
    assert_eq!(tried(&alike, 0, "z1 2 z0"), [2, 0, 1]);
}

#[test]
fn a_zone_without_a_name_is_one() {
    for (endpoint, own, want) in [
        (None, "", Zone::Own),
        (Some("a"), "a", Zone::Own),
        (None, "a", Zone::Other),
        (Some("a"), "", Zone::Other),
        (Some("a"), "A", Zone::Other),
    ] {
        assert_eq!(Zone::of(endpoint, own), want, "{endpoint:?} {own:?}");
    }
}

/// SplitMix64: the same endpoints on every machine.
struct Rng(u64);

impl Rng {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 31) % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

#[test]
fn whatever_is_known_every_endpoint_that_may_do_is_tried_once_and_the_near_ones_first() {
    let now = machinarium::clock() + SECOND * 60;
    for seed in 0..2000 {
        let mut rng = Rng(seed);
        let terms = Terms {
            attrs: rng.pick(&[Any, ReadOnly, ReadWrite, PreferStandby]),
            lag_max: rng.pick(&[None, Some(SECOND * 5)]),
            method: rng.pick(&[RoundRobin, LeastConn]),
            zones: rng.pick(&[Zones::OwnFirst, Zones::Alike]),
            trusted_for: SECOND,
        };
        let words = ["", "z", "s", "zs", "p", "zp", "d", "zD", "S", "P", "3", "z2", "zsl", "pl", "1s"];
        let endpoints: Vec<Candidate> =
            (0..2 + rng.below(7)).map(|_| endpoint(rng.pick(&words), now)).collect();
        let (mut found, turn) = (Vec::new(), rng.below(100) as usize);
        let count = endpoints.len() as u16;
        order(&terms, turn, now, count, |index| endpoints[usize::from(index)], &mut found);

        let mut sorted = found.clone();
        sorted.sort_unstable();
        let may: Vec<u16> =
            (0..count).filter(|i| may_do(&terms, &endpoints[usize::from(*i)].status, now)).collect();
        assert_eq!(sorted, may, "seed {seed}: each once");

        let key = |index: &u16| {
            let Candidate { zone, status, connections } = endpoints[usize::from(*index)];
            let last = terms.attrs == PreferStandby && status.role == Role::Primary;
            let far = terms.zones == Zones::OwnFirst && zone == Zone::Other;
            (last, far, if terms.method == LeastConn { connections } else { 0 })
        };
        assert!(found.is_sorted_by_key(key), "seed {seed}: {found:?}");
    }
}

#[test]
fn taken_in_turn_everyone_is_first_equally_often() {
    let now = machinarium::clock() + SECOND * 60;
    for seed in 0..200 {
        let mut rng = Rng(seed);
        let words = ["", "z", "s", "d", "zd"];
        let endpoints: Vec<Candidate> =
            (0..2 + rng.below(7)).map(|_| endpoint(rng.pick(&words), now)).collect();
        let terms = terms(RoundRobin, Any);
        let (mut firsts, mut found) = (vec![0; endpoints.len()], Vec::new());
        let (start, rounds) = (rng.below(1000) as usize, 840);
        for turn in start..start + rounds {
            let count = endpoints.len() as u16;
            order(&terms, turn, now, count, |index| endpoints[usize::from(index)], &mut found);
            if let Some(first) = found.first() {
                firsts[usize::from(*first)] += 1;
            }
        }
        // 840 turns are a whole number of rounds for up to eight endpoints.
        let chosen: Vec<usize> = firsts.into_iter().filter(|times| *times > 0).collect();
        assert!(chosen.iter().all(|times| *times == rounds / chosen.len()), "seed {seed}: {chosen:?}");
    }
}
