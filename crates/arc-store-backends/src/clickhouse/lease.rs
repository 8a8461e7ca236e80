//! Which traces wait to be analysed, shared out among the programs on one store.
//!
//! What waits follows from what is written and what is settled; nothing is kept about it. So that not every trace ever
//! written has to be looked at, a program remembers a moment before which everything was settled when it last looked
//! ([`Horizon`]). Moments are by ClickHouse's clock.
//!
//! ClickHouse has no locks, so leases are held in the registry, under the hash of project and trace. A lease only saves
//! work: runs that were analysed twice replace each other, findings included.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_model::{ProjectId, Timestamp, TraceId};
use arc_store::{Registry, StoreError, Unsettled, WorkId, WriteMark};
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::{
    append::{ENDED_ROOT, TIMED},
    read::{alive, query, requests, trace_id},
    rows::{self, DELETED, kind, list, literal},
};

const ATTEMPTED: &str = "find unsettled traces";

/// How often to look how far everything is settled.
const HORIZON_EVERY: Duration = Duration::from_secs(15);

/// An insert is visible this long after its moment at the latest, in microseconds.
const INSERT_TAKES_MICROS: i64 = 120_000_000;

/// Traces that are passed over in one look, the longest unwritten first; the look after finds out about the next ones.
const ASIDE_AT_ONCE: usize = 1_000;

/// What this program knows about how far everything is settled.
#[derive(Default)]
pub(super) struct Horizon {
    known: Mutex<Known>,
    aside: Mutex<BTreeSet<Aside>>,
}

/// A trace that cannot be analysed as it was written. While it counted as one that waits, everything written since would be
/// looked at each time.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Aside {
    /// When it was last written, in microseconds.
    newest: i64,
    project: ProjectId,
    trace: TraceId,
    writes: u64,
}

#[derive(Default, Clone, Copy)]
struct Known {
    /// What was written before, in microseconds, is settled; unless traces were made to wait again since.
    settled_before: i64,
    /// The number of the last request to analyse traces again.
    again: u64,
    looked: Option<Instant>,
}

/// Who leases, and for how long.
#[derive(Debug, Clone)]
pub(super) struct Lease {
    /// A name that only this program has.
    pub(super) holder: String,
    pub(super) time: Duration,
}

#[derive(Row, Deserialize)]
struct Due {
    project: String,
    trace_id: [u8; 16],
    received: i64,
    writes: u64,
    is_running: bool,
}

#[derive(Row, Deserialize)]
struct Waiting {
    traces: u64,
    oldest: i64,
    now: i64,
}

/// When a trace is due: each before a time.
#[derive(Clone, Copy)]
pub(super) struct When {
    pub(super) root_ended: Timestamp,
    pub(super) idle: Timestamp,
    pub(super) seen: Timestamp,
}

pub(super) async fn unsettled(
    db: &Client,
    horizon: &Horizon,
    registry: &dyn Registry,
    lease: &Lease,
    when: When,
    limit: u32,
) -> Result<Vec<Unsettled>, StoreError> {
    let from = horizon.look(db).await?;
    // Every trace qualifies when it is idle, one with an ended root also earlier.
    let ready = when.root_ended.max(when.idle).as_nanos();
    let (idle, seen) = (when.idle.as_nanos(), when.seen.as_nanos());
    // Others may have leases on the first ones.
    let most = u64::from(limit) * 4 + 100;
    let sql = format!(
        "SELECT project, trace_id, received, writes, is_going AND NOT (settled < writes AND written <= {idle}) AS is_running \
         FROM ({}) WHERE (settled < writes AND NOT is_going AND written <= {ready}) \
         OR (settled < writes AND is_going AND written <= {idle}) \
         OR (seen < writes AND is_going AND written > {idle} AND seen_at <= {seen}) \
         ORDER BY written, project, trace_id LIMIT {most}",
        state(from)
    );
    let rows: Vec<Due> = query(db, ATTEMPTED, &sql).await?;
    let due = rows.into_iter().map(|row| {
        Ok(Unsettled {
            project: ProjectId::new(row.project),
            trace_id: trace_id(row.trace_id)?,
            received_at: Timestamp::from_nanos(row.received),
            is_running: row.is_running,
            mark: WriteMark(row.writes),
        })
    });
    let due: Vec<Unsettled> = due.collect::<Result<_, StoreError>>()?;
    share(registry, lease, due, limit as usize).await
}

/// Keeps the traces this program gets a lease on, at most so many.
async fn share(
    registry: &dyn Registry,
    lease: &Lease,
    due: Vec<Unsettled>,
    limit: usize,
) -> Result<Vec<Unsettled>, StoreError> {
    let mut ours = Vec::with_capacity(due.len().min(limit));
    let mut rest = due.into_iter();
    while ours.len() < limit {
        let part: Vec<Unsettled> = rest.by_ref().take(limit - ours.len()).collect();
        if part.is_empty() {
            break;
        }
        let work: Vec<WorkId> = part.iter().map(|one| work(&one.project, one.trace_id)).collect();
        let given = registry.lease(&lease.holder, &work, lease.time).await?;
        ours.extend(part.into_iter().zip(given).filter_map(|(one, is_ours)| is_ours.then_some(one)));
    }
    Ok(ours)
}

fn work(project: &ProjectId, trace: TraceId) -> WorkId {
    let mut hasher = blake3::Hasher::new_derive_key("arc-eval work of a trace v1");
    hasher.update(trace.as_bytes());
    hasher.update(project.as_str().as_bytes());
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    WorkId(id)
}

/// Returns a query for the state of every trace that was written to since a moment, in microseconds.
///
/// A trace with an ended root, or without any times, is not going on. Of the records of a span the kept one counts.
pub(super) fn state(from: i64) -> String {
    let open = format!(
        "(SELECT project, trace_id FROM spans WHERE inserted_at >= fromUnixTimestamp64Micro({from}, 'UTC') \
         GROUP BY project, trace_id)"
    );
    let (trace, again, records) = (kind::TRACE, kind::AGAIN, alive(Some(&open)));
    format!(
        "SELECT w.project AS project, w.trace_id AS trace_id, w.received AS received, w.written AS written, \
           w.writes AS writes, w.newest AS newest, NOT (w.ended_roots > 0 OR w.timed = 0) AS is_going, \
           if(tupleElement(t.cell, 3) = 1 OR tupleElement(t.cell, 1) <= a.bound, 0, tupleElement(t.cell, 2)) AS settled, tupleElement(t.cell, 2) AS seen, \
           tupleElement(t.cell, 1) > 0 AND tupleElement(t.cell, 3) != {DELETED} AS has_run, \
           if(has_run, tupleElement(t.cell, 4), w.received) AS seen_at \
         FROM (SELECT project, trace_id, min(received) AS received, max(written) AS written, sum(records) AS writes, \
             countIf(bitAnd(kept, {ENDED_ROOT}) != 0) AS ended_roots, countIf(bitAnd(kept, {TIMED}) != 0) AS timed, \
             max(newest) AS newest \
           FROM (SELECT project, trace_id, span_id, argMax(flags, (revision, hash)) AS kept, min(received_at) AS received, \
               max(received_at) AS written, count() AS records, max(inserted_at) AS newest \
             FROM {records} GROUP BY project, trace_id, span_id) \
           GROUP BY project, trace_id) AS w \
         LEFT JOIN (SELECT project, trace_id, max(trace) AS cell FROM settled WHERE kind = {trace} AND agent = '' \
             AND day = 0 AND name = '' AND place = 0 AND (project, trace_id) IN {open} GROUP BY project, trace_id) AS t \
           ON w.project = t.project AND w.trace_id = t.trace_id \
         LEFT JOIN (SELECT name, tupleElement(max(trace), 1) AS bound FROM settled WHERE project = '' AND kind = {again} \
             GROUP BY name) AS a \
           ON w.project = a.name"
    )
}

impl Horizon {
    /// Returns from when on writes have to be looked at, and sometimes finds out anew.
    pub(super) async fn look(&self, db: &Client) -> Result<i64, StoreError> {
        let again = requests(db).await?;
        let mut known = self.get();
        if known.again != again {
            known = Known { again, ..Known::default() };
            self.set(known);
        }
        if known.looked.is_some_and(|looked| looked.elapsed() < HORIZON_EVERY) {
            return Ok(known.settled_before);
        }
        let sql = format!(
            "SELECT count() AS traces, toUnixTimestamp64Micro(min(newest)) AS oldest, \
             toUnixTimestamp64Micro(now64(6, 'UTC')) AS now FROM ({}) WHERE settled < writes{}",
            state(known.settled_before),
            self.but_aside(known.settled_before)
        );
        let rows: Vec<Waiting> = query(db, ATTEMPTED, &sql).await?;
        if let Some(Waiting { traces, oldest, now }) = rows.first() {
            let past = now - INSERT_TAKES_MICROS;
            known.settled_before = if *traces == 0 { past } else { past.min(*oldest) };
        }
        known.looked = Some(Instant::now());
        self.set(known);
        Ok(known.settled_before)
    }

    /// Passes over a trace from the next look on, which is the next call.
    pub(super) async fn set_aside(&self, db: &Client, trace: &Unsettled) -> Result<(), StoreError> {
        #[derive(Row, Deserialize)]
        struct Newest {
            newest: i64,
        }
        let sql = format!(
            "SELECT toUnixTimestamp64Micro(max(inserted_at)) AS newest FROM spans WHERE project = {} AND trace_id = {}",
            rows::project(&trace.project),
            literal(trace.trace_id.as_bytes())
        );
        let rows: Vec<Newest> = query(db, ATTEMPTED, &sql).await?;
        let aside = Aside {
            newest: rows.first().map_or(0, |row| row.newest),
            project: trace.project.clone(),
            trace: trace.trace_id,
            writes: trace.mark.0,
        };
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).insert(aside);
        self.set(Known { looked: None, ..self.get() });
        Ok(())
    }

    /// Returns a condition that is false for traces that were set aside and would be looked at from this moment on.
    fn but_aside(&self, from: i64) -> String {
        let aside = self.aside.lock().unwrap_or_else(PoisonError::into_inner);
        let late = aside.iter().filter(|aside| aside.newest >= from).take(ASIDE_AT_ONCE);
        let names = late.map(|Aside { project, trace, writes, .. }| {
            format!("({}, {}, {writes})", rows::project(project), literal(trace.as_bytes()))
        });
        let names: Vec<String> = names.collect();
        if names.is_empty() {
            return String::new();
        }
        format!(" AND (project, trace_id, writes) NOT IN {}", list(names.into_iter()))
    }

    /// Returns from when on writes are looked at as far as this program knows, in microseconds.
    pub(super) fn settled_before(&self) -> i64 {
        self.get().settled_before
    }

    fn get(&self) -> Known {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}
