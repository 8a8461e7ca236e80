//! Bytes out of stored segments, with a small cache of decompressed ones.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use arc_model::{Attributes, Message, ToolDefinition};
use arc_store::StoreError;
use serde::de::DeserializeOwned;

use super::{Damaged, reference::Place};

/// Most uncompressed bytes kept between reads.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Segments as they are stored.
pub(crate) struct Compressed {
    pub(crate) raw_bytes: usize,
    pub(crate) data: Vec<u8>,
}

/// Loads a stored segment by its number.
pub(crate) type Load<'a> = dyn FnMut(i64) -> Result<Option<Compressed>, StoreError> + 'a;

/// The segments last read, decompressed. What is referred to in a segment never changes, so nothing in it is ever wrong.
#[derive(Default)]
pub(crate) struct SegmentCache(Mutex<VecDeque<(i64, Arc<Vec<u8>>)>>);

impl SegmentCache {
    fn get(&self, id: i64) -> Option<Arc<Vec<u8>>> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = recent.iter().position(|(known, _)| *known == id)?;
        let entry = recent.remove(at)?;
        let bytes = Arc::clone(&entry.1);
        recent.push_front(entry);
        Some(bytes)
    }

    /// Forgets everything: what was deleted is not to stay in memory either.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn put(&self, id: i64, bytes: &Arc<Vec<u8>>) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_front((id, Arc::clone(bytes)));
        let mut total = 0;
        recent.retain(|(_, bytes)| {
            total += bytes.len();
            total <= CACHE_BYTES
        });
    }
}

/// The segments one read needs; each is loaded at most once.
pub(crate) struct Segments<'a> {
    cache: &'a SegmentCache,
    load: &'a mut Load<'a>,
    held: HashMap<i64, Arc<Vec<u8>>>,
    /// Values that were read, which the spans of one read share.
    pub(super) messages: HashMap<Place, Arc<Message>>,
    pub(super) tools: HashMap<Place, Arc<ToolDefinition>>,
    pub(super) resources: HashMap<Place, Arc<Attributes>>,
}

impl<'a> Segments<'a> {
    pub(crate) fn new(cache: &'a SegmentCache, load: &'a mut Load<'a>) -> Self {
        Self {
            cache,
            load,
            held: HashMap::new(),
            messages: HashMap::new(),
            tools: HashMap::new(),
            resources: HashMap::new(),
        }
    }

    pub(super) fn bytes(&mut self, place: Place) -> Result<Bytes, StoreError> {
        let segment = self.segment(place.segment)?;
        let start = place.offset as usize;
        let end = start.saturating_add(place.length as usize);
        if end > segment.len() {
            return Err(damaged(format!("a reference leads beyond the end of segment {}", place.segment)));
        }
        Ok(Bytes { segment, start, end })
    }

    fn segment(&mut self, id: i64) -> Result<Arc<Vec<u8>>, StoreError> {
        if let Some(bytes) = self.held.get(&id).cloned().or_else(|| self.cache.get(id)) {
            self.held.entry(id).or_insert_with(|| Arc::clone(&bytes));
            return Ok(bytes);
        }
        let Some(stored) = (self.load)(id)? else { return Err(damaged(format!("segment {id} is missing"))) };
        let bytes = Arc::new(decompress(&stored, id)?);
        self.cache.put(id, &bytes);
        self.held.insert(id, Arc::clone(&bytes));
        Ok(bytes)
    }
}

pub(super) fn decompress(stored: &Compressed, id: i64) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::decompress(&stored.data, stored.raw_bytes)
        .map_err(|error| damaged(format!("segment {id} does not decompress: {error}")))
}

/// A range of a decompressed segment.
pub(super) struct Bytes {
    segment: Arc<Vec<u8>>,
    start: usize,
    end: usize,
}

impl Bytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        self.segment.get(self.start..self.end).unwrap_or_default()
    }
}

/// Reads JSON that this crate wrote. Unlike on the way in, depth is not limited: what was taken in must be readable.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    reader.disable_recursion_limit();
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

pub(super) fn damaged(what: String) -> StoreError {
    StoreError::Corrupt { attempted: "read the bodies of a span".to_owned(), source: Box::new(Damaged(what)) }
}
