//! How many connections there are, and how many there may be. Shared by the coroutines of the system machine that
//! let connections in and see them leave.

use std::cell::Cell;

/// Counts connections.
#[derive(Debug)]
pub struct Census {
    connected: Cell<u32>,
    max: Cell<Option<u32>>,
}

impl Census {
    /// At most `max`; `None`: no limit.
    pub fn new(max: Option<u32>) -> Census {
        Census { connected: Cell::new(0), max: Cell::new(max) }
    }

    /// Counts a connection in. `Err` tells the limit it is beyond: it is not counted.
    pub fn enter(&self) -> Result<(), u32> {
        let before = self.connected.get();
        match self.max.get() {
            Some(max) if before >= max => Err(max),
            _ => {
                self.connected.set(before + 1);
                Ok(())
            }
        }
    }

    /// A reload changed the limit; those who are in stay.
    pub fn set_max(&self, max: Option<u32>) {
        self.max.set(max);
    }

    /// A connection ended.
    pub fn leave(&self) {
        self.connected.set(self.connected.get().saturating_sub(1));
    }

    /// Connections now.
    pub fn connected(&self) -> u32 {
        self.connected.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_maximum_is_let_in() {
        let census = Census::new(Some(2));
        assert_eq!([census.enter(), census.enter(), census.enter()], [Ok(()), Ok(()), Err(2)]);
        census.set_max(Some(3));
        assert_eq!([census.enter(), census.enter()], [Ok(()), Err(3)]);
        census.set_max(Some(1));
        assert_eq!(census.enter(), Err(1), "those beyond a lowered limit stay, and no new one comes");
        census.leave();
        census.set_max(Some(2));
        (0..2).for_each(|_| census.leave());
        assert_eq!((census.connected(), census.enter()), (0, Ok(())));
        assert_eq!((0..100).map(|_| Census::new(None).enter()).filter(Result::is_err).count(), 0);
    }
}
