//! Finds the fields of a record by name, without sorting or hashing them whole.
//!
//! A record of a channel has tens of fields and each is asked for once or twice, so a small table of their places is
//! filled faster than any map, and asked faster than the fields are gone through.

const SLOTS: usize = 128;

/// Places of up to 96 names. The names themselves stay with whoever has them.
#[derive(Clone)]
pub(crate) struct Names {
    /// A place, counted from 1; 0 is free.
    slots: [u16; SLOTS],
    count: usize,
}

/// What became of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is known now.
    New,
    /// It was known before, at this place.
    Known(usize),
    /// There are too many names, or it stands too far behind.
    Full,
}

impl Default for Names {
    fn default() -> Self {
        Self { slots: [0; SLOTS], count: 0 }
    }
}

impl Names {
    /// Three quarters of the slots, so that a search ends soon.
    pub(crate) const MOST: usize = SLOTS / 4 * 3;

    /// Adds a name and its place; `name_at` gives the names of places that were added before.
    pub(crate) fn add<'n>(
        &mut self,
        name: &str,
        place: usize,
        name_at: impl Fn(usize) -> &'n str,
    ) -> Added {
        let slot = match self.search(name, name_at) {
            Ok(known) => return Added::Known(known),
            Err(slot) => slot,
        };
        let place = u16::try_from(place.saturating_add(1));
        match (place, self.slots.get_mut(slot)) {
            (Ok(place), Some(free)) if self.count < Self::MOST => {
                *free = place;
                self.count += 1;
                Added::New
            }
            _ => Added::Full,
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Place of a name.
    #[inline]
    pub(crate) fn find<'n>(&self, name: &str, name_at: impl Fn(usize) -> &'n str) -> Option<usize> {
        self.search(name, name_at).ok()
    }

    /// The place of a name, or the free slot where it would be.
    #[inline]
    fn search<'n>(&self, name: &str, name_at: impl Fn(usize) -> &'n str) -> Result<usize, usize> {
        let mut slot = first_slot(name);
        while let Some(place) = self.slots.get(slot).and_then(|place| place.checked_sub(1)) {
            let place = usize::from(place);
            if name_at(place) == name {
                return Ok(place);
            }
            slot = (slot + 1) % SLOTS;
        }
        Err(slot)
    }
}

/// Where the search for a name begins: by its length, its beginning and its end, where names of one record differ.
#[inline]
fn first_slot(name: &str) -> usize {
    let (begin, end) = (name.as_bytes().first_chunk(), name.as_bytes().last_chunk());
    let word = match (begin, end) {
        (Some(begin), Some(end)) => {
            u32::from_le_bytes(*begin).rotate_left(7) ^ u32::from_le_bytes(*end)
        }
        _ => name.bytes().fold(0, |word, byte| (word << 8) | u32::from(byte)),
    };
    let length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    // Multiplying carries every bit into the highest ones.
    let mixed = (word ^ length.rotate_left(20)).wrapping_mul(0x9e37_79b1);
    usize::from(mixed.to_be_bytes()[0]) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_name_is_found_where_it_was_added(names in proptest::collection::vec("[a-d_]{0,7}", 0..300)) {
            let mut index = Names::default();
            let mut known: Vec<&str> = Vec::new();
            for name in &names {
                let before = known.iter().position(|known| known == name);
                match index.add(name, known.len(), |place| known[place]) {
                    Added::New => {
                        prop_assert!(before.is_none());
                        known.push(name);
                    }
                    Added::Known(place) => prop_assert_eq!(before, Some(place)),
                    Added::Full => prop_assert!(before.is_none() && known.len() == Names::MOST),
                }
            }
            for (place, name) in known.iter().enumerate() {
                prop_assert_eq!(index.find(name, |place| known[place]), Some(place));
            }
            prop_assert_eq!(index.find("none", |place| known[place]), None);
        }
    }
}
