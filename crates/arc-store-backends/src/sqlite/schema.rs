//! Opening a database: is it ours, is it of this version, and the migrations to get there.
//!
//! Migrations are append-only and forward-only. To add one, write `migrations/<n>_<what>.sql` and
//! add it to [`MIGRATIONS`]; `PRAGMA user_version` counts those that ran.

use std::time::Duration;

use arc_store::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::while_trying;

pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_running.sql"),
    include_str!("migrations/0003_captures.sql"),
    include_str!("migrations/0004_costs.sql"),
    include_str!("migrations/0005_alerts.sql"),
    include_str!("migrations/0006_records.sql"),
    include_str!("migrations/0007_keeping.sql"),
    include_str!("migrations/0008_packed_runs.sql"),
    include_str!("migrations/0009_leases.sql"),
];

/// "arcE", in the header of the file; tells our databases from anybody else's.
const APPLICATION_ID: i32 = 0x6172_6345;

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// What the connection that writes may keep of the database in memory.
const WRITER_CACHE_KIB: i32 = 16 << 10;

/// Statements each connection keeps prepared.
const PREPARED: usize = 64;

/// What every connection needs, readers included.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // FULL: in WAL mode a commit returns after its log is on the disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")
}

/// What the connection that writes needs besides: it never copies the log, and keeps the pages of its indexes.
pub(super) fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))
}

/// Makes a new database ours, or brings ours up to date; refuses any other without changing it.
pub(super) fn prepare(connection: &mut Connection, place: &str) -> Result<(), StoreError> {
    let failed = while_trying("open the database");
    connection.busy_timeout(BUSY_TIMEOUT).map_err(&failed)?;
    // One snapshot: another process may be making the database.
    let found = check(&connection.transaction().map_err(&failed)?, place)?;
    configure(connection).map_err(&failed)?;
    if found == 0 {
        // Both must be set before the first page is written.
        connection.pragma_update(None, "page_size", 8192).map_err(&failed)?;
    }
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(&failed)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
    // Another process may have been faster.
    let found = check(&tx, place)?;
    for migration in MIGRATIONS.iter().skip(found) {
        tx.execute_batch(migration).map_err(while_trying("migrate the database"))?;
    }
    if found < MIGRATIONS.len() {
        tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(&failed)?;
        tx.pragma_update(None, "user_version", known()).map_err(&failed)?;
    }
    tx.commit().map_err(&failed)
}

/// Refuses a database that is not ours, or that is newer than this program.
pub(super) fn check_known(snapshot: &Transaction<'_>, place: &str) -> Result<(), StoreError> {
    match check(snapshot, place)? {
        0 => Err(StoreError::Invalid(format!("{place} is empty"))),
        _ => Ok(()),
    }
}

/// Refuses a database that is not ours, or that this program would have to bring up to date first.
pub(super) fn check_current(connection: &mut Connection, place: &str) -> Result<(), StoreError> {
    let tx = connection.transaction().map_err(while_trying("open the database"))?;
    if check(&tx, place)? == MIGRATIONS.len() {
        return Ok(());
    }
    Err(StoreError::Invalid(format!("{place} has to be brought up to date first, and cannot be written to")))
}

/// Returns how many migrations ran; zero for an empty file.
fn check(connection: &Transaction<'_>, place: &str) -> Result<usize, StoreError> {
    let not_ours =
        || StoreError::Invalid(format!("{place} is not an arc-eval database and was left as it is; name another file"));
    let read = || -> rusqlite::Result<(i32, i64, i64)> {
        Ok((
            connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
        ))
    };
    let (application, version, tables) = match read() {
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => return Err(not_ours()),
        other => other.map_err(while_trying("open the database"))?,
    };
    match (application, tables) {
        (0, 0) => Ok(0),
        (APPLICATION_ID, _) => {
            let found = u32::try_from(version).unwrap_or(u32::MAX);
            let known = known();
            if found > known { Err(StoreError::Newer { found, known }) } else { Ok(found as usize) }
        }
        _ => Err(not_ours()),
    }
}

/// Returns the newest version this program knows.
fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}
