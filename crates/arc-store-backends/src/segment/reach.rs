//! What a record refers to, and segments without what nobody refers to.
//!
//! Deleted runs leave their bodies behind in segments they share with others. Compacting marks what the records
//! that are left reach, and blanks the rest: a blanked segment keeps its number and every place in it, so no
//! reference has to be rewritten, and zeros compress to nothing.

use std::collections::{BTreeMap, HashSet};

use arc_store::StoreError;
use serde::Deserialize;

use super::{
    Compressed, Damaged,
    pack::ZSTD_LEVEL,
    record::Slot,
    reference::{Place, read, read_number},
    unpack::{Segments, damaged, decompress, from_json},
};

/// The bodies of a record that are lists: what else it says does not matter here.
#[derive(Deserialize)]
struct Lists {
    #[serde(default)]
    messages_in: Option<Slot>,
    #[serde(default)]
    messages_out: Option<Slot>,
    #[serde(default)]
    tools_offered: Option<Slot>,
}

/// Visits every place that records reach: the records, their bodies, and what lists are made of.
///
/// A list is followed once, so the records of one run that resends its history cost what they added.
#[derive(Default)]
pub(crate) struct Reach {
    followed: HashSet<(i64, u32)>,
}

impl Reach {
    /// Visits what the record at `place` reaches.
    pub(crate) fn record(
        &mut self,
        place: Place,
        segments: &mut Segments<'_>,
        visit: &mut dyn FnMut(Place),
    ) -> Result<(), StoreError> {
        let malformed = |error: Damaged| damaged(error.to_string());
        visit(place);
        let bytes = segments.bytes(place)?;
        let mut rest = bytes.as_slice();
        let count = read_number(&mut rest).map_err(malformed)?;
        let mut places = Vec::new();
        for _ in 0..count {
            let body = read(&mut rest, place.segment).map_err(malformed)?;
            visit(body);
            places.push(body);
        }
        if places.is_empty() {
            return Ok(());
        }
        let lists: Lists = from_json(rest).map_err(|error| damaged(format!("a record is malformed: {error}")))?;
        for slot in [lists.messages_in, lists.messages_out, lists.tools_offered].into_iter().flatten() {
            let list = places.get(slot as usize).copied();
            self.list(list.ok_or_else(|| damaged("a record names a missing body".to_owned()))?, segments, visit)?;
        }
        Ok(())
    }

    fn list(
        &mut self,
        list: Place,
        segments: &mut Segments<'_>,
        visit: &mut dyn FnMut(Place),
    ) -> Result<(), StoreError> {
        let mut next = Some(list);
        while let Some(list) = next.take() {
            if !self.followed.insert((list.segment, list.offset)) {
                return Ok(());
            }
            let bytes = segments.bytes(list)?;
            let Some((&based, mut rest)) = bytes.as_slice().split_first() else {
                return Err(damaged("a list is empty".to_owned()));
            };
            let mut is_base = based == 1;
            while !rest.is_empty() {
                let place = read(&mut rest, list.segment).map_err(|error| damaged(error.to_string()))?;
                visit(place);
                if is_base {
                    next = Some(place);
                    is_base = false;
                }
            }
        }
        Ok(())
    }
}

/// Which bytes of some segments are reached.
pub(crate) struct Marks {
    segments: BTreeMap<i64, Ranges>,
    /// Records that could not be read.
    unreadable: u64,
}

/// What is reached in segments, in order.
pub(crate) type Marked = Vec<(i64, Vec<(u32, u32)>)>;

impl Marks {
    /// Watches these segments.
    pub(crate) fn of(segments: impl IntoIterator<Item = i64>) -> Self {
        let segments = segments.into_iter().map(|segment| (segment, Ranges::default())).collect();
        Self { segments, unreadable: 0 }
    }

    /// Marks what the record at `place` reaches.
    ///
    /// Of one that cannot be read, what was found out until then stays, and all of the segment it is in: whoever reads it
    /// finds the same damage, and nothing that somebody could mend is gone.
    pub(crate) fn record(
        &mut self,
        reach: &mut Reach,
        place: Place,
        segments: &mut Segments<'_>,
    ) -> Result<(), StoreError> {
        match reach.record(place, segments, &mut |place| self.mark(place)) {
            // What the database says may pass, and then what this one refers to is needed.
            Err(StoreError::Corrupt { source, .. }) if source.is::<Damaged>() => {
                self.unreadable += 1;
                self.mark(Place { segment: place.segment, offset: 0, length: u32::MAX });
                Ok(())
            }
            other => other,
        }
    }

    fn mark(&mut self, place: Place) {
        if let Some(ranges) = self.segments.get_mut(&place.segment) {
            ranges.add(place.offset, place.offset.saturating_add(place.length));
        }
    }

    /// Returns the segments, and how many records could not be read.
    pub(crate) fn finish(mut self) -> (Marked, u64) {
        for ranges in self.segments.values_mut() {
            ranges.merge();
        }
        let segments = self.segments.into_iter().map(|(segment, ranges)| (segment, ranges.all)).collect();
        (segments, self.unreadable)
    }
}

/// Ranges of bytes; merged now and then, so that a segment that is still whole takes one.
#[derive(Default)]
struct Ranges {
    all: Vec<(u32, u32)>,
    merged: usize,
}

impl Ranges {
    fn add(&mut self, start: u32, end: u32) {
        self.all.push((start, end));
        if self.all.len() > 2 * self.merged + 64 {
            self.merge();
        }
    }

    fn merge(&mut self) {
        self.all.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::new();
        for &(start, end) in &self.all {
            match merged.last_mut() {
                Some((_, last)) if start <= *last => *last = end.max(*last),
                _ => merged.push((start, end)),
            }
        }
        self.merged = merged.len();
        self.all = merged;
    }
}

/// What becomes of a segment that is partly reached.
pub(crate) enum Blanked {
    /// It is stored like this from now on.
    New(Compressed),
    /// All of it that is not blank is reached.
    Same,
    /// It cannot be read, so it stays as it is.
    Unreadable,
}

/// Returns a segment with everything outside `kept` blanked.
pub(crate) fn blank(stored: &Compressed, kept: &[(u32, u32)], id: i64) -> Result<Blanked, StoreError> {
    let Ok(mut bytes) = decompress(stored, id) else { return Ok(Blanked::Unreadable) };
    let mut at = 0;
    let mut is_changed = false;
    for &(start, end) in kept.iter().chain([&(u32::MAX, u32::MAX)]) {
        let gap = bytes.len().min(at)..bytes.len().min(start as usize);
        if let Some(gap) = bytes.get_mut(gap) {
            is_changed |= gap.iter().any(|byte| *byte != 0);
            gap.fill(0);
        }
        at = end as usize;
    }
    if !is_changed {
        return Ok(Blanked::Same);
    }
    let data = zstd::bulk::compress(&bytes, ZSTD_LEVEL)
        .map_err(|source| StoreError::Unavailable { attempted: "compress a segment", source: Box::new(source) })?;
    Ok(Blanked::New(Compressed { raw_bytes: stored.raw_bytes, data }))
}
