//! The rules of a pool, each as a short script: what happens, and what the pool says to that.
//!
//! `s1` is a server, a bare number a client or (after `want`, `for` and `call`) a claim or call; times are in
//! milliseconds, `@20` sets the clock.

use super::permits::{Call, CallId, ClaimId, Item, REFRESH, REST, TOLERANCE, Tick, ToRouter, ToWorker};
use super::{Action, Answer, Pool, WaiterId};

type Script = &'static [(&'static str, &'static str)];

const LIMITED: u32 = 3;
const UNLIMITED: u32 = 0;

#[test]
fn who_asks_gets_an_idle_server_or_waits() {
    let cases: [(&str, Script); 4] = [
        (
            "the most recently used is lent first",
            &[("grant s1", ""), ("grant s2", ""), ("ask 1", "lend s2"), ("ask 2", "lend s1")],
        ),
        (
            "the router is told once, of the first that waits",
            &[("@1 ask 1", "wait, want 0 since 1"), ("@2 ask 2", "wait"), ("@3 ask 3", "wait")],
        ),
        (
            "first come, first served",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("ask 2", "wait"),
                ("grant s1 for 0", "want 1 since 0, hand s1 to 1"),
                ("release s1", "hand s1 to 2"),
            ],
        ),
        (
            "a permit is spent by the first that waits",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("grant permit for 0", "dial for 1"),
                ("dialed", ""),
                ("release s1", ""),
                ("ask 1", "lend s1"),
            ],
        ),
    ];
    check_all(LIMITED, &cases);
}

#[test]
fn a_claim_follows_the_oldest_wait() {
    let cases: [(&str, Script); 10] = [
        (
            "answered, it is made again while somebody waits",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("@1 ask 2", "wait"),
                ("@2 grant permit for 0", "want 1 since 1, dial for 1"),
            ],
        ),
        (
            "served from here, it is renewed when the next wait is younger by more than REFRESH",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("ask 1", "wait, want 0 since 0"),
                ("@5 ask 2", "wait"),
                ("@6 ask 3", "wait"),
                ("@20 release s1", "hand s1 to 1"),
                ("@30 release s1", "want 1 since 6, hand s1 to 2"),
            ],
        ),
        (
            "a young claim that nobody needs is left standing",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("ask 1", "wait, want 0 since 0"),
                ("@5 release s1", "hand s1 to 1"),
                ("@5 ask 2", "wait"),
            ],
        ),
        (
            "an older one is withdrawn when the queue is empty",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("ask 1", "wait, want 0 since 0"),
                ("@6 release s1", "unwant, hand s1 to 1"),
            ],
        ),
        (
            "or when the next server rests",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("ask 1", "wait, want 0 since 0"),
                ("@5 release s1", "hand s1 to 1"),
                ("@6 release s1", "unwant"),
            ],
        ),
        (
            "or by the second",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("ask 1", "wait, want 0 since 0"),
                ("tick", ""),
                ("@5 release s1", "hand s1 to 1"),
                ("tick", "unwant"),
                ("tick", ""),
            ],
        ),
        (
            "left by everybody, it is withdrawn at once",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("ask 2", "wait"),
                ("leave 1", "left"),
                ("leave 1", "did not wait"),
                ("leave 2", "left, unwant"),
            ],
        ),
        (
            "left by the first, it is renewed for the next",
            &[("ask 1", "wait, want 0 since 0"), ("@6 ask 2", "wait"), ("leave 1", "left, want 1 since 6")],
        ),
        (
            "a claim left over is renewed for who comes late",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("ask 1", "wait, want 0 since 0"),
                ("@5 release s1", "hand s1 to 1"),
                ("@6 ask 2", "wait, want 1 since 6"),
            ],
        ),
        (
            "what answers an older claim leaves the new one standing",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("@6 ask 2", "wait"),
                ("leave 1", "left, want 1 since 6"),
                ("grant permit for 0", "dial for 2"),
                ("tick", "unwant"),
            ],
        ),
    ];
    check_all(LIMITED, &cases);
}

#[test]
fn who_waits_longer_elsewhere_comes_first() {
    let cases: [(&str, Script); 14] = [
        (
            "a server that has rested is given up at once, the least recently used, one per call",
            &[
                ("grant s1", ""),
                ("grant s2", ""),
                ("@2 call 4 since 0", "yield s1 on 4"),
                ("ask 1", "lend s2"),
                ("release s2", ""),
                ("call 5 since 0", ""),
                ("@3 nudge", "yield s2 on 5"),
            ],
        ),
        (
            "else the next that comes back and has rested a moment",
            &[
                ("grant s1", ""),
                ("ask 1", "lend s1"),
                ("call 4 since 0", ""),
                ("release s1", ""),
                ("nudge", ""),
                ("@1 nudge", "yield s1 on 4"),
                ("nudge", ""),
            ],
        ),
        (
            "a client here that comes in that moment has it",
            &[
                ("grant s1", ""),
                ("ask 1", "lend s1"),
                ("call 4 since 0", ""),
                ("release s1", ""),
                ("ask 2", "lend s1"),
                ("@1 nudge", ""),
                ("release s1", ""),
            ],
        ),
        (
            "but nobody comes before one who has waited long",
            &[
                ("grant s1", ""),
                ("ask 1", "lend s1"),
                ("call 4 since 0", ""),
                ("@11 release s1", "yield s1 on 4"),
            ],
        ),
        (
            "a call taken back is forgotten",
            &[
                ("grant s1", ""),
                ("ask 1", "lend s1"),
                ("call 4 since 0", ""),
                ("call none", ""),
                ("release s1", ""),
                ("ask 1", "lend s1"),
            ],
        ),
        (
            "a client here that waits longer is served",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("ask 1", "wait, want 0 since 0"),
                ("call 4 since 1", ""),
                ("@2 release s1", "hand s1 to 1"),
                ("release s1", ""),
                ("@3 nudge", "yield s1 on 4"),
            ],
        ),
        (
            "and one that came TOLERANCE later",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("@10 ask 1", "wait, want 0 since 10"),
                ("call 4 since 0", ""),
                ("release s1", "hand s1 to 1"),
            ],
        ),
        (
            "but none that came later than that",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("@11 ask 1", "wait, want 0 since 11"),
                ("call 4 since 0", ""),
                ("release s1", "yield s1 on 4"),
                ("grant s2 for 0", "hand s2 to 1"),
            ],
        ),
        (
            "the permit of a closed server likewise, to the other",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("@11 ask 1", "wait, want 0 since 11"),
                ("call 4 since 0", ""),
                ("closed", "yield permit on 4"),
            ],
        ),
        (
            "or to the own",
            &[
                ("grant s1", ""),
                ("ask 9", "lend s1"),
                ("ask 1", "wait, want 0 since 0"),
                ("call 4 since 0", ""),
                ("closed", "dial for 1"),
            ],
        ),
        (
            "the permit of a failed dial likewise, to the other",
            &[
                ("ask 9", "wait, want 0 since 0"),
                ("grant permit for 0", "dial for 9"),
                ("call 4 since 0", ""),
                ("dial-failed", "yield permit on 4"),
            ],
        ),
        (
            "or to the own",
            &[
                ("ask 9", "wait, want 0 since 0"),
                ("ask 1", "wait"),
                ("grant permit for 0", "want 1 since 0, dial for 9"),
                ("dial-failed", "dial for 1"),
            ],
        ),
        (
            "what is granted likewise: the client it was for may be gone",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("@20 ask 2", "wait"),
                ("call 4 since 3", ""),
                ("leave 1", "left, want 1 since 20"),
                ("grant s1 for 0", "yield s1 on 4"),
                ("grant s1 for 1", "hand s1 to 2"),
            ],
        ),
        (
            "the claim is made again before what answered it is passed on",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("@20 ask 2", "wait"),
                ("call 4 since 3", ""),
                ("leave 1", "left, want 1 since 20"),
                ("grant s1 for 1", "want 2 since 20, yield s1 on 4"),
                ("grant s1 for 2", "hand s1 to 2"),
            ],
        ),
    ];
    check_all(LIMITED, &cases);
}

#[test]
fn what_nobody_here_needs_rests_or_goes_home() {
    let cases: [(&str, Script); 6] = [
        (
            "a server granted too late rests",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("leave 1", "left, unwant"),
                ("grant s1 for 0", ""),
                ("ask 2", "lend s1"),
            ],
        ),
        (
            "a permit granted too late goes home",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("leave 1", "left, unwant"),
                ("grant permit for 0", "yield permit"),
            ],
        ),
        (
            "the permit of a closed server goes home",
            &[("grant s1", ""), ("ask 1", "lend s1"), ("closed", "yield permit")],
        ),
        (
            "the permit of a failed dial goes home",
            &[
                ("ask 1", "wait, want 0 since 0"),
                ("grant permit for 0", "dial for 1"),
                ("dial-failed", "yield permit"),
            ],
        ),
        (
            "those of expired servers go home, the others keep their order",
            &[
                ("grant s1", ""),
                ("grant s2", ""),
                ("grant s3", ""),
                ("expire s2", "expired s2, yield permit"),
                ("ask 1", "lend s3"),
                ("ask 2", "lend s1"),
            ],
        ),
        ("a server that has no permit any more is closed", &[("discard s1", "close s1")]),
    ];
    check_all(LIMITED, &cases);
}

#[test]
fn without_a_limit_nothing_is_said() {
    let cases: [(&str, Script); 1] = [(
        "everything a client may do",
        &[
            ("ask 1", "dial"),
            ("ask 2", "dial"),
            ("dialed", ""),
            ("dial-failed", ""),
            ("release s1", ""),
            ("ask 1", "lend s1"),
            ("closed", ""),
            ("ask 1", "dial"),
            ("dialed", ""),
            ("release s2", ""),
            ("expire s2", "expired s2"),
            ("tick", ""),
            ("ask 1", "dial"),
        ],
    )];
    check_all(UNLIMITED, &cases);
}

#[test]
fn an_idle_server_taken_out_to_look_at_counts_as_attached() {
    let mut pool = Pool::new(LIMITED);
    let mut out = Vec::new();
    for server in ["s1", "s2"] {
        pool.hear(ToWorker::Grant { item: Item::Server(server), answers: None }, Tick(0), &mut out);
    }
    assert_eq!(pool.take_idle(|server| *server == "s3"), None);
    assert_eq!(pool.take_idle(|server| *server == "s1"), Some("s1"));
    assert_eq!((pool.idle(), pool.attached()), (1, 1));
    assert_eq!(out, []);
}

/// Times of the scripts count fifths of REFRESH; TOLERANCE is ten of them.
const UNIT_US: u64 = 2_000;

#[test]
fn the_scripts_count_in_the_right_unit() {
    assert_eq!(
        (REFRESH.as_micros(), TOLERANCE.as_micros()),
        (5 * u128::from(UNIT_US), 10 * u128::from(UNIT_US))
    );
    assert!(REST.as_micros() <= u128::from(UNIT_US));
}

fn check_all(size: u32, cases: &[(&str, Script)]) {
    for (name, script) in cases {
        let mut pool = Pool::new(size);
        let mut now = Tick(0);
        for (step, says) in *script {
            let mut words: Vec<&str> = step.split_whitespace().collect();
            if let Some(at) = words[0].strip_prefix('@') {
                now = Tick(UNIT_US * at.parse::<u64>().expect("units"));
                words.remove(0);
            }
            assert_eq!(play(&mut pool, &words, now).join(", "), *says, "{name}: {step}");
        }
    }
}

fn play(pool: &mut Pool<String>, words: &[&str], now: Tick) -> Vec<String> {
    let out = &mut Vec::new();
    let mut said = Vec::new();
    match *words {
        ["ask", who] => said.push(match pool.request(WaiterId(number(who)), now, out) {
            Answer::Lend(server) => format!("lend {server}"),
            Answer::Dial => "dial".to_owned(),
            Answer::Wait => "wait".to_owned(),
        }),
        ["release", server] => pool.release(server.to_owned(), now, out),
        ["closed"] => pool.closed(now, out),
        ["dialed"] => pool.dialed(),
        ["dial-failed"] => pool.dial_failed(now, out),
        ["leave", who] => {
            let left = pool.leave(WaiterId(number(who)), out);
            said.push(if left { "left" } else { "did not wait" }.to_owned());
        }
        ["grant", what, ref claim @ ..] => {
            let item = if what == "permit" { Item::Permit } else { Item::Server(what.to_owned()) };
            let answers = claim.last().map(|claim| ClaimId(number(claim)));
            pool.hear(ToWorker::Grant { item, answers }, now, out);
        }
        ["call", "none"] => pool.hear(ToWorker::Pressure(None), now, out),
        ["call", id, "since", since] => {
            let call = Call { id: CallId(number(id)), since: Tick(UNIT_US * number(since)) };
            pool.hear(ToWorker::Pressure(Some(call)), now, out);
        }
        ["discard", server] => pool.hear(ToWorker::Close(server.to_owned()), now, out),
        ["expire", which] => {
            let expired = pool.expire(|server| server == which, out);
            said.extend(expired.into_iter().map(|server| format!("expired {server}")));
        }
        ["nudge"] => pool.nudge(now, out),
        ["tick"] => pool.tick(out),
        _ => panic!("no such step: {words:?}"),
    }
    said.extend(out.drain(..).map(|action| match action {
        Action::Hand(who, server) => format!("hand {server} to {}", who.0),
        Action::DialFor(who) => format!("dial for {}", who.0),
        Action::Close(server) => format!("close {server}"),
        Action::Say(ToRouter::Want(claim)) => {
            format!("want {} since {}", claim.id.0, claim.since.0 / UNIT_US)
        }
        Action::Say(ToRouter::Unwant) => "unwant".to_owned(),
        Action::Say(ToRouter::Yield { item, answers }) => {
            let call = answers.map_or(String::new(), |call| format!(" on {}", call.0));
            match item {
                Item::Server(server) => format!("yield {server}{call}"),
                Item::Permit => format!("yield permit{call}"),
            }
        }
    }));
    said
}

fn number(word: &str) -> u64 {
    word.parse().expect("a number")
}
