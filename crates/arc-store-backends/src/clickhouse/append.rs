//! Appending: what [`super::writer`] does with a group of batches.
//!
//! Of a group of batches, segments are inserted first and records after them, each as one insert, which ClickHouse
//! stores as a whole or not at all. So segments nobody refers to are all that a crash between the two can leave.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use arc_model::{ProjectId, Span, SpanId, Timestamp, TraceId};
use arc_store::{Appended, StoreError};
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::{
    delete::deaths,
    error::while_trying,
    rows::{self, Bytes, SegmentRow, SpanRow},
};
use crate::segment::{ContentHash, Encoder, Packed, Packer, Pending, Window};

const ATTEMPTED: &str = "append spans";

/// Most records in one batch: as many as an insert has rows in one block.
const RECORDS: usize = 16_000_000;

/// Flag of a span without a parent that ended.
pub(super) const ENDED_ROOT: u8 = 1;
/// Flag of a span that has a time.
pub(super) const TIMED: u8 = 2;

/// Spans of one project that are to be stored together.
pub(super) struct Batch {
    pub(super) project: ProjectId,
    now: Timestamp,
    spans: Vec<Span>,
}

type Name = (TraceId, SpanId);

/// Of two records of a span the greater version is kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    revision: u64,
    hash: ContentHash,
}

/// The versions of spans that are stored.
pub(super) type Known = HashMap<Name, Version>;

/// At which change traces were last deleted, of those that were.
pub(super) type Lives = HashMap<TraceId, u64>;

impl Batch {
    pub(super) fn new(project: ProjectId, spans: Vec<Span>, now: Timestamp) -> Result<Self, StoreError> {
        if spans.len() > RECORDS {
            return Err(StoreError::Invalid(format!("a batch has {} spans; append it in parts", spans.len())));
        }
        Ok(Self { project, now, spans })
    }

    /// Returns how many spans it has.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }
}

fn flags(span: &Span) -> u8 {
    let ended_root = span.parent_id.is_none() && span.end.is_some();
    let timed = span.start.is_some() || span.end.is_some();
    u8::from(ended_root) * ENDED_ROOT + u8::from(timed) * TIMED
}

/// Batches of one project, compared and packed.
pub(super) struct Ready {
    pub(super) project: ProjectId,
    pub(super) packed: Packed,
    records: Vec<(Name, Version, u8, Pending, Timestamp)>,
    lives: Lives,
    /// What became of the spans of each batch.
    pub(super) appended: Vec<Appended>,
}

/// Takes spans apart, decides, batch after batch, what becomes of every record, and packs what is new.
pub(super) fn pack(
    batches: &[Batch],
    (mut known, lives): (Known, Lives),
    window: &Arc<Window>,
) -> Result<Ready, StoreError> {
    let mut packer = Packer::new(window)?;
    let (mut records, mut all) = (Vec::new(), Vec::with_capacity(batches.len()));
    for batch in batches {
        let mut appended = Appended::default();
        let mut encoder = Encoder::new(&batch.project);
        for span in &batch.spans {
            let (name, parts) = ((span.trace_id, span.span_id), encoder.encode(span)?);
            let version = Version { revision: span.revision, hash: parts.hash };
            match known.get(&name) {
                Some(stored) if *stored >= version => {
                    appended.unchanged += 1;
                    continue;
                }
                Some(_) => appended.updated += 1,
                None => appended.new += 1,
            }
            known.insert(name, version);
            records.push((name, version, flags(span), packer.add(&parts, &encoder)?, batch.now));
        }
        all.push(appended);
    }
    let project = batches.first().map(|batch| batch.project.clone()).unwrap_or_default();
    Ok(Ready { project, packed: packer.finish()?, records, lives, appended: all })
}

#[derive(Row, Deserialize)]
struct Stored {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    life: u64,
    version: (u64, [u8; 16]),
}

/// Looks up what is stored of the traces of batches of one project, and which of these were deleted before.
pub(super) async fn known(db: &Client, batches: &[Batch]) -> Result<(Known, Lives), StoreError> {
    let Some(first) = batches.first() else { return Ok((Known::new(), Lives::new())) };
    let mut wanted: BTreeMap<TraceId, BTreeSet<SpanId>> = BTreeMap::new();
    for span in batches.iter().flat_map(|batch| &batch.spans) {
        wanted.entry(span.trace_id).or_default().insert(span.span_id);
    }
    let lives = deaths(db, &first.project, wanted.keys()).await?;
    let sql = format!(
        "SELECT trace_id, span_id, life, max((revision, hash)) AS version FROM spans WHERE project = {} AND trace_id IN {} \
         GROUP BY trace_id, span_id, life",
        rows::project(&first.project),
        rows::traces(wanted.keys())
    );
    let failed = while_trying(ATTEMPTED);
    let mut cursor = db.query_raw(&sql).fetch::<Stored>().map_err(&failed)?;
    let mut known = Known::new();
    while let Some(row) = cursor.next().await.map_err(&failed)? {
        let (Ok(trace), Ok(span)) = (TraceId::from_bytes(row.trace_id), SpanId::from_bytes(row.span_id)) else {
            continue;
        };
        let is_alive = row.life >= lives.get(&trace).copied().unwrap_or(0);
        if is_alive && wanted.get(&trace).is_some_and(|spans| spans.contains(&span)) {
            let (revision, hash) = row.version;
            let version = Version { revision, hash };
            let kept = known.entry((trace, span)).or_insert(version);
            *kept = version.max(*kept);
        }
    }
    Ok((known, lives))
}

/// Inserts what is ready, each given with the number of its first segment.
pub(super) async fn insert(db: &Client, all: &[(Ready, i64)]) -> Result<(), StoreError> {
    let failed = while_trying(ATTEMPTED);
    if all.iter().all(|(ready, _)| ready.records.is_empty()) {
        return Ok(());
    }
    let mut segments = db.insert::<SegmentRow>("segments").await.map_err(&failed)?;
    for (ready, first) in all {
        for (id, segment) in (*first..).zip(&ready.packed.segments) {
            let data = Bytes(segment.data.clone());
            let project = ready.project.as_str().to_owned();
            let row = SegmentRow { id, project, raw_bytes: segment.raw_bytes as u64, data, version: 0 };
            segments.write(&row).await.map_err(&failed)?;
        }
    }
    segments.end().await.map_err(&failed)?;
    let mut spans = db.insert::<SpanRow>("spans").await.map_err(&failed)?;
    for (ready, first) in all {
        for ((trace, span), version, flags, place, now) in &ready.records {
            let place = place.stored(*first);
            let row = SpanRow {
                project: ready.project.as_str().to_owned(),
                trace_id: *trace.as_bytes(),
                span_id: *span.as_bytes(),
                revision: version.revision,
                hash: version.hash,
                segment: place.segment,
                offset: place.offset,
                length: place.length,
                flags: *flags,
                received_at: now.as_nanos(),
                life: ready.lives.get(trace).copied().unwrap_or(0),
            };
            spans.write(&row).await.map_err(&failed)?;
        }
    }
    spans.end().await.map_err(failed)
}
