//! The rules of the router's permits, each on its own, as tables of what it hears and what it tells.

use super::{Ms, PERMIT, at, item, ms, name};
use crate::pool::permits::{ToRouter, ToWorker};
use crate::router::WorkerId;
use crate::router::core::{Permits, RouterEvent};
use crate::rules::RouteId;
use Said::{Resize, Unwant, Want, Yield};

/// What the router hears: from which worker.
#[derive(Clone, Copy, Debug)]
enum Said {
    Want(u16, Ms),
    Unwant(u16),
    Yield(u16, &'static str),
    /// From one `pool_size` to another.
    Resize(u32, u32),
}

const ROUTE: RouteId = RouteId(7);

/// What the router hears, what it tells whom, and afterwards: free permits, those that are out, those that are owed.
type Told = (Said, &'static str, (u32, u32, u32));

fn route(scenario: &str, size: u32, lines: &[Told]) {
    let mut permits = Permits::new();
    permits.add_route(ROUTE, size);
    for (number, (said, want, (free, held, debt))) in lines.iter().enumerate() {
        let context = format!("{scenario}: line {number}, {said:?}");
        assert_eq!(hear(&mut permits, *said), *want, "{context}");
        assert_eq!(permits.count(ROUTE), Some((*free, *held)), "{context}: free and held");
        assert_eq!(permits.debt(ROUTE), *debt, "{context}: debt");
    }
}

fn hear(permits: &mut Permits<&'static str>, said: Said) -> String {
    let mut out = Vec::new();
    match said {
        Want(worker, since) => {
            permits.heard(WorkerId(worker), ROUTE, ToRouter::Want { since: at(since) }, &mut out)
        }
        Unwant(worker) => permits.heard(WorkerId(worker), ROUTE, ToRouter::Unwant, &mut out),
        Yield(worker, name) => permits.heard(WorkerId(worker), ROUTE, ToRouter::Yield(item(name)), &mut out),
        Resize(old, new) => permits.resize(ROUTE, old, new, &mut out),
    }
    let told = out.iter().map(|RouterEvent { worker, route, says }| {
        assert_eq!(*route, ROUTE, "nobody speaks of other routes");
        match says {
            ToWorker::Grant(item) => format!("{}: {}", worker.0, name(item)),
            ToWorker::Pressure(Some(since)) => format!("{}: pressed {}", worker.0, ms(*since)),
            ToWorker::Pressure(None) => format!("{}: free", worker.0),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

#[test]
fn free_permits_are_granted_one_for_each_claim() {
    route(
        "until there are none",
        2,
        &[
            (Want(0, 1), "0: permit", (1, 1, 0)),
            (Want(3, 2), "3: permit", (0, 2, 0)),
            (Want(1, 3), "0: pressed 3, 3: pressed 3", (0, 2, 0)),
            (Yield(3, PERMIT), "1: permit, 0: free", (0, 2, 0)),
            (Yield(0, PERMIT), "", (1, 1, 0)),
            (Yield(1, PERMIT), "", (2, 0, 0)),
        ],
    );
}

#[test]
fn what_comes_free_goes_to_who_waits_longest() {
    route(
        "first come, first served across workers",
        1,
        &[
            (Want(0, 0), "0: permit", (0, 1, 0)),
            (Want(2, 5), "0: pressed 5", (0, 1, 0)),
            (Want(1, 4), "0: pressed 4", (0, 1, 0)),
            (Want(3, 6), "", (0, 1, 0)),
            (Yield(0, "a"), "1: a, 1: pressed 5", (0, 1, 0)),
            (Yield(1, "a"), "2: a, 2: pressed 6", (0, 1, 0)),
            (Unwant(3), "2: free", (0, 1, 0)),
        ],
    );
    route(
        "of equals, not to the giver",
        1,
        &[
            (Want(0, 0), "0: permit", (0, 1, 0)),
            (Want(0, 5), "", (0, 1, 0)),
            (Want(1, 5), "0: pressed 5", (0, 1, 0)),
            (Yield(0, "a"), "1: a, 1: pressed 5", (0, 1, 0)),
        ],
    );
    route(
        "to the giver itself if it waits longest",
        1,
        &[
            (Want(0, 0), "0: permit", (0, 1, 0)),
            (Want(1, 9), "0: pressed 9", (0, 1, 0)),
            (Want(0, 2), "", (0, 1, 0)),
            (Yield(0, "a"), "0: a, 0: pressed 9", (0, 1, 0)),
        ],
    );
    route(
        "a claim said again replaces the one before",
        1,
        &[
            (Want(0, 0), "0: permit", (0, 1, 0)),
            (Want(1, 5), "0: pressed 5", (0, 1, 0)),
            (Want(2, 6), "", (0, 1, 0)),
            (Want(1, 8), "0: pressed 6", (0, 1, 0)),
            (Yield(0, "a"), "2: a, 2: pressed 8", (0, 1, 0)),
        ],
    );
}

#[test]
fn a_server_nobody_wants_rests_where_it_came_from() {
    route(
        "the claim was withdrawn while it flew",
        1,
        &[
            (Want(0, 0), "0: permit", (0, 1, 0)),
            (Want(1, 5), "0: pressed 5", (0, 1, 0)),
            (Unwant(1), "0: free", (0, 1, 0)),
            (Yield(0, "a"), "0: a", (0, 1, 0)),
        ],
    );
}

#[test]
fn pressure_is_told_to_holders_when_it_changes() {
    route(
        "to nobody else, and not twice",
        2,
        &[
            (Want(0, 0), "0: permit", (1, 1, 0)),
            (Want(1, 0), "1: permit", (0, 2, 0)),
            (Want(2, 5), "0: pressed 5, 1: pressed 5", (0, 2, 0)),
            (Want(2, 5), "", (0, 2, 0)),
            (Want(3, 6), "", (0, 2, 0)),
            (Want(2, 7), "0: pressed 6, 1: pressed 6", (0, 2, 0)),
            (Unwant(3), "0: pressed 7, 1: pressed 7", (0, 2, 0)),
            (Unwant(2), "0: free, 1: free", (0, 2, 0)),
            (Unwant(2), "", (0, 2, 0)),
        ],
    );
    route(
        "a worker is not pressed by its own clients",
        1,
        &[
            (Want(0, 0), "0: permit", (0, 1, 0)),
            (Want(0, 1), "", (0, 1, 0)),
            (Want(1, 3), "0: pressed 3", (0, 1, 0)),
        ],
    );
    route(
        "who gave something up is told again: it forgot",
        2,
        &[
            (Want(0, 0), "0: permit", (1, 1, 0)),
            (Want(0, 0), "0: permit", (0, 2, 0)),
            (Want(1, 5), "0: pressed 5", (0, 2, 0)),
            (Want(2, 5), "", (0, 2, 0)),
            (Yield(0, "a"), "1: a, 0: pressed 5, 1: pressed 5", (0, 2, 0)),
            (Yield(0, "b"), "2: b, 1: free", (0, 2, 0)),
        ],
    );
    route(
        "even that nobody waits any more: what it was told may have crossed what it gave up",
        2,
        &[
            (Want(0, 0), "0: permit", (1, 1, 0)),
            (Want(0, 0), "0: permit", (0, 2, 0)),
            (Want(1, 5), "0: pressed 5", (0, 2, 0)),
            (Yield(0, "a"), "1: a, 0: free", (0, 2, 0)),
            (Yield(0, PERMIT), "", (1, 1, 0)),
        ],
    );
}

#[test]
fn pool_size_can_change() {
    route(
        "more permits go to who waits",
        1,
        &[
            (Want(0, 0), "0: permit", (0, 1, 0)),
            (Want(1, 5), "0: pressed 5", (0, 1, 0)),
            (Resize(1, 3), "1: permit, 0: free", (1, 2, 0)),
        ],
    );
    route(
        "fewer: the free ones at once, the others when they come back without a connection",
        4,
        &[
            (Want(0, 0), "0: permit", (3, 1, 0)),
            (Want(0, 0), "0: permit", (2, 2, 0)),
            (Want(0, 0), "0: permit", (1, 3, 0)),
            (Resize(4, 1), "", (0, 3, 2)),
            (Want(1, 5), "0: pressed 5", (0, 3, 2)),
            (Yield(0, PERMIT), "0: pressed 5", (0, 2, 1)),
            (Yield(0, "a"), "1: a, 0: free", (0, 2, 1)),
            (Yield(1, PERMIT), "", (0, 1, 0)),
            (Yield(0, PERMIT), "", (1, 0, 0)),
        ],
    );
    route(
        "a debt is forgiven before permits are made",
        2,
        &[
            (Want(0, 0), "0: permit", (1, 1, 0)),
            (Want(0, 0), "0: permit", (0, 2, 0)),
            (Resize(2, 1), "", (0, 2, 1)),
            (Resize(1, 4), "", (2, 2, 0)),
            (Resize(4, 3), "", (1, 2, 0)),
        ],
    );
}

#[test]
fn what_is_said_of_a_forgotten_route_is_not_heard() {
    let mut permits: Permits<&str> = Permits::new();
    permits.add_route(ROUTE, 1);
    assert_eq!((permits.count(ROUTE), permits.claim(ROUTE, WorkerId(0))), (Some((1, 0)), None));
    permits.remove_route(ROUTE);
    for said in [Want(0, 1), Yield(0, "a"), Unwant(0), Resize(1, 2)] {
        assert_eq!(hear(&mut permits, said), "", "{said:?}");
    }
    assert_eq!((permits.count(ROUTE), permits.debt(ROUTE)), (None, 0));
}
