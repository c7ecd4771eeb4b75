//! Readiness of the sockets of one machine: a slab of sources with latched flags and who waits for them.
//!
//! A socket is registered once, edge-triggered, for both directions; what an edge said is latched here until an
//! operation finds the socket drained (or full). An operation therefore knows without a system call that it would
//! block, and a flag that is set is never lost between an attempt and a wait: both happen on the same thread.

use crate::sched::core::WaitId;
use mio::event::Event;

/// What a host calls one of its sleepers; the machine only hands it back.
pub type HostKey = u64;

/// Who is told when a source changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waiter {
    Nobody,
    /// A parked coroutine.
    Coroutine(WaitId),
    /// A sleeper of the machine's host: no stack.
    Host(HostKey),
    /// The same, which only wants to know that the peer is gone.
    HostIfGone(HostKey),
}

/// The two directions of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Read,
    Write,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SourceId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl SourceId {
    pub(crate) fn token(self) -> mio::Token {
        mio::Token((self.generation as usize) << 32 | self.index as usize)
    }
}

/// What became possible for a source; see epoll(7) on edges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Edges {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer will send no more.
    pub(crate) gone: bool,
}

impl Edges {
    pub(crate) const READABLE: Edges = Edges { readable: true, writable: false, gone: false };
    pub(crate) const WRITABLE: Edges = Edges { readable: false, writable: true, gone: false };
    pub(crate) const READ_END: Edges = Edges { readable: true, writable: false, gone: true };
    pub(crate) const CLOSED: Edges = Edges { readable: true, writable: true, gone: true };
}

#[derive(Debug)]
struct Source {
    generation: u32,
    readable: bool,
    writable: bool,
    /// The peer will send no more: reading on gives what is left, then the end, and no further edge.
    gone: bool,
    read: Waiter,
    write: Waiter,
}

/// Who has to be woken for an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Coroutine(WaitId),
    Host(HostKey),
}

/// All sources of one machine.
#[derive(Default)]
pub(crate) struct Sources {
    slots: Vec<Source>,
    free: Vec<u32>,
    /// Generation of a slot used for the first time: above that of any slot given back to the system.
    floor: u32,
}

impl Sources {
    pub(crate) fn add(&mut self, readable: bool, writable: bool) -> SourceId {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push(Source {
                    generation: self.floor,
                    readable: false,
                    writable: false,
                    gone: false,
                    read: Waiter::Nobody,
                    write: Waiter::Nobody,
                });
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 sockets")
            }
        };
        let slot = &mut self.slots[index as usize];
        slot.readable = readable;
        slot.writable = writable;
        slot.gone = false;
        SourceId { index, generation: slot.generation }
    }

    /// Gives back the memory of free slots at the end, if a crowd has left. An event that was meant for one of
    /// them is still told apart: generations go on above theirs.
    pub(crate) fn trim(&mut self) {
        const CROWD: usize = 1024;
        if self.free.len() < CROWD || self.free.len() * 2 < self.slots.len() {
            return;
        }
        let mut is_free = vec![false; self.slots.len()];
        self.free.iter().for_each(|index| is_free[*index as usize] = true);
        let keep = is_free.iter().rposition(|free| !free).map_or(0, |last| last + 1);
        let gone = self.slots.drain(keep..).map(|slot| slot.generation).max();
        self.floor = self.floor.max(gone.unwrap_or(0).wrapping_add(1));
        self.slots.shrink_to_fit();
        self.free.retain(|index| (*index as usize) < keep);
        self.free.shrink_to_fit();
    }

    pub(crate) fn remove(&mut self, id: SourceId) {
        let slot = self.slot(id);
        slot.generation = slot.generation.wrapping_add(1);
        slot.read = Waiter::Nobody;
        slot.write = Waiter::Nobody;
        self.free.push(id.index);
    }

    fn slot(&mut self, id: SourceId) -> &mut Source {
        let slot = &mut self.slots[id.index as usize];
        debug_assert_eq!(slot.generation, id.generation, "a socket uses its own slot");
        slot
    }

    pub(crate) fn is_ready(&self, id: SourceId, side: Side) -> bool {
        let slot = &self.slots[id.index as usize];
        match side {
            Side::Read => slot.readable,
            Side::Write => slot.writable,
        }
    }

    pub(crate) fn is_gone(&self, id: SourceId) -> bool {
        self.slots[id.index as usize].gone
    }

    /// An operation found that it would block.
    pub(crate) fn blocked(&mut self, id: SourceId, side: Side) {
        let slot = self.slot(id);
        match side {
            Side::Read => slot.readable = false,
            Side::Write => slot.writable = false,
        }
    }

    pub(crate) fn watch(&mut self, id: SourceId, side: Side, waiter: Waiter) {
        let slot = self.slot(id);
        match side {
            Side::Read => slot.read = waiter,
            Side::Write => slot.write = waiter,
        }
    }

    /// Latches what an event says and names who waits for it. Events of a slot's former owner are ignored.
    pub(crate) fn event(&mut self, event: &Event, mut told: impl FnMut(Told)) {
        let token = event.token().0;
        let id = SourceId { index: token as u32, generation: (token >> 32) as u32 };
        let gone = event.is_read_closed() || event.is_error();
        let edges = Edges {
            readable: event.is_readable() || gone,
            writable: event.is_writable() || event.is_write_closed() || event.is_error(),
            gone,
        };
        self.latch(id, edges, &mut told);
    }

    /// The same for edges that did not come from the kernel.
    pub(crate) fn latch(&mut self, id: SourceId, edges: Edges, mut told: impl FnMut(Told)) {
        let Edges { readable, writable, gone } = edges;
        let Some(slot) = self.slots.get_mut(id.index as usize) else { return };
        if slot.generation != id.generation {
            return;
        }
        slot.gone |= gone;
        if readable {
            slot.readable = true;
            match slot.read {
                Waiter::Nobody => {}
                Waiter::Coroutine(wait) => told(Told::Coroutine(wait)),
                Waiter::HostIfGone(_) if !slot.gone => {}
                Waiter::Host(key) | Waiter::HostIfGone(key) => {
                    slot.read = Waiter::Nobody;
                    told(Told::Host(key));
                }
            }
        }
        if writable {
            slot.writable = true;
            match slot.write {
                Waiter::Nobody => {}
                Waiter::Coroutine(wait) => told(Told::Coroutine(wait)),
                Waiter::Host(key) | Waiter::HostIfGone(key) => {
                    slot.write = Waiter::Nobody;
                    told(Told::Host(key));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_that_left_leaves_nothing_behind_and_is_not_mistaken_for_the_next() {
        let mut sources = Sources::default();
        let stays = sources.add(false, true);
        let crowd: Vec<SourceId> = (0..5000).map(|_| sources.add(false, true)).collect();
        sources.trim();
        assert_eq!(sources.slots.len(), 5001, "nobody has left");
        crowd.iter().for_each(|id| sources.remove(*id));
        sources.trim();
        assert_eq!((sources.slots.len(), sources.free.len()), (1, 0));
        let next = sources.add(false, true);
        assert!(!crowd.contains(&next) && next != stays);
        sources.watch(next, Side::Read, Waiter::Host(7));
        let mut told = 0;
        let edges = Edges::READABLE;
        sources.latch(crowd[0], edges, |_| told += 1);
        assert_eq!(told, 0, "an event for who was there before");
        sources.latch(next, edges, |_| told += 1);
        assert_eq!(told, 1);
    }
}
