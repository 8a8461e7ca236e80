//! How fast spans become durable in `SQLite`, and how much room they take. Run with
//! `cargo bench -p arc-store-backends`; figures go to the terminal.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program of its own that prints figures")]

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use arc_model::{Message, Payload, ProjectId, Role, RunCosts, Span, SpanId, SpanKind, Timestamp, ToolCall, TraceId, Usage};
use arc_store::{ChangeSeq, FindingQuery, RunQuery, Settled, TraceStore, conformance::Generator};
use arc_store_backends::sqlite::SqliteStore;

/// Bytes of text in each body.
const BODY: usize = 1500;

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
        let batches: Vec<Vec<Span>> =
            (0..24).map(|batch| (batch * 500..(batch + 1) * 500).flat_map(trace).collect()).collect();
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
        let mut messages = vec![Message::text(Role::System, text(&mut random))];
        for turn in 0..40 {
            messages.push(Message::text(Role::User, text(&mut random)));
            let mut call = span(agent, turn, SpanKind::Llm);
            call.messages_in.clone_from(&messages);
            call.messages_out = vec![Message::text(Role::Assistant, text(&mut random))];
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

async fn join_all(futures: Vec<impl Future<Output = ()>>) {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    std::future::poll_fn(|context| {
        for slot in &mut waiting {
            if slot.as_mut().is_some_and(|future| future.as_mut().poll(context).is_ready()) {
                *slot = None;
            }
        }
        if waiting.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

fn trace_id(number: u64) -> TraceId {
    TraceId::derive(&[&number.to_le_bytes()])
}

fn span(trace: u64, number: u64, kind: SpanKind) -> Span {
    let id = SpanId::derive(&[&trace.to_le_bytes(), &number.to_le_bytes()]);
    let mut span = Span::new(trace_id(trace), id, kind, format!("step {number}"));
    let at = i64::try_from(trace * 1_000_000 + number * 1000).unwrap();
    span.start = Some(Timestamp::from_nanos(1_750_000_000_000_000_000 + at));
    span.end = span.start.map(|at| at.plus_nanos(1_234_567));
    span.usage = Some(Usage { input: Some(1000 + number), output: Some(200), ..Usage::default() });
    span.resource.insert("service.name".to_owned(), "bench".into());
    span
}

/// An agent that calls a model and a tool by turns; every body is another one.
fn trace(number: u64) -> Vec<Span> {
    let mut random = Generator::new(number);
    let mut spans = vec![span(number, 0, SpanKind::Agent)];
    for turn in 1..8 {
        let mut made = span(number, turn, if turn % 2 == 1 { SpanKind::Llm } else { SpanKind::Tool });
        made.parent_id = spans.first().map(|root| root.span_id);
        if turn % 2 == 1 {
            made.messages_in = vec![Message::text(Role::User, text(&mut random))];
        } else {
            let result = Some(Payload::Text(text(&mut random)));
            made.tool = Some(ToolCall { id: None, name: "search".to_owned(), arguments: None, result });
        }
        spans.push(made);
    }
    spans
}

/// Text that compresses about as well as English: words from a long list, some more frequent.
fn text(random: &mut Generator) -> String {
    let mut text = String::with_capacity(BODY + 16);
    while text.len() < BODY {
        let most = 1 + random.below(8000);
        let rank = random.below(most);
        let mut letters = Generator::new(rank);
        for _ in 0..=2 + letters.below(6) {
            let letter = letters.small_below(26).min(letters.small_below(26));
            text.push(char::from_u32(u32::from(b'a') + letter).unwrap());
        }
        text.push(' ');
    }
    text
}

/// Returns the bytes of a closed database.
fn size(path: &Path) -> f64 {
    count(usize::try_from(fs::metadata(path).unwrap().len()).unwrap())
}

fn per_second(things: usize, took: Duration) -> f64 {
    count(things) / took.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "figures to print")]
fn count(things: usize) -> f64 {
    things as f64
}
