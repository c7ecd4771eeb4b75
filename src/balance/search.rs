//! One client's search for a server: which endpoint it tries now, and what comes next.

use crate::balance::order::{self, Candidate};
use crate::balance::status::{Role, Status};
use crate::balance::terms::Terms;
use odyssey_config::TargetSessionAttrs;
use std::time::Instant;

/// How long a client waits at an endpoint whose servers are all in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// A moment: the next endpoint may have one free.
    Little,
    /// As long as `pool_timeout` lets it.
    Full,
}

/// What becomes of a server once the role of its endpoint is to be looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The client keeps it.
    Suits,
    /// What is known of the role is too old, or nothing: the server is asked.
    Ask,
    /// It goes back, and the next endpoint is tried.
    Unfit,
}

/// A search under way. What it allocates it keeps for the next.
#[derive(Debug)]
pub struct Search {
    order: Vec<u16>,
    at: usize,
    /// Where the endpoints begin that are tried once more, for want of better ones.
    second_choice: usize,
    patience: Patience,
}

impl Default for Search {
    fn default() -> Search {
        Search { order: Vec::new(), at: 0, second_choice: 0, patience: Patience::Full }
    }
}

impl Search {
    /// Starts at the best of the endpoints; see [`order::order`].
    pub fn begin(
        &mut self,
        terms: &Terms,
        patience: Patience,
        turn: usize,
        now: Instant,
        endpoints: u16,
        candidate: impl Fn(u16) -> Candidate,
    ) {
        order::order(terms, turn, now, endpoints, candidate, &mut self.order);
        (self.at, self.second_choice, self.patience) = (0, self.order.len(), patience);
    }

    /// The endpoint to try now; `None`: none is left.
    pub fn endpoint(&self) -> Option<u16> {
        self.order.get(self.at).copied()
    }

    /// How long to wait there.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    /// The endpoint did not do.
    pub fn next(&mut self) {
        self.at += 1;
    }

    /// Every endpoint was asked for a server it has free, and none had one: they are asked again, with patience.
    /// `false`: that was done already.
    pub fn again(&mut self) -> bool {
        if self.patience == Patience::Full {
            return false;
        }
        self.order.truncate(self.second_choice);
        (self.at, self.patience) = (0, Patience::Full);
        !self.order.is_empty()
    }

    /// Whether a server of the endpoint tried now will do. Who prefers a standby comes back to a primary when no
    /// endpoint is left that could be better.
    pub fn judge(&mut self, terms: &Terms, status: &Status, now: Instant) -> Verdict {
        if terms.attrs == TargetSessionAttrs::Any {
            return Verdict::Suits;
        }
        if !status.is_fresh(now, terms.trusted_for) || status.role == Role::Unknown {
            return Verdict::Ask;
        }
        if !status.role.suits(terms.attrs) {
            return Verdict::Unfit;
        }
        let second = terms.attrs == TargetSessionAttrs::PreferStandby && status.role == Role::Primary;
        if second && self.at + 1 < self.second_choice {
            self.order.extend(self.endpoint());
            return Verdict::Unfit;
        }
        Verdict::Suits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::balance::order::Zone;
    use crate::balance::terms::Zones;
    use TargetSessionAttrs::{Any, PreferStandby, ReadOnly, ReadWrite};
    use odyssey_config::BalancingMethod;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn terms(attrs: TargetSessionAttrs) -> Terms {
        let method = BalancingMethod::RoundRobin;
        Terms { attrs, lag_max: None, method, zones: Zones::Alike, trusted_for: SECOND }
    }

    /// Where a client ends that tries endpoints of these true roles, nothing being known before; `None` for a role:
    /// it cannot be connected to.
    fn walk(attrs: TargetSessionAttrs, roles: &[Option<Role>]) -> (Vec<u16>, Option<u16>) {
        let (terms, now) = (terms(attrs), machinarium::clock());
        let mut known = vec![Status::default(); roles.len()];
        let (mut search, mut visited) = (Search::default(), Vec::new());
        let seen =
            |index: u16| Candidate { zone: Zone::Own, status: known[usize::from(index)], connections: 0 };
        search.begin(&terms, Patience::Full, 0, now, roles.len() as u16, seen);
        while let Some(endpoint) = search.endpoint() {
            visited.push(endpoint);
            assert!(visited.len() <= 2 * roles.len(), "it ends");
            let index = usize::from(endpoint);
            let Some(role) = roles[index] else {
                known[index].died(now);
                search.next();
                continue;
            };
            if search.judge(&terms, &known[index], now) == Verdict::Ask {
                known[index].answered(role, now);
            }
            match search.judge(&terms, &known[index], now) {
                Verdict::Suits => return (visited, Some(endpoint)),
                Verdict::Unfit => search.next(),
                Verdict::Ask => panic!("it was just asked"),
            }
        }
        (visited, None)
    }

    #[test]
    fn where_a_search_ends() {
        let (p, s, dead) = (Some(Role::Primary), Some(Role::Standby), None);
        /// Name, wanted role, true roles, endpoints visited, and where it ends.
        type Case<'a> = (&'a str, TargetSessionAttrs, &'a [Option<Role>], &'a [u16], Option<u16>);
        let cases: [Case; 9] = [
            ("the first will do", ReadWrite, &[p, s], &[0], Some(0)),
            ("the second is what is wanted", ReadOnly, &[p, s], &[0, 1], Some(1)),
            ("none is", ReadOnly, &[p, dead, p], &[0, 1, 2], None),
            ("a lone standby", ReadWrite, &[s], &[0], None),
            ("a standby is found behind a primary", PreferStandby, &[p, p, s], &[0, 1, 2], Some(2)),
            ("no standby answers", PreferStandby, &[p, dead], &[0, 1, 0], Some(0)),
            ("a lone primary", PreferStandby, &[p], &[0], Some(0)),
            ("the last of two primaries", PreferStandby, &[p, p], &[0, 1], Some(1)),
            ("nobody answers", PreferStandby, &[dead, dead], &[0, 1], None),
        ];
        for (name, attrs, roles, visited, end) in cases {
            assert_eq!(walk(attrs, roles), (visited.to_vec(), end), "{name}");
        }
    }

    #[test]
    fn old_knowledge_is_asked_again_unless_any_role_will_do() {
        let now = machinarium::clock();
        let mut status = Status::default();
        status.answered(Role::Primary, now);
        let mut search = Search::default();
        assert_eq!(search.judge(&terms(ReadWrite), &status, now), Verdict::Suits);
        assert_eq!(search.judge(&terms(ReadOnly), &status, now), Verdict::Unfit);
        assert_eq!(search.judge(&terms(ReadOnly), &status, now + SECOND), Verdict::Ask);
        assert_eq!(search.judge(&terms(Any), &status, now + SECOND), Verdict::Suits);
    }

    #[test]
    fn the_impatient_round_is_followed_by_one_patient_round() {
        let now = machinarium::clock();
        let seen = |_| Candidate { zone: Zone::Own, status: Status::default(), connections: 0 };
        let mut search = Search::default();
        search.begin(&terms(Any), Patience::Little, 1, now, 2, seen);
        let mut visited = Vec::new();
        loop {
            while let Some(endpoint) = search.endpoint() {
                visited.push((endpoint, search.patience()));
                search.next();
            }
            if !search.again() {
                break;
            }
        }
        let (little, full) = (Patience::Little, Patience::Full);
        assert_eq!(visited, [(1, little), (0, little), (1, full), (0, full)]);
        search.begin(&terms(Any), Patience::Full, 0, now, 2, seen);
        assert!(!search.again());
    }
}
