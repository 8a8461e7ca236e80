//! PostgreSQL keeps the contract, and what only this backend promises.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips; the child of one tells by printing"
)]

#[path = "exceptions/postgres.rs"]
mod exceptions;
mod leases;
mod postgres_schemas;
mod postgres_server;

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use arc_model::{Message, ProjectId, Role, Span, SpanId, SpanKind, Timestamp, TraceId};
use arc_store::{
    ChangeSeq, Selection, Settled, StoreError, TraceStore,
    conformance::{Backend, BoxFuture, CASES, Case, EVERY_CASE, Generator, Subject},
};
use arc_store_backends::{open, open_existing, postgres::PostgresStore};
use postgres_server::{PASSWORD, Server};
use tokio::runtime::Runtime;

/// Threads that run cases.
const AT_ONCE: usize = 4;

// All cases in one test, which starts one server; a failure names the cases.
#[test]
fn postgresql_keeps_the_contract() {
    let Some(server) = Server::start() else { return };
    let cases =
        EVERY_CASE.iter().filter(|(name, _)| exceptions::POSTGRES.iter().all(|exception| exception.case != *name));
    let cases: Mutex<VecDeque<&(&str, Case)>> = Mutex::new(cases.collect());
    let failed = Mutex::new(Vec::new());
    let number = AtomicU32::new(0);
    // The folder's name is all an address needs, and outlives the backend.
    let address = |schema: &str| server.url(schema);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let runtime = Runtime::new().unwrap();
                loop {
                    let Some((name, case)) = cases.lock().unwrap().pop_front() else { return };
                    let schemas = (0..200).map(|_| format!("case_{}", number.fetch_add(1, Ordering::Relaxed)));
                    let urls: Mutex<Vec<String>> = Mutex::new(schemas.map(|schema| address(&schema)).collect());
                    let backend = Backend::new(move || {
                        let url = urls.lock().unwrap().pop().unwrap();
                        async move { empty_store(&url).await }
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

async fn empty_store(url: &str) -> Subject {
    let stores = open(url).await.unwrap();
    let url = url.to_owned();
    let damage = move || -> BoxFuture<'static, ()> {
        let url = url.clone();
        Box::pin(async move {
            let (_, schema) = url.split_once("&schema=").unwrap();
            let db = connect(&url).await;
            db.batch_execute(&format!("UPDATE {schema}.segments SET data = 'damaged'")).await.unwrap();
        })
    };
    let (traces, registry) = (stores.traces, stores.registry);
    Subject { traces, registry, damage: Some(Box::new(damage)), keep: Box::new(()) }
}

/// Connects to the database of a store, without its schema.
async fn connect(url: &str) -> tokio_postgres::Client {
    let (address, _) = url.split_once("&schema=").unwrap();
    let config: tokio_postgres::Config = address.parse().unwrap();
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::runtime::Handle::current().spawn(connection);
    client
}

#[test]
fn every_exception_names_a_case_and_a_reason() {
    for exception in exceptions::POSTGRES {
        assert!(CASES.contains(&exception.case), "no case {}", exception.case);
        assert!(!exception.reason.is_empty(), "no reason for {}", exception.case);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_keeps_a_store_from_opening_is_said_without_the_password() {
    let Some(server) = Server::start() else { return };
    let cases = [
        (server.address("arc", "wrong secret", "postgres", "a"), "does not accept the password of user `arc`"),
        (server.address("arc", PASSWORD, "nowhere", "a"), "has no database `nowhere`; make it with: CREATE DATABASE"),
        (format!("postgres://arc:{}@127.0.0.1:1/db", "secret"), "no answer from 127.0.0.1:1: "),
        (server.url("a;b"), "the schema in a PostgreSQL address"),
        (server.url("pg_catalog"), "is not of arc-eval and was left as it is"),
    ];
    for (url, said) in cases {
        let error = open(&url).await.err().unwrap();
        let whole = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
        assert!(whole.contains(said), "{whole}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let missing = open_existing(&server.url("not_made")).await.err().unwrap();
    assert!(matches!(&missing, StoreError::Invalid(why) if why.contains("has no store in its schema `not_made`")));
    open(&server.url("not_made")).await.unwrap();
    open_existing(&server.url("not_made")).await.unwrap();
}

/// Ends the connections of a user.
const END_SENDER: &str = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'sender'";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_refused_while_the_store_is_open_makes_it_unavailable_until_it_is_let_in_again() {
    let Some(server) = Server::start() else { return };
    let admin = connect(&server.url("")).await;
    admin.batch_execute("CREATE ROLE sender LOGIN PASSWORD 'theirs'").await.unwrap();
    admin.batch_execute("CREATE DATABASE runs OWNER sender").await.unwrap();
    let store = PostgresStore::open(&server.address("sender", "theirs", "runs", "arc_eval")).await.unwrap();
    append(&store, 0).await;
    let ways = [
        ("ALTER ROLE sender PASSWORD 'another'", "ALTER ROLE sender PASSWORD 'theirs'"),
        ("ALTER ROLE sender NOLOGIN", "ALTER ROLE sender LOGIN"),
        ("ALTER DATABASE runs RENAME TO gone", "ALTER DATABASE gone RENAME TO runs"),
        ("ALTER DATABASE runs ALLOW_CONNECTIONS false", "ALTER DATABASE runs ALLOW_CONNECTIONS true"),
    ];
    for (number, (shut, open)) in (1..).zip(ways) {
        admin.batch_execute(END_SENDER).await.unwrap();
        admin.batch_execute(shut).await.unwrap();
        // The first may only notice that its connection is gone.
        for _ in 0..3 {
            let spans = spans_of(number);
            let appended = store.append(&ProjectId::default(), &spans, Timestamp::from_nanos(1)).await;
            let read = store.trace(&ProjectId::default(), trace_id(0)).await.map(drop);
            for error in [appended.map(drop).unwrap_err(), read.unwrap_err()] {
                assert!(matches!(error, StoreError::Unavailable { .. }), "{shut}: {error:?}");
                let said = error.to_string();
                assert!(!said.contains("sender") && !said.contains("PGSQL"), "{said}");
                assert!(!format!("{error:?}").contains("theirs"), "{error:?}");
            }
        }
        admin.batch_execute(open).await.unwrap();
        append(&store, number).await;
        assert!(store.trace(&ProjectId::default(), trace_id(number)).await.unwrap().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_open_a_new_store_at_once_make_it_once() {
    let Some(server) = Server::start() else { return };
    let url = server.url("arc_eval");
    let opens: Vec<_> = (0..8)
        .map(|_| {
            let url = url.clone();
            tokio::task::spawn_blocking(move || Runtime::new().unwrap().block_on(async { open(&url).await.map(drop) }))
        })
        .collect();
    for opened in opens {
        opened.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_several_programs_become_visible_in_order() {
    let Some(server) = Server::start() else { return };
    let url = server.url("arc_eval");
    let reader = PostgresStore::open(&url).await.unwrap();
    let writers: Vec<_> = (0..4_u64)
        .map(|writer| {
            let url = url.clone();
            tokio::task::spawn_blocking(move || {
                Runtime::new().unwrap().block_on(async {
                    let store = PostgresStore::open(&url).await.unwrap();
                    for round in 0..40 {
                        let mut random = Generator::new(writer);
                        let runs: Vec<Settled> =
                            (0..3).map(|run| settled(&mut random, writer * 1000 + round * 3 + run)).collect();
                        store.settle(&runs, Timestamp::from_nanos(1)).await.unwrap();
                    }
                });
            })
        })
        .collect();
    let mut seen = ChangeSeq(0);
    let mut count = 0;
    while count < 4 * 40 * 3 {
        let last = reader.last_change().await.unwrap();
        // Nothing up to the last number is missing, and nothing with a lower one comes later.
        let changes = reader.changes(seen, 1000).await.unwrap();
        for change in &changes {
            assert_eq!(change.seq.0, seen.0 + 1);
            seen = change.seq;
        }
        assert!(seen >= last);
        count += changes.len();
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Names the store to a process that is to be killed.
const CHILD: &str = "ARC_EVAL_TEST_POSTGRES_CHILD";

const BATCH: usize = 20;

#[test]
fn what_a_killed_program_was_told_is_stored_is_stored() {
    if let Ok(url) = std::env::var_os(CHILD).ok_or(()).and_then(|url| url.into_string().map_err(drop)) {
        write_until_killed(&url);
    }
    let Some(server) = Server::start() else { return };
    let url = server.url("arc_eval");
    let runtime = Runtime::new().unwrap();
    let ours = runtime.block_on(PostgresStore::open(&url)).unwrap();
    for round in 0..3_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_a_killed_program_was_told_is_stored_is_stored", "--nocapture"])
            .env(CHILD, &url)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stored: Vec<u64> = Vec::new();
        for written in 0..(20 + round * 7) {
            // This program writes to the same store meanwhile.
            runtime.block_on(append(&ours, 1_000_000 + round * 1000 + written));
            stored.extend(lines.next().and_then(|line| acknowledged(&line.unwrap())));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        stored.extend(lines.filter_map(|line| acknowledged(&line.unwrap())));
        assert!(stored.len() > 5, "the child wrote too little: {stored:?}");
        for number in stored.into_iter().chain((0..20).map(|written| 1_000_000 + round * 1000 + written)) {
            let found = runtime.block_on(ours.trace(&ProjectId::default(), trace_id(number))).unwrap();
            assert_eq!(found.map(|trace| trace.spans().len()), Some(BATCH), "trace {number}");
        }
    }
}

/// Returns the trace a line of the child speaks of; what it was about to say when it died may be cut short.
fn acknowledged(line: &str) -> Option<u64> {
    line.rsplit_once("stored ")?.1.strip_suffix('.')?.parse().ok()
}

fn write_until_killed(url: &str) -> ! {
    let runtime = Runtime::new().unwrap();
    let store = runtime.block_on(PostgresStore::open(url)).unwrap();
    let first = u64::from(std::process::id()) * 1_000_000_000;
    for number in first.. {
        runtime.block_on(append(&store, number));
        println!("stored {number}.");
    }
    unreachable!("the parent kills this process")
}

async fn append(store: &PostgresStore, trace: u64) {
    store.append(&ProjectId::default(), &spans_of(trace), Timestamp::from_nanos(1)).await.unwrap();
}

fn spans_of(trace: u64) -> Vec<Span> {
    (0..BATCH)
        .map(|number| {
            let id = SpanId::derive(&[&number.to_le_bytes()]);
            let mut span = Span::new(trace_id(trace), id, SpanKind::Llm, "call");
            span.messages_in = vec![Message::text(Role::User, format!("{trace} {number} ").repeat(40)).into()];
            span
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_is_given_to_one_program_until_its_lease_expires() {
    let Some(server) = Server::start() else { return };
    let (url, lease) = (server.url("arc_eval"), Duration::from_secs(2));
    let [first, second] = [
        PostgresStore::open_with_lease(&url, lease).await.unwrap(),
        PostgresStore::open_with_lease(&url, lease).await.unwrap(),
    ];
    for trace in 0..10 {
        append(&first, trace).await;
    }
    leases::are_kept(&first, &second, lease).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_the_blocks_tells_the_size_within_a_fifth_and_how_it_falls() {
    let Some(server) = Server::start() else { return };
    let store = PostgresStore::open(&server.url("arc_eval")).await.unwrap();
    for batch in 0..20_u64 {
        // Short texts: nearly all of the size is rows, of which a sample tells.
        let spans: Vec<Span> = (0..1_000_u64)
            .map(|number| {
                let id = SpanId::derive(&[&number.to_le_bytes()]);
                Span::new(trace_id(batch * 100 + number / 10), id, SpanKind::Step, "step")
            })
            .collect();
        store.append(&ProjectId::default(), &spans, Timestamp::from_nanos(1)).await.unwrap();
    }
    let mut full = 0;
    for _ in 0..2 {
        let (all, part) = (store.used_bytes_by(1 << 30).await.unwrap(), store.used_bytes_by(40).await.unwrap());
        assert!(part * 10 > all * 8 && part * 10 < all * 12, "{part} of {all}");
        assert!(full == 0 || part < full * 7 / 10, "{part} after {full}");
        full = part;
        let runs = (0..1_000).map(trace_id).collect();
        let mut gone = store.delete(&ProjectId::default(), &Selection::Runs(runs), 1_000).await.unwrap();
        while gone.runs > 0 {
            let runs = (0..1_000).map(trace_id).collect();
            gone = store.delete(&ProjectId::default(), &Selection::Runs(runs), 1_000).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_too_long_for_an_index_come_back_exactly() {
    let Some(server) = Server::start() else { return };
    let store = PostgresStore::open(&server.url("arc_eval")).await.unwrap();
    let long = |letter: char| {
        let mut noise = Generator::new(u64::from(letter));
        (0..3000).map(|_| char::from_u32(0x4e00 + noise.small_below(20_000)).unwrap()).collect::<String>()
    };
    let project = ProjectId::new(long('p'));
    let mut item = settled(&mut Generator::new(1), 1);
    item.project = project.clone();
    item.run.agent.name = long('a').as_str().into();
    item.run.task = Some(long('t').as_str().into());
    let mut span = Span::new(item.run.trace_id, SpanId::derive(&[b"1"]), SpanKind::Step, "step");
    span.end = Some(Timestamp::from_nanos(1));
    store.append(&project, &[span], Timestamp::from_nanos(1)).await.unwrap();
    let end = Timestamp::from_nanos(i64::MAX);
    assert_eq!(store.unsettled(end, end, end, 9).await.unwrap()[0].project, project);
    // Twice, so that the second takes away what the first added.
    for _ in 0..2 {
        store.settle(std::slice::from_ref(&item), Timestamp::from_nanos(1)).await.unwrap();
    }
    assert_eq!(store.changes(ChangeSeq(0), 9).await.unwrap()[0].project, project);
    assert_eq!(store.agents(&project).await.unwrap()[0].name, item.run.agent.name);
    let figures = store.figures(&project, &item.run.agent.name).await.unwrap();
    assert_eq!(figures, arc_store::recount([(&item.run, item.findings.as_slice())]));
}

fn settled(random: &mut Generator, trace: u64) -> Settled {
    let (mut run, findings) = random.run(trace_id(trace));
    run.is_running = false;
    let costs = arc_model::RunCosts::default();
    Settled { project: ProjectId::default(), mark: arc_store::WriteMark(0), run, findings, costs }
}

fn trace_id(number: u64) -> TraceId {
    TraceId::derive(&[&number.to_le_bytes()])
}
