//! Things with a name and a number, and lists that go through them: what a queue of half a million SKUs is made of.
//!
//! A thing lies in a box of its own, so that a table that grows moves pointers only and free places cost next to nothing.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::num::NonZeroU32;

/// Number of a thing, used again once the thing is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(NonZeroU32);

impl Id {
    /// The number of a place. There is no memory for as many things as would not have one.
    fn of(place: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(u32::try_from(place).unwrap_or(u32::MAX)))
    }

    fn place(self) -> usize {
        usize::try_from(self.0.get() - 1).unwrap_or(usize::MAX)
    }
}

/// What can be found by its name.
pub(super) trait Named {
    fn name(&self) -> &str;
}

/// Things that are found by name and by number.
#[derive(Debug)]
pub(super) struct Table<T> {
    places: Vec<Option<Box<T>>>,
    free: Vec<Id>,
    by_name: HashTable<Id>,
    hasher: DefaultHashBuilder,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        let (places, free) = (Vec::new(), Vec::new());
        Self { places, free, by_name: HashTable::new(), hasher: DefaultHashBuilder::default() }
    }
}

impl<T: Named> Table<T> {
    pub(super) fn find(&self, name: &str) -> Option<Id> {
        let is_it = |id: &Id| self.get(*id).is_some_and(|thing| thing.name() == name);
        self.by_name.find(self.hasher.hash_one(name), is_it).copied()
    }

    pub(super) fn get(&self, id: Id) -> Option<&T> {
        self.places.get(id.place())?.as_deref()
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.places.get_mut(id.place())?.as_deref_mut()
    }

    /// Adds a thing whose name is not here yet.
    pub(super) fn add(&mut self, thing: T) -> Id {
        let hash = self.hasher.hash_one(thing.name());
        let id = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            Id::of(self.places.len() - 1)
        });
        if let Some(place) = self.places.get_mut(id.place()) {
            *place = Some(Box::new(thing));
        }
        let Self { places, by_name, hasher, .. } = self;
        by_name.insert_unique(hash, id, |id| {
            let thing = places.get(id.place()).and_then(Option::as_deref);
            hasher.hash_one(thing.map_or("", Named::name))
        });
        id
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        let thing = self.places.get_mut(id.place())?.take()?;
        let hash = self.hasher.hash_one(thing.name());
        if let Ok(found) = self.by_name.find_entry(hash, |other| *other == id) {
            found.remove();
        }
        self.free.push(id);
        Some(*thing)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

/// The neighbours of a thing in a list.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Link {
    before: Option<Id>,
    after: Option<Id>,
}

/// The two ends of a list of things, each of which holds its link.
#[derive(Debug, Default)]
pub(super) struct List {
    first: Option<Id>,
    last: Option<Id>,
}

impl List {
    pub(super) fn first(&self) -> Option<Id> {
        self.first
    }

    /// Adds a thing that is not in it.
    pub(super) fn push<T: Named>(
        &mut self,
        things: &mut Table<T>,
        id: Id,
        link: impl Fn(&mut T) -> &mut Link,
    ) {
        let before = self.last.replace(id);
        if let Some(thing) = things.get_mut(id) {
            *link(thing) = Link { before, after: None };
        }
        match before.and_then(|before| things.get_mut(before)) {
            Some(before) => link(before).after = Some(id),
            None => self.first = Some(id),
        }
    }

    /// Takes out a thing that is in it.
    pub(super) fn remove<T: Named>(
        &mut self,
        things: &mut Table<T>,
        id: Id,
        link: impl Fn(&mut T) -> &mut Link,
    ) {
        let Some(thing) = things.get_mut(id) else { return };
        let Link { before, after } = std::mem::take(link(thing));
        match before.and_then(|before| things.get_mut(before)) {
            Some(before) => link(before).after = after,
            None => self.first = after,
        }
        match after.and_then(|after| things.get_mut(after)) {
            Some(after) => link(after).before = before,
            None => self.last = before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(&'static str, Link);

    impl Named for Thing {
        fn name(&self) -> &str {
            self.0
        }
    }

    fn things(names: &[&'static str]) -> (Table<Thing>, Vec<Id>) {
        let mut table = Table::default();
        let ids = names.iter().map(|name| table.add(Thing(name, Link::default()))).collect();
        (table, ids)
    }

    #[test]
    fn a_thing_is_found_by_its_name_until_it_is_gone_and_its_number_is_used_again() {
        let (mut table, ids) = things(&["a", "b"]);
        assert_eq!((table.find("a"), table.find("b")), (Some(ids[0]), Some(ids[1])));
        assert_eq!(table.remove(ids[0]).map(|thing| thing.0), Some("a"));
        assert!(table.remove(ids[0]).is_none() && table.find("a").is_none());
        let again = table.add(Thing("c", Link::default()));
        assert_eq!((again, table.find("c")), (ids[0], Some(again)));
        table.remove(again);
        table.remove(ids[1]);
        assert!(table.is_empty());
    }

    #[test]
    fn a_list_keeps_its_order_whatever_is_taken_out() {
        let names = ["a", "b", "c", "d"];
        for out in 0..names.len() {
            let (mut table, ids) = things(&names);
            let mut list = List::default();
            for id in &ids {
                list.push(&mut table, *id, |thing| &mut thing.1);
            }
            list.remove(&mut table, ids[out], |thing| &mut thing.1);
            // It comes back at the end.
            list.push(&mut table, ids[out], |thing| &mut thing.1);
            let mut seen = Vec::new();
            while let Some(id) = list.first() {
                list.remove(&mut table, id, |thing| &mut thing.1);
                seen.push(table.get(id).unwrap().0);
            }
            let mut wanted = names.to_vec();
            let moved = wanted.remove(out);
            wanted.push(moved);
            assert_eq!(seen, wanted);
            assert!(list.last.is_none());
        }
    }
}
