//! Servers that are killed at random moments under load: everything that was acknowledged is there afterwards.
//!
//! Senders do what exporters do: a batch that was not acknowledged is sent again to the next server. So in the end every
//! trace was acknowledged, and exactly as many runs must be counted.

use std::{
    collections::VecDeque,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use arc_model::{ProjectId, TraceId};
use arc_store::TraceStore as _;
use arc_store_backends::sqlite::SqliteStore;

use crate::{
    load::Connection,
    server,
    workload::{self, Random, SPANS, Workload},
};

const SENDERS: u64 = 4;
/// Traces of a batch: small ones, so that many are under way at any moment.
const TRACES: usize = 2;

type Batch = (Vec<u8>, Vec<[u8; 16]>);

/// Batches to send again, and what was acknowledged so far.
#[derive(Default)]
struct Shared {
    again: Mutex<VecDeque<Batch>>,
    acknowledged: Mutex<Vec<[u8; 16]>>,
    stop: AtomicBool,
}

pub(crate) fn run(program: &Path, kills: u32) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("disk/home");
    std::fs::create_dir_all(&home)?;
    let pool = workload::pool();
    let mut random = Random::new(u64::from(std::process::id()));
    let mut workloads: Vec<Workload> =
        (0..SENDERS).map(|sender| Workload::new(500 + sender, Arc::clone(&pool))).collect();
    let shared = Arc::new(Shared::default());
    let (begin, mut resent, mut checked) = (Instant::now(), 0, 0);
    for kill in 1..=kills {
        let server = server::start(program, &home).with_context(|| format!("start after kill {}", kill - 1))?;
        shared.stop.store(false, Ordering::Release);
        let address = server.address;
        let senders: Vec<_> = workloads
            .drain(..)
            .map(|workload| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || send_until_killed(address, workload, &shared, None))
            })
            .collect();
        std::thread::sleep(Duration::from_millis(random.next() % 400 + 20));
        server.kill()?;
        shared.stop.store(true, Ordering::Release);
        for sender in senders {
            workloads.push(sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?);
        }
        resent += lock(&shared.again).len();
        let acknowledged = lock(&shared.acknowledged).clone();
        check(&home, acknowledged.get(checked..).unwrap_or_default()).with_context(|| format!("kill {kill}"))?;
        checked = acknowledged.len();
        if kill % 20 == 0 {
            eprintln!("{kill} kills, {checked} traces acknowledged, none missing");
        }
    }
    // The rest is delivered, and everything is looked at once more.
    let server = server::start(program, &home).context("start after the last kill")?;
    shared.stop.store(false, Ordering::Release);
    for workload in workloads {
        send_until_killed(server.address, workload, &shared, Some(0));
    }
    let acknowledged = lock(&shared.acknowledged).clone();
    let traces = acknowledged.len() as u64;
    let counted = server.wait_for_runs(traces, Duration::from_mins(10))?;
    ensure!(counted == traces, "{traces} traces were acknowledged, {counted} runs are counted");
    // A partial trace that counted twice would show when everything has settled for good.
    std::thread::sleep(Duration::from_secs(1));
    ensure!(server.runs()? == traces, "the count changed afterwards");
    server.kill()?;
    check(&home, &acknowledged)?;
    println!(
        "{kills} kills in {:.0} s: {traces} traces ({} spans) acknowledged, 0 missing, 0 counted twice; {resent} batches were \
         under way when a server died and were sent again",
        begin.elapsed().as_secs_f64(),
        traces * SPANS
    );
    Ok(())
}

/// Sends until the server does not answer any more, or, where there is an end, what is left and so many batches.
fn send_until_killed(
    address: std::net::SocketAddr,
    mut workload: Workload,
    shared: &Shared,
    mut more: Option<u32>,
) -> Workload {
    let Ok(mut connection) = Connection::open(address) else { return workload };
    while !shared.stop.load(Ordering::Acquire) {
        let again = lock(&shared.again).pop_front();
        let batch = match (again, &mut more) {
            (Some(batch), _) => batch,
            (None, Some(0)) => break,
            (None, more) => {
                *more = more.map(|more| more - 1);
                workload.request(TRACES)
            }
        };
        match connection.export(&batch.0) {
            Ok(200) => lock(&shared.acknowledged).extend(batch.1),
            Ok(_) => lock(&shared.again).push_back(batch),
            Err(_) => {
                lock(&shared.again).push_back(batch);
                break;
            }
        }
    }
    workload
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens the database as another process would, and looks for every trace.
pub(crate) fn check(home: &Path, traces: &[[u8; 16]]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let store = SqliteStore::open(home.join("arc-eval.db")).context("open the database")?;
    runtime.block_on(async {
        for bytes in traces {
            let id = TraceId::from_slice(bytes).context("an id")?;
            let trace = store.trace(&ProjectId::default(), id).await?;
            let spans = trace.map_or(0, |trace| trace.spans().len() as u64);
            ensure!(spans == SPANS, "trace {id} was acknowledged and has {spans} of {SPANS} spans");
        }
        Ok(())
    })
}
