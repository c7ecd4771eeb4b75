//! A slab whose keys are never mistaken for those of a former occupant.

/// Values by key; a key names one value for ever.
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
    /// Generation of a slot used for the first time.
    floor: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Slab<T> {
        Slab { slots: Vec::new(), free: Vec::new(), floor: 0 }
    }
}

/// Keys use 62 bits: 31 of generation above 31 of index.
const INDEX_BITS: u32 = 31;
const GENERATIONS: u32 = 1 << 31;

impl<T> Slab<T> {
    /// Keeps a value made with the key that will be its own.
    pub fn insert_with(&mut self, value: impl FnOnce(u64) -> T) -> u64 {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.slots.push((self.floor, None));
                u32::try_from(self.slots.len() - 1).expect("fewer than 2^31 values")
            }
        };
        let slot = &mut self.slots[index as usize];
        let key = u64::from(slot.0) << INDEX_BITS | u64::from(index);
        slot.1 = Some(value(key));
        key
    }

    /// The value of this key.
    pub fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        let (index, generation) = split(key);
        self.slots.get_mut(index).filter(|slot| slot.0 == generation)?.1.as_mut()
    }

    /// The value of this key.
    pub fn get(&self, key: u64) -> Option<&T> {
        let (index, generation) = split(key);
        self.slots.get(index).filter(|slot| slot.0 == generation)?.1.as_ref()
    }

    /// Takes the value of this key out; the key is never valid again.
    pub fn remove(&mut self, key: u64) -> Option<T> {
        let (index, generation) = split(key);
        let slot = self.slots.get_mut(index).filter(|slot| slot.0 == generation)?;
        let value = slot.1.take()?;
        slot.0 = (slot.0 + 1) % GENERATIONS;
        self.free.push(index as u32);
        self.shrink();
        Some(value)
    }

    /// All values with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, (generation, value))| {
            value.as_ref().map(|value| (u64::from(*generation) << INDEX_BITS | index as u64, value))
        })
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the memory of a large empty slab back. Generations go on from where the highest was.
    fn shrink(&mut self) {
        if self.is_empty() && self.slots.len() > 1024 {
            let newest = self.slots.iter().map(|slot| slot.0).max().unwrap_or(0);
            self.floor = newest;
            self.slots = vec![(newest, None)];
            self.slots.shrink_to_fit();
            self.free = vec![0];
        }
    }
}

fn split(key: u64) -> (usize, u32) {
    ((key & ((1 << INDEX_BITS) - 1)) as usize, (key >> INDEX_BITS) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_good_for_one_value_only() {
        let mut slab = Slab::default();
        let a = slab.insert_with(|_| "a");
        let b = slab.insert_with(|_| "b");
        assert_eq!((slab.get(a), slab.get(b), slab.len()), (Some(&"a"), Some(&"b"), 2));
        assert_eq!(slab.remove(a), Some("a"));
        let c = slab.insert_with(|key| if key == a { "same" } else { "c" });
        assert_eq!(slab.get(c), Some(&"c"));
        assert!(slab.get(a).is_none() && slab.get_mut(a).is_none() && slab.remove(a).is_none());
        assert_eq!(slab.iter().count(), 2);
    }

    #[test]
    fn a_large_slab_shrinks_when_empty_and_keys_stay_unique() {
        let mut slab = Slab::default();
        let keys: Vec<u64> = (0..5000).map(|n| slab.insert_with(|_| n)).collect();
        for key in &keys {
            slab.remove(*key);
        }
        assert!(slab.is_empty() && slab.slots.len() == 1);
        let fresh: Vec<u64> = (0..5000).map(|n| slab.insert_with(|_| n)).collect();
        assert!(fresh.iter().all(|key| !keys.contains(key)));
    }
}
