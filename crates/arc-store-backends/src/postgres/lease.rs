//! Which traces wait to be analysed, shared out among the programs on one database.
//!
//! Who is given a trace has a lease on it: until it expires, no other program is given that trace. A lease
//! is renewed when its holder asks again, and never given back: a trace written to again soon goes to
//! the program that knows it. That of a program that died expires, and another one takes over. Times of
//! leases are by the clock of the database. A lease only saves work: runs that were analysed twice
//! replace each other, findings included.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use arc_model::{ProjectId, Timestamp};
use arc_store::{StoreError, Unsettled, WorkId, WriteMark};
use deadpool_postgres::GenericClient;

use super::{
    append::{trace_id, unsigned},
    names::{self, Names},
    read::{get, query, texts},
};

/// Who leases, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    /// A number that only this program has.
    pub(super) holder: i64,
    pub(super) time: Duration,
}

pub(super) async fn unsettled(
    db: &impl GenericClient,
    lease: Lease,
    root_ended_before: Timestamp,
    idle_before: Timestamp,
    seen_before: Timestamp,
    limit: u32,
) -> Result<Vec<Unsettled>, StoreError> {
    const ATTEMPTED: &str = "find unsettled traces";
    // Every trace qualifies when it is idle, one with an ended root also earlier.
    let ready = root_ended_before.max(idle_before).as_nanos();
    let (idle, seen, seconds) = (idle_before.as_nanos(), seen_before.as_nanos(), lease.time.as_secs_f64());
    let rows = query(
        db,
        ATTEMPTED,
        include_str!("sql/unsettled.sql"),
        &[&ready, &idle, &seen, &i64::from(limit), &lease.holder, &seconds],
    )
    .await?;
    let names = Names::of(db, texts(&rows, 0)?.into_iter()).await?;
    let mut found = Vec::with_capacity(rows.len());
    let mut free = BTreeMap::new();
    for row in &rows {
        let unsettled = Unsettled {
            project: ProjectId::new(names.whole(get(row, 0)?)?),
            trace_id: trace_id(row, 1)?,
            received_at: Timestamp::from_nanos(get(row, 2)?),
            mark: WriteMark(unsigned(get(row, 3)?)),
            is_running: get(row, 4)?,
        };
        let key: i64 = get(row, 5)?;
        // Ours for long enough, or to be leased, or ours and to be leased again.
        let (is_ours, is_lasting): (bool, bool) = (get(row, 6)?, get(row, 7)?);
        if !is_lasting {
            free.insert(key, is_ours);
        }
        found.push((key, unsettled));
    }
    if !free.is_empty() {
        let keys: Vec<i64> = free.keys().copied().collect();
        let leased = query(db, ATTEMPTED, include_str!("sql/lease.sql"), &[&keys, &lease.holder, &seconds]).await?;
        for row in &leased {
            free.remove(&get(row, 0)?);
        }
    }
    // What is left there another program was faster with, or is being written to and asked for again soon.
    found.retain(|(key, _)| free.get(key).is_none_or(|is_ours| *is_ours));
    Ok(found.into_iter().map(|(_, unsettled)| unsettled).collect())
}

/// Gives pieces of work to a program; returns for each whether it has it now.
pub(super) async fn work(
    db: &impl GenericClient,
    program: &str,
    work: &[WorkId],
    time: Duration,
) -> Result<Vec<bool>, StoreError> {
    const ATTEMPTED: &str = "lease work";
    query(db, ATTEMPTED, include_str!("sql/end_leases.sql"), &[]).await?;
    let ids: Vec<&[u8]> = work.iter().map(|work| work.0.as_slice()).collect();
    let (program, seconds) = (names::escape(program), time.as_secs_f64());
    let rows = query(db, ATTEMPTED, include_str!("sql/lease_work.sql"), &[&ids, &program, &seconds]).await?;
    let given: BTreeSet<Vec<u8>> = rows.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?;
    Ok(ids.into_iter().map(|id| given.contains(id)).collect())
}
