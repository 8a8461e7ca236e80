//! The tables, for one node and for a cluster, from one description; and opening a database.
//!
//! `spans` and `segments` only ever grow by whole inserts. `settled` is the log of settlements and everything that
//! follows from it, see [`super::settle`]. To change a table once this is released, add a version to [`VERSION`] and the
//! statements that lead there.

use arc_store::StoreError;
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::{
    error::{refused, while_trying},
    place::{Place, is_name},
    rows::{KEY, SEARCH_KEY},
};

/// The version of the tables below.
const VERSION: u32 = 2;

/// The oldest ClickHouse this opens.
const OLDEST: u32 = 24;

/// How a table is spread over a cluster.
enum Spread {
    /// By this expression.
    Sharded(&'static str),
    /// All of it on every node.
    Everywhere,
}

struct Table {
    name: &'static str,
    columns: &'static str,
    /// Those that databases of an earlier version lack.
    added: &'static [&'static str],
    engine: &'static str,
    partition: Option<&'static str>,
    order: &'static str,
    settings: &'static str,
    spread: Spread,
}

/// What is acknowledged is on the disk, not in memory that a failing machine loses.
const DURABLE: &str = "fsync_after_insert = 1, fsync_part_directory = 1";

const TABLES: &[Table] = &[
    // Every record of a span, earlier versions included: of those of one span the greatest (revision, hash) counts.
    Table {
        name: "spans",
        columns: "
    project     String CODEC(ZSTD(1)),
    trace_id    FixedString(16),
    span_id     FixedString(8),
    revision    UInt64 CODEC(ZSTD(1)),
    hash        FixedString(16),
    segment     Int64 CODEC(Delta, ZSTD(1)),
    offset      UInt32 CODEC(ZSTD(1)),
    length      UInt32 CODEC(ZSTD(1)),
    flags       UInt8 CODEC(ZSTD(1)),
    received_at Int64 CODEC(ZSTD(1)),
    inserted_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(ZSTD(1)),
    life UInt64 DEFAULT 0 CODEC(ZSTD(1)),
    INDEX traces trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    PROJECTION by_time (SELECT project, trace_id, inserted_at ORDER BY inserted_at)",
        added: &["life UInt64 DEFAULT 0 CODEC(ZSTD(1))"],
        engine: "MergeTree",
        partition: Some("toYYYYMM(inserted_at)"),
        order: "project, trace_id, span_id",
        settings: "index_granularity = 1024",
        spread: Spread::Sharded("cityHash64(project, trace_id)"),
    },
    // Records and bodies of spans, compressed before they come here.
    Table {
        name: "segments",
        columns: "
    id          Int64,
    project     String CODEC(ZSTD(1)),
    raw_bytes   UInt64,
    data        String CODEC(NONE),
    inserted_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(ZSTD(1)),
    version UInt64 DEFAULT 0 CODEC(ZSTD(1))",
        added: &["version UInt64 DEFAULT 0 CODEC(ZSTD(1))"],
        engine: "MergeTree",
        partition: Some("toYYYYMM(inserted_at)"),
        order: "id",
        settings: "index_granularity = 4",
        spread: Spread::Sharded("id"),
    },
    // Runs, changes and sums in one table, because one insert into one table is what is stored as a whole. What the
    // tuples hold is in `rows`; the client crate takes no names in them.
    Table {
        name: "settled",
        columns: "
    project  String CODEC(ZSTD(1)),
    kind     UInt8,
    agent    String CODEC(ZSTD(1)),
    day      Int64 CODEC(ZSTD(1)),
    name     String CODEC(ZSTD(1)),
    place    Int64 CODEC(ZSTD(1)),
    trace_id FixedString(16) CODEC(ZSTD(1)),
    run      SimpleAggregateFunction(max, Tuple(UInt64, UInt8, String, UInt8, String, Array(String), String, Array(String), String)) CODEC(ZSTD(1)),
    trace    SimpleAggregateFunction(max, Tuple(UInt64, UInt64, UInt8, Int64, Int64)) CODEC(ZSTD(1)),
    latest   SimpleAggregateFunction(max, Tuple(UInt64, String)) CODEC(ZSTD(1)),
    sums     SimpleAggregateFunction(sumMap, Map(UInt8, Int128)) CODEC(ZSTD(1))",
        added: &[],
        engine: "AggregatingMergeTree",
        partition: None,
        order: KEY,
        settings: "index_granularity = 512, non_replicated_deduplication_window = 10000",
        spread: Spread::Everywhere,
    },
    // Words of spans, each once; which version of a run's text counts is in `settled`. The filter is one that every
    // version of ClickHouse has.
    Table {
        name: "search_spans",
        columns: "
    project     String CODEC(ZSTD(1)),
    place       Int64 CODEC(ZSTD(1)),
    trace_id    FixedString(16) CODEC(ZSTD(1)),
    position    UInt32 CODEC(ZSTD(1)),
    version     UInt64 CODEC(ZSTD(1)),
    span_id     FixedString(8),
    agent       String CODEC(ZSTD(1)),
    seq         UInt64 CODEC(ZSTD(1)),
    words       Array(String) CODEC(ZSTD(3)),
    inserted_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') CODEC(ZSTD(1)),
    INDEX words words TYPE bloom_filter(0.005) GRANULARITY 1",
        added: &[],
        engine: "MergeTree",
        partition: None,
        order: SEARCH_KEY,
        settings: "index_granularity = 128",
        spread: Spread::Sharded("cityHash64(project, trace_id)"),
    },
    Table {
        name: "schema_version",
        columns: "
    version UInt32",
        added: &[],
        engine: "MergeTree",
        partition: None,
        order: "version",
        settings: "index_granularity = 8192",
        spread: Spread::Everywhere,
    },
];

/// Returns the statements that make a store's database and tables; on a cluster, replicated and sharded by trace.
///
/// The cluster's nodes need the macros `shard` and `replica`, as ClickHouse's own documentation has them.
pub fn ddl(database: &str, cluster: Option<&str>) -> Result<Vec<String>, StoreError> {
    if let Some(odd) = [Some(database), cluster].into_iter().flatten().find(|name| !is_name(name)) {
        let odd = odd.escape_debug();
        return Err(StoreError::Invalid(format!("`{odd}` is not a name of letters, digits, `_` and `-`")));
    }
    let on_cluster = cluster.map(|cluster| format!(" ON CLUSTER `{cluster}`")).unwrap_or_default();
    let mut statements = vec![format!("CREATE DATABASE IF NOT EXISTS `{database}`{on_cluster}")];
    for table in TABLES {
        let Table { name, columns, added, engine, partition, order, settings, spread } = table;
        let partition = partition.map(|by| format!("\nPARTITION BY {by}")).unwrap_or_default();
        let (suffix, engine, more) = match (cluster, spread) {
            (None, _) => ("", (*engine).to_owned(), ""),
            (Some(_), Spread::Sharded(_)) => {
                let path = format!("/clickhouse/tables/{{shard}}/{database}/{name}");
                ("_local", format!("Replicated{engine}('{path}', '{{replica}}')"), "")
            }
            (Some(_), Spread::Everywhere) => {
                let path = format!("/clickhouse/tables/all/{database}/{name}");
                let more = ", replicated_deduplication_window = 10000";
                ("", format!("Replicated{engine}('{path}', '{{shard}}-{{replica}}')"), more)
            }
        };
        statements.push(format!(
            "CREATE TABLE IF NOT EXISTS `{database}`.`{name}{suffix}`{on_cluster} ({columns}\n)\nENGINE = {engine}{partition}\n\
             ORDER BY ({order})\nSETTINGS {settings}{more}, {DURABLE}"
        ));
        for column in *added {
            statements.push(format!(
                "ALTER TABLE `{database}`.`{name}{suffix}`{on_cluster} ADD COLUMN IF NOT EXISTS {column}"
            ));
        }
        if let (Some(cluster), Spread::Sharded(by)) = (cluster, spread) {
            statements.push(format!(
                "CREATE TABLE IF NOT EXISTS `{database}`.`{name}`{on_cluster} AS `{database}`.`{name}_local`\n\
                 ENGINE = Distributed(`{cluster}`, `{database}`, `{name}_local`, {by})"
            ));
            for column in *added {
                statements
                    .push(format!("ALTER TABLE `{database}`.`{name}`{on_cluster} ADD COLUMN IF NOT EXISTS {column}"));
            }
        }
    }
    // A second row says the same.
    statements.push(format!("INSERT INTO `{database}`.schema_version (version) VALUES ({VERSION})"));
    Ok(statements)
}

/// Where the tables are that hold the rows: on a cluster, those behind the tables that are read.
pub(super) struct Local {
    database: String,
    cluster: Option<String>,
}

impl Local {
    pub(super) fn of(place: &Place) -> Self {
        Self { database: place.database.clone(), cluster: place.cluster().map(str::to_owned) }
    }

    /// Returns the statement that removes rows of a table and returns when it has.
    pub(super) fn delete(&self, table: &str, which: &str) -> String {
        format!("ALTER TABLE {} DELETE WHERE {which} SETTINGS mutations_sync = 2", self.table(table))
    }

    /// Returns the statement that merges the rows of a table.
    pub(super) fn merge(&self, table: &str) -> String {
        format!("OPTIMIZE TABLE {} FINAL", self.table(table))
    }

    fn table(&self, table: &str) -> String {
        let database = &self.database;
        match &self.cluster {
            None => format!("`{database}`.`{table}`"),
            Some(cluster) => {
                let is_whole = |known: &&Table| known.name == table && matches!(known.spread, Spread::Everywhere);
                let suffix = if TABLES.iter().any(|known| is_whole(&known)) { "" } else { "_local" };
                format!("`{database}`.`{table}{suffix}` ON CLUSTER `{cluster}`")
            }
        }
    }

    /// Returns a query for the bytes that rows take which nobody deleted.
    pub(super) fn used_bytes(&self) -> String {
        let parts = match &self.cluster {
            None => "system.parts".to_owned(),
            Some(cluster) => format!("cluster(`{cluster}`, system.parts)"),
        };
        format!("SELECT sum(bytes_on_disk) AS number FROM {parts} WHERE database = currentDatabase() AND active")
    }
}

#[derive(Row, Deserialize)]
struct Found {
    /// Tables of ours, and all.
    ours: u64,
    all: u64,
}

#[derive(Row, Deserialize)]
struct Server {
    version: String,
}

/// Makes what is missing in this database. `must_exist`: a store that is not there is refused, not made.
///
/// Programs that do so at once make the same.
pub(super) async fn prepare(place: &Place, must_exist: bool) -> Result<Client, StoreError> {
    const ATTEMPTED: &str = "open the database";
    let nowhere = place.client();
    let server: Server = nowhere.query_raw("SELECT version() AS version").fetch_one().await.map_err(refused(place))?;
    check_server(&server.version)?;
    let database = &place.database;
    let tables = format!(
        "SELECT countIf(name = 'schema_version') AS ours, count() AS all FROM system.tables WHERE database = '{database}'"
    );
    let found: Found = nowhere.query_raw(&tables).fetch_one().await.map_err(while_trying(ATTEMPTED))?;
    match (found.ours, found.all) {
        (0, 0) if must_exist => {
            return Err(StoreError::Invalid(format!("this ClickHouse has no store in its database `{database}`")));
        }
        (0, all) if all > 0 && !is_half_made(&nowhere, database).await? => {
            return Err(StoreError::Invalid(format!(
                "the database `{database}` of this ClickHouse is not of arc-eval and was left as it is; name another one"
            )));
        }
        (0, _) => make(&nowhere, place).await?,
        _ => {}
    }
    let client = nowhere.with_database(database);
    let known: Option<Version> = client
        .query_raw("SELECT max(version) AS version FROM schema_version")
        .fetch_optional()
        .await
        .map_err(while_trying(ATTEMPTED))?;
    match known.map_or(0, |known| known.version) {
        // The program that makes the tables has not come to the last statement, or one of an earlier version made them.
        found if found < VERSION => {
            make(&client, place).await?;
            Ok(client)
        }
        found if found > VERSION => Err(StoreError::Newer { found, known: VERSION }),
        _ => Ok(client),
    }
}

#[derive(Row, Deserialize)]
struct Version {
    version: u32,
}

fn check_server(version: &str) -> Result<(), StoreError> {
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        return Err(StoreError::Invalid(format!("this is ClickHouse {version}; arc-eval needs {OLDEST} or later")));
    }
    Ok(())
}

/// Returns whether all tables of a database are some of ours: another program is making them now, or died doing it.
async fn is_half_made(client: &Client, database: &str) -> Result<bool, StoreError> {
    let names: Vec<String> =
        TABLES.iter().flat_map(|table| [format!("'{}'", table.name), format!("'{}_local'", table.name)]).collect();
    let others = format!(
        "SELECT 0::UInt64 AS ours, count() AS all FROM system.tables WHERE database = '{database}' AND name NOT IN ({})",
        names.join(", ")
    );
    let found: Found = client.query_raw(&others).fetch_one().await.map_err(while_trying("open the database"))?;
    Ok(found.all == 0)
}

async fn make(client: &Client, place: &Place) -> Result<(), StoreError> {
    for statement in ddl(&place.database, place.cluster())? {
        client.query_raw(&statement).execute().await.map_err(while_trying("make the tables"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_gets_the_columns_of_one_node() {
        let (alone, cluster) = (ddl("d", None).unwrap(), ddl("d", Some("c")).unwrap());
        for table in TABLES {
            for statements in [&alone, &cluster] {
                let has = statements.iter().filter(|statement| statement.contains(table.columns)).count();
                assert_eq!(has, 1, "{}", table.name);
            }
        }
        assert!(
            cluster
                .iter()
                .filter(|statement| statement.starts_with("CREATE"))
                .all(|made| made.contains("ON CLUSTER `c`"))
        );
        // What is added to a table of an earlier version is what a new one has.
        for table in TABLES {
            assert!(table.added.iter().all(|column| table.columns.contains(column)), "{}", table.name);
        }
    }

    #[test]
    fn rows_are_removed_from_the_tables_that_hold_them() {
        let local = |address: &str| Local::of(&Place::parse(address).unwrap());
        let (alone, cluster) = (local("clickhouse://h/d"), local("clickhouse://h/d?cluster=c"));
        assert_eq!(alone.delete("spans", "1"), "ALTER TABLE `d`.`spans` DELETE WHERE 1 SETTINGS mutations_sync = 2");
        assert_eq!(
            cluster.delete("spans", "1"),
            "ALTER TABLE `d`.`spans_local` ON CLUSTER `c` DELETE WHERE 1 SETTINGS mutations_sync = 2"
        );
        assert_eq!(cluster.merge("settled"), "OPTIMIZE TABLE `d`.`settled` ON CLUSTER `c` FINAL");
    }

    #[test]
    fn an_odd_name_is_refused() {
        assert!(ddl("d`; DROP", None).is_err());
        assert!(ddl("d", Some("")).is_err());
    }
}
