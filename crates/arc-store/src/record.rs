//! Records: small documents that people decide on and background work keeps count in.
//!
//! A record is text under an id in a named collection. It has a rank, which orders listings; tags, by which they are
//! filtered; and a version, by which writers who work at once notice each other. What the text means is the caller's:
//! it is JSON by custom, and the store does not look into it.
//!
//! Read, change, write with the version that was read; when [`Registry::write_records`](crate::Registry::write_records)
//! says that somebody was faster, begin again at reading.

use serde::{Deserialize, Serialize};

use crate::{Cursor, StoreError};

/// Most bytes of a collection's name and of an id.
const LONGEST_NAME: usize = 128;
/// Most tags of a record.
const MOST_TAGS: usize = 64;

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its name within the collection.
    pub id: String,
    /// How often it was written since it was made, this one included; begins at 1.
    pub version: u64,
    /// Its place in listings: a time in nanoseconds, say.
    pub rank: i64,
    /// What it can be found by, `key=value` by custom; in order, each once.
    pub tags: Vec<String>,
    /// What it says.
    pub body: String,
}

/// What must be true of a record for it to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: what is there is replaced.
    Any,
    /// It is not there.
    Absent,
    /// It is there at this version.
    Version(u64),
}

/// A record to write or to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordWrite {
    /// The collection: a constant of the program, kebab-case and plural.
    pub collection: String,
    /// The record's name: at most 128 bytes, no control characters.
    pub id: String,
    /// What must be true of it.
    pub expected: Expected,
    /// What to store; `None` removes it.
    pub content: Option<RecordContent>,
}

/// What a record says, and how it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordContent {
    /// Its place in listings.
    pub rank: i64,
    /// What it can be found by; at most 64, of any length.
    pub tags: Vec<String>,
    /// What it says.
    pub body: String,
}

/// Which end of a listing comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordOrder {
    /// The highest rank first, ties by id, the smaller first.
    #[default]
    HighestFirst,
    /// The exact reverse.
    LowestFirst,
}

/// Which records to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordQuery {
    /// The collection.
    pub collection: String,
    /// Only records that have all of these tags.
    pub tags: Vec<String>,
    /// Which end comes first.
    pub order: RecordOrder,
    /// Continue here.
    pub after: Option<Cursor>,
    /// At most this many, at least one; a store MAY return fewer only at the end.
    pub limit: u32,
}

impl RecordWrite {
    /// Returns the error for what no store takes. Every backend calls this first.
    pub fn check(&self) -> Result<(), StoreError> {
        for name in [&self.collection, &self.id] {
            if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
                let shown: String = name.chars().take(40).collect();
                return Err(StoreError::Invalid(format!(
                    "`{}` cannot name a record: 1 to {LONGEST_NAME} bytes without control characters",
                    shown.escape_debug()
                )));
            }
        }
        if self.content.as_ref().is_some_and(|content| content.tags.len() > MOST_TAGS) {
            return Err(StoreError::Invalid(format!("a record has more than {MOST_TAGS} tags")));
        }
        Ok(())
    }

    /// Brings writes into the order in which every backend does them, so that no two writers wait for each other.
    pub fn ordered(writes: &[Self]) -> Result<Vec<Self>, StoreError> {
        let mut writes = writes.to_vec();
        writes.sort_by(|a, b| (&a.collection, &a.id).cmp(&(&b.collection, &b.id)));
        writes.iter().try_for_each(Self::check)?;
        let is_twice = |pair: &[Self]| matches!(pair, [a, b] if (&a.collection, &a.id) == (&b.collection, &b.id));
        if writes.windows(2).any(is_twice) {
            return Err(StoreError::Invalid("one record is written twice at once".to_owned()));
        }
        for write in &mut writes {
            if let Some(content) = &mut write.content {
                content.tags.sort();
                content.tags.dedup();
            }
        }
        Ok(writes)
    }
}
