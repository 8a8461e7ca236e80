//! How fast spans become durable in PostgreSQL, beside SQLite in the same minute on the same disk. Starts a server of its
//! own. Run with `cargo bench -p arc-store-backends --bench postgres`; figures go to the terminal.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a program of its own that prints figures"
)]

#[path = "../tests/postgres_server/mod.rs"]
mod postgres_server;
mod workload;

use std::time::Instant;

use arc_model::{ProjectId, Span, Timestamp};
use arc_store::{Settled, TraceStore, conformance::Generator};
use arc_store_backends::Stores;
use postgres_server::Server;
use workload::{join_all, per_second, trace, trace_id};

fn main() {
    let Some(server) = Server::start() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        for round in 0..3 {
            for name in ["SQLite", "PostgreSQL"] {
                let number = &std::cell::Cell::new(0);
                let open = async || {
                    number.set(number.get() + 1);
                    let store = format!("bench_{round}_{}", number.get());
                    let url = match name {
                        "SQLite" => format!("sqlite://{}/{store}.db", folder.path().display()),
                        _ => server.url(&store),
                    };
                    arc_store_backends::open(&url).await.unwrap()
                };
                for senders in [1, 4] {
                    batches(name, &open().await, senders).await;
                }
                for agents in [1, 64] {
                    single_spans(name, &open().await, agents).await;
                }
            }
        }
    });
}

async fn batches(name: &str, stores: &Stores, senders: usize) {
    let batches = workload::batches();
    let spans: usize = batches.iter().map(Vec::len).sum();
    let start = Instant::now();
    for group in batches.chunks(senders) {
        join_all(group.iter().map(|batch| append(&*stores.traces, batch)).collect()).await;
    }
    let took = per_second(spans, start.elapsed());
    println!("{name}: append, batches of 500 traces x 8 spans, {senders} at once: {took:.0} spans/s durable");
    if senders == 1 {
        settle(name, &*stores.traces).await;
    }
}

/// Reads and settles what was appended.
async fn settle(name: &str, store: &dyn TraceStore) {
    let start = Instant::now();
    for number in 0..500 {
        store.trace(&ProjectId::default(), trace_id(number * 7)).await.unwrap().unwrap();
    }
    let read = start.elapsed();
    let mut random = Generator::new(1);
    let (mut settled, start) = (0, Instant::now());
    while settled < 4000 {
        let forever = Timestamp::from_nanos(i64::MAX);
        let waiting = store.unsettled(forever, forever, Timestamp::default(), 200).await.unwrap();
        let runs = waiting.into_iter().map(|waiting| {
            let (mut run, findings) = random.run(waiting.trace_id);
            run.is_running = false;
            let costs = arc_model::RunCosts::default();
            Settled { project: waiting.project, mark: waiting.mark, run, findings, costs }
        });
        let runs: Vec<Settled> = runs.collect();
        settled += runs.len();
        store.settle(&runs, Timestamp::from_nanos(0)).await.unwrap();
    }
    let settle = per_second(settled, start.elapsed());
    println!("{name}: read a trace: {:.0} us; settle: {settle:.0} runs/s", read.as_secs_f64() * 1e6 / 500.0);
}

async fn single_spans(name: &str, stores: &Stores, agents: usize) {
    let spans: Vec<Span> = (0..400).flat_map(trace).collect();
    let start = Instant::now();
    for group in spans.chunks(agents) {
        join_all(group.iter().map(|span| append(&*stores.traces, std::slice::from_ref(span))).collect()).await;
    }
    let took = per_second(spans.len(), start.elapsed());
    println!("{name}: append one span at a time, {agents} at once: {took:.0} spans/s durable");
}

async fn append(store: &dyn TraceStore, spans: &[Span]) {
    store.append(&ProjectId::default(), spans, Timestamp::from_nanos(1)).await.unwrap();
}
