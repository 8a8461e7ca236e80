//! Appending spans: taken apart, compared and packed on a thread for that, inserted by a writer.
//!
//! What is inserted together is one transaction with these steps: make or lock the rows of the
//! traces, in order; read what is stored of spans of traces that are not new; decide; COPY segments and new
//! spans, update replaced ones; add up. Because the trace is locked first, nobody else changes its
//! spans meanwhile, and new spans go into their table directly.

use std::collections::{BTreeMap, HashMap, btree_map::Entry};

use arc_model::{ProjectId, Span, SpanId, Timestamp, TraceId};
use arc_store::{Appended, StoreError};
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::Row as DbRow;

use super::{
    copy::Rows,
    error::{damaged, while_trying},
    names,
};
use crate::segment::{BodyHash, ContentHash, Encoder, Packed, Packer, Pending, Place, Window};

const ATTEMPTED: &str = "append spans";

/// Flag of a span without a parent that ended.
const ENDED_ROOT: i64 = 1;
/// Flag of a span that has a time.
const TIMED: i64 = 2;

/// A batch that only has to be inserted.
pub(super) struct Batch {
    project: ProjectId,
    now: Timestamp,
    packed: Packed,
    traces: BTreeMap<TraceId, BTreeMap<SpanId, Row>>,
    /// What is decided already: records that are stored, or that lost against one of their batch.
    decided: Appended,
}

#[derive(Clone, Copy)]
struct Row {
    version: Version,
    flags: i64,
    place: Pending,
}

/// Of two records of a span the greater version is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    revision: u64,
    hash: ContentHash,
}

/// The versions of spans that are stored.
pub(super) type Known = HashMap<(TraceId, SpanId), Version>;

impl Batch {
    /// Compares spans with those stored and packs what is new.
    pub(super) fn prepare(
        project: &ProjectId,
        spans: &[Span],
        now: Timestamp,
        window: &Window,
        known: &Known,
    ) -> Result<Self, StoreError> {
        let mut encoder = Encoder::new(project);
        let mut packer = Packer::new(window)?;
        let mut traces: BTreeMap<TraceId, BTreeMap<SpanId, Row>> = BTreeMap::new();
        let mut decided = Appended::default();
        for span in spans {
            let parts = encoder.encode(span)?;
            let version = Version { revision: span.revision, hash: parts.hash };
            let earlier = traces.get(&span.trace_id).and_then(|rows| rows.get(&span.span_id));
            let in_batch = earlier.is_some();
            let before = earlier.map(|row| row.version).or_else(|| known.get(&(span.trace_id, span.span_id)).copied());
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

    /// Returns what became of the spans if nothing is left to insert.
    pub(super) fn is_done(&self) -> Option<Appended> {
        self.traces.is_empty().then_some(self.decided)
    }

    /// Returns how many segments need numbers, one after the other.
    pub(super) fn segments(&self) -> usize {
        self.packed.segments.len()
    }

    /// Returns the bodies to remember once the batch is committed.
    pub(super) fn into_bodies(self, first: i64) -> impl Iterator<Item = (BodyHash, Place)> {
        self.packed.bodies(first)
    }
}

/// Inserts batches, each given with the number of its first segment, as if one after the other; returns what
/// became of the spans of each.
pub(super) async fn insert(tx: &Transaction<'_>, batches: &[(&Batch, i64)]) -> Result<Vec<Appended>, StoreError> {
    names::keep(tx, batches.iter().map(|(batch, _)| batch.project.as_str())).await?;
    let mut traces = touched(batches);
    lock_traces(tx, &mut traces).await?;
    read_stored(tx, &mut traces).await?;
    let appended = decide(batches, &mut traces);
    insert_segments(tx, batches).await?;
    insert_spans(tx, &traces).await?;
    update_spans(tx, &traces).await?;
    touch_traces(tx, &traces).await?;
    Ok(appended)
}

type TraceName = (String, TraceId);

/// A trace to which something is appended.
struct Touched {
    key: i64,
    is_new: bool,
    first: Timestamp,
    last: Timestamp,
    /// What it adds to the trace if nothing is stored of it.
    whole: Tally,
    spans: BTreeMap<SpanId, Fate>,
}

/// What is stored of a span, and what will be.
#[derive(Clone, Copy, Default)]
struct Fate {
    before: Option<(Version, i64)>,
    after: Option<(Version, i64, Place)>,
}

#[derive(Clone, Copy, Default)]
struct Tally {
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

/// Returns the traces of all batches, in the order in which everybody locks them.
fn touched(batches: &[(&Batch, i64)]) -> BTreeMap<TraceName, Touched> {
    let mut traces: BTreeMap<TraceName, Touched> = BTreeMap::new();
    for (batch, _) in batches {
        let project = names::key(batch.project.as_str());
        for (trace, rows) in &batch.traces {
            let touched = traces.entry((project.clone(), *trace)).or_insert_with(|| Touched {
                key: 0,
                is_new: false,
                first: batch.now,
                last: batch.now,
                whole: Tally::default(),
                spans: BTreeMap::new(),
            });
            touched.first = touched.first.min(batch.now);
            touched.last = touched.last.max(batch.now);
            for (span, row) in rows {
                // For now the newest record, so that the trace can be added up.
                let fate = touched.spans.entry(*span).or_default();
                if fate.before.is_none_or(|(version, _)| version < row.version) {
                    fate.before = Some((row.version, row.flags));
                }
            }
        }
    }
    for touched in traces.values_mut() {
        for fate in touched.spans.values_mut() {
            touched.whole.add(fate.before.take().map_or(0, |(_, flags)| flags), 1);
        }
    }
    traces
}

/// Makes the traces that are not stored, and locks those that are until the transaction ends.
async fn lock_traces(tx: &Transaction<'_>, traces: &mut BTreeMap<TraceName, Touched>) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let projects: Vec<&str> = traces.keys().map(|(project, _)| project.as_str()).collect();
    let ids: Vec<&[u8]> = traces.keys().map(|(_, id)| id.as_bytes().as_slice()).collect();
    let column = |value: fn(&Touched) -> i64| -> Vec<i64> { traces.values().map(value).collect() };
    let (first, last) = (column(|trace| trace.first.as_nanos()), column(|trace| trace.last.as_nanos()));
    let (roots, timed) = (column(|trace| trace.whole.ended_roots), column(|trace| trace.whole.timed));
    let lock = tx.prepare_cached(include_str!("sql/lock_traces.sql")).await.map_err(&failed)?;
    let rows = tx.query(&lock, &[&projects, &ids, &first, &last, &roots, &timed]).await.map_err(&failed)?;
    for row in rows {
        let name = (row.try_get(0).map_err(&failed)?, trace_id(&row, 1)?);
        let touched = traces.get_mut(&name).ok_or_else(|| damaged(ATTEMPTED, "a trace has another name"))?;
        touched.key = row.try_get(2).map_err(&failed)?;
        touched.is_new = row.try_get(3).map_err(&failed)?;
    }
    Ok(())
}

/// Reads what is stored of the spans; nothing is of a new trace.
async fn read_stored(tx: &Transaction<'_>, traces: &mut BTreeMap<TraceName, Touched>) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut known: HashMap<i64, &mut Touched> =
        traces.values_mut().filter(|trace| !trace.is_new).map(|trace| (trace.key, trace)).collect();
    let asked = known.values().flat_map(|trace| trace.spans.keys().map(|span| (trace.key, span.as_bytes().to_vec())));
    let (keys, spans): (Vec<i64>, Vec<Vec<u8>>) = asked.unzip();
    if keys.is_empty() {
        return Ok(());
    }
    let select = tx.prepare_cached(include_str!("sql/stored_spans.sql")).await.map_err(&failed)?;
    for row in tx.query(&select, &[&keys, &spans]).await.map_err(&failed)? {
        let (key, span): (i64, SpanId) = (row.try_get(0).map_err(&failed)?, span_id(&row, 1)?);
        let fate = known.get_mut(&key).and_then(|trace| trace.spans.get_mut(&span));
        let fate = fate.ok_or_else(|| damaged(ATTEMPTED, "a span was not asked for"))?;
        fate.before = Some((version(&row, 2)?, row.try_get(4).map_err(&failed)?));
    }
    Ok(())
}

/// Decides what becomes of every record, batch by batch.
fn decide(batches: &[(&Batch, i64)], traces: &mut BTreeMap<TraceName, Touched>) -> Vec<Appended> {
    let mut all = Vec::with_capacity(batches.len());
    for (batch, first) in batches {
        let mut appended = batch.decided;
        let project = names::key(batch.project.as_str());
        for (trace, rows) in &batch.traces {
            let Some(touched) = traces.get_mut(&(project.clone(), *trace)) else { continue };
            for (span, row) in rows {
                let fate = touched.spans.entry(*span).or_default();
                let stored = fate.after.map(|(version, ..)| version).or(fate.before.map(|(version, _)| version));
                match stored {
                    Some(stored) if stored >= row.version => {
                        appended.unchanged += 1;
                        continue;
                    }
                    Some(_) => appended.updated += 1,
                    None => appended.new += 1,
                }
                fate.after = Some((row.version, row.flags, row.place.stored(*first)));
            }
        }
        all.push(appended);
    }
    all
}

async fn insert_segments(tx: &Transaction<'_>, batches: &[(&Batch, i64)]) -> Result<(), StoreError> {
    let mut rows = Rows::new();
    for (batch, first) in batches {
        let project = names::key(batch.project.as_str());
        for (number, segment) in (*first..).zip(&batch.packed.segments) {
            rows.row(4);
            rows.number(number);
            rows.bytes(project.as_bytes());
            rows.number(bits(segment.raw_bytes as u64));
            rows.bytes(&segment.data);
        }
    }
    let copy = "COPY segments (id, project, raw_bytes, data) FROM STDIN (FORMAT binary)";
    rows.send(tx, copy).await.map_err(while_trying(ATTEMPTED))
}

async fn insert_spans(tx: &Transaction<'_>, traces: &BTreeMap<TraceName, Touched>) -> Result<(), StoreError> {
    const COPY: &str = "COPY spans (trace, span_id, revision, content_hash, segment, byte_offset, byte_length, flags) \
                        FROM STDIN (FORMAT binary)";
    let mut rows = Rows::new();
    let mut is_empty = true;
    for (key, span, fate) in changed(traces) {
        let (None, Some((version, flags, place))) = (fate.before, fate.after) else { continue };
        is_empty = false;
        rows.row(8);
        rows.number(key);
        rows.bytes(span.as_bytes());
        rows.number(bits(version.revision));
        rows.bytes(&version.hash);
        rows.number(place.segment);
        rows.number(place.offset.into());
        rows.number(place.length.into());
        rows.number(flags);
    }
    if is_empty { Ok(()) } else { rows.send(tx, COPY).await.map_err(while_trying(ATTEMPTED)) }
}

async fn update_spans(tx: &Transaction<'_>, traces: &BTreeMap<TraceName, Touched>) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let (mut keys, mut spans, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    let [mut revisions, mut segments, mut offsets, mut lengths, mut all_flags] = [const { Vec::<i64>::new() }; 5];
    for (key, span, fate) in changed(traces) {
        let (Some(_), Some((version, flags, place))) = (fate.before, fate.after) else { continue };
        keys.push(key);
        spans.push(span.as_bytes().to_vec());
        revisions.push(bits(version.revision));
        hashes.push(version.hash.to_vec());
        segments.push(place.segment);
        offsets.push(i64::from(place.offset));
        lengths.push(i64::from(place.length));
        all_flags.push(flags);
    }
    if keys.is_empty() {
        return Ok(());
    }
    let update = tx.prepare_cached(include_str!("sql/update_spans.sql")).await.map_err(&failed)?;
    let updated = tx
        .execute(&update, &[&keys, &spans, &revisions, &hashes, &segments, &offsets, &lengths, &all_flags])
        .await
        .map_err(failed)?;
    if updated == keys.len() as u64 { Ok(()) } else { Err(damaged(ATTEMPTED, "a span is both stored and not")) }
}

/// Notes in the traces that are not new what was appended to them. New ones have it from the beginning.
async fn touch_traces(tx: &Transaction<'_>, traces: &BTreeMap<TraceName, Touched>) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut keys = Vec::new();
    let [mut first, mut last, mut roots, mut timed] = [const { Vec::<i64>::new() }; 4];
    for trace in traces.values().filter(|trace| !trace.is_new) {
        let mut tally = Tally::default();
        let mut is_changed = false;
        for Fate { before, after } in trace.spans.values() {
            let Some((_, flags, _)) = after else { continue };
            is_changed = true;
            tally.add(before.map_or(0, |(_, flags)| flags), -1);
            tally.add(*flags, 1);
        }
        if is_changed {
            keys.push(trace.key);
            first.push(trace.first.as_nanos());
            last.push(trace.last.as_nanos());
            roots.push(tally.ended_roots);
            timed.push(tally.timed);
        }
    }
    if keys.is_empty() {
        return Ok(());
    }
    let touch = tx.prepare_cached(include_str!("sql/touch_traces.sql")).await.map_err(&failed)?;
    tx.execute(&touch, &[&keys, &first, &last, &roots, &timed]).await.map(drop).map_err(failed)
}

fn changed(traces: &BTreeMap<TraceName, Touched>) -> impl Iterator<Item = (i64, SpanId, Fate)> {
    traces.values().flat_map(|trace| trace.spans.iter().map(|(span, fate)| (trace.key, *span, *fate)))
}

/// Looks up what is stored of a batch's spans, before it is packed.
pub(super) async fn known(
    db: &impl GenericClient,
    project: &ProjectId,
    spans: &[(TraceId, SpanId)],
) -> Result<Known, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut traces: BTreeMap<TraceId, Vec<SpanId>> = BTreeMap::new();
    for (trace, span) in spans {
        traces.entry(*trace).or_default().push(*span);
    }
    let ids: Vec<&[u8]> = traces.keys().map(|id| id.as_bytes().as_slice()).collect();
    let select = db.prepare_cached(include_str!("sql/trace_keys.sql")).await.map_err(&failed)?;
    let rows = db.query(&select, &[&names::key(project.as_str()), &ids]).await.map_err(&failed)?;
    let mut by_key: HashMap<i64, TraceId> = HashMap::new();
    let (mut keys, mut wanted) = (Vec::new(), Vec::new());
    for row in rows {
        let (trace, key) = (trace_id(&row, 0)?, row.try_get(1).map_err(&failed)?);
        if let Entry::Occupied(spans) = traces.entry(trace) {
            by_key.insert(key, trace);
            for span in spans.get() {
                keys.push(key);
                wanted.push(span.as_bytes().to_vec());
            }
        }
    }
    let mut known = Known::new();
    if keys.is_empty() {
        return Ok(known);
    }
    let select = db.prepare_cached(include_str!("sql/stored_spans.sql")).await.map_err(&failed)?;
    for row in db.query(&select, &[&keys, &wanted]).await.map_err(&failed)? {
        let key: i64 = row.try_get(0).map_err(&failed)?;
        if let Some(trace) = by_key.get(&key) {
            known.insert((*trace, span_id(&row, 1)?), version(&row, 2)?);
        }
    }
    Ok(known)
}

/// Reads a revision, and the content hash in the next column.
fn version(row: &DbRow, column: usize) -> Result<Version, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let hash: &[u8] = row.try_get(column + 1).map_err(&failed)?;
    let hash = hash.try_into().map_err(|error| damaged(ATTEMPTED, error))?;
    Ok(Version { revision: unsigned(row.try_get(column).map_err(failed)?), hash })
}

pub(super) fn trace_id(row: &DbRow, column: usize) -> Result<TraceId, StoreError> {
    let bytes: &[u8] = row.try_get(column).map_err(while_trying("read a trace id"))?;
    let bytes = bytes.try_into().map_err(|error| damaged("read a trace id", error))?;
    TraceId::from_bytes(bytes).map_err(|error| damaged("read a trace id", error))
}

pub(super) fn span_id(row: &DbRow, column: usize) -> Result<SpanId, StoreError> {
    let bytes: &[u8] = row.try_get(column).map_err(while_trying("read a span id"))?;
    let bytes = bytes.try_into().map_err(|error| damaged("read a span id", error))?;
    SpanId::from_bytes(bytes).map_err(|error| damaged("read a span id", error))
}

/// Returns the signed number with the same bits, which is how unsigned ones are stored.
pub(super) const fn bits(number: u64) -> i64 {
    number.cast_signed()
}

/// Returns the unsigned number with the same bits.
pub(super) const fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}
