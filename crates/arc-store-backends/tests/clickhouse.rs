//! ClickHouse keeps the contract, and what only this backend promises.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod clickhouse_server;
#[path = "exceptions/clickhouse.rs"]
mod exceptions;
mod leases;

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use arc_model::{Message, ProjectId, Role, RunCosts, Span, SpanId, SpanKind, Timestamp, TraceId};
use arc_store::{
    ChangeSeq, Compacted, Registry, SearchQuery, Selection, Settled, StoreError, TraceStore, WriteMark,
    conformance::{Backend, BoxFuture, CASES, Case, EVERY_CASE, Generator, Subject},
};
use arc_store_backends::{
    clickhouse::{ClickHouseStore, ddl},
    open, open_existing_with, open_with,
};
use clickhouse::Client;
use clickhouse_server::{PASSWORD, Server};
use tokio::{runtime::Runtime, task::JoinSet};

/// Threads that run cases; the engine runs one query at a time.
const AT_ONCE: usize = 2;

const REGISTRY: Option<&str> = Some("sqlite::memory:");

// All cases in one test, which starts one engine; a failure names the cases.
#[test]
fn clickhouse_keeps_the_contract() {
    let Some(server) = Server::start() else { return };
    let cases =
        EVERY_CASE.iter().filter(|(name, _)| exceptions::CLICKHOUSE.iter().all(|exception| exception.case != *name));
    let cases: Mutex<VecDeque<&(&str, Case)>> = Mutex::new(cases.collect());
    let failed = Mutex::new(Vec::new());
    let number = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let runtime = Runtime::new().unwrap();
                loop {
                    let Some((name, case)) = cases.lock().unwrap().pop_front() else { return };
                    let databases = (0..50).map(|_| format!("case_{}", number.fetch_add(1, Ordering::Relaxed)));
                    let urls: Mutex<Vec<String>> =
                        Mutex::new(databases.map(|database| server.url(&database)).collect());
                    let http = server.http();
                    let backend = Backend::new(move || {
                        let url = urls.lock().unwrap().pop().unwrap();
                        let http = http.clone();
                        async move { empty_store(&url, http).await }
                    });
                    if catch_unwind(AssertUnwindSafe(|| runtime.block_on(case(&backend)))).is_err() {
                        failed.lock().unwrap().push(*name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} cases failed: {}", failed.len(), CASES.len(), failed.join(", "));
}

async fn empty_store(url: &str, http: String) -> Subject {
    let stores = open_with(url, REGISTRY).await.unwrap();
    let client = client_of(http, url.rsplit('/').next().unwrap());
    let damage = move || -> BoxFuture<'static, ()> {
        let update = "ALTER TABLE segments UPDATE data = 'damaged' WHERE 1 SETTINGS mutations_sync = 2";
        let client = client.clone();
        Box::pin(async move { client.query_raw(update).execute().await.unwrap() })
    };
    let (traces, registry) = (stores.traces, stores.registry);
    Subject { traces, registry, damage: Some(Box::new(damage)), keep: Box::new(()) }
}

#[test]
fn every_exception_names_a_case_and_a_reason() {
    for exception in exceptions::CLICKHOUSE {
        assert!(CASES.contains(&exception.case), "no case {}", exception.case);
        assert!(!exception.reason.is_empty(), "no reason for {}", exception.case);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_store_from_opening_is_said_without_the_password() {
    let Some(server) = Server::start() else { return };
    client(&server, "default").query("CREATE DATABASE theirs").execute().await.unwrap();
    client(&server, "theirs").query("CREATE TABLE t (x UInt8) ENGINE = Memory").execute().await.unwrap();
    let cases = [
        (server.address("arc", "wrong secret", "a"), "does not accept the password of user `arc`"),
        ("clickhouse://arc:secret@127.0.0.1:1/db".to_owned(), "no answer from 127.0.0.1:1: "),
        (server.url("theirs"), "is not of arc-eval and was left as it is"),
    ];
    for (url, said) in cases {
        let error = open_with(&url, REGISTRY).await.err().unwrap();
        let whole = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
        assert!(whole.contains(said), "{whole}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let missing = open_existing_with(&server.url("not_made"), REGISTRY).await.err().unwrap();
    assert!(matches!(&missing, StoreError::Invalid(why) if why.contains("has no store in its database `not_made`")));
    open_with(&server.url("not_made"), REGISTRY).await.unwrap();
    open_existing_with(&server.url("not_made"), REGISTRY).await.unwrap();
}

fn client(server: &Server, database: &str) -> Client {
    client_of(server.http(), database)
}

fn client_of(http: String, database: &str) -> Client {
    Client::default()
        .with_url(http)
        .with_user("arc")
        .with_password(PASSWORD)
        .with_database(database)
        .with_compression(clickhouse::Compression::None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clickhouse_reads_the_statements_for_a_cluster() {
    let Some(server) = Server::start() else { return };
    let client = client(&server, "default");
    let statements = ddl("arc_eval", Some("big")).unwrap();
    assert!(statements.len() > 5);
    for statement in statements.iter().filter(|statement| !statement.starts_with("INSERT")) {
        client
            .query_raw(&format!("EXPLAIN AST {statement}"))
            .execute()
            .await
            .unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_an_earlier_version_gets_what_it_lacks_when_it_is_opened() {
    let Some(server) = Server::start() else { return };
    let url = server.url("arc_eval");
    let registry = open("sqlite::memory:").await.unwrap().registry;
    let store = ClickHouseStore::open(&url, Arc::clone(&registry)).await.unwrap();
    append(&store, 1).await;
    store.settle(&[settled(1)], Timestamp::from_nanos(1)).await.unwrap();
    drop(store);
    // What the first version had.
    for statement in [
        "DROP TABLE search_spans",
        "ALTER TABLE spans DROP COLUMN life",
        "ALTER TABLE segments DROP COLUMN version",
        "TRUNCATE TABLE schema_version",
        "INSERT INTO schema_version (version) VALUES (1)",
    ] {
        client(&server, "arc_eval").query_raw(statement).execute().await.unwrap();
    }
    let store = ClickHouseStore::open_existing(&url, Arc::clone(&registry)).await.unwrap();
    let known: u32 =
        client(&server, "arc_eval").query_raw("SELECT max(version) FROM schema_version").fetch_one().await.unwrap();
    assert_eq!(known, 2);
    for trace in [1, 2] {
        if trace == 2 {
            append(&store, trace).await;
        }
        let found = store.trace(&ProjectId::default(), trace_id(trace)).await.unwrap().unwrap();
        assert!(spans_of(trace).iter().all(|span| found.span(span.span_id) == Some(span)));
    }
    assert_eq!(store.index_text(10).await.unwrap().runs, 1);
    let asked = SearchQuery { text: "1 7".to_owned(), limit: 10, ..SearchQuery::default() };
    let found = store.search(&ProjectId::default(), &asked).await.unwrap();
    assert_eq!(found.items.iter().map(|hit| hit.trace_id).collect::<Vec<_>>(), [trace_id(1)]);
    let gone = Selection::Runs(vec![trace_id(1)]);
    assert_eq!(store.delete(&ProjectId::default(), &gone, 10).await.unwrap().spans, BATCH as u64);
    assert!(store.trace(&ProjectId::default(), trace_id(1)).await.unwrap().is_none());
    store.compact().await.unwrap();
    assert_eq!(store.storage().await.unwrap().spans, BATCH as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_the_database_was_killed() {
    let Some(mut server) = Server::start() else { return };
    let registry = open("sqlite::memory:").await.unwrap().registry;
    for round in 0..3 {
        let store = ClickHouseStore::open(&server.url("arc_eval"), Arc::clone(&registry)).await.unwrap();
        for number in 0..10 {
            append(&store, round * 100 + number).await;
        }
        let settled: Vec<Settled> = (0..10).map(|number| settled(round * 100 + number)).collect();
        store.settle(&settled, Timestamp::from_nanos(1)).await.unwrap();
        server.kill_and_restart();
        let store = ClickHouseStore::open_existing(&server.url("arc_eval"), Arc::clone(&registry)).await.unwrap();
        for number in (0..=round).flat_map(|round| (0..10).map(move |number| round * 100 + number)) {
            let found = store.trace(&ProjectId::default(), trace_id(number)).await.unwrap();
            assert_eq!(found.map(|trace| trace.spans().len()), Some(BATCH), "trace {number}");
        }
        let expected = u64::try_from(10 * (round + 1)).unwrap();
        let agents = store.agents(&ProjectId::default()).await.unwrap();
        assert_eq!(agents.iter().map(|agent| agent.runs).sum::<u64>(), expected);
        assert_eq!(store.last_change().await.unwrap(), ChangeSeq(expected));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_stays_deleted_wherever_compacting_was_broken_off() {
    let Some(mut server) = Server::start() else { return };
    let registry = open("sqlite::memory:").await.unwrap().registry;
    let project = ProjectId::default();
    let store = ClickHouseStore::open(&server.url("arc_eval"), Arc::clone(&registry)).await.unwrap();
    // Both are in one segment.
    let spans: Vec<Span> = [1, 2].into_iter().flat_map(spans_of).collect();
    store.append(&project, &spans, Timestamp::from_nanos(1)).await.unwrap();
    store.delete(&project, &Selection::Runs(vec![trace_id(1)]), 10).await.unwrap();
    server.kill_and_restart();
    // As if a program had died before it removed what it had replaced.
    let replaced = "INSERT INTO segments (id, project, raw_bytes, data, inserted_at, version) \
                    SELECT id, project, raw_bytes, data, now64(6) - INTERVAL 1 HOUR, 7 FROM segments";
    client(&server, "arc_eval").query_raw(replaced).execute().await.unwrap();
    let aged = "ALTER TABLE segments DELETE WHERE version = 0 SETTINGS mutations_sync = 2";
    client(&server, "arc_eval").query_raw(aged).execute().await.unwrap();
    client(&server, "arc_eval").query_raw(replaced).execute().await.unwrap();
    let store = ClickHouseStore::open_existing(&server.url("arc_eval"), registry).await.unwrap();
    assert!(store.trace(&project, trace_id(1)).await.unwrap().is_none());
    assert_eq!(store.compact().await.unwrap().rewritten, 2);
    assert_eq!(store.compact().await.unwrap(), Compacted::default());
    let kept = store.trace(&project, trace_id(2)).await.unwrap().unwrap();
    assert_eq!(kept.spans().len(), BATCH);
    let left = "SELECT count() FROM segments";
    let left: u64 = client(&server, "arc_eval").query_raw(left).fetch_one().await.unwrap();
    assert_eq!(left, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_settle_at_once_take_numbers_in_order_and_lose_nothing() {
    let Some(server) = Server::start() else { return };
    let url = server.url("arc_eval");
    let registry = open("sqlite::memory:").await.unwrap().registry;
    let reader = ClickHouseStore::open(&url, Arc::clone(&registry)).await.unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..3 {
        let (url, registry) = (url.clone(), Arc::clone(&registry));
        writers.spawn(async move {
            let store = ClickHouseStore::open(&url, registry).await.unwrap();
            for round in 0..8 {
                // One run of its own, and one that all of them settle.
                let runs = [settled(1000 + writer * 100 + round), settled(round)];
                store.settle(&runs, Timestamp::from_nanos(1)).await.unwrap();
            }
        });
    }
    let mut seen = ChangeSeq(0);
    let mut newest = std::collections::BTreeMap::new();
    while seen.0 < 3 * 8 * 2 {
        while let Some(writer) = writers.try_join_next() {
            writer.unwrap();
        }
        // Nothing with a lower number comes later.
        for change in reader.changes(seen, 1000).await.unwrap() {
            assert!(change.seq > seen);
            seen = change.seq;
            newest.insert(change.run.trace_id, change.run);
        }
    }
    assert_eq!(newest.len(), 3 * 8 + 8);
    let all: Vec<Settled> = newest
        .keys()
        .map(|trace| {
            let number = (0..2000).find(|number| trace_id(*number) == *trace).unwrap();
            settled(number)
        })
        .collect();
    for agent in reader.agents(&ProjectId::default()).await.unwrap() {
        let runs = all.iter().filter(|one| one.run.agent.name == agent.name);
        let expected = arc_store::recount(runs.map(|one| (&one.run, one.findings.as_slice())));
        assert_eq!(reader.figures(&ProjectId::default(), &agent.name).await.unwrap(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_is_given_to_one_program_until_its_lease_expires() {
    let Some(server) = Server::start() else { return };
    let (url, lease) = (server.url("arc_eval"), Duration::from_secs(5));
    let registry: Arc<dyn Registry> = open("sqlite::memory:").await.unwrap().registry;
    let [first, second] = [
        ClickHouseStore::open_with_lease(&url, Arc::clone(&registry), lease).await.unwrap(),
        ClickHouseStore::open_with_lease(&url, Arc::clone(&registry), lease).await.unwrap(),
    ];
    for trace in 0..10 {
        append(&first, trace).await;
    }
    leases::are_kept(&first, &second, lease).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_that_cannot_be_analysed_does_not_make_finding_others_slower() {
    let Some(server) = Server::start() else { return };
    let registry = open("sqlite::memory:").await.unwrap().registry;
    let url = server.url("arc_eval");
    append(&ClickHouseStore::open(&url, Arc::clone(&registry)).await.unwrap(), 1).await;
    // As if it had been written long ago.
    let columns = "project, trace_id, span_id, revision, hash, segment, offset, length, flags, received_at, life";
    let long_ago =
        format!("INSERT INTO spans ({columns}, inserted_at) SELECT {columns}, now64(6) - INTERVAL 1 DAY FROM spans");
    client(&server, "arc_eval").query_raw(&long_ago).execute().await.unwrap();
    let written = "ALTER TABLE spans DELETE WHERE inserted_at > now64(6) - INTERVAL 1 HOUR SETTINGS mutations_sync = 2";
    client(&server, "arc_eval").query_raw(written).execute().await.unwrap();
    let store = ClickHouseStore::open_existing(&url, registry).await.unwrap();
    let end = Timestamp::from_nanos(i64::MAX);
    let due = store.unsettled(end, end, end, 10).await.unwrap();
    assert_eq!(due.len(), 1);
    let before = store.settled_before();
    // It holds the others up until it is set aside.
    assert_eq!(store.unsettled(end, end, end, 10).await.unwrap(), due);
    assert_eq!(store.settled_before(), before);
    store.set_aside(&due[0]).await.unwrap();
    assert!(store.unsettled(end, end, end, 10).await.unwrap().is_empty());
    assert!(store.settled_before() > before.plus_nanos(23 * 3_600_000_000_000));
    // Written to, it waits again.
    let mut more = spans_of(1);
    more[0].revision = 1;
    store.append(&ProjectId::default(), &more[..1], Timestamp::from_nanos(2)).await.unwrap();
    assert_eq!(store.unsettled(end, end, end, 10).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_takes_no_more_than_what_its_folder_holds() {
    let Some(server) = Server::start() else { return };
    let registry = open("sqlite::memory:").await.unwrap().registry;
    let store = ClickHouseStore::open(&server.url("arc_eval"), registry).await.unwrap();
    append(&store, 1).await;
    let used = store.used_bytes().await.unwrap();
    let held = bytes_in(server.folder());
    assert!(used > 0 && used <= held, "{used} of {held}");
}

fn bytes_in(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        // A part that was merged into another one.
        Err(_) => 0,
    });
    sizes.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_program_deletes_and_compacts_stays_whole_for_another_that_appends() {
    let Some(server) = Server::start() else { return };
    let url = server.url("arc_eval");
    let registry = open("sqlite::memory:").await.unwrap().registry;
    let [ours, theirs] = [
        ClickHouseStore::open(&url, Arc::clone(&registry)).await.unwrap(),
        ClickHouseStore::open(&url, Arc::clone(&registry)).await.unwrap(),
    ];
    let project = ProjectId::default();
    append(&theirs, 1).await;
    append(&ours, 2).await;
    let runs = Selection::Runs(vec![trace_id(1), trace_id(2)]);
    assert_eq!(ours.delete(&project, &runs, 10).await.unwrap().spans, 2 * BATCH as u64);
    // The other one remembers its bodies and refers to them again.
    append(&theirs, 1).await;
    assert_eq!(ours.compact().await.unwrap().removed, 1);
    append(&ours, 2).await;
    for trace in [1, 2] {
        for store in [&ours, &theirs] {
            let found = store.trace(&project, trace_id(trace)).await.unwrap().unwrap();
            assert_eq!(found.spans().len(), BATCH);
        }
    }
    // What it wrote goes when it looks itself.
    theirs.delete(&project, &Selection::Runs(vec![trace_id(1)]), 10).await.unwrap();
    assert!(theirs.compact().await.unwrap().removed > 0);
    assert_eq!(ours.trace(&project, trace_id(2)).await.unwrap().unwrap().spans().len(), BATCH);
    assert!(ours.trace(&project, trace_id(1)).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_are_deleted_while_others_settle_them_leave_exact_figures() {
    let Some(server) = Server::start() else { return };
    let url = server.url("arc_eval");
    let registry = open("sqlite::memory:").await.unwrap().registry;
    let [settles, deletes] = [
        ClickHouseStore::open(&url, Arc::clone(&registry)).await.unwrap(),
        ClickHouseStore::open(&url, Arc::clone(&registry)).await.unwrap(),
    ];
    for trace in 0..6 {
        append(&settles, trace).await;
    }
    let mark = WriteMark(BATCH as u64);
    let settle = async {
        for _ in 0..6 {
            let runs: Vec<Settled> = (0..6).map(|trace| Settled { mark, ..settled(trace) }).collect();
            settles.settle(&runs, Timestamp::from_nanos(1)).await.unwrap();
        }
    };
    let delete = async {
        for trace in 0..4 {
            let selection = Selection::Runs(vec![trace_id(trace)]);
            assert_eq!(deletes.delete(&ProjectId::default(), &selection, 10).await.unwrap().runs, 1);
        }
    };
    tokio::join!(settle, delete);
    let left = [settled(4), settled(5)];
    for trace in 0..6 {
        let run = settles.run(&ProjectId::default(), trace_id(trace)).await.unwrap();
        assert_eq!(run.is_some(), trace >= 4, "{trace}");
    }
    for agent in settles.agents(&ProjectId::default()).await.unwrap() {
        let runs = left.iter().filter(|one| one.run.agent.name == agent.name);
        let expected = arc_store::recount(runs.map(|one| (&one.run, one.findings.as_slice())));
        assert_eq!(settles.figures(&ProjectId::default(), &agent.name).await.unwrap(), expected);
    }
}

const BATCH: usize = 20;

async fn append(store: &ClickHouseStore, trace: i64) {
    let spans = spans_of(trace);
    store.append(&ProjectId::default(), &spans, Timestamp::from_nanos(1)).await.unwrap();
}

fn spans_of(trace: i64) -> Vec<Span> {
    (0..BATCH)
        .map(|number| {
            let id = SpanId::derive(&[&number.to_le_bytes()]);
            let mut span = Span::new(trace_id(trace), id, SpanKind::Llm, "call");
            span.messages_in = vec![Message::text(Role::User, format!("{trace} {number} ").repeat(40)).into()];
            span
        })
        .collect()
}

/// Returns a run that is the same each time.
fn settled(trace: i64) -> Settled {
    let (mut run, findings) = Generator::new(trace.unsigned_abs()).run(trace_id(trace));
    run.is_running = false;
    Settled { project: ProjectId::default(), mark: WriteMark(0), run, findings, costs: RunCosts::default() }
}

fn trace_id(number: i64) -> TraceId {
    TraceId::derive(&[&number.to_le_bytes()])
}
