//! Opening a database: is it new enough, is it of this version, and the migrations to get there.
//!
//! Migrations are append-only and forward-only. To add one, write `migrations/<n>_<what>.sql` and
//! add it to [`MIGRATIONS`]; the table `schema_version` counts those that ran. Everything is in a
//! schema of its own, so that a database can be shared with other programs.

use arc_store::StoreError;
use tokio_postgres::{Client, Transaction};

use super::error::{damaged, while_trying};

const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_alerts.sql"),
    include_str!("migrations/0003_records.sql"),
    include_str!("migrations/0004_keeping.sql"),
    include_str!("migrations/0005_leases.sql"),
    include_str!("migrations/0006_unreadable_text.sql"),
];

/// The oldest PostgreSQL this opens: the oldest that its makers maintain.
const OLDEST: i32 = 14;

/// Makes what is missing in this schema, or brings it up to date. Programs that open one database at
/// the same time take turns. `must_exist`: a store that is not there is refused, not made.
pub(super) async fn prepare(db: &mut Client, schema: &str, must_exist: bool) -> Result<(), StoreError> {
    check_server(db).await?;
    let failed = while_trying("open the database");
    let tx = db.transaction().await.map_err(&failed)?;
    // Until the end of the transaction.
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('arc-eval ' || $1::text, 0))";
    tx.execute(lock, &[&schema]).await.map_err(&failed)?;
    let found = version(&tx, schema).await?;
    if found == 0 && must_exist {
        return Err(StoreError::Invalid(format!("this PostgreSQL database has no store in its schema `{schema}`")));
    }
    if found < MIGRATIONS.len() {
        migrate(&tx, schema, found).await.map_err(while_trying("migrate the database"))?;
    }
    tx.commit().await.map_err(failed)
}

async fn check_server(db: &Client) -> Result<(), StoreError> {
    let failed = while_trying("open the database");
    let settings = "SELECT current_setting('server_version_num')::int4 / 10000, current_setting('server_version'), \
                    current_setting('server_encoding')";
    let row = db.query_one(settings, &[]).await.map_err(&failed)?;
    let (major, version, encoding): (i32, String, String) =
        (row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?, row.try_get(2).map_err(&failed)?);
    if major < OLDEST {
        return Err(StoreError::Invalid(format!("this is PostgreSQL {version}; arc-eval needs {OLDEST} or later")));
    }
    if encoding != "UTF8" {
        return Err(StoreError::Invalid(format!(
            "this PostgreSQL database stores text as {encoding}; make one with ENCODING 'UTF8' TEMPLATE template0"
        )));
    }
    Ok(())
}

/// Returns how many migrations ran; zero where there is no store.
async fn version(tx: &Transaction<'_>, schema: &str) -> Result<usize, StoreError> {
    let failed = while_trying("open the database");
    let tables = "SELECT count(*) FILTER (WHERE tablename = 'schema_version'), count(*) \
                  FROM pg_catalog.pg_tables WHERE schemaname = $1";
    let row = tx.query_one(tables, &[&schema]).await.map_err(&failed)?;
    let (ours, all): (i64, i64) = (row.try_get(0).map_err(&failed)?, row.try_get(1).map_err(&failed)?);
    match (ours, all) {
        (0, 0) => return Ok(0),
        (0, _) => {
            return Err(StoreError::Invalid(format!(
                "the schema `{schema}` of this PostgreSQL database is not of arc-eval and was left as it is; \
                 name another one with ?schema="
            )));
        }
        _ => {}
    }
    let row = tx.query_one("SELECT version FROM schema_version", &[]).await.map_err(&failed)?;
    let found = row.try_get::<_, i32>(0).map_err(&failed)?;
    let found = u32::try_from(found).map_err(|error| damaged("open the database", error))?;
    if found > known() { Err(StoreError::Newer { found, known: known() }) } else { Ok(found as usize) }
}

/// Runs the migrations that have not run. The search path is this schema already.
async fn migrate(tx: &Transaction<'_>, schema: &str, found: usize) -> Result<(), tokio_postgres::Error> {
    if found == 0 {
        // Its name is of letters, digits and underscores.
        let make = format!(
            "CREATE SCHEMA IF NOT EXISTS {schema};
             CREATE TABLE schema_version (is_one BOOLEAN NOT NULL PRIMARY KEY DEFAULT true CHECK (is_one), version INT NOT NULL);
             INSERT INTO schema_version (version) VALUES (0)"
        );
        tx.batch_execute(&make).await?;
    }
    for migration in MIGRATIONS.iter().skip(found) {
        tx.batch_execute(migration).await?;
    }
    let version = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    tx.execute("UPDATE schema_version SET version = $1", &[&version]).await.map(drop)
}

/// Returns the newest version this program knows.
fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}
