//! The rules of the router, each as a short script: what it hears, and what it says to that.
//!
//! `w0` is a worker, `s1` a server; a number after `wants` and `for` is a claim, after `call` and `on` a call; times
//! are ticks.

use super::{Permits, Resized, RouterEvent};
use crate::pool::permits::{CallId, Claim, ClaimId, Item, Tick, ToRouter, ToWorker};
use crate::router::WorkerId;
use crate::rules::PoolId;

type Script = &'static [(&'static str, &'static str)];

const POOL: PoolId = PoolId::numbered(3);

#[test]
fn the_longest_wait_is_served_first() {
    let cases: [(&str, u32, Script); 6] = [
        ("a free permit is granted at once", 1, &[("w0 wants 5 since 1", "w0 gets permit for 5")]),
        (
            "what comes back goes to the oldest claim, not the first made",
            1,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w1 wants 0 since 9", "w0 call 0 since 9"),
                ("w2 wants 0 since 8", "w0 call 1 since 8"),
                ("w0 yields s1 on 1", "w2 call 2 since 9, w2 gets s1 for 0"),
            ],
        ),
        (
            "a claim renewed counts from then",
            1,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w1 wants 0 since 2", "w0 call 0 since 2"),
                ("w2 wants 0 since 3", ""),
                ("w1 wants 1 since 4", "w0 call 1 since 3"),
                ("w0 yields permit on 1", "w2 call 2 since 4, w2 gets permit for 0"),
            ],
        ),
        (
            "a claim withdrawn counts no more",
            1,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w1 wants 0 since 2", "w0 call 0 since 2"),
                ("w2 wants 0 since 3", ""),
                ("w1 unwants", "w0 call 1 since 3"),
                ("w2 unwants", "w0 call none"),
                ("w0 yields permit", ""),
                ("w2 wants 1 since 5", "w2 gets permit for 1"),
            ],
        ),
        (
            "a worker may get its own back",
            1,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w1 wants 0 since 3", "w0 call 0 since 3"),
                ("w0 wants 1 since 2", ""),
                ("w0 yields s1 on 0", "w0 call 1 since 3, w0 gets s1 for 1"),
            ],
        ),
        (
            "a server nobody wants after all goes back",
            1,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w1 wants 0 since 2", "w0 call 0 since 2"),
                ("w1 unwants", "w0 call none"),
                ("w0 yields s1 on 0", "w0 gets s1"),
            ],
        ),
    ];
    check_all(&cases);
}

#[test]
fn calls_go_to_who_holds_something_and_only_when_they_change() {
    let cases: [(&str, u32, Script); 4] = [
        (
            "the others are called for the oldest, its own worker for the next",
            2,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w1 wants 0 since 2", "w1 gets permit for 0"),
                ("w1 wants 1 since 5", "w0 call 0 since 5"),
                ("w0 wants 1 since 6", "w1 call 1 since 6"),
                ("w2 wants 0 since 7", ""),
                ("w2 wants 1 since 4", "w0 call 2 since 4, w1 call 3 since 4"),
            ],
        ),
        (
            "an answered call is made again while somebody waits",
            2,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w0 wants 1 since 1", "w0 gets permit for 1"),
                ("w1 wants 0 since 2", "w0 call 0 since 2"),
                ("w2 wants 0 since 2", ""),
                ("w0 yields s1 on 0", "w1 call 1 since 2, w1 gets s1 for 0, w0 call 2 since 2"),
            ],
        ),
        (
            "an answer to an older call leaves the newest standing",
            2,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w0 wants 1 since 1", "w0 gets permit for 1"),
                ("w1 wants 0 since 9", "w0 call 0 since 9"),
                ("w2 wants 0 since 8", "w0 call 1 since 8"),
                ("w1 unwants", ""),
                ("w1 wants 1 since 8", ""),
                ("w0 yields s1 on 0", "w1 call 2 since 8, w1 gets s1 for 1"),
            ],
        ),
        (
            "who gave up all it had is called no more",
            1,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w1 wants 0 since 2", "w0 call 0 since 2"),
                ("w2 wants 0 since 3", ""),
                ("w0 yields permit", "w1 call 1 since 3, w1 gets permit for 0, w0 call none"),
            ],
        ),
    ];
    check_all(&cases);
}

#[test]
fn the_size_may_change_while_permits_are_out() {
    let cases: [(&str, u32, Script); 7] = [
        (
            "more are granted at once",
            1,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w0 wants 1 since 2", ""),
                ("resize 2", "w0 gets permit for 1"),
            ],
        ),
        (
            "fewer: free ones go first",
            2,
            &[("w0 wants 0 since 1", "w0 gets permit for 0"), ("resize 1", ""), ("w0 wants 1 since 2", "")],
        ),
        (
            "then the others are called in, before anybody is served",
            1,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("resize 2", ""),
                ("w0 wants 1 since 1", "w0 gets permit for 1"),
                ("w1 wants 0 since 2", "w0 call 0 since 2"),
                ("resize 1", "w0 call 1 since 0"),
                ("w0 yields s1 on 1", "w0 closes s1, w0 call 2 since 2"),
                ("w0 yields s2 on 2", "w1 gets s2 for 0"),
            ],
        ),
        (
            "a permit pays a debt too",
            2,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w0 wants 1 since 1", "w0 gets permit for 1"),
                ("resize 1", "w0 call 0 since 0"),
                ("w0 yields permit on 0", ""),
                ("w0 wants 2 since 2", ""),
            ],
        ),
        (
            "a debt is forgiven before more is granted",
            2,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w0 wants 1 since 1", "w0 gets permit for 1"),
                ("resize 1", "w0 call 0 since 0"),
                ("w0 wants 2 since 2", ""),
                ("resize 2", "w0 call none"),
                ("resize 3", "w0 gets permit for 2"),
            ],
        ),
        ("from a limit to none there is no way", 2, &[("resize 0", "needs a new pool")]),
        ("nor back", 0, &[("resize 0", ""), ("resize 1", "needs a new pool")]),
    ];
    check_all(&cases);
}

#[test]
fn what_a_worker_held_comes_back_when_it_ends() {
    let cases: [(&str, u32, Script); 2] = [
        (
            "and goes to who waits",
            2,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("w0 wants 1 since 1", "w0 gets permit for 1"),
                ("w0 wants 2 since 1", ""),
                ("w1 wants 0 since 2", "w0 call 0 since 2"),
                ("retire w0", "w1 gets permit for 0"),
                ("w1 wants 1 since 2", "w1 gets permit for 1"),
            ],
        ),
        (
            "what it said before is not heard",
            1,
            &[
                ("w0 wants 0 since 1", "w0 gets permit for 0"),
                ("retire w0", ""),
                ("w0 yields s1", ""),
                ("w0 wants 1 since 2", ""),
                ("w1 wants 0 since 2", "w1 gets permit for 0"),
            ],
        ),
    ];
    check_all(&cases);
}

#[test]
fn pools_have_nothing_to_do_with_each_other() {
    let (here, there, nowhere) = (PoolId::numbered(1), PoolId::numbered(2), PoolId::numbered(3));
    let mut router: Permits<String> = Permits::new();
    router.add_pool(here, 1);
    router.add_pool(there, 1);
    let mut hear = |pool, claim| {
        let mut out = Vec::new();
        let claim = Claim { id: ClaimId(claim), since: Tick(claim) };
        router.heard(WorkerId(0), pool, ToRouter::Want(claim), &mut out);
        out.into_iter().map(|event| event.pool).collect::<Vec<_>>()
    };
    assert_eq!(hear(here, 0), [here]);
    assert_eq!(hear(here, 1), []);
    assert_eq!(hear(there, 0), [there]);
    assert_eq!(hear(nowhere, 0), []);
    assert_eq!((router.count(here), router.count(nowhere)), (Some((0, 1)), None));
    router.remove_pool(here);
    assert_eq!(router.count(here), None);
}

fn check_all(cases: &[(&str, u32, Script)]) {
    for (name, size, script) in cases {
        let mut router = Permits::new();
        router.add_pool(POOL, *size);
        for (step, says) in *script {
            let words: Vec<&str> = step.split_whitespace().collect();
            assert_eq!(play(&mut router, &words).join(", "), *says, "{name}: {step}");
        }
    }
}

fn play(router: &mut Permits<String>, words: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    let says = match *words {
        ["resize", size] => {
            let resized = router.resize(POOL, u32::try_from(number(size)).expect("small"), &mut out);
            if resized == Resized::NeedsNewPool {
                return vec!["needs a new pool".to_owned()];
            }
            None
        }
        ["retire", worker] => {
            router.retire(worker_id(worker), &mut out);
            None
        }
        [worker, "wants", id, "since", since] => {
            let claim = Claim { id: ClaimId(number(id)), since: Tick(number(since)) };
            Some((worker, ToRouter::Want(claim)))
        }
        [worker, "unwants"] => Some((worker, ToRouter::Unwant)),
        [worker, "yields", what, ref call @ ..] => {
            let item = if what == "permit" { Item::Permit } else { Item::Server(what.to_owned()) };
            let answers = call.last().map(|call| CallId(number(call)));
            Some((worker, ToRouter::Yield { item, answers }))
        }
        _ => panic!("no such step: {words:?}"),
    };
    if let Some((worker, says)) = says {
        router.heard(worker_id(worker), POOL, says, &mut out);
    }
    out.into_iter().map(|RouterEvent { worker, says, .. }| format!("w{} {}", worker.0, told(says))).collect()
}

fn told(says: ToWorker<String>) -> String {
    match says {
        ToWorker::Grant { item, answers } => {
            let claim = answers.map_or(String::new(), |claim| format!(" for {}", claim.0));
            match item {
                Item::Server(server) => format!("gets {server}{claim}"),
                Item::Permit => format!("gets permit{claim}"),
            }
        }
        ToWorker::Pressure(Some(call)) => format!("call {} since {}", call.id.0, call.since.0),
        ToWorker::Pressure(None) => "call none".to_owned(),
        ToWorker::Close(server) => format!("closes {server}"),
    }
}

fn worker_id(word: &str) -> WorkerId {
    WorkerId(word.trim_start_matches('w').parse().expect("a worker"))
}

fn number(word: &str) -> u64 {
    word.parse().expect("a number")
}
