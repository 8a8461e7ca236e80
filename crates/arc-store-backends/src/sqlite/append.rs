//! Appending spans: taken apart, compared and packed on the caller's thread, inserted by the writer.

use std::collections::{BTreeMap, HashMap};

use arc_model::{ProjectId, Span, SpanId, Timestamp, TraceId};
use arc_store::{Appended, StoreError};
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{damaged, while_trying};
use crate::segment::{BodyHash, ContentHash, Encoder, Packed, Packer, Pending, Place, Window};

const ATTEMPTED: &str = "append spans";

/// Flag of a span without a parent that ended.
const ENDED_ROOT: i64 = 1;
/// Flag of a span that has a time.
const TIMED: i64 = 2;

/// A batch that only has to be inserted.
pub(super) struct Batch {
    pub(super) project: ProjectId,
    now: Timestamp,
    packed: Packed,
    traces: BTreeMap<TraceId, BTreeMap<SpanId, Row>>,
    /// What is decided already: records that are stored, or that lost against one of their batch.
    pub(super) decided: Appended,
}

#[derive(Clone, Copy)]
struct Row {
    version: Version,
    flags: i64,
    place: Pending,
}

/// Of two records of a span the greater version is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    revision: u64,
    hash: ContentHash,
}

impl Batch {
    /// Compares spans with those stored and packs what is new.
    pub(super) fn prepare(
        project: &ProjectId,
        spans: &[Span],
        now: Timestamp,
        window: &Window,
        stored: &Connection,
    ) -> Result<Self, StoreError> {
        let mut encoder = Encoder::new(project);
        let mut packer = Packer::new(window)?;
        let mut known = Known { project, stored, keys: HashMap::new() };
        let mut traces: BTreeMap<TraceId, BTreeMap<SpanId, Row>> = BTreeMap::new();
        let mut decided = Appended::default();
        for span in spans {
            let parts = encoder.encode(span)?;
            let version = Version { revision: span.revision, hash: parts.hash };
            let earlier = traces.get(&span.trace_id).and_then(|rows| rows.get(&span.span_id));
            let in_batch = earlier.is_some();
            let before = match earlier {
                Some(row) => Some(row.version),
                None => known.version(span.trace_id, span.span_id)?,
            };
            if before.is_some_and(|before| before >= version) {
                decided.unchanged += 1;
                continue;
            }
            // The record it replaces in this batch is counted when it is inserted.
            decided.updated += u64::from(in_batch);
            let row = Row { version, flags: flags(span), place: packer.add(&parts, &encoder)? };
            traces.entry(span.trace_id).or_default().insert(span.span_id, row);
        }
        Ok(Self { project: project.clone(), now, packed: packer.finish()?, traces, decided })
    }

    /// Returns whether nothing is left to insert.
    pub(super) fn is_done(&self) -> bool {
        self.traces.is_empty()
    }

    /// Inserts the batch; returns the number of its first segment too.
    pub(super) fn insert(&self, connection: &Connection) -> Result<(Appended, i64), StoreError> {
        let first = self.insert_segments(connection).map_err(while_trying(ATTEMPTED))?;
        let mut appended = self.decided;
        for (trace, rows) in &self.traces {
            self.insert_trace(connection, *trace, rows, first, &mut appended)?;
        }
        Ok((appended, first))
    }

    /// Returns the bodies to remember once the batch is committed.
    pub(super) fn into_bodies(self, first: i64) -> impl Iterator<Item = (BodyHash, Place)> {
        self.packed.bodies(first)
    }

    fn insert_segments(&self, connection: &Connection) -> rusqlite::Result<i64> {
        let mut insert =
            connection.prepare_cached("INSERT INTO segments (project, raw_bytes, data) VALUES (?1, ?2, ?3)")?;
        // AUTOINCREMENT counts up by one within a transaction.
        let mut last = 0;
        for segment in &self.packed.segments {
            last = insert.insert(params![self.project.as_str(), bits(segment.raw_bytes as u64), segment.data])?;
        }
        Ok(last + 1 - bits(self.packed.segments.len() as u64))
    }

    fn insert_trace(
        &self,
        connection: &Connection,
        trace: TraceId,
        rows: &BTreeMap<SpanId, Row>,
        first: i64,
        appended: &mut Appended,
    ) -> Result<(), StoreError> {
        let failed = while_trying(ATTEMPTED);
        let Some(key) = trace_key(connection, &self.project, trace).map_err(&failed)? else {
            return self.insert_new_trace(connection, trace, rows, first, appended);
        };
        let mut tally = Tally::default();
        for (span, row) in rows {
            let before = insert_span(connection, key, *span, row, first)?;
            match before {
                Before::Nothing => {
                    appended.new += 1;
                    tally.add(row.flags, 1);
                }
                Before::Older { flags } => {
                    appended.updated += 1;
                    tally.add(flags, -1);
                    tally.add(row.flags, 1);
                }
                Before::Same => {
                    appended.unchanged += 1;
                    continue;
                }
            }
            tally.changed = true;
        }
        if tally.changed {
            let mut update = connection.prepare_cached(include_str!("sql/touch_trace.sql")).map_err(&failed)?;
            update.execute(params![key, self.now.as_nanos(), tally.ended_roots, tally.timed]).map_err(&failed)?;
        }
        Ok(())
    }

    /// Inserts a trace of which nothing is stored, in one statement a row.
    fn insert_new_trace(
        &self,
        connection: &Connection,
        trace: TraceId,
        rows: &BTreeMap<SpanId, Row>,
        first: i64,
        appended: &mut Appended,
    ) -> Result<(), StoreError> {
        let failed = while_trying(ATTEMPTED);
        let mut tally = Tally::default();
        for row in rows.values() {
            tally.add(row.flags, 1);
        }
        let mut insert = connection.prepare_cached(include_str!("sql/insert_trace.sql")).map_err(&failed)?;
        let (project, now) = (self.project.as_str(), self.now.as_nanos());
        let key =
            insert.insert(params![project, trace.as_bytes(), now, tally.ended_roots, tally.timed]).map_err(&failed)?;
        for (span, row) in rows {
            if !matches!(insert_span(connection, key, *span, row, first)?, Before::Nothing) {
                return Err(damaged(ATTEMPTED, "a trace that was not stored has spans"));
            }
        }
        appended.new += rows.len() as u64;
        Ok(())
    }
}

#[derive(Default)]
struct Tally {
    changed: bool,
    ended_roots: i64,
    timed: i64,
}

impl Tally {
    fn add(&mut self, flags: i64, count: i64) {
        self.ended_roots += count * i64::from(flags & ENDED_ROOT != 0);
        self.timed += count * i64::from(flags & TIMED != 0);
    }
}

fn flags(span: &Span) -> i64 {
    let ended_root = span.parent_id.is_none() && span.end.is_some();
    let timed = span.start.is_some() || span.end.is_some();
    i64::from(ended_root) * ENDED_ROOT + i64::from(timed) * TIMED
}

/// What was stored of a span before.
enum Before {
    Nothing,
    Older {
        flags: i64,
    },
    /// At least as new.
    Same,
}

fn insert_span(connection: &Connection, trace: i64, span: SpanId, row: &Row, first: i64) -> Result<Before, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let place = row.place.stored(first);
    let values = params![
        trace,
        span.as_bytes(),
        bits(row.version.revision),
        row.version.hash,
        place.segment,
        place.offset,
        place.length,
        row.flags
    ];
    let mut insert = connection.prepare_cached(include_str!("sql/insert_span.sql")).map_err(&failed)?;
    if insert.execute(values).map_err(&failed)? == 1 {
        return Ok(Before::Nothing);
    }
    let Some((before, flags)) = stored_version(connection, trace, span)? else {
        return Err(damaged(ATTEMPTED, "a span is both stored and not"));
    };
    if before >= row.version {
        return Ok(Before::Same);
    }
    let mut update = connection.prepare_cached(include_str!("sql/update_span.sql")).map_err(&failed)?;
    update.execute(values).map_err(&failed)?;
    Ok(Before::Older { flags })
}

/// Returns the key of a stored trace.
pub(super) fn trace_key(connection: &Connection, project: &ProjectId, trace: TraceId) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT key FROM traces WHERE project = ?1 AND trace_id = ?2")?;
    select.query_row(params![project.as_str(), trace.as_bytes()], |row| row.get(0)).optional()
}

fn stored_version(connection: &Connection, trace: i64, span: SpanId) -> Result<Option<(Version, i64)>, StoreError> {
    let read = || {
        let mut select = connection
            .prepare_cached("SELECT revision, content_hash, flags FROM spans WHERE trace = ?1 AND span_id = ?2")?;
        let row = select.query_row(params![trace, span.as_bytes()], |row| {
            Ok((Version { revision: unsigned(row.get(0)?), hash: row.get(1)? }, row.get(2)?))
        });
        row.optional()
    };
    read().map_err(while_trying(ATTEMPTED))
}

/// Looks up what is stored of a batch's spans.
struct Known<'a> {
    project: &'a ProjectId,
    stored: &'a Connection,
    keys: HashMap<TraceId, Option<i64>>,
}

impl Known<'_> {
    fn version(&mut self, trace: TraceId, span: SpanId) -> Result<Option<Version>, StoreError> {
        let key = if let Some(key) = self.keys.get(&trace) {
            *key
        } else {
            let key = trace_key(self.stored, self.project, trace).map_err(while_trying(ATTEMPTED))?;
            self.keys.insert(trace, key);
            key
        };
        match key {
            Some(key) => Ok(stored_version(self.stored, key, span)?.map(|(version, _)| version)),
            None => Ok(None),
        }
    }
}

/// Returns the signed number with the same bits, which is how unsigned ones are stored.
pub(super) const fn bits(number: u64) -> i64 {
    number.cast_signed()
}

/// Returns the unsigned number with the same bits.
pub(super) const fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}
