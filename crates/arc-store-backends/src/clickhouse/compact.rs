//! Compacting: what deleted runs leave behind is removed.
//!
//! First every segment that spans of deleted runs reach is noted as *stale*, in `settled`, and then the rows of these
//! spans and their searchable words go ([`gather`]). Then a round of [`super::rounds`] begins, all records that are left
//! mark what they reach, and the rest of each stale segment is blanked: the blanked one is inserted beside the other, which
//! is removed after that; both read alike ([`sweep`]). Words of runs that were settled
//! anew go too. Whatever step a crash comes after, the next call does what is left.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arc_model::{ProjectId, TraceId};
use arc_store::{Compacted, StoreError};
use clickhouse::{Client, Row};
use serde::Deserialize;
use tokio::runtime::Handle;

use super::{
    ClickHouseStore,
    error::while_trying,
    read::{self, query, trace_id},
    rounds::OLD,
    rows::{self, Bytes, SegmentRow, SettledRow, kind, list, literal},
    search::{OUTDATED, REMOVED, text_row},
};
use crate::{
    remote::compute,
    segment::{Blanked, Compressed, Marked, Marks, Place, Reach, SegmentCache, blank},
};

const ATTEMPTED: &str = "compact the store";

/// Deleted runs that are looked through at once.
const DEATHS_AT_ONCE: usize = 200;

/// Runs whose rows are removed at once: each time every part that holds one is written anew. ClickHouse reads
/// statements of at most 50,000 elements, and a run is about 14.
const REMOVED_AT_ONCE: usize = 2_000;

/// Segments of records that are held in memory at once.
const HELD_AT_ONCE: usize = 64;

/// Stale segments that are looked at in one round.
const SEGMENTS_IN_ROUND: usize = 65_536;

/// Segments that are swept at once.
const SEGMENTS_AT_ONCE: usize = 64;

/// Traces that are marked after one query.
const TRACES_AT_ONCE: usize = 500;

/// How long after a run was deleted its spans may still arrive, in nanoseconds: those of an append that had begun.
const LATE: i64 = 600_000_000_000;

pub(super) async fn compact(store: &ClickHouseStore) -> Result<Compacted, StoreError> {
    // Programs may compact at once, the tasks of one need not.
    let _turn = store.compacting.lock().await;
    gather(store).await?;
    forget_outdated(store).await?;
    let compacted = sweep(store).await?;
    store.cache.clear();
    Ok(compacted)
}

#[derive(Row, Deserialize)]
struct Death {
    project: String,
    trace_id: [u8; 16],
    died: u64,
    is_over: bool,
}

/// Notes what deleted runs referred to, and removes their rows.
async fn gather(store: &ClickHouseStore) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT project, trace_id, tupleElement(cell, 1) AS died, \
         tupleElement(cell, 4) < toUnixTimestamp64Nano(now64(9)) - {LATE} AS is_over \
         FROM (SELECT project, trace_id, max(trace) AS cell FROM settled WHERE kind = {} AND agent = '' AND day = 0 \
         AND name = '' AND place = 0 GROUP BY project, trace_id) WHERE tupleElement(cell, 2) = 0",
        kind::DEATH
    );
    let deaths: Vec<Death> = query(&store.db, ATTEMPTED, &sql).await?;
    if deaths.is_empty() {
        return Ok(());
    }
    // What this program was appending when they died is there now.
    store.rounds.begin().await;
    for deaths in deaths.chunks(DEATHS_AT_ONCE) {
        let stale = stale_of(store, deaths).await?;
        write(&store.db, &stale).await?;
    }
    for deaths in deaths.chunks(REMOVED_AT_ONCE) {
        for (table, change) in [("spans", "life"), ("search_spans", "seq")] {
            let dead = deaths.iter().map(|death| (death.project.as_str(), death.trace_id, death.died));
            remove(store, table, dead, change).await?;
        }
        let done = deaths.iter().filter(|death| death.is_over).map(|death| SettledRow {
            project: death.project.clone(),
            kind: kind::DEATH,
            trace_id: death.trace_id,
            trace: (death.died, 1, 0, 0, 0),
            ..SettledRow::default()
        });
        write(&store.db, &done.collect::<Vec<_>>()).await?;
    }
    Ok(())
}

#[derive(Row, Deserialize)]
struct Outdated {
    project: String,
    trace_id: [u8; 16],
    seq: u64,
    version: u64,
    state: u8,
}

/// Removes the searchable words of runs as they were before they were settled anew.
async fn forget_outdated(store: &ClickHouseStore) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT project, trace_id, tupleElement(cell, 1) AS seq, tupleElement(cell, 2) AS version, tupleElement(cell, 3) AS state \
         FROM (SELECT project, trace_id, max(trace) AS cell FROM settled WHERE kind = {} AND agent = '' AND day = 0 \
         AND name = '' AND place = 0 GROUP BY project, trace_id) WHERE bitAnd(tupleElement(cell, 3), {OUTDATED}) != 0",
        kind::TEXT
    );
    let outdated: Vec<Outdated> = query(&store.db, ATTEMPTED, &sql).await?;
    for some in outdated.chunks(REMOVED_AT_ONCE) {
        let dead = some.iter().map(|run| (run.project.as_str(), run.trace_id, run.seq));
        remove(store, "search_spans", dead, "seq").await?;
        let done = some.iter().map(|run| {
            let state = run.state - OUTDATED + REMOVED;
            text_row(&run.project, run.trace_id, (run.seq, run.version, state))
        });
        write(&store.db, &done.collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// Inserts rows of `settled` that need no turn.
async fn write(db: &Client, rows: &[SettledRow]) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let failed = while_trying(ATTEMPTED);
    let mut insert = db.insert::<SettledRow>("settled").await.map_err(&failed)?;
    for row in rows {
        insert.write(row).await.map_err(&failed)?;
    }
    insert.end().await.map_err(failed)
}

#[derive(Row, Deserialize)]
struct Dead {
    project: String,
    trace_id: [u8; 16],
    life: u64,
    segment: i64,
    offset: u32,
    length: u32,
}

/// Returns rows that say which segments the spans of deleted runs reach.
async fn stale_of(store: &ClickHouseStore, deaths: &[Death]) -> Result<Vec<SettledRow>, StoreError> {
    let names =
        deaths.iter().map(|death| format!("({}, {})", literal(death.project.as_bytes()), literal(&death.trace_id)));
    let sql = format!(
        "SELECT project, trace_id, life, segment, offset, length FROM spans WHERE (project, trace_id) IN {} \
         ORDER BY project, segment, offset",
        list(names)
    );
    let died: BTreeMap<(&str, [u8; 16]), u64> =
        deaths.iter().map(|death| ((death.project.as_str(), death.trace_id), death.died)).collect();
    let mut places: BTreeMap<String, Vec<Place>> = BTreeMap::new();
    for row in query::<Dead>(&store.db, ATTEMPTED, &sql).await? {
        if died.get(&(row.project.as_str(), row.trace_id)).is_some_and(|died| row.life < *died) {
            let place = Place { segment: row.segment, offset: row.offset, length: row.length };
            places.entry(row.project).or_default().push(place);
        }
    }
    let mut rows = Vec::new();
    for (project, places) in places {
        let (runtime, db, cache) = (Handle::current(), store.db.clone(), SegmentCache::default());
        let of = ProjectId::new(project.clone());
        let look_through = move || {
            let mut reached = BTreeSet::new();
            for places in few_segments(&places) {
                let wanted = places.iter().map(|place| place.segment).collect();
                read::with_segments(&runtime, &db, &cache, &of, wanted, |segments| {
                    let mut reach = Reach::default();
                    for place in places {
                        let mut visit = |place: Place| {
                            reached.insert(place.segment);
                        };
                        match reach.record(*place, segments, &mut visit) {
                            // A damaged record can go too; what it refers to is not known.
                            Err(StoreError::Corrupt { .. }) | Ok(()) => {}
                            Err(other) => return Err(other),
                        }
                    }
                    Ok(())
                })?;
            }
            Ok(reached)
        };
        let reached = compute(ATTEMPTED, look_through).await?;
        rows.extend(noted(&store.db, &project, &reached).await?);
    }
    Ok(rows)
}

/// Notes segments of which it is not known whether anything refers to them.
pub(super) async fn suspect(db: &Client, project: &str, segments: &BTreeSet<i64>) -> Result<(), StoreError> {
    if segments.is_empty() {
        return Ok(());
    }
    write(db, &noted(db, project, segments).await?).await
}

/// Returns rows that say that these segments are stale now.
async fn noted(db: &Client, project: &str, segments: &BTreeSet<i64>) -> Result<Vec<SettledRow>, StoreError> {
    let times = stale_times(db, project, segments).await?;
    Ok(times.into_iter().map(|(segment, time)| stale_row(project, segment, time, 0)).collect())
}

/// Returns the times at which segments are stale, each later than when it last was.
async fn stale_times(db: &Client, project: &str, segments: &BTreeSet<i64>) -> Result<BTreeMap<i64, u64>, StoreError> {
    let now = u64::try_from(read::clock(db).await?).unwrap_or(0);
    let mut times: BTreeMap<i64, u64> = segments.iter().map(|segment| (*segment, now)).collect();
    let sql = format!(
        "SELECT project, place AS segment, tupleElement(max(trace), 1) AS time FROM settled WHERE project = {} \
         AND kind = {} AND agent = '' AND day = 0 AND name = '' AND place IN {} GROUP BY project, place",
        literal(project.as_bytes()),
        kind::STALE,
        list(segments.iter().map(ToString::to_string))
    );
    for Stale { segment, time, .. } in query::<Stale>(db, ATTEMPTED, &sql).await? {
        times.insert(segment, now.max(time.saturating_add(1)));
    }
    Ok(times)
}

/// Returns the row that says that a segment is stale as of a time, or is no longer.
fn stale_row(project: &str, segment: i64, time: u64, is_done: u64) -> SettledRow {
    SettledRow {
        project: project.to_owned(),
        kind: kind::STALE,
        place: segment,
        trace: (time, is_done, 0, 0, 0),
        ..SettledRow::default()
    }
}

/// Removes the rows of traces that stand at an earlier change than this.
async fn remove(
    store: &ClickHouseStore,
    table: &str,
    dead: impl Iterator<Item = (&str, [u8; 16], u64)>,
    change: &str,
) -> Result<(), StoreError> {
    let dead = dead.map(|(project, trace, seq)| {
        let (project, trace) = (literal(project.as_bytes()), literal(&trace));
        format!("(project = {project} AND trace_id = {trace} AND {change} < {seq})")
    });
    let dead = dead.collect::<Vec<_>>().join(" OR ");
    // Most of the time there are none, and looking is cheaper than removing.
    if read::count(&store.db, ATTEMPTED, table, &dead).await? == 0 {
        return Ok(());
    }
    let sql = store.local.delete(table, &dead);
    store.db.query_raw(&sql).execute().await.map_err(while_trying(ATTEMPTED))
}

#[derive(Row, Deserialize)]
struct Stale {
    project: String,
    segment: i64,
    time: u64,
}

/// Removes or blanks what nothing reaches in stale segments.
async fn sweep(store: &ClickHouseStore) -> Result<Compacted, StoreError> {
    let sql = format!(
        "SELECT project, place AS segment, tupleElement(cell, 1) AS time FROM (SELECT project, place, max(trace) AS cell \
         FROM settled WHERE kind = {} AND agent = '' AND day = 0 AND name = '' GROUP BY project, place) \
         WHERE tupleElement(cell, 2) = 0 ORDER BY project, place LIMIT {SEGMENTS_IN_ROUND}",
        kind::STALE
    );
    let mut projects: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
    for Stale { project, segment, time } in query::<Stale>(&store.db, ATTEMPTED, &sql).await? {
        projects.entry(project).or_default().insert(segment, time);
    }
    let (mut all, mut trouble) = (Compacted::default(), Ok(()));
    for (project, stale) in projects {
        match sweep_project(store, &project, stale).await {
            Ok(swept) => {
                all += swept;
            }
            // What is damaged in one project is no reason to keep the texts of others.
            Err(error) => trouble = Err(error),
        }
    }
    trouble.map(|()| all)
}

async fn sweep_project(
    store: &ClickHouseStore,
    project: &str,
    mut stale: BTreeMap<i64, u64>,
) -> Result<Compacted, StoreError> {
    let others = stale.keys().copied().filter(|segment| !store.rounds.is_own(*segment)).collect::<Vec<_>>();
    for young in young(&store.db, &others).await? {
        stale.remove(&young);
    }
    let mut all = Compacted::default();
    if stale.is_empty() {
        return Ok(all);
    }
    let of = ProjectId::new(project);
    store.rounds.begin().await;
    let (marked, unreadable) = mark(store, &of, stale.keys().copied()).await?;
    all.unreadable += unreadable;
    let mut replaced = Vec::new();
    for segments in marked.chunks(SEGMENTS_AT_ONCE) {
        let (swept, gone) = sweep_some(store, &of, segments).await?;
        all += swept;
        replaced.extend(gone);
    }
    remove_replaced(store, &of, replaced).await?;
    let done = marked.iter().filter_map(|(id, _)| Some(stale_row(project, *id, *stale.get(id)?, 1)));
    write(&store.db, &done.collect::<Vec<_>>()).await?;
    Ok(all)
}

#[derive(Row, Deserialize)]
struct Id {
    id: i64,
}

/// Returns which of these segments another program may still refer to anew.
async fn young(db: &Client, segments: &[i64]) -> Result<Vec<i64>, StoreError> {
    let mut young = Vec::new();
    for part in segments.chunks(SEGMENTS_AT_ONCE * 16) {
        let sql = format!(
            "SELECT id FROM segments WHERE id IN {} AND inserted_at > now64(6, 'UTC') - INTERVAL {OLD} SECOND",
            list(part.iter().map(ToString::to_string))
        );
        young.extend(query::<Id>(db, ATTEMPTED, &sql).await?.into_iter().map(|row| row.id));
    }
    Ok(young)
}

#[derive(Row, Deserialize)]
struct TraceRow {
    trace_id: [u8; 16],
}

#[derive(Row, Deserialize)]
struct Record {
    segment: i64,
    offset: u32,
    length: u32,
}

/// Returns what is reached in stale segments of a project, which shares none with others, and how many records could not be
/// read.
///
/// Every record counts that has a row, also one of a run that was deleted since what deleted runs reach was noted: that
/// is found out by reading it.
async fn mark(
    store: &ClickHouseStore,
    project: &ProjectId,
    stale: impl Iterator<Item = i64>,
) -> Result<(Marked, u64), StoreError> {
    let mut marks = Marks::of(stale);
    let cache = Arc::new(SegmentCache::default());
    let mut after: Option<TraceId> = None;
    loop {
        let beyond = after.map(|id| format!(" AND trace_id > {}", literal(id.as_bytes()))).unwrap_or_default();
        let sql = format!(
            "SELECT DISTINCT trace_id FROM spans WHERE project = {}{beyond} ORDER BY trace_id LIMIT {TRACES_AT_ONCE}",
            rows::project(project)
        );
        let rows: Vec<TraceRow> = query(&store.db, ATTEMPTED, &sql).await?;
        after = rows.last().map(|row| trace_id(row.trace_id)).transpose()?;
        let sql = format!(
            "SELECT segment, offset, length FROM spans WHERE project = {} AND trace_id IN {} ORDER BY segment, offset",
            rows::project(project),
            list(rows.iter().map(|row| literal(&row.trace_id)))
        );
        let records: Vec<Record> = query(&store.db, ATTEMPTED, &sql).await?;
        let (runtime, db, cache, project) = (Handle::current(), store.db.clone(), Arc::clone(&cache), project.clone());
        marks = compute(ATTEMPTED, move || {
            let of = |&Record { segment, offset, length }: &Record| Place { segment, offset, length };
            let places: Vec<Place> = records.iter().map(of).collect();
            for places in few_segments(&places) {
                let wanted = places.iter().map(|place| place.segment).collect();
                read::with_segments(&runtime, &db, &cache, &project, wanted, |segments| {
                    let mut reach = Reach::default();
                    places.iter().try_for_each(|place| marks.record(&mut reach, *place, segments))
                })?;
            }
            Ok(marks)
        })
        .await?;
        if rows.len() < TRACES_AT_ONCE {
            return Ok(marks.finish());
        }
    }
}

/// Divides records, which are in the order of their segments, so that each part is in few of these.
fn few_segments(places: &[Place]) -> impl Iterator<Item = &[Place]> {
    let mut rest = places;
    std::iter::from_fn(move || {
        let (mut segments, mut end) = (0, 0);
        for (index, place) in rest.iter().enumerate() {
            let is_new = index == 0 || rest.get(index - 1).is_some_and(|before| before.segment != place.segment);
            segments += usize::from(is_new);
            if segments > HELD_AT_ONCE {
                break;
            }
            end = index + 1;
        }
        let (part, after) = rest.split_at(end);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

/// Blanks segments beside what they were, and returns what may then be removed.
async fn sweep_some(
    store: &ClickHouseStore,
    project: &ProjectId,
    segments: &[(i64, Vec<(u32, u32)>)],
) -> Result<(Compacted, Vec<String>), StoreError> {
    let failed = while_trying(ATTEMPTED);
    let mut swept = Compacted::default();
    let kept: BTreeMap<i64, &Vec<(u32, u32)>> = segments.iter().map(|(id, kept)| (*id, kept)).collect();
    let only = format!("id IN {} AND project = {}", list(kept.keys().map(ToString::to_string)), rows::project(project));
    let sql = format!("SELECT id, project, raw_bytes, data, version FROM segments WHERE {only}");
    let (mut gone, mut blanked) = (Vec::new(), Vec::new());
    for row in query::<SegmentRow>(&store.db, ATTEMPTED, &sql).await? {
        let Some(kept) = kept.get(&row.id) else { continue };
        let id = row.id;
        let raw_bytes = usize::try_from(row.raw_bytes).unwrap_or(0);
        let stored = Compressed { raw_bytes, data: row.data.0 };
        let before = stored.data.len() as u64;
        if kept.is_empty() {
            swept.removed += 1;
            swept.freed_bytes += before;
        } else {
            let data = match blank(&stored, kept, id)? {
                Blanked::New(Compressed { data, .. }) => data,
                other => {
                    swept.unreadable += u64::from(matches!(other, Blanked::Unreadable));
                    continue;
                }
            };
            swept.rewritten += 1;
            swept.freed_bytes += before.saturating_sub(data.len() as u64);
            let version = version_of(&data);
            if !blanked.iter().any(|one: &SegmentRow| (one.id, one.version) == (id, version)) {
                let data = Bytes(data);
                blanked.push(SegmentRow { id, project: row.project, raw_bytes: row.raw_bytes, data, version });
            }
        }
        gone.push(format!("({id}, {})", row.version));
    }
    if blanked.is_empty() {
        return Ok((swept, gone));
    }
    let mut insert = store.db.insert::<SegmentRow>("segments").await.map_err(&failed)?;
    for row in &blanked {
        insert.write(row).await.map_err(&failed)?;
    }
    insert.end().await.map_err(&failed)?;
    Ok((swept, gone))
}

/// Removes what was replaced. A blanked one stands beside the other until then, and whoever compacts meanwhile removes no
/// blanked one. Every part that holds one is written anew, so it is done once for all.
async fn remove_replaced(store: &ClickHouseStore, project: &ProjectId, gone: Vec<String>) -> Result<(), StoreError> {
    if gone.is_empty() {
        return Ok(());
    }
    let only = format!("project = {} AND (id, version) IN {}", rows::project(project), list(gone.into_iter()));
    let sql = store.local.delete("segments", &only);
    store.db.query_raw(&sql).execute().await.map_err(while_trying(ATTEMPTED))
}

/// Returns a number that tells what a blanked segment holds from others; never that of one as it was written.
fn version_of(data: &[u8]) -> u64 {
    let hash = blake3::hash(data);
    hash.as_bytes().first_chunk().map_or(1, |bytes| u64::from_le_bytes(*bytes).max(1))
}
