//! In which order the endpoints of a storage are tried.

use crate::balance::status::{Life, Role, Status};
use crate::balance::terms::{Terms, Zones};
use odyssey_config::{BalancingMethod, TargetSessionAttrs};
use std::time::Instant;

/// Where an endpoint is, seen from here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Zone {
    /// In our own zone.
    Own,
    /// In another.
    Other,
}

impl Zone {
    /// The zone of an endpoint, by its name and that of our own; no name at all is a zone, too.
    pub fn of(endpoint: Option<&str>, own: &str) -> Zone {
        if endpoint.unwrap_or_default() == own { Zone::Own } else { Zone::Other }
    }
}

/// An endpoint that could be tried.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Where it is.
    pub zone: Zone,
    /// What is known of it.
    pub status: Status,
    /// Server connections of the client's route to it.
    pub connections: u32,
}

/// Puts the endpoints to try, by index and best first, into `order`.
///
/// Those that are known to be dead, too far behind, or of the wrong role are left out while that knowledge is
/// fresh. Those of our own zone come first; within a zone `turn` says who is first, or the number of connections.
/// Who prefers a standby is sent to a known primary last, however old that knowledge is. A lone endpoint is tried
/// whatever is known of it.
pub fn order(
    terms: &Terms,
    turn: usize,
    now: Instant,
    endpoints: u16,
    candidate: impl Fn(u16) -> Candidate,
    order: &mut Vec<u16>,
) {
    order.clear();
    if endpoints <= 1 {
        order.extend(0..endpoints);
        return;
    }
    order.extend((0..endpoints).filter(|index| may_do(terms, &candidate(*index).status, now)));
    let zone = |index: u16| match terms.zones {
        Zones::OwnFirst => candidate(index).zone,
        Zones::Alike => Zone::Own,
    };
    match terms.method {
        BalancingMethod::RoundRobin => {
            order.sort_by_key(|index| zone(*index));
            let others = order.partition_point(|index| zone(*index) == Zone::Own);
            let (own, others) = order.split_at_mut(others);
            rotate(own, turn);
            rotate(others, turn);
        }
        BalancingMethod::LeastConn => {
            order.sort_by_key(|index| (zone(*index), candidate(*index).connections));
        }
    }
    if terms.attrs == TargetSessionAttrs::PreferStandby {
        order.sort_by_key(|index| candidate(*index).status.role == Role::Primary);
    }
}

/// Whether nothing fresh speaks against it.
fn may_do(terms: &Terms, status: &Status, now: Instant) -> bool {
    !status.is_fresh(now, terms.trusted_for)
        || status.life == Life::Alive
            && terms.lag_max.is_none_or(|limit| status.lag <= limit)
            && status.role.suits(terms.attrs)
}

fn rotate(part: &mut [u16], turn: usize) {
    if !part.is_empty() {
        part.rotate_left(turn % part.len());
    }
}

#[cfg(test)]
mod tests;
