//! Deadlines of one machine: a hierarchical timer wheel.
//!
//! Pure: the caller says what time it is, in milliseconds since the machine started. Setting and cancelling are
//! constant time and allocate nothing once the slab has grown to the number of timers that ever ran at once; a
//! cancelled timer is gone and costs nothing when its time comes. A timer never fires early; it fires at the
//! first look at or after its millisecond.

/// Names one timer; stale once it fired or was cancelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimerId {
    index: u32,
    generation: u32,
}

const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Six levels of 64 slots: 2^36 ms, more than two years; later deadlines are looked at again when that has passed.
const LEVELS: usize = 6;
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    prev: u32,
    next: u32,
    slot: u16,
    at_ms: u64,
    payload: Option<T>,
}

/// A wheel of timers, each with a payload that is handed out when it fires.
#[derive(Debug)]
pub(crate) struct Timers<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    heads: Box<[u32]>,
    occupied: [u64; LEVELS],
    now_ms: u64,
    len: usize,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers::new()
    }
}

impl<T> Timers<T> {
    /// An empty wheel at time 0.
    pub(crate) fn new() -> Timers<T> {
        Timers {
            entries: Vec::new(),
            free: NONE,
            heads: vec![NONE; LEVELS * SLOTS].into_boxed_slice(),
            occupied: [0; LEVELS],
            now_ms: 0,
            len: 0,
        }
    }

    /// Sets a timer. A time that has passed fires at the next [`Timers::expire`] that moves the clock.
    pub(crate) fn set(&mut self, at_ms: u64, payload: T) -> TimerId {
        let at_ms = at_ms.max(self.now_ms + 1);
        let index = if self.free == NONE {
            let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 timers");
            self.entries.push(Entry { generation: 0, prev: NONE, next: NONE, slot: 0, at_ms, payload: None });
            index
        } else {
            let index = self.free;
            self.free = self.entries[index as usize].next;
            index
        };
        let entry = &mut self.entries[index as usize];
        entry.at_ms = at_ms;
        entry.payload = Some(payload);
        let generation = entry.generation;
        self.len += 1;
        self.link(index);
        TimerId { index, generation }
    }

    /// Takes a timer back; `None`: it fired or was cancelled before.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Option<T> {
        let entry = self.entries.get(id.index as usize)?;
        if entry.generation != id.generation || entry.payload.is_none() {
            return None;
        }
        self.unlink(id.index);
        Some(self.release(id.index))
    }

    /// Moves the clock to `now_ms` and takes out one timer that is due, if there is one: call until `None`.
    pub(crate) fn expire(&mut self, now_ms: u64) -> Option<T> {
        loop {
            if self.len == 0 {
                self.now_ms = self.now_ms.max(now_ms);
                return None;
            }
            // The slot of the present millisecond holds what is due now.
            let slot = (self.now_ms & (SLOTS as u64 - 1)) as usize;
            let head = self.heads[slot];
            if head != NONE && self.entries[head as usize].at_ms <= self.now_ms {
                self.unlink(head);
                return Some(self.release(head));
            }
            if self.now_ms >= now_ms {
                return None;
            }
            let next = self.next_ms().unwrap_or(now_ms).min(now_ms);
            self.advance(next);
        }
    }

    /// The earliest time at which [`Timers::expire`] has something to do: never later than the first timer.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        let mut earliest = None;
        for level in 0..LEVELS {
            if self.occupied[level] == 0 {
                continue;
            }
            let shift = SLOT_BITS * level as u32;
            let here = (self.now_ms >> shift) & (SLOTS as u64 - 1);
            let rotated = self.occupied[level].rotate_right(here as u32);
            // At the lowest level distance 0 is this very millisecond; above, what sits in the slot of the
            // present belongs to the next round.
            let distance = match u64::from(rotated.trailing_zeros()) {
                0 if level > 0 && rotated == 1 => SLOTS as u64,
                0 if level > 0 => u64::from((rotated & !1).trailing_zeros()),
                distance => distance,
            };
            let at = (((self.now_ms >> shift) + distance) << shift).max(self.now_ms);
            earliest = Some(earliest.map_or(at, |other: u64| other.min(at)));
        }
        earliest
    }

    /// Moves the clock to `to_ms` (at most [`Timers::next_ms`]) and spreads what the higher slots entered hold.
    fn advance(&mut self, to_ms: u64) {
        let from_ms = self.now_ms;
        self.now_ms = to_ms;
        for level in (1..LEVELS).rev() {
            let shift = SLOT_BITS * level as u32;
            if from_ms >> shift == to_ms >> shift {
                continue;
            }
            let slot = level * SLOTS + ((to_ms >> shift) & (SLOTS as u64 - 1)) as usize;
            let mut index = std::mem::replace(&mut self.heads[slot], NONE);
            self.occupied[level] &= !(1 << (slot % SLOTS));
            while index != NONE {
                let next = self.entries[index as usize].next;
                self.link(index);
                index = next;
            }
        }
    }

    fn link(&mut self, index: u32) {
        let at_ms = self.entries[index as usize].at_ms;
        let ahead = at_ms.saturating_sub(self.now_ms);
        let level = match ahead {
            0 => 0,
            _ => ((63 - ahead.leading_zeros()) / SLOT_BITS) as usize,
        };
        // Beyond the last level: as far ahead as it reaches, where it is looked at again.
        let (level, at_ms) = if level >= LEVELS {
            (LEVELS - 1, self.now_ms + (1 << (SLOT_BITS * LEVELS as u32)) - 1)
        } else {
            (level, at_ms)
        };
        let slot = level * SLOTS + ((at_ms >> (SLOT_BITS * level as u32)) & (SLOTS as u64 - 1)) as usize;
        let head = std::mem::replace(&mut self.heads[slot], index);
        if head != NONE {
            self.entries[head as usize].prev = index;
        }
        let entry = &mut self.entries[index as usize];
        entry.prev = NONE;
        entry.next = head;
        entry.slot = slot as u16;
        self.occupied[level] |= 1 << (slot % SLOTS);
    }

    fn unlink(&mut self, index: u32) {
        let Entry { prev, next, slot, .. } = self.entries[index as usize];
        let slot = slot as usize;
        if prev == NONE {
            self.heads[slot] = next;
            if next == NONE {
                self.occupied[slot / SLOTS] &= !(1 << (slot % SLOTS));
            }
        } else {
            self.entries[prev as usize].next = next;
        }
        if next != NONE {
            self.entries[next as usize].prev = prev;
        }
    }

    fn release(&mut self, index: u32) -> T {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = self.free;
        self.free = index;
        self.len -= 1;
        entry.payload.take().expect("a linked timer has its payload")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sched::core::step;
    use std::collections::BTreeMap;

    fn fired(timers: &mut Timers<u64>, now: u64) -> Vec<u64> {
        std::iter::from_fn(|| timers.expire(now)).collect()
    }

    #[test]
    fn fires_at_its_millisecond_and_not_before() {
        for at in [1, 2, 63, 64, 65, 127, 4095, 4096, 4097, 262_144, 1 << 30, (1 << 36) + 5] {
            let mut timers = Timers::new();
            timers.set(at, at);
            assert_eq!(fired(&mut timers, at - 1), [] as [u64; 0], "{at} early");
            assert_eq!(fired(&mut timers, at), [at], "{at} due");
            assert!(timers.len == 0);
        }
    }

    #[test]
    fn a_cancelled_timer_is_gone() {
        let mut timers = Timers::new();
        let id = timers.set(100, 1);
        let other = timers.set(100, 2);
        assert_eq!(timers.cancel(id), Some(1));
        assert_eq!(timers.cancel(id), None);
        assert_eq!(fired(&mut timers, 200), [2]);
        assert_eq!(timers.cancel(other), None, "it fired");
        assert_eq!(timers.next_ms(), None);
    }

    #[test]
    fn agrees_with_a_sorted_map_over_random_histories() {
        for seed in 0..200u64 {
            let mut state = seed;
            let mut timers = Timers::new();
            let mut model: BTreeMap<(u64, u64), TimerId> = BTreeMap::new();
            let mut now = 0;
            for n in 0..300u64 {
                match step(&mut state) % 4 {
                    0 | 1 => {
                        let range = 1 << (step(&mut state) % 24);
                        let at = now + 1 + step(&mut state) % range;
                        model.insert((at, n), timers.set(at, n));
                    }
                    2 => {
                        let Some((&key, &id)) = model.iter().nth((step(&mut state) % 8) as usize) else {
                            continue;
                        };
                        assert_eq!(timers.cancel(id), Some(key.1), "seed {seed}");
                        model.remove(&key);
                    }
                    _ => {
                        if let (Some(next), Some((&(first, _), _))) =
                            (timers.next_ms(), model.first_key_value())
                        {
                            assert!(next <= first, "seed {seed}: {next} is later than {first}");
                        }
                        now += step(&mut state) % (1 << (step(&mut state) % 22));
                        let mut due: Vec<u64> = Vec::new();
                        while let Some((&(at, n), _)) =
                            model.first_key_value().filter(|((at, _), _)| *at <= now)
                        {
                            due.push(n);
                            model.remove(&(at, n));
                        }
                        let mut got = fired(&mut timers, now);
                        got.sort_unstable();
                        due.sort_unstable();
                        assert_eq!(got, due, "seed {seed} at {now}");
                    }
                }
                assert_eq!(timers.len, model.len(), "seed {seed}");
            }
        }
    }
}
