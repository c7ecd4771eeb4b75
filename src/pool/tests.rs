//! The rules of a pool, each on its own, as tables of what happens and what follows.

mod router;

use super::permits::{Item, REFRESH, TOLERANCE, Tick, ToRouter, ToWorker};
use super::{Action, Answer, Pool, WaiterId};
use Event::{
    Closed, DialFailed, Dialed, Expire, Free, Grant, Leave, Pressure, Release, Request, TakeIdle, Tidy,
};

/// Milliseconds.
type Ms = u64;

/// A server by its name; this one is no server but the right to open one.
const PERMIT: &str = "permit";

fn at(ms: Ms) -> Tick {
    Tick(1000 * ms)
}

fn ms(tick: Tick) -> Ms {
    tick.0 / 1000
}

fn item(name: &'static str) -> Item<&'static str> {
    if name == PERMIT { Item::Permit } else { Item::Server(name) }
}

fn name(item: &Item<&'static str>) -> &'static str {
    match item {
        Item::Server(server) => server,
        Item::Permit => PERMIT,
    }
}

#[test]
fn the_times_leave_room_for_each_other() {
    assert!(REFRESH < TOLERANCE, "a claim is corrected sooner than its age would matter");
    assert_eq!(
        (at(3).plus(REFRESH), at(3).plus(TOLERANCE)),
        (at(8), at(13)),
        "the tables below count on these"
    );
    assert_eq!(Tick(u64::MAX).plus(TOLERANCE), Tick(u64::MAX), "time does not wrap");
}

/// What happens to a pool.
#[derive(Clone, Copy, Debug)]
enum Event {
    Request(u64),
    Release(&'static str),
    Closed,
    Dialed,
    DialFailed,
    Leave(u64),
    Grant(&'static str),
    /// Somebody waits elsewhere since then.
    Pressure(Ms),
    /// Nobody does.
    Free,
    /// Idle servers whose name has this letter are too old.
    Expire(char),
    TakeIdle(&'static str),
    /// The second's tick.
    Tidy,
}

/// When, what happens, what follows.
type Line = (Ms, Event, &'static str);

fn play(scenario: &str, size: u32, lines: &[Line]) {
    let mut pool = Pool::new(size);
    for (number, (when, event, want)) in lines.iter().enumerate() {
        let got = happen(&mut pool, at(*when), *event);
        assert_eq!(got, *want, "{scenario}: line {number}, {event:?} at {when} ms");
    }
}

fn happen(pool: &mut Pool<&'static str>, now: Tick, event: Event) -> String {
    let mut out = Vec::new();
    let mut said = Vec::new();
    match event {
        Request(who) => said.push(match pool.request(WaiterId(who), now, &mut out) {
            Answer::Lend(server) => format!("lend {server}"),
            Answer::Dial => "dial".to_owned(),
            Answer::Wait => "wait".to_owned(),
        }),
        Release(server) => pool.release(server, now, &mut out),
        Closed => pool.closed(now, &mut out),
        Dialed => pool.dialed(),
        DialFailed => pool.dial_failed(now, &mut out),
        Leave(who) => {
            if !pool.leave(WaiterId(who), &mut out) {
                said.push("did not wait".to_owned());
            }
        }
        Grant(name) => pool.hear(ToWorker::Grant(item(name)), now, &mut out),
        Pressure(since) => pool.hear(ToWorker::Pressure(Some(at(since))), now, &mut out),
        Free => pool.hear(ToWorker::Pressure(None), now, &mut out),
        Expire(letter) => {
            said.extend(
                pool.expire(|server| server.contains(letter), &mut out).iter().map(|s| format!("close {s}")),
            );
        }
        TakeIdle(server) => {
            said.extend(pool.take_idle(|idle| *idle == server).map(|taken| format!("took {taken}")))
        }
        Tidy => pool.tick(&mut out),
    }
    said.extend(out.iter().map(|action| match action {
        Action::Hand(who, server) => format!("hand {} {server}", who.0),
        Action::DialFor(who) => format!("dial for {}", who.0),
        Action::Say(ToRouter::Want { since }) => format!("want {}", ms(*since)),
        Action::Say(ToRouter::Unwant) => "unwant".to_owned(),
        Action::Say(ToRouter::Yield(item)) => format!("yield {}", name(item)),
    }));
    said.join(", ")
}

#[test]
fn a_worker_serves_its_own_clients_without_a_message() {
    play(
        "the most recently used server is lent first",
        2,
        &[
            (0, Grant("a"), ""),
            (0, Grant("b"), ""),
            (1, Request(1), "lend b"),
            (1, Request(2), "lend a"),
            (2, Release("b"), ""),
            (3, Release("a"), ""),
            (4, Request(3), "lend a"),
            (4, Release("a"), ""),
            (5, Request(4), "lend a"),
        ],
    );
    play(
        "first come, first served; one claim stands for all",
        2,
        &[
            (0, Request(1), "wait, want 0"),
            (0, Request(2), "wait"),
            (1, Request(3), "wait"),
            (1, Grant("a"), "hand 1 a, want 0"),
            (2, Release("a"), "hand 2 a"),
            (3, Release("a"), "hand 3 a"),
            (4, Release("a"), ""),
            (4, Request(4), "lend a"),
        ],
    );
    play(
        "a permit becomes a server of the client it was for",
        1,
        &[
            (0, Request(1), "wait, want 0"),
            (1, Grant(PERMIT), "dial for 1"),
            (5, Dialed, ""),
            (6, Release("a"), ""),
            (7, Request(2), "lend a"),
        ],
    );
}

#[test]
fn what_is_lost_passes_its_permit_on() {
    play(
        "a failed dial lets the next one try",
        1,
        &[
            (0, Request(1), "wait, want 0"),
            (0, Request(2), "wait"),
            (1, Grant(PERMIT), "dial for 1, want 0"),
            (2, DialFailed, "dial for 2"),
            (3, DialFailed, "yield permit"),
        ],
    );
    play(
        "a closed server lets the next one dial",
        1,
        &[
            (0, Grant("a"), ""),
            (0, Request(1), "lend a"),
            (1, Request(2), "wait, want 1"),
            (2, Closed, "dial for 2"),
            (3, Dialed, ""),
            (4, Closed, "yield permit"),
        ],
    );
    play(
        "a permit that nobody needs any more goes home",
        1,
        &[(0, Request(1), "wait, want 0"), (1, Leave(1), "unwant"), (2, Grant(PERMIT), "yield permit")],
    );
    play(
        "a server that nobody needs any more rests",
        1,
        &[
            (0, Request(1), "wait, want 0"),
            (1, Leave(1), "unwant"),
            (2, Grant("a"), ""),
            (3, Request(2), "lend a"),
        ],
    );
    play(
        "expired servers are closed and their permits go home",
        3,
        &[
            (0, Grant("old a"), ""),
            (0, Grant("young"), ""),
            (0, Grant("old b"), ""),
            (
                9,
                Expire('o'),
                "close old a, close young, close old b, yield permit, yield permit, yield permit",
            ),
            (9, Expire('o'), ""),
        ],
    );
    play(
        "only expired ones",
        2,
        &[
            (0, Grant("a"), ""),
            (0, Grant("b"), ""),
            (9, Expire('a'), "close a, yield permit"),
            (9, Request(1), "lend b"),
        ],
    );
}

#[test]
fn an_idle_server_can_be_looked_at() {
    play(
        "whoever comes meanwhile gets it afterwards",
        2,
        &[
            (0, Grant("a"), ""),
            (0, Grant("b"), ""),
            (1, TakeIdle("a"), "took a"),
            (1, TakeIdle("a"), ""),
            (2, Request(1), "lend b"),
            (2, Request(2), "wait, want 2"),
            (3, Release("a"), "hand 2 a"),
        ],
    );
    play(
        "one that has died frees its permit",
        1,
        &[(0, Grant("a"), ""), (1, TakeIdle("a"), "took a"), (1, Closed, "yield permit")],
    );
}

#[test]
fn who_leaves_is_never_served() {
    play(
        "from the middle, from the front, and the last takes the claim along",
        1,
        &[
            (0, Request(1), "wait, want 0"),
            (1, Request(2), "wait"),
            (2, Request(3), "wait"),
            (3, Leave(2), ""),
            (3, Leave(2), "did not wait"),
            (4, Leave(1), ""),
            (5, Leave(3), "unwant"),
            (6, Leave(3), "did not wait"),
        ],
    );
    play(
        "the next one is served in its place",
        1,
        &[
            (0, Grant("a"), ""),
            (0, Request(1), "lend a"),
            (1, Request(2), "wait, want 1"),
            (1, Request(3), "wait"),
            (2, Leave(2), ""),
            (3, Release("a"), "hand 3 a"),
        ],
    );
}

#[test]
fn the_claim_is_kept_true_but_not_chatty() {
    play(
        "the next client is told of after a while only",
        2,
        &[
            (0, Grant("a"), ""),
            (0, Request(1), "lend a"),
            (10, Request(2), "wait, want 10"),
            (11, Request(3), "wait"),
            (12, Request(4), "wait"),
            (14, Release("a"), "hand 2 a"),
            (15, Release("a"), "hand 3 a, want 12"),
            (30, Release("a"), "hand 4 a, unwant"),
            (31, Request(5), "wait, want 31"),
        ],
    );
    play(
        "a claim that is still true is not repeated",
        2,
        &[(0, Request(1), "wait, want 0"), (20, Request(2), "wait"), (90, Tidy, "")],
    );
    play(
        "a claim of somebody served is corrected by who comes next",
        1,
        &[
            (0, Grant("a"), ""),
            (0, Request(1), "lend a"),
            (1, Request(2), "wait, want 1"),
            (2, Release("a"), "hand 2 a"),
            (5, Request(3), "wait"),
            (6, Request(4), "wait, want 5"),
        ],
    );
    play(
        "or by the tick",
        1,
        &[
            (0, Request(1), "wait, want 0"),
            (1, Request(2), "wait"),
            (2, Leave(1), ""),
            (3, Tidy, "want 1"),
            (4, Tidy, ""),
        ],
    );
    play(
        "a claim of nobody is withdrawn by the tick",
        1,
        &[
            (0, Grant("a"), ""),
            (0, Request(1), "lend a"),
            (1, Request(2), "wait, want 1"),
            (2, Release("a"), "hand 2 a"),
            (3, Tidy, "unwant"),
            (4, Tidy, ""),
        ],
    );
    play(
        "a grant may have crossed a later claim: that one is withdrawn too",
        1,
        &[
            (0, Request(1), "wait, want 0"),
            (1, Leave(1), "unwant"),
            (2, Request(2), "wait, want 2"),
            (3, Grant("a"), "hand 2 a"),
            (4, Tidy, "unwant"),
            (5, Tidy, ""),
            (6, Request(3), "wait, want 6"),
        ],
    );
}

#[test]
fn under_pressure_servers_are_given_up() {
    play(
        "an idle one at once, the least recently used, one each time it is asked for",
        3,
        &[
            (0, Grant("a"), ""),
            (0, Grant("b"), ""),
            (0, Grant("c"), ""),
            (9, Pressure(5), "yield a"),
            (9, Request(1), "lend c"),
            (9, Release("c"), ""),
            (9, Pressure(6), "yield b"),
            (9, Request(2), "lend c"),
            (9, Pressure(7), ""),
            (9, Release("c"), "yield c"),
        ],
    );
    play(
        "when it is over the server rests",
        1,
        &[
            (0, Grant("a"), ""),
            (0, Request(1), "lend a"),
            (1, Pressure(1), ""),
            (2, Free, ""),
            (3, Release("a"), ""),
        ],
    );
    play(
        "what comes for nobody goes on to who waits",
        1,
        &[(0, Pressure(0), ""), (1, Grant("a"), "yield a")],
    );
    play(
        "a yield answers the pressure: the next server rests unless there is more",
        2,
        &[
            (0, Grant("a"), ""),
            (0, Grant("b"), ""),
            (0, Request(1), "lend b"),
            (0, Request(2), "lend a"),
            (1, Pressure(1), ""),
            (2, Release("a"), "yield a"),
            (3, Release("b"), ""),
        ],
    );
    play(
        "a closed server's permit goes too",
        1,
        &[
            (0, Grant("a"), ""),
            (0, Request(1), "lend a"),
            (5, Request(2), "wait, want 5"),
            (20, Request(3), "wait"),
            (20, Leave(2), ""),
            (21, Pressure(5), ""),
            (22, Closed, "yield permit"),
        ],
    );
}

#[test]
fn a_server_goes_to_who_waits_longest_within_the_tolerance() {
    // Ours waits since 20 ms; the other since...
    let cases: [(&str, Ms, &str); 4] = [
        ("much longer", 0, "yield a"),
        ("longer by more than the tolerance", 9, "yield a"),
        ("longer by the tolerance", 10, "hand 2 a, unwant"),
        ("less", 30, "hand 2 a, unwant"),
    ];
    for (scenario, theirs, want) in cases {
        play(
            scenario,
            1,
            &[
                (0, Grant("a"), ""),
                (0, Request(1), "lend a"),
                (20, Request(2), "wait, want 20"),
                (31, Pressure(theirs), ""),
                (31, Release("a"), want),
            ],
        );
    }
}

#[test]
fn a_pool_without_a_limit_never_talks_to_the_router() {
    play(
        "nobody waits",
        0,
        &[
            (0, Request(1), "dial"),
            (0, Request(2), "dial"),
            (1, Dialed, ""),
            (1, DialFailed, ""),
            (2, Release("a"), ""),
            (3, Request(3), "lend a"),
            (4, Request(4), "dial"),
            (5, Closed, ""),
            (6, Dialed, ""),
            (7, Release("b"), ""),
            (8, Tidy, ""),
            (9, Expire('b'), "close b"),
        ],
    );
}

#[test]
fn a_pool_says_how_much_it_has() {
    let mut pool = Pool::new(5);
    let events = [
        Grant("a"),
        Grant("b"),
        Request(1),
        Request(2),
        Release("b"),
        Request(3),
        Request(4),
        Grant(PERMIT),
        Request(5),
    ];
    for event in events {
        happen(&mut pool, at(7), event);
    }
    assert_eq!((pool.idle(), pool.attached(), pool.dialing(), pool.waiting()), (0, 2, 1, 1));
    assert_eq!(pool.oldest(), Some(at(7)));
    happen(&mut pool, at(8), Dialed);
    happen(&mut pool, at(8), Leave(5));
    happen(&mut pool, at(8), Release("c"));
    assert_eq!((pool.idle(), pool.attached(), pool.dialing(), pool.waiting()), (1, 2, 0, 0));
    assert_eq!(pool.oldest(), None);
}
