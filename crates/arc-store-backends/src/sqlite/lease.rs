//! Leases of work, for trace stores elsewhere that have no locks of their own.

use std::time::Duration;

use arc_store::{StoreError, WorkId};
use rusqlite::{Connection, params};

use super::error::while_trying;

/// The time by this machine's clock, in milliseconds.
const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

/// Gives pieces of work to a program; returns for each whether it has it now.
pub(super) fn lease(db: &Connection, program: &str, work: &[WorkId], time: Duration) -> Result<Vec<bool>, StoreError> {
    let failed = while_trying("lease work");
    db.execute(&format!("DELETE FROM leases WHERE until <= {NOW}"), []).map_err(&failed)?;
    let take = format!(
        "INSERT INTO leases (work, program, until) VALUES (?1, ?2, {NOW} + ?3) \
         ON CONFLICT (work) DO UPDATE SET until = excluded.until WHERE program = excluded.program"
    );
    let mut take = db.prepare_cached(&take).map_err(&failed)?;
    let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX >> 8);
    work.iter()
        .map(|work| take.execute(params![work.0, program, time]).map(|taken| taken > 0).map_err(&failed))
        .collect()
}
