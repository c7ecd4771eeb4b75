//! A client's wait for a server: when it ends, and what the client is told of it (`pool_notice_after_waiting_ms`).

use crate::base::limits::FAREWELL_DEADLINE;
use crate::client::Client;
use crate::client::fault::Fault;
use kiwi::backend::errors::write_short_notice;
use machinarium::{Co, Deadline};
use std::time::Instant;

/// A wait that began, at whichever hosts it goes on.
#[derive(Debug)]
pub struct Waiting {
    since: Instant,
    /// When it ends at this host; `None`: with a server.
    until: Option<Instant>,
    told: Told,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// The client does not know that it waits.
    Nothing,
    /// It was sent the notice.
    Waits,
}

/// What a deadline of a waiting client means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// It has waited long enough to be told.
    Notice,
    /// It has waited too long.
    End,
}

/// How a wait ended, as the client is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// With a server.
    Served,
    /// With nothing.
    TimedOut,
}

impl Client {
    /// It begins to wait at a host, or goes on waiting at the next; tells until when.
    pub fn begin_waiting(&mut self, now: Instant) -> Option<Instant> {
        let until = self.wait_limit().map(|limit| now + limit);
        if self.pool.route.rule().pool.notice_after_waiting.is_none() {
            return until;
        }
        let fresh = || Box::new(Waiting { since: now, until, told: Told::Nothing });
        self.waiting.get_or_insert_with(fresh).until = until;
        self.next_due()
    }

    /// When something about its wait is due next.
    pub fn next_due(&self) -> Option<Instant> {
        let waiting = self.waiting.as_ref()?;
        let after = self.pool.route.rule().pool.notice_after_waiting?;
        let notice = (waiting.told == Told::Nothing).then(|| waiting.since + after);
        [notice, waiting.until].into_iter().flatten().min()
    }

    /// What the deadline that has come means.
    pub fn due(&self, now: Instant) -> Due {
        match &self.waiting {
            Some(waiting) if waiting.until.is_none_or(|until| now < until) => Due::Notice,
            _ => Due::End,
        }
    }

    /// Tells it that it waits. It is at rest, so nothing may park: what its socket does not take at once it is not
    /// told.
    ///
    /// # Errors
    /// It took a part of it, so that nothing can follow, or is gone.
    pub fn tell_it_waits(&mut self) -> Result<(), Fault> {
        if let Some(waiting) = &mut self.waiting {
            waiting.told = Told::Waits;
        }
        let mut notice = Vec::new();
        write_short_notice(&mut notice, "waiting for free backend connection");
        match self.io.try_write(&notice) {
            Ok(written) if written == 0 || written == notice.len() => Ok(()),
            Ok(_) | Err(_) => Err(Fault::gone()),
        }
    }

    /// Its wait is over: tells it how long it was, if it knows of it.
    pub fn end_waiting(&mut self, co: &Co, ended: Ended) {
        let Some(waiting) = self.waiting.take().filter(|waiting| waiting.told == Told::Waits) else { return };
        let took = co.now().saturating_duration_since(waiting.since).as_millis();
        let how = match ended {
            Ended::Served => "",
            Ended::TimedOut => ", timeout",
        };
        let mut notice = Vec::new();
        write_short_notice(&mut notice, &format!("waiting took {took} ms{how}"));
        // A client that is gone is noticed by whatever is done next.
        self.io.write_all(co, &notice, Deadline::after(co.now(), FAREWELL_DEADLINE)).ok();
    }
}
