//! The application over a real store, with a clock that moves when the test says so.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, also in its helper functions")]

mod alerts;
mod budgets;
mod import;
mod issues;
mod keeping;
mod live;
mod settle;
mod spool;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_app::{App, Page, RunQuery, Settings};
use arc_catalog::Catalog;
use arc_model::{Clock, ProjectId, Run, Span, Timestamp, TraceId, sketch};
use arc_store_backends::Stores;

/// Noon of the day on which everything in these tests happens.
const NOON: &str = "2026-03-02T12:00:00Z";

/// A clock that stands still until it is moved.
struct ManualClock(AtomicI64);

impl ManualClock {
    fn at_noon() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(Timestamp::parse(NOON).unwrap().as_nanos())))
    }

    fn pass(&self, time: Duration) {
        self.0.fetch_add(i64::try_from(time.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

async fn in_memory() -> (App, Arc<ManualClock>) {
    let clock = ManualClock::at_noon();
    (app_on(arc_store_backends::open("sqlite::memory:").await.unwrap(), clock.clone()), clock)
}

fn app_on(stores: Stores, clock: Arc<ManualClock>) -> App {
    let settings = Settings { poll: Duration::from_millis(10), ..Settings::default() };
    App::new(stores.traces, stores.registry, clock, Catalog::builtin(), settings)
}

fn project() -> ProjectId {
    ProjectId::default()
}

/// The spans of a trace whose id consists of this digit.
fn spans(digit: char, lines: &str) -> Vec<Span> {
    let text = format!("trace {} at {NOON}\n{lines}", String::from(digit).repeat(32));
    sketch::parse(&text).unwrap().spans().to_vec()
}

fn trace_id(digit: char) -> TraceId {
    String::from(digit).repeat(32).parse().unwrap()
}

async fn runs(app: &App) -> Vec<Run> {
    let query = RunQuery { limit: 100, ..RunQuery::default() };
    let Page { items, .. } = app.runs(&project(), &query).await.unwrap();
    items
}

/// The runs, each as `agent: verdict`.
async fn verdicts(app: &App) -> String {
    let runs = runs(app).await;
    let lines = runs.iter().map(|run| format!("{}: {:?}", run.agent.name, run.outcome.verdict).to_lowercase());
    lines.collect::<Vec<_>>().join(", ")
}
