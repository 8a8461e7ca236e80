//! The bodies this process stored or used last, so that one that comes again is not stored again.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    mem,
    sync::{Mutex, PoisonError},
};

use super::{encode::BodyHash, reference::Place};

/// Most bodies remembered; about 110 bytes each.
pub(crate) const WINDOW_ENTRIES: usize = 64 * 1024;

/// Remembers where recent bodies are. Safe to lose: a body it forgot is stored once more.
///
/// Two generations stand in for an exact order of use: what is used moves to the young one, and
/// when that is full the old one is forgotten. So at least the last half window is remembered.
#[derive(Default)]
pub(crate) struct Window(Mutex<Generations>);

#[derive(Default)]
pub(super) struct Generations {
    /// The round of compacting in which these bodies were stored.
    round: i64,
    young: ByHash<Place>,
    old: ByHash<Place>,
}

/// Values by the hash of a body.
pub(super) type ByHash<T> = HashMap<BodyHash, T, BuildHasherDefault<HashedAlready>>;

/// Takes the bits of a body's hash, which no sender can choose: it is keyed and one-way.
#[derive(Default)]
pub(super) struct HashedAlready(u64);

impl Hasher for HashedAlready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    }

    /// The length of the hash, which says nothing.
    fn write_usize(&mut self, _: usize) {}
}

impl Window {
    /// Adds bodies that were committed.
    #[cfg(test)]
    pub(crate) fn remember(&self, bodies: impl IntoIterator<Item = (BodyHash, Place)>) {
        self.with(|generations| bodies.into_iter().for_each(|(hash, place)| generations.insert(hash, place)));
    }

    /// Begins a round of compacting, unless it or a later one has begun: what is remembered may be gone.
    pub(crate) fn enter(&self, round: i64) {
        self.with(|generations| {
            if round > generations.round {
                *generations = Generations { round, ..Generations::default() };
            }
        });
    }

    /// Adds bodies that were committed in a round; those of an earlier one are forgotten.
    pub(crate) fn remember_in(&self, round: i64, bodies: impl IntoIterator<Item = (BodyHash, Place)>) {
        self.with(|generations| {
            if round == generations.round {
                bodies.into_iter().for_each(|(hash, place)| generations.insert(hash, place));
            }
        });
    }

    pub(super) fn with<T>(&self, look: impl FnOnce(&mut Generations) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Generations {
    pub(super) fn find(&mut self, hash: &BodyHash) -> Option<Place> {
        if let Some(place) = self.young.get(hash) {
            return Some(*place);
        }
        let place = self.old.remove(hash)?;
        self.insert(*hash, place);
        Some(place)
    }

    fn insert(&mut self, hash: BodyHash, place: Place) {
        self.young.insert(hash, place);
        if self.young.len() >= WINDOW_ENTRIES / 2 {
            self.old = mem::take(&mut self.young);
        }
    }
}
