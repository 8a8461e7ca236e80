//! Files of every earlier version open, and hold what they held.
//!
//! `schemas/` has a small file of each version, as SQL. The test of a version that has none writes it and fails: look
//! at it and keep it. One that is kept is never written again, so a migration that loses something shows.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use arc_model::{AgentName, Run, RunCosts, Span, Timestamp};
use arc_store::{
    FindingQuery, Page, RunQuery, Selection, Settled, TraceStore, WriteMark, conformance::Generator, recount,
};
use expect_test::expect;
use rusqlite::{Connection, types::ValueRef};

use super::{
    super::{SqliteStore, schema::MIGRATIONS},
    Folder, now, open, project, spans, trace_id,
};

fn file_of(version: usize) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("src/sqlite/tests/schemas/v{version}.sql"))
}

/// The runs every file holds; both ended.
fn held() -> Vec<(Vec<Span>, Settled)> {
    let mut random = Generator::new(77);
    let run = |trace: u64| {
        let (mut run, findings) = loop {
            let (run, findings) = random.run(trace_id(trace));
            if !findings.is_empty() && !run.is_running {
                break (run, findings);
            }
        };
        // Runs of before had none of these.
        (run.checks, run.prefixes, run.overhead_ms, run.retries) = (Vec::new(), Vec::new(), None, 0);
        run.session = Some("a session".into());
        run.started_at = Some(Timestamp::from_millis(i64::try_from(trace).unwrap() * 1000));
        let settled = Settled { project: project(), mark: WriteMark(1), run, findings, costs: RunCosts::default() };
        (spans(trace, 3), settled)
    };
    [1, 2].map(run).into()
}

/// Writes what a store of this version holds with these runs: what today's writes, less what came later.
async fn write(version: usize) -> String {
    let folder = Folder::new();
    let store = open(&folder.file("today.db"));
    for (spans, settled) in held() {
        super::append(&store, &spans).await;
        store.settle(&[settled], now()).await.unwrap();
    }
    drop(store);
    let then = Connection::open(folder.file("then.db")).unwrap();
    for migration in &MIGRATIONS[..version] {
        then.execute_batch(migration).unwrap();
    }
    then.execute("ATTACH ?1 AS today", [folder.file("today.db").to_str().unwrap()]).unwrap();
    let list = |sql: &str| -> Vec<String> {
        then.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let ours = "name NOT LIKE 'search_text%' AND name NOT LIKE 'sqlite_%' AND sql IS NOT NULL";
    let mut dump = format!("PRAGMA application_id = {};\nPRAGMA user_version = {version};\n", 0x6172_6345);
    for kind in ["table", "index"] {
        for sql in list(&format!("SELECT sql FROM main.sqlite_schema WHERE type = '{kind}' AND {ours} ORDER BY name")) {
            dump.push_str(&sql);
            dump.push_str(";\n");
        }
    }
    if version >= 7 {
        dump.push_str(&list("SELECT sql FROM main.sqlite_schema WHERE name = 'search_text'")[0]);
        dump.push_str(";\n");
    }
    for table in list(&format!("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND {ours} ORDER BY name")) {
        let columns = list(&format!("SELECT name FROM pragma_table_info('{table}')")).join(", ");
        let known = if table == "counters" { " WHERE name IN (SELECT name FROM main.counters)" } else { "" };
        let mut rows = then.prepare(&format!("SELECT {columns} FROM today.{table}{known}")).unwrap();
        let count = rows.column_count();
        let mut rows = rows.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<String> = (0..count).map(|column| literal(row.get_ref(column).unwrap())).collect();
            writeln!(dump, "INSERT INTO {table} ({columns}) VALUES ({});", values.join(", ")).unwrap();
        }
    }
    dump
}

fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) if !text.contains(char::is_control) => format!("'{}'", text.replace('\'', "''")),
            _ => format!("CAST(x'{}' AS TEXT)", hex(text)),
        },
        ValueRef::Blob(bytes) => format!("x'{}'", hex(bytes)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

async fn check(store: &SqliteStore) {
    let held = held();
    for (spans, settled) in &held {
        let id = settled.run.trace_id;
        let trace = store.trace(&project(), id).await.unwrap().unwrap();
        assert!(spans.iter().all(|span| trace.span(span.span_id) == Some(span)) && trace.spans().len() == spans.len());
        assert_eq!(store.run(&project(), id).await.unwrap().as_ref(), Some(&settled.run));
        let query = FindingQuery { trace_id: Some(id), limit: 100, ..FindingQuery::default() };
        assert_eq!(store.findings(&project(), &query).await.unwrap().items, settled.findings);
    }
    let Page { items, .. } = store.runs(&project(), &RunQuery { limit: 10, ..RunQuery::default() }).await.unwrap();
    let expected: Vec<Run> = held.iter().rev().map(|(_, settled)| settled.run.clone()).collect();
    assert_eq!(items, expected);
    check_figures(store, &held).await;
}

async fn check_figures(store: &SqliteStore, held: &[(Vec<Span>, Settled)]) {
    let mut of_agent: BTreeMap<AgentName, Vec<&Settled>> = BTreeMap::new();
    for (_, settled) in held {
        of_agent.entry(settled.run.agent.name.clone()).or_default().push(settled);
    }
    for (agent, settled) in of_agent {
        let counted = recount(settled.iter().map(|settled| (&settled.run, settled.findings.as_slice())));
        assert_eq!(store.figures(&project(), &agent).await.unwrap(), counted);
    }
}

#[tokio::test]
async fn files_of_every_version_open_and_hold_what_they_held() {
    let mut written = Vec::new();
    for version in 1..=MIGRATIONS.len() {
        let file = file_of(version);
        if !file.exists() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, write(version).await).unwrap();
            written.push(version);
        }
        let folder = Folder::new();
        let path = folder.file("arc.db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(&fs::read_to_string(&file).unwrap()).unwrap();
        db.close().unwrap();
        let store = open(&path);
        check(&store).await;
        // What came later works on them too.
        assert_eq!(store.count(&project(), &Selection::Session("a session".into())).await.unwrap(), 2);
        assert_eq!(store.index_text(10).await.unwrap().runs, 2);
        assert_eq!(store.delete(&project(), &Selection::Runs(vec![trace_id(1)]), 10).await.unwrap().spans, 3);
        store.compact().await.unwrap();
        check_figures(&store, &held()[1..]).await;
    }
    expect!["[]"].assert_eq(&format!("{written:?}"));
}
