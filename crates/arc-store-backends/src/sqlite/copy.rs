//! Copying a database while others use it, and checking copies.

use std::{path::Path, time::Duration};

use arc_store::StoreError;
use rusqlite::{Connection, OpenFlags, backup::Backup};

use super::{
    error::{damaged, while_trying},
    readers::Access,
    schema,
};
use crate::backup::{Copied, Step};

const ATTEMPTED: &str = "copy the store";

/// Pages copied between two looks at how far it is.
const PAGES_AT_ONCE: i32 = 1024;

/// How long to wait for whoever uses a store that is to be replaced.
const PATIENCE: Duration = Duration::from_secs(1);

/// Copies a database of ours into a new file, and checks the copy.
pub(crate) fn copy(from: &Path, to: &Path, tell: &mut dyn FnMut(Step)) -> Result<Copied, StoreError> {
    let failed = while_trying(ATTEMPTED);
    let access = Access::of_read_only(from)?;
    let mut source = access.connect(from)?;
    // One snapshot from here to the end: what is written meanwhile neither gets into the copy nor begins it anew.
    let snapshot = source.transaction().map_err(&failed)?;
    schema::check_known(&snapshot, &from.display().to_string())?;
    let mut target = Connection::open(to).map_err(super::place::explained("make the copy", to))?;
    {
        let backup = Backup::new(&snapshot, &mut target).map_err(&failed)?;
        loop {
            let step = backup.step(PAGES_AT_ONCE).map_err(super::place::explained(ATTEMPTED, to))?;
            let progress = backup.progress();
            let of = usize::try_from(progress.pagecount).unwrap_or(0);
            let left = usize::try_from(progress.remaining).unwrap_or(0);
            tell(Step::Copied { pages: of.saturating_sub(left), of });
            match step {
                rusqlite::backup::StepResult::Done => break,
                rusqlite::backup::StepResult::More => {}
                _ => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
    tell(Step::Checking);
    // One file without a log beside it.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(&failed)?;
    let copied = check(&target, to)?;
    target.close().map_err(|(_, error)| failed(error))?;
    std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(super::place::cannot(ATTEMPTED, to))?;
    Ok(copied)
}

/// Checks every page and index, and counts what is there.
fn check(db: &Connection, file: &Path) -> Result<Copied, StoreError> {
    let failed = while_trying("check the copy");
    let mut select = db.prepare("PRAGMA integrity_check(3)").map_err(&failed)?;
    let found = select.query_map([], |row| row.get::<_, String>(0)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(&failed)?;
    if found != ["ok"] {
        return Err(damaged(&format!("check {}", file.display()), found.join("; ")));
    }
    let count = |sql: &str| {
        let count = db.query_row(sql, [], |row| row.get::<_, i64>(0));
        count.map(|count| u64::try_from(count).unwrap_or(0)).map_err(&failed)
    };
    Ok(Copied {
        bytes: std::fs::metadata(file).map_or(0, |file| file.len()),
        runs: count("SELECT count(*) FROM runs")?,
        spans: count("SELECT count(*) FROM spans")?,
    })
}

/// Refuses a database that another program has open. One that is damaged is used by nobody.
pub(crate) fn check_unused(file: &Path) -> Result<(), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags).map_err(super::place::explained("open the store", file))?;
    db.busy_timeout(PATIENCE).map_err(while_trying("open the store"))?;
    // Leaving the log needs the file for itself alone.
    match db.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())) {
        Err(error) if matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy)) => {
            Err(StoreError::Invalid(format!(
                "{} is in use: stop `arc-eval serve` (and whatever else has it open) first",
                file.display()
            )))
        }
        _ => Ok(()),
    }
}
