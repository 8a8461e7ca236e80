//! What agents write to the spool, in the store: while they run, when they end, when they die, and when
//! the store fails.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use arc_app::{App, Settings, SpoolSettings, SpoolState, SystemClock};
use arc_catalog::Catalog;
use arc_model::{Capture, ProjectId, Run, Span as Stored, Termination, Timestamp, TraceId};
use arc_spool::{Context, Kind, Options, ProcessEnd, Record, Writer};
use arc_store::{
    Appended, Change, ChangeSeq, FindingQuery, Page, RunQuery, Settled, StoreError, TraceStore, Unsettled,
};
use arc_store_backends::Stores;
use async_trait::async_trait;
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::Span,
};
use prost::Message;
use tempfile::TempDir;

use crate::{runs, trace_id};

/// Longest wait for something that has to happen.
const PATIENCE: Duration = Duration::from_secs(10);

/// An agent that writes to a spool.
struct Agent {
    writer: Writer,
    context: Context,
}

impl Agent {
    fn new(dir: &Path) -> Self {
        let mut options = Options::new(dir);
        "agent.py".clone_into(&mut options.program);
        Self { writer: Writer::new(options), context: Context::new(resource("default"), Vec::new()) }
    }

    fn say(&self, kind: Kind, digit: u8, span: u8, part: &Span) {
        let record = Record {
            kind,
            root: span == 1,
            context: &self.context,
            trace_id: [digit * 17; 16],
            span_id: [span; 8],
            time_unix_ns: now_ns(),
            payload: &part.encode_to_vec(),
        };
        assert_eq!(self.writer.append(&record), arc_spool::Appended::Written);
    }

    /// Starts a span of the trace whose id consists of this digit; 1 is the root.
    fn start(&self, digit: u8, span: u8, name: &str) {
        let part = Span {
            trace_id: vec![digit * 17; 16],
            span_id: vec![span; 8],
            parent_span_id: if span == 1 { vec![] } else { vec![1; 8] },
            name: name.to_owned(),
            start_time_unix_nano: now_ns(),
            attributes: vec![text("gen_ai.operation.name", if span == 1 { "invoke_agent" } else { "chat" })],
            ..Span::default()
        };
        self.say(Kind::SpanStart, digit, span, &part);
    }

    fn end(&self, digit: u8, span: u8) {
        self.say(Kind::SpanEnd, digit, span, &Span { end_time_unix_nano: now_ns(), ..Span::default() });
    }

    fn run(&self, digit: u8) {
        self.start(digit, 1, "shop");
        self.end(digit, 1);
    }
}

fn now_ns() -> u64 {
    use arc_model::Clock as _;
    u64::try_from(SystemClock.now().as_nanos()).unwrap()
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn resource(project: &str) -> Vec<u8> {
    let attributes = vec![text("service.name", "shop"), text("arc_eval.project", project)];
    Resource { attributes, ..Resource::default() }.encode_to_vec()
}

/// An application that reads a spool into a database file; both stay when it is gone.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn spool(&self) -> std::path::PathBuf {
        self.0.path().join("spool")
    }

    async fn stores(&self) -> Stores {
        let url = format!("sqlite://{}", self.0.path().join("arc.db").display());
        arc_store_backends::open(&url).await.unwrap()
    }

    async fn reader(&self) -> App {
        self.reader_on(self.stores().await)
    }

    fn reader_on(&self, stores: Stores) -> App {
        let settings = Settings { poll: Duration::from_millis(20), ..Settings::default() };
        let app = App::new(stores.traces, stores.registry, Arc::new(SystemClock), Catalog::builtin(), settings);
        app.run_background();
        app.read_spool(SpoolSettings { dir: self.spool(), own_endpoints: Vec::new() });
        app
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.spool()).map_or(0, Iterator::count)
    }
}

/// Waits until something is so, and returns how long that took.
async fn wait_until(what: &str, is_so: impl AsyncFn() -> bool) -> Duration {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

async fn run_of(app: &App, digit: char) -> Option<Run> {
    app.run(&ProjectId::default(), trace_id(digit)).await.unwrap().map(|detail| detail.run)
}

async fn source(app: &App) -> Option<Capture> {
    app.ledger(&ProjectId::default()).await.unwrap().sources.into_iter().next()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_shows_while_it_runs_and_when_it_ended() {
    let place = Place::new();
    let app = place.reader().await;
    let agent = Agent::new(&place.spool());
    agent.start(1, 1, "shop");
    let shown = wait_until("the run", async || run_of(&app, '1').await.is_some()).await;
    assert!(shown < Duration::from_secs(1), "{shown:?}");
    let run = run_of(&app, '1').await.unwrap();
    assert!(run.is_running);
    assert_eq!(run.agent.name.as_str(), "shop");
    agent.end(1, 1);
    wait_until("its end", async || run_of(&app, '1').await.is_some_and(|run| !run.is_running)).await;
    assert_eq!(run_of(&app, '1').await.unwrap().termination, Some(Termination::Completed));
    app.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_process_dies_settles_at_once_and_says_how_far_it_was() {
    let place = Place::new();
    let app = place.reader().await;
    let agent = Agent::new(&place.spool());
    agent.start(1, 1, "shop");
    agent.start(1, 2, "search");
    agent.end(1, 2);
    agent.start(1, 3, "chat gpt-4o");
    wait_until("the run", async || run_of(&app, '1').await.is_some()).await;
    // The lock on its file is gone, as when it is killed.
    drop(agent);
    let settled = wait_until("its end", async || run_of(&app, '1').await.is_some_and(|run| !run.is_running)).await;
    assert!(settled < Duration::from_secs(2), "{settled:?}");
    let run = run_of(&app, '1').await.unwrap();
    let death = run.death.unwrap();
    assert_eq!((run.termination, death.after.as_deref()), (Some(Termination::Killed), Some("search")));
    assert_eq!(death.during.unwrap().name, "chat gpt-4o");
    let said = run.error.unwrap();
    assert!(said.ends_with("during the model call chat gpt-4o, after search"), "{said}");
    wait_until("the account", async || source(&app).await.is_some_and(|source| source.is_ended)).await;
    let source = source(&app).await.unwrap();
    let runs = source.runs.unwrap();
    assert_eq!((source.name.as_str(), source.pid), ("agent.py", Some(std::process::id())));
    assert_eq!((runs.started, runs.stored, runs.cut_short, runs.in_flight()), (1, 1, 1, 0));
    assert!(!source.has_gap());
    wait_until("an empty spool", async || place.files() == 0).await;
    app.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_exits_in_the_middle_of_a_run_is_told_from_one_that_was_killed() {
    let place = Place::new();
    let agent = Agent::new(&place.spool());
    agent.start(1, 1, "shop");
    agent.writer.end_process(ProcessEnd::Exited(3), now_ns());
    drop(agent);
    // It died before anybody read what it wrote.
    let app = place.reader().await;
    wait_until("its end", async || run_of(&app, '1').await.is_some_and(|run| !run.is_running)).await;
    let run = run_of(&app, '1').await.unwrap();
    assert_eq!((run.termination, run.death.unwrap().exit_code), (Some(Termination::Exited), Some(3)));
    app.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_starts_over_loses_nothing_and_counts_nothing_twice() {
    let place = Place::new();
    let agent = Agent::new(&place.spool());
    for digit in 1..=9 {
        // Each run begins under one reader and ends under the next.
        agent.start(digit, 1, "shop");
        let app = place.reader().await;
        wait_until("the start", async || runs(&app).await.len() == usize::from(digit)).await;
        app.shutdown().await;
        agent.end(digit, 1);
    }
    drop(agent);
    let app = place.reader().await;
    wait_until("the account", async || source(&app).await.is_some_and(|source| source.is_ended)).await;
    let counted = source(&app).await.unwrap().runs.unwrap();
    assert_eq!((counted.started, counted.stored, counted.in_flight()), (9, 9, 0));
    wait_until("the ends", async || runs(&app).await.iter().all(|run| !run.is_running)).await;
    assert_eq!(runs(&app).await.len(), 9);
    app.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_taken_in_is_rejected_alone_and_counted() {
    let place = Place::new();
    let mut agent = Agent::new(&place.spool());
    agent.run(1);
    // A project without a name, then bytes that are no span.
    agent.context = Context::new(resource(""), Vec::new());
    agent.run(2);
    agent.context = Context::new(resource("default"), Vec::new());
    let garbage = Record {
        kind: Kind::SpanEnd,
        root: true,
        context: &agent.context,
        trace_id: [3 * 17; 16],
        span_id: [1; 8],
        time_unix_ns: now_ns(),
        payload: &[0x2a, 0xff, 0xff, 0xff],
    };
    agent.writer.append(&garbage);
    agent.run(4);
    drop(agent);
    let app = place.reader().await;
    wait_until("the account", async || source(&app).await.is_some_and(|source| source.is_ended)).await;
    let source = source(&app).await.unwrap();
    let counted = source.runs.unwrap();
    assert_eq!((counted.started, counted.stored, counted.rejected, counted.in_flight()), (4, 2, 2, 0), "{source:?}");
    assert!(source.has_gap() && source.gap_at.is_some());
    assert!(source.counts.rejected.iter().any(|rejected| rejected.why.contains("arc_eval.project")), "{source:?}");
    wait_until("the good ones", async || runs(&app).await.len() == 2).await;
    app.shutdown().await;
}

/// What is said about a run whose records are gone adds to what is stored.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_is_known_late_is_added_to_the_stored_run() {
    let place = Place::new();
    let first = Agent::new(&place.spool());
    first.run(1);
    drop(first);
    let app = place.reader().await;
    wait_until("the run", async || run_of(&app, '1').await.is_some() && place.files() == 0).await;
    let second = Agent::new(&place.spool());
    let late = Span { attributes: vec![text("arc_eval.outcome.verdict", "succeeded")], ..Span::default() };
    second.say(Kind::SpanPart, 1, 1, &late);
    let is_known = async || run_of(&app, '1').await.is_some_and(|run| run.outcome.source.is_some());
    wait_until("the outcome", is_known).await;
    let run = run_of(&app, '1').await.unwrap();
    assert_eq!(
        (run.agent.name.as_str(), run.is_running, run.termination),
        ("shop", false, Some(Termination::Completed))
    );
    app.shutdown().await;
}

/// A store whose disk can be full.
struct Fragile {
    store: Arc<dyn TraceStore>,
    is_full: Arc<AtomicBool>,
}

#[async_trait]
impl TraceStore for Fragile {
    async fn append(&self, project: &ProjectId, spans: &[Stored], now: Timestamp) -> Result<Appended, StoreError> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable { attempted: "append spans", source: "the disk is full".into() });
        }
        self.store.append(project, spans, now).await
    }
    async fn trace(&self, project: &ProjectId, id: TraceId) -> Result<Option<arc_model::Trace>, StoreError> {
        self.store.trace(project, id).await
    }
    async fn unsettled(
        &self,
        ended: Timestamp,
        idle: Timestamp,
        seen: Timestamp,
        limit: u32,
    ) -> Result<Vec<Unsettled>, StoreError> {
        self.store.unsettled(ended, idle, seen, limit).await
    }
    async fn settle(&self, settled: &[Settled], now: Timestamp) -> Result<(), StoreError> {
        self.store.settle(settled, now).await
    }
    async fn run(&self, project: &ProjectId, id: TraceId) -> Result<Option<Run>, StoreError> {
        self.store.run(project, id).await
    }
    async fn runs(&self, project: &ProjectId, query: &RunQuery) -> Result<Page<Run>, StoreError> {
        self.store.runs(project, query).await
    }
    async fn findings(&self, p: &ProjectId, query: &FindingQuery) -> Result<Page<arc_model::Finding>, StoreError> {
        self.store.findings(p, query).await
    }
    async fn agents(&self, project: &ProjectId) -> Result<Vec<arc_model::AgentSummary>, StoreError> {
        self.store.agents(project).await
    }
    async fn figures(
        &self,
        project: &ProjectId,
        agent: &arc_model::AgentName,
    ) -> Result<arc_model::AgentFigures, StoreError> {
        self.store.figures(project, agent).await
    }
    async fn changes(&self, after: ChangeSeq, limit: u32) -> Result<Vec<Change>, StoreError> {
        self.store.changes(after, limit).await
    }
    async fn last_change(&self) -> Result<ChangeSeq, StoreError> {
        self.store.last_change().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_fails_the_reader_waits_and_then_catches_up() {
    let place = Place::new();
    let Stores { traces, registry } = place.stores().await;
    let is_full = Arc::new(AtomicBool::new(true));
    let fragile = Fragile { store: traces, is_full: is_full.clone() };
    let app = place.reader_on(Stores { traces: Arc::new(fragile), registry });
    let agent = Agent::new(&place.spool());
    agent.run(1);
    let is_waiting = async || app.spool_status().is_some_and(|status| status.state == SpoolState::Waiting);
    wait_until("waiting", is_waiting).await;
    let why = app.spool_status().unwrap().why.unwrap();
    assert!(why.contains("the disk is full"), "{why}");
    agent.run(2);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(runs(&app).await.is_empty());
    is_full.store(false, Ordering::Relaxed);
    wait_until("both runs", async || runs(&app).await.len() == 2).await;
    wait_until("reading", async || !is_waiting().await).await;
    app.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_process_sends_elsewhere_itself_is_left_alone() {
    let place = Place::new();
    let mut options = Options::new(place.spool());
    options.endpoint = Some("https://traces.example".to_owned());
    let mut agent = Agent::new(&place.spool());
    agent.writer = Writer::new(options);
    agent.run(1);
    let app = place.reader().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(runs(&app).await.is_empty());
    assert_eq!(app.spool_status().unwrap().processes, 1);
    drop(agent);
    app.shutdown().await;
}
