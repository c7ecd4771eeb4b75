//! What is known of an endpoint, and how long it is believed.

use odyssey_config::TargetSessionAttrs;
use std::time::{Duration, Instant};

/// Whether an endpoint answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// It did when it was last tried, or was never tried.
    Alive,
    /// It could not be connected to.
    Dead,
}

/// What a server lets its clients do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Read and write.
    Primary,
    /// Read: it is in recovery.
    Standby,
    /// Nobody has asked it.
    Unknown,
}

impl Role {
    /// Whether a client that wants `attrs` may have a server of this role. Who prefers a standby takes a primary
    /// as well, and of an unknown role the best is hoped for.
    pub fn suits(self, attrs: TargetSessionAttrs) -> bool {
        !matches!(
            (attrs, self),
            (TargetSessionAttrs::ReadWrite, Role::Standby) | (TargetSessionAttrs::ReadOnly, Role::Primary)
        )
    }
}

/// What is known of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// Whether it answers.
    pub life: Life,
    /// Its role.
    pub role: Role,
    /// How far it is behind its primary, in whole seconds; zero if nobody measures it.
    pub lag: Duration,
    /// When life and role were seen; `None`: never.
    pub checked: Option<Instant>,
}

impl Default for Status {
    fn default() -> Status {
        Status { life: Life::Alive, role: Role::Unknown, lag: Duration::ZERO, checked: None }
    }
}

impl Status {
    /// Whether it was seen less than `trusted_for` ago.
    pub fn is_fresh(&self, now: Instant, trusted_for: Duration) -> bool {
        self.checked.is_some_and(|at| now.saturating_duration_since(at) < trusted_for)
    }

    /// It could not be connected to.
    pub fn died(&mut self, now: Instant) {
        *self = Status { life: Life::Dead, role: Role::Unknown, lag: self.lag, checked: Some(now) };
    }

    /// It has said what its role is.
    pub fn answered(&mut self, role: Role, now: Instant) {
        *self = Status { life: Life::Alive, role, lag: self.lag, checked: Some(now) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TargetSessionAttrs::{Any, PreferStandby, ReadOnly, ReadWrite};

    #[test]
    fn roles_and_wishes() {
        let cases = [
            (Role::Primary, [true, false, true, true]),
            (Role::Standby, [false, true, true, true]),
            (Role::Unknown, [true, true, true, true]),
        ];
        for (role, want) in cases {
            assert_eq!(
                [ReadWrite, ReadOnly, Any, PreferStandby].map(|attrs| role.suits(attrs)),
                want,
                "{role:?}"
            );
        }
    }

    #[test]
    fn a_status_is_believed_for_a_while() {
        let (start, second) = (machinarium::clock(), Duration::from_secs(1));
        let mut status = Status::default();
        assert!(!status.is_fresh(start, second), "nobody has looked");
        status.lag = second * 7;
        status.died(start);
        assert_eq!((status.life, status.role, status.lag), (Life::Dead, Role::Unknown, second * 7));
        assert!(status.is_fresh(start + second / 2, second));
        assert!(!status.is_fresh(start + second, second));
        status.answered(Role::Standby, start + second);
        assert_eq!((status.life, status.role, status.lag), (Life::Alive, Role::Standby, second * 7));
        assert!(status.is_fresh(start + second, second));
        // Another machine has looked a moment after this one read its clock.
        assert!(status.is_fresh(start, second));
    }
}
