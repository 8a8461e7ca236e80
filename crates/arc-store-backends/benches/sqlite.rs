//! How fast spans become durable in `SQLite`, and how much room they take. Run with
//! `cargo bench -p arc-store-backends`; figures go to the terminal.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program of its own that prints figures")]

mod workload;

use std::{fs, path::Path, time::Instant};

use arc_model::{Message, ProjectId, Role, RunCosts, Span, SpanKind, Timestamp};
use arc_store::{ChangeSeq, FindingQuery, RunQuery, Settled, TraceStore, conformance::Generator};
use arc_store_backends::sqlite::SqliteStore;
use workload::{count, join_all, per_second, span, text, trace, trace_id};

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        batches(folder.path()).await;
        single_spans(folder.path()).await;
        resent_history(folder.path()).await;
    });
}

/// Batches of whole traces, from one sender and from several at once; then reading and settling.
async fn batches(folder: &Path) {
    for senders in [1, 4] {
        let path = folder.join(format!("batches-{senders}.db"));
        let store = SqliteStore::open(&path).unwrap();
        let batches = workload::batches();
        let spans: usize = batches.iter().map(Vec::len).sum();
        let raw: usize = batches.iter().flatten().map(|span| serde_json::to_vec(span).unwrap().len()).sum();
        let start = Instant::now();
        for group in batches.chunks(senders) {
            let appends: Vec<_> = group.iter().map(|batch| append(&store, batch)).collect();
            join_all(appends).await;
        }
        let took = start.elapsed();
        drop(store);
        println!(
            "append, batches of 500 traces x 8 spans, {senders} at once: {:.0} spans/s durable, {:.0} bytes a span on disk, {:.0} as JSON",
            per_second(spans, took),
            size(&path) / count(spans),
            count(raw) / count(spans),
        );
        if senders == 1 {
            use_stored(&SqliteStore::open(&path).unwrap()).await;
        }
    }
}

/// Reading, settling and looking at what was appended.
async fn use_stored(store: &SqliteStore) {
    let project = ProjectId::default();
    let start = Instant::now();
    for number in 0..1000 {
        assert_eq!(store.trace(&project, trace_id(number * 7)).await.unwrap().unwrap().spans().len(), 8);
    }
    let read = start.elapsed();
    let mut random = Generator::new(1);
    let mut settled = 0;
    let start = Instant::now();
    loop {
        let forever = Timestamp::from_nanos(i64::MAX);
        let waiting = store.unsettled(forever, forever, Timestamp::default(), 200).await.unwrap();
        if waiting.is_empty() {
            break;
        }
        let runs: Vec<Settled> = waiting
            .into_iter()
            .map(|waiting| {
                let (mut run, findings) = random.run(waiting.trace_id);
                run.is_running = false;
                Settled { project: waiting.project, mark: waiting.mark, run, findings, costs: RunCosts::default() }
            })
            .collect();
        settled += runs.len();
        store.settle(&runs, Timestamp::from_nanos(0)).await.unwrap();
    }
    let settle = start.elapsed();
    let start = Instant::now();
    for _ in 0..100 {
        store.figures(&project, &"planner".into()).await.unwrap();
        store.agents(&project).await.unwrap();
        store
            .runs(&project, &RunQuery { leaf: Some("tool-error".into()), limit: 50, ..RunQuery::default() })
            .await
            .unwrap();
        store.findings(&project, &FindingQuery { limit: 50, ..FindingQuery::default() }).await.unwrap();
        store.changes(ChangeSeq(0), 50).await.unwrap();
    }
    let home = start.elapsed();
    println!(
        "read a trace: {:.0} us; settle: {:.0} runs/s; figures + agents + runs + findings + changes: {:.2} ms",
        read.as_secs_f64() * 1e6 / 1000.0,
        per_second(settled, settle),
        home.as_secs_f64() * 1e3 / 100.0,
    );
}

/// One span an append, as a live agent sends them: one after the other, and 64 agents at once.
async fn single_spans(folder: &Path) {
    for agents in [1_usize, 64] {
        let store = SqliteStore::open(folder.join(format!("single-{agents}.db"))).unwrap();
        let spans: Vec<Span> = (0..400).flat_map(trace).collect();
        let start = Instant::now();
        for group in spans.chunks(agents) {
            let appends: Vec<_> = group.iter().map(|span| append(&store, std::slice::from_ref(span))).collect();
            join_all(appends).await;
        }
        println!(
            "append one span at a time, {agents} at once: {:.0} spans/s durable",
            per_second(spans.len(), start.elapsed())
        );
    }
}

/// An agent of 40 turns that sends its whole history at each, one append a turn.
async fn resent_history(folder: &Path) {
    let path = folder.join("history.db");
    let store = SqliteStore::open(&path).unwrap();
    drop(store);
    let empty = size(&path);
    let store = SqliteStore::open(&path).unwrap();
    let mut raw = 0;
    let start = Instant::now();
    for agent in 0..10 {
        let mut random = Generator::new(agent);
        let mut messages = arc_model::shared([Message::text(Role::System, text(&mut random))]);
        for turn in 0..40 {
            messages.push(Message::text(Role::User, text(&mut random)).into());
            let mut call = span(agent, turn, SpanKind::Llm);
            call.messages_in.clone_from(&messages);
            call.messages_out = vec![Message::text(Role::Assistant, text(&mut random)).into()];
            messages.extend(call.messages_out.iter().cloned());
            raw += serde_json::to_vec(&call).unwrap().len();
            append(&store, &[call]).await;
        }
    }
    let took = start.elapsed();
    drop(store);
    println!(
        "10 agents x 40 turns, whole history resent: {:.2} % of {:.1} MB of JSON, {:.1} ms a turn",
        100.0 * (size(&path) - empty) / count(raw),
        count(raw) / 1e6,
        took.as_secs_f64() * 1e3 / 400.0,
    );
}

async fn append(store: &SqliteStore, spans: &[Span]) {
    store.append(&ProjectId::default(), spans, Timestamp::from_nanos(1)).await.unwrap();
}

/// Returns the bytes of a closed database.
fn size(path: &Path) -> f64 {
    count(usize::try_from(fs::metadata(path).unwrap().len()).unwrap())
}
