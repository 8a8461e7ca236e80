//! What reading costs as a store grows: the same questions over HTTP at each size.
//!
//! The store is filled through its port, without a server: every trace is decoded, stored, analysed and settled as the
//! server would, only that its agent, its task and its time are spread, because ten million spans of one agent within a
//! second are nobody's.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use arc_analysis::{Analysis, Context as About, analyse};
use arc_catalog::Catalog;
use arc_model::{AgentName, ProjectId, Span, TaskId, Timestamp, Trace};
use arc_store::{Settled, TraceStore, WriteMark};

use crate::{
    load::{Connection, TRACES},
    place::Place,
    server,
    workload::{self, BEGIN, SPANS, Workload},
};

/// Tasks that fill; enough that the writer always has something to commit.
const TASKS: u64 = 8;
/// How often each question is asked at each size.
const ASKED: usize = 41;
/// Runs whose text is made searchable at once.
const INDEXED: u32 = 256;
/// Agents, and tasks of each.
const AGENTS: u64 = 20;
const TASKS_OF_AGENT: u64 = 200;
/// From one run to the next: 1.25 million runs are three months.
const APART_NS: i64 = 6_000_000_000;

/// A size, and the median of each question in milliseconds, in the order of [`questions`].
pub(crate) struct Row {
    pub(crate) spans: u64,
    pub(crate) bytes: u64,
    pub(crate) medians_ms: Vec<f64>,
}

/// What is asked, by name.
pub(crate) fn questions() -> [&'static str; 6] {
    ["latest 50 runs", "one run with its spans", "home figures", "all agents", "costs by model", "a text search"]
}

/// Fills a store to each size in turn and measures there.
pub(crate) fn run(program: &Path, store: &str, sizes: &[u64]) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("disk/home");
    let place = Place::start(store, &home)?;
    let pool = workload::pool();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (mut filled, mut rows) = (0, Vec::new());
    for spans in sizes {
        let traces = spans / SPANS;
        let begin = Instant::now();
        runtime.block_on(fill(&place, filled..traces, &pool))?;
        eprintln!("{spans} spans: filled in {:.0} s", begin.elapsed().as_secs_f64());
        filled = traces;
        let server = server::start_with(program, &home, place.environment())?;
        let counted = server.wait_for_runs(traces, Duration::from_mins(1))?;
        ensure!(counted == traces, "{traces} runs were stored and {counted} are counted");
        let medians_ms = ask(&server)?;
        eprintln!("{medians_ms:.1?}");
        rows.push(Row { spans: *spans, bytes: place.bytes()?, medians_ms });
        server.kill()?;
    }
    Ok(rows)
}

async fn fill(place: &Place, numbers: std::ops::Range<u64>, pool: &Arc<Vec<u8>>) -> Result<()> {
    let stores = place.open().await?;
    stores.registry.ensure_project(&ProjectId::default(), Timestamp::from_nanos(0)).await?;
    let mut tasks = tokio::task::JoinSet::new();
    let share = (numbers.end - numbers.start).div_ceil(TASKS);
    for task in 0..TASKS {
        let (store, pool) = (Arc::clone(&stores.traces), Arc::clone(pool));
        let first = numbers.start + task * share;
        let own = first..(first + share).min(numbers.end);
        tasks.spawn(async move {
            let mut workload = Workload::new(first + 1, pool);
            for from in own.clone().step_by(TRACES) {
                let count = usize::try_from((own.end - from).min(TRACES as u64))?;
                let request = workload.request(count).0;
                let spans = tokio::task::spawn_blocking(move || arc_formats::decode_otlp_protobuf(&request).spans);
                store_runs(&*store, spans.await?, from).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    // Text is made searchable as the server does, in small steps.
    while stores.traces.index_text(INDEXED).await?.runs > 0 {}
    Ok(())
}

/// Stores and settles the traces of one request, the first of which has this number.
async fn store_runs(store: &dyn TraceStore, spans: Vec<Span>, first: u64) -> Result<()> {
    let project = ProjectId::default();
    store.append(&project, &spans, Timestamp::from_nanos(1)).await?;
    let settled = tokio::task::spawn_blocking(move || {
        let traces = spans.chunk_by(|one, other| one.trace_id == other.trace_id);
        (first..).zip(traces).map(|(number, spans)| settled(number, spans)).collect::<Vec<_>>()
    });
    Ok(store.settle(&settled.await?, Timestamp::from_nanos(2)).await?)
}

fn settled(number: u64, spans: &[Span]) -> Settled {
    let trace_id = spans.first().map_or_else(|| arc_model::TraceId::derive(&[]), |span| span.trace_id);
    let agent = AgentName::new(format!("bench-agent-{:02}", number % AGENTS));
    let at = i64::try_from(BEGIN).unwrap_or(0) + i64::try_from(number).unwrap_or(0) * APART_NS;
    let about = About {
        received_at: Timestamp::from_nanos(at),
        agent: Some(agent),
        is_running: false,
        checks: arc_analysis::checks::Checks::default(),
    };
    let Analysis { mut run, findings, costs } =
        analyse(&Trace::new(trace_id, spans.to_vec()), &about, Catalog::builtin());
    run.started_at = Some(Timestamp::from_nanos(at));
    run.task = Some(TaskId::new(format!("task-{}", number / AGENTS % TASKS_OF_AGENT)));
    Settled { project: ProjectId::default(), mark: WriteMark(1), run, findings, costs }
}

fn ask(server: &server::Server) -> Result<Vec<f64>> {
    let mut connection = Connection::open(server.address)?;
    let listed: serde_json::Value = serde_json::from_str(&connection.get("/api/v1/runs?limit=50")?)?;
    let run = listed.pointer("/runs/0/trace_id").and_then(serde_json::Value::as_str).context("a listed run")?;
    let paths = [
        "/api/v1/runs?limit=50".to_owned(),
        format!("/api/v1/runs/{run}"),
        "/api/runtime-analysis".to_owned(),
        "/api/v1/agents".to_owned(),
        "/api/v1/costs?by=model".to_owned(),
        "/api/v1/search?q=refund".to_owned(),
    ];
    let median = |path: &String| {
        let mut times = Vec::with_capacity(ASKED);
        for _ in 0..ASKED {
            let begin = Instant::now();
            if let Err(error) = connection.get(path) {
                eprintln!("{error:#}");
                return f64::NAN;
            }
            times.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        times.get(ASKED / 2).copied().unwrap_or(f64::NAN)
    };
    Ok(paths.iter().map(median).collect())
}
