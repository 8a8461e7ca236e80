//! Databases of every earlier version open, and hold what they held: the counterpart of `src/sqlite/tests/schemas.rs`.
//!
//! The rows of a small database of each version are here, as SQL, once for all versions from its own on whose tables have
//! the same columns; its tables are what the migrations up to it make, which never change. The test of a version that has
//! no rows writes them and fails: look at them and keep them. They are never written again, so a migration that loses
//! something shows.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use arc_model::{AgentName, ProjectId, Run, RunCosts, Span, Timestamp};
use arc_store::{FindingQuery, RunQuery, Selection, Settled, TraceStore, WriteMark, conformance::Generator, recount};
use arc_store_backends::postgres::PostgresStore;
use tokio_postgres::Client;

use super::{BATCH, Server, connect, spans_of, trace_id};

const FOREVER: Timestamp = Timestamp::from_nanos(i64::MAX);

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Returns the statements of every version, in order.
fn migrations() -> Vec<String> {
    let files = fs::read_dir(folder("src/postgres/migrations")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

/// The runs every database holds; both ended.
fn held() -> Vec<(Vec<Span>, Settled)> {
    let mut random = Generator::new(77);
    let run = |trace: u64| {
        let (mut run, findings) = loop {
            let (run, findings) = random.run(trace_id(trace));
            if !findings.is_empty() && !run.is_running {
                break (run, findings);
            }
        };
        run.session = Some("a session".into());
        run.started_at = Some(Timestamp::from_millis(i64::try_from(trace).unwrap() * 1000));
        let (project, costs) = (ProjectId::default(), RunCosts::default());
        (spans_of(trace), Settled { project, mark: WriteMark(1), run, findings, costs })
    };
    [1, 2].map(run).into()
}

/// Makes the tables of a version in a schema, on which the connection works from then on.
async fn make(db: &Client, schema: &str, version: usize) {
    let begin = format!(
        "CREATE SCHEMA {schema}; SET search_path TO {schema};
         CREATE TABLE schema_version (is_one BOOLEAN NOT NULL PRIMARY KEY DEFAULT true CHECK (is_one), version INT NOT NULL);
         INSERT INTO schema_version (version) VALUES ({version})"
    );
    db.batch_execute(&begin).await.unwrap();
    for migration in migrations().iter().take(version) {
        db.batch_execute(migration).await.unwrap();
    }
}

/// Returns the rows for a version: those of the latest version up to it, if the tables have still the same columns.
async fn rows(db: &Client, version: usize) -> Option<String> {
    let files = (1..=version).rev().map(|version| folder(&format!("tests/postgres_schemas/v{version}.sql")));
    let rows = files.into_iter().find_map(|file| fs::read_to_string(file).ok())?;
    for insert in rows.lines().filter_map(|line| line.strip_prefix("INSERT INTO ")) {
        let (table, rest) = insert.split_once(" (").unwrap();
        let (named, _) = rest.split_once(") OVERRIDING").unwrap();
        if columns(db, table).await.join(", ") != named {
            return None;
        }
    }
    Some(rows)
}

async fn columns(db: &Client, table: &str) -> Vec<String> {
    let of = format!("attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped");
    texts(db, &format!("SELECT attname::text FROM pg_attribute WHERE {of} ORDER BY attnum")).await
}

async fn texts(db: &Client, sql: &str) -> Vec<String> {
    db.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Writes the rows of this version with these runs: what today's store writes, less what came later.
async fn write(server: &Server, db: &Client, version: usize) -> String {
    let (today, then) = (format!("today{version}"), format!("then{version}"));
    let store = PostgresStore::open(&server.url(&today)).await.unwrap();
    for (spans, settled) in held() {
        store.append(&settled.project, &spans, Timestamp::from_nanos(1)).await.unwrap();
        store.settle(&[settled], Timestamp::from_nanos(1)).await.unwrap();
    }
    make(db, &then, version).await;
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() \
                  AND tablename <> 'schema_version' ORDER BY tablename";
    let mut dump = String::new();
    for table in texts(db, tables).await {
        let columns = columns(db, &table).await;
        // Text that is not of printable characters is written as bytes.
        let literal = |column: &String| {
            format!(
                "CASE WHEN {column} IS NULL THEN 'NULL' WHEN {column}::text ~ '[[:cntrl:]]' \
                 THEN format('convert_from(%L, ''UTF8'')', convert_to({column}::text, 'UTF8')::text) \
                 ELSE quote_literal({column}::text) END"
            )
        };
        let values: Vec<String> = columns.iter().map(literal).collect();
        let known = if table == "counters" {
            format!(" WHERE name IN (SELECT name FROM {then}.counters)")
        } else {
            String::new()
        };
        let rows = format!("SELECT concat_ws(', ', {}) FROM {today}.{table}{known}", values.join(", "));
        if table == "counters" {
            writeln!(dump, "DELETE FROM counters;").unwrap();
        }
        for row in texts(db, &rows).await {
            let columns = columns.join(", ");
            writeln!(dump, "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({row});").unwrap();
        }
    }
    for table in ["traces", "runs"] {
        writeln!(dump, "SELECT setval(pg_get_serial_sequence('{table}', 'key'), max(key)) FROM {table};").unwrap();
    }
    writeln!(dump, "SELECT setval('segment_blocks', max(id)) FROM segments;").unwrap();
    dump
}

async fn check(store: &PostgresStore) {
    let held = held();
    for (spans, settled) in &held {
        let (project, id) = (&settled.project, settled.run.trace_id);
        let trace = store.trace(project, id).await.unwrap().unwrap();
        assert!(spans.iter().all(|span| trace.span(span.span_id) == Some(span)) && trace.spans().len() == spans.len());
        assert_eq!(store.run(project, id).await.unwrap().as_ref(), Some(&settled.run));
        let query = FindingQuery { trace_id: Some(id), limit: 100, ..FindingQuery::default() };
        assert_eq!(store.findings(project, &query).await.unwrap().items, settled.findings);
    }
    let query = RunQuery { limit: 10, ..RunQuery::default() };
    let listed = store.runs(&ProjectId::default(), &query).await.unwrap().items;
    let expected: Vec<Run> = held.iter().rev().map(|(_, settled)| settled.run.clone()).collect();
    assert_eq!(listed, expected);
    check_figures(store, &held).await;
}

async fn check_figures(store: &PostgresStore, held: &[(Vec<Span>, Settled)]) {
    let mut of_agent: BTreeMap<AgentName, Vec<&Settled>> = BTreeMap::new();
    for (_, settled) in held {
        of_agent.entry(settled.run.agent.name.clone()).or_default().push(settled);
    }
    for (agent, settled) in of_agent {
        let counted = recount(settled.iter().map(|settled| (&settled.run, settled.findings.as_slice())));
        assert_eq!(store.figures(&ProjectId::default(), &agent).await.unwrap(), counted);
    }
}

/// Settles what waits to be analysed again, as a server does.
async fn settle_again(store: &PostgresStore) -> usize {
    let due = store.unsettled(FOREVER, FOREVER, FOREVER, 10).await.unwrap();
    for unsettled in &due {
        let mut held = held();
        held.retain(|(_, settled)| settled.run.trace_id == unsettled.trace_id);
        let again = Settled { mark: unsettled.mark, ..held.remove(0).1 };
        store.settle(&[again], Timestamp::from_nanos(2)).await.unwrap();
    }
    due.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_of_every_version_open_and_hold_what_they_held() {
    let Some(server) = Server::start() else { return };
    let mut written = Vec::new();
    for version in 1..=migrations().len() {
        let db = connect(&server.url("")).await;
        let schema = format!("v{version}");
        make(&db, &schema, version).await;
        let rows = if let Some(rows) = rows(&db, version).await {
            rows
        } else {
            let other = connect(&server.url("")).await;
            let rows = write(&server, &other, version).await;
            fs::write(folder(&format!("tests/postgres_schemas/v{version}.sql")), &rows).unwrap();
            written.push(version);
            rows
        };
        db.batch_execute(&rows).await.unwrap();
        let store = PostgresStore::open_existing(&server.url(&schema)).await.unwrap();
        check(&store).await;
        // What came later works on them too, once runs from before it are analysed again.
        assert_eq!(settle_again(&store).await, if version < 4 { 2 } else { 0 }, "{version}");
        check(&store).await;
        let (project, session) = (ProjectId::default(), Selection::Session("a session".into()));
        assert_eq!(store.count(&project, &session).await.unwrap(), 2);
        assert_eq!(store.index_text(10).await.unwrap().runs, 2);
        let gone = Selection::Runs(vec![trace_id(1)]);
        assert_eq!(store.delete(&project, &gone, 10).await.unwrap().spans, BATCH as u64);
        store.compact().await.unwrap();
        check_figures(&store, &held()[1..]).await;
        // What is new stands beside what was there.
        store.append(&project, &spans_of(3), Timestamp::from_nanos(3)).await.unwrap();
        for trace in [2, 3] {
            let found = store.trace(&project, trace_id(trace)).await.unwrap().unwrap();
            assert!(spans_of(trace).iter().all(|span| found.span(span.span_id) == Some(span)));
        }
    }
    assert!(written.is_empty(), "the rows of versions {written:?} were missing; look at them and keep them");
}
