//! The bodies this process stored or used last, so that one that comes again is not stored again.

use std::{
    collections::HashMap,
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
    young: HashMap<BodyHash, Place>,
    old: HashMap<BodyHash, Place>,
}

impl Window {
    /// Adds bodies that were committed.
    pub(crate) fn remember(&self, bodies: impl IntoIterator<Item = (BodyHash, Place)>) {
        self.with(|generations| bodies.into_iter().for_each(|(hash, place)| generations.insert(hash, place)));
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
