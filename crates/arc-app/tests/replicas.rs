//! Several servers on one PostgreSQL share the work: no run is analysed twice, what a killed one had leased is taken
//! over, and a limit on the size removes as much as it has to.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips; the child of one tells by printing"
)]

#[path = "../../arc-store-backends/tests/postgres_server/mod.rs"]
mod postgres_server;

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use arc_app::{App, FindingQuery, Retention, RunQuery, Settings};
use arc_catalog::Catalog;
use arc_model::{Clock, Message, ProjectId, Role, Span, Timestamp, TraceId, sketch};
use arc_store::{ChangeSeq, TraceStore};
use arc_store_backends::postgres::PostgresStore;
use postgres_server::Server;

const LEASE: Duration = Duration::from_secs(2);

/// A clock at which everything in these tests is long past.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp::parse("2026-03-02T13:00:00Z").unwrap()
    }
}

async fn replica(url: &str) -> (App, Arc<PostgresStore>) {
    let store = Arc::new(PostgresStore::open_with_lease(url, LEASE).await.unwrap());
    let settings = Settings { poll: Duration::from_millis(20), ..Settings::default() };
    (App::new(store.clone(), store.clone(), Arc::new(Later), Catalog::builtin(), settings), store)
}

/// A run in which a tool fails three times in the same way.
fn spans(number: u64) -> Vec<Span> {
    let id = TraceId::derive(&[&number.to_le_bytes()]);
    let lines = r#"agent shop agent=shop @0s +2s
  tool search {q: "shoes"} !timeout
  tool search {q: "shoes"} !timeout
  tool search {q: "shoes"} !timeout
"#;
    let text = format!("trace {id} at 2026-03-02T12:00:00Z\n{lines}");
    sketch::parse(&text).unwrap().spans().to_vec()
}

async fn append(store: &PostgresStore, traces: std::ops::Range<u64>) {
    let spans: Vec<Span> = traces.flat_map(spans).collect();
    let before = Timestamp::parse("2026-03-02T12:00:01Z").unwrap();
    store.append(&ProjectId::default(), &spans, before).await.unwrap();
}

/// Waits until so many runs are settled; returns after how long.
async fn settled(app: &App, runs: usize) -> Duration {
    let start = Instant::now();
    loop {
        let query = RunQuery { limit: 1000, ..RunQuery::default() };
        let found = app.runs(&ProjectId::default(), &query).await.unwrap().items.len();
        if found == runs {
            return start.elapsed();
        }
        assert!(start.elapsed() < Duration::from_mins(1), "{found} of {runs} runs are settled after a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_analyse_every_run_once() {
    let Some(server) = Server::start() else { return };
    let url = server.url("arc_eval");
    let ((first, store), (second, _)) = (replica(&url).await, replica(&url).await);
    first.run_background();
    second.run_background();
    for batch in 0..10 {
        append(&store, batch * 40..(batch + 1) * 40).await;
    }
    settled(&first, 400).await;
    // Whatever is under way ends.
    first.shutdown().await;
    second.shutdown().await;
    // Each settled run took one number.
    assert_eq!(store.last_change().await.unwrap(), ChangeSeq(400));
    let query = FindingQuery { limit: 10_000, ..FindingQuery::default() };
    let findings = first.findings(&ProjectId::default(), &query).await.unwrap().items;
    assert!(findings.len() >= 400, "{} findings", findings.len());
    let distinct: BTreeSet<String> = findings.iter().map(|finding| serde_json::to_string(finding).unwrap()).collect();
    assert_eq!(distinct.len(), findings.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_the_size_removes_the_share_of_runs_it_has_to_and_no_more() {
    const RUNS: u64 = 300;
    let Some(server) = Server::start() else { return };
    let (app, store) = replica(&server.url("arc_eval")).await;
    let keeping = |max_bytes| {
        let retention = Retention { max_age: None, max_bytes };
        let settings = Settings { retention, ..Settings::default() };
        App::new(store.clone(), store.clone(), Arc::new(Later), Catalog::builtin(), settings)
    };
    for number in 0..RUNS {
        // Small texts: most of the room is what the tables take.
        let mut spans = spans(number);
        for (step, span) in spans.iter_mut().enumerate() {
            let later = i64::try_from(number).unwrap() * 5_000_000_000;
            (span.start, span.end) =
                (span.start.map(|at| at.plus_nanos(later)), span.end.map(|at| at.plus_nanos(later)));
            span.messages_in = vec![Message::text(Role::User, format!("question {number} {step}")).into()];
        }
        app.ingest(&ProjectId::default(), spans).await.unwrap();
        if number % 50 == 49 {
            app.settle_all(&ProjectId::default()).await.unwrap();
        }
    }
    app.index_all().await.unwrap();
    let mut left = RUNS;
    for share in [0.8, 0.5] {
        let full = app.storage().await.unwrap().used_bytes;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "about"
        )]
        let (max_bytes, wanted) = ((full as f64 * share) as u64, (left as f64 * (1.0 - share)) as u64);
        let keeps = keeping(Some(max_bytes));
        let removed = keeps.retain().await.unwrap().runs;
        assert!(
            (wanted * 2 / 3..wanted * 5 / 3).contains(&removed),
            "{removed} of {left} went, to {share} of the size"
        );
        assert!(app.storage().await.unwrap().used_bytes <= max_bytes);
        assert_eq!(keeps.retain().await.unwrap().runs, 0);
        left -= removed;
    }
    assert_eq!(app.storage().await.unwrap().runs, left);
}

/// Names the store to a process that is to be killed.
const CHILD: &str = "ARC_EVAL_TEST_REPLICA_CHILD";

#[test]
fn what_a_killed_replica_had_leased_is_taken_over() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(url) = std::env::var_os(CHILD) {
        runtime.block_on(lease_until_killed(url.to_str().unwrap()));
    }
    let Some(server) = Server::start() else { return };
    let url = server.url("arc_eval");
    let (app, store) = runtime.block_on(replica(&url));
    runtime.block_on(append(&store, 0..50));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "what_a_killed_replica_had_leased_is_taken_over", "--nocapture"])
        .env(CHILD, &url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("leased 50.")), "the other replica leased nothing");
    runtime.block_on(async {
        // Others leave alone what the living one has.
        assert_eq!(app.settle_due().await.unwrap(), 0);
        child.kill().unwrap();
        child.wait().unwrap();
        app.run_background();
        let took = settled(&app, 50).await;
        eprintln!("taken over after {took:?}, with a lease of {LEASE:?}");
        app.shutdown().await;
        assert_eq!(store.last_change().await.unwrap(), ChangeSeq(50));
    });
}

/// Leases everything, as a replica does before it analyses, and gets no further.
async fn lease_until_killed(url: &str) -> ! {
    let store = PostgresStore::open_with_lease(url, LEASE).await.unwrap();
    loop {
        let end = Timestamp::from_nanos(i64::MAX);
        let leased = store.unsettled(end, end, end, 1000).await.unwrap();
        println!("leased {}.", leased.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
