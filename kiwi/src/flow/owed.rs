//! The queue of requests a server has not answered yet: one byte each, equal neighbours share a byte.

use std::collections::VecDeque;

/// Bytes the queue may take. Sixteen million Syncs fit, and a million messages of the worst mixture.
const BYTES_MAX: usize = 1 << 20;

/// An empty queue gives back what it holds above this.
const KEPT_BYTES: usize = 256;

/// Requests that share one byte.
const RUN_MAX: u8 = 16;

/// One request, or a mark in the stream that matters to how requests are answered.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Query,
    FunctionCall,
    Parse,
    Bind,
    Describe,
    Execute,
    Close,
    Sync,
    /// CopyDone or CopyFail: ends a COPY begun by the request before it, and is dropped when there is none.
    CopyEnd,
}

impl Kind {
    const fn from_nibble(nibble: u8) -> Kind {
        match nibble {
            0 => Kind::Query,
            1 => Kind::FunctionCall,
            2 => Kind::Parse,
            3 => Kind::Bind,
            4 => Kind::Describe,
            5 => Kind::Execute,
            6 => Kind::Close,
            7 => Kind::Sync,
            _ => Kind::CopyEnd,
        }
    }
}

/// Low four bits of a byte: the kind; high four bits: how many, less one.
#[derive(Clone, Debug, Default)]
pub(super) struct Owed {
    runs: VecDeque<u8>,
    queries: u32,
    syncs: u32,
}

/// The queue is at its bound.
#[derive(Debug)]
pub(super) struct Full;

impl Owed {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Outstanding Query and FunctionCall messages.
    #[inline]
    pub(super) fn queries(&self) -> u32 {
        self.queries
    }

    /// Outstanding Sync messages.
    #[inline]
    pub(super) fn syncs(&self) -> u32 {
        self.syncs
    }

    #[inline]
    pub(super) fn front(&self) -> Option<Kind> {
        self.runs.front().map(|run| Kind::from_nibble(run & 0x0f))
    }

    #[inline]
    pub(super) fn push(&mut self, kind: Kind) -> Result<(), Full> {
        if let Some(last) = self.runs.back_mut()
            && *last & 0x0f == kind as u8
            && *last >> 4 < RUN_MAX - 1
        {
            *last += 0x10;
        } else if self.runs.len() < BYTES_MAX {
            self.runs.push_back(kind as u8);
        } else {
            return Err(Full);
        }
        self.count(kind, 1);
        Ok(())
    }

    /// Puts back what was just popped.
    pub(super) fn push_front(&mut self, kind: Kind) {
        self.runs.push_front(kind as u8);
        self.count(kind, 1);
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Kind> {
        let run = self.runs.front_mut()?;
        let kind = Kind::from_nibble(*run & 0x0f);
        if *run >> 4 == 0 {
            self.runs.pop_front();
        } else {
            *run -= 0x10;
        }
        self.count(kind, -1);
        Some(kind)
    }

    #[inline]
    fn count(&mut self, kind: Kind, by: i32) {
        match kind {
            Kind::Query | Kind::FunctionCall => self.queries = self.queries.wrapping_add_signed(by),
            Kind::Sync => self.syncs = self.syncs.wrapping_add_signed(by),
            _ => {}
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Owed::default();
    }

    /// Gives memory back after a burst; an idle server is to stay small.
    #[inline]
    pub(super) fn trim(&mut self) {
        if self.runs.is_empty() && self.runs.capacity() > KEPT_BYTES {
            self.runs = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_counts_survive_the_runs() {
        let mut owed = Owed::default();
        let script: Vec<Kind> = (0..500_u32)
            .map(|i| {
                if i % 97 == 0 {
                    Kind::Query
                } else if i % 41 < 30 {
                    Kind::Sync
                } else {
                    Kind::Bind
                }
            })
            .collect();
        for kind in &script {
            owed.push(*kind).unwrap();
        }
        let of = |kind| u32::try_from(script.iter().filter(|k| **k == kind).count()).unwrap();
        assert_eq!((owed.queries(), owed.syncs()), (of(Kind::Query), of(Kind::Sync)));
        for kind in script {
            assert_eq!(owed.front(), Some(kind));
            assert_eq!(owed.pop(), Some(kind));
        }
        assert_eq!((owed.is_empty(), owed.queries(), owed.syncs()), (true, 0, 0));
    }

    #[test]
    fn a_long_pipeline_stays_small_and_is_bounded() {
        let mut owed = Owed::default();
        for _ in 0..100_000 {
            owed.push(Kind::Sync).unwrap();
        }
        assert_eq!(owed.runs.len(), 100_000 / 16);
        owed.clear();
        let pushed =
            (0..).take_while(|i| owed.push(if i % 2 == 0 { Kind::Parse } else { Kind::Bind }).is_ok());
        assert_eq!(pushed.count(), BYTES_MAX);
    }
}
