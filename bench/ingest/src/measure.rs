//! One round of everything that is measured.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    limit,
    load::{self, Connection},
    place::Place,
    server,
    workload::{self, SPANS},
};

/// Connections of the load.
pub(crate) const CONNECTIONS: usize = 8;
/// How long runs may take to be analysed after the load.
const PATIENCE: Duration = Duration::from_mins(10);

/// What one round gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    pub(crate) spans_per_second: f64,
    /// Until the last run was analysed and counted, too.
    pub(crate) counted_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) half_p50_ms: f64,
    pub(crate) half_p99_ms: f64,
    /// Of the server, from the first request to the last analysis.
    pub(crate) processor_ms: f64,
    /// Of the server, until the last acknowledgement.
    pub(crate) ingest_processor_ms: f64,
    pub(crate) idle_mb: f64,
    pub(crate) most_mb: f64,
    pub(crate) bytes_per_span: f64,
    pub(crate) put_off: f64,
    pub(crate) resend_percent: f64,
    pub(crate) limit: f64,
}

/// Measures so often.
pub(crate) fn run(program: &Path, store: &str, repeats: usize, seconds: u64) -> Result<Vec<Figures>> {
    let pool = workload::pool();
    (0..repeats)
        .map(|round| {
            let figures =
                once(program, store, seconds, round as u64 + 1, &pool).with_context(|| format!("round {round}"))?;
            eprintln!("{figures:?}");
            Ok(figures)
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "rates")]
fn once(program: &Path, store: &str, seconds: u64, round: u64, pool: &Arc<Vec<u8>>) -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let home = folder.path().join("disk/home");
    let place = Place::start(store, &home)?;
    let empty = place.bytes()?;
    let server = server::start_with(program, &home, place.environment())?;
    std::thread::sleep(Duration::from_secs(2));
    let mut figures = Figures { idle_mb: server.memory_mb("VmRSS")?, ..Figures::default() };

    let before = server.processor_ms()?;
    let begin = Instant::now();
    let duration = Duration::from_secs(seconds);
    let full = load::send(server.address, CONNECTIONS, duration, None, round * 10, pool)?;
    let ingest = server.processor_ms()? - before;
    let counted = server.wait_for_runs(full.traces, PATIENCE)?;
    ensure!(counted == full.traces, "{} traces were acknowledged and {counted} are counted", full.traces);
    let thousands = (full.traces * SPANS) as f64 / 1e3;
    figures.counted_per_second = thousands * 1e3 / begin.elapsed().as_secs_f64();
    figures.spans_per_second = full.spans_per_second();
    (figures.p50_ms, figures.p99_ms) = (full.percentile(50), full.percentile(99));
    figures.ingest_processor_ms = ingest / thousands;
    figures.processor_ms = (server.processor_ms()? - before) / thousands;
    figures.most_mb = server.memory_mb("VmHWM")?;
    figures.put_off = full.put_off as f64;
    figures.bytes_per_span = place.bytes()?.saturating_sub(empty) as f64 / (thousands * 1e3);

    let rate = Some(full.spans_per_second() / 2.0);
    let half = load::send(server.address, CONNECTIONS, duration, rate, round * 10 + 1, pool)?;
    (figures.half_p50_ms, figures.half_p99_ms) = (half.percentile(50), half.percentile(99));
    server.kill()?;

    figures.resend_percent = resend(program, folder.path(), store, pool, round)?;
    figures.limit = limit::measure(store, seconds)?.spans_per_second;
    Ok(figures)
}

/// Returns what agents of 40 turns that send their history with every call take on disk, in percent of the messages as JSON.
#[expect(clippy::cast_precision_loss, reason = "a share")]
fn resend(program: &Path, folder: &Path, store: &str, pool: &Arc<Vec<u8>>, round: u64) -> Result<f64> {
    const AGENTS: u64 = 50;
    let home = folder.join("disk/resend");
    let place = Place::start(store, &home)?;
    let server = server::start_with(program, &home, place.environment())?;
    let empty = place.bytes()?;
    let mut connection = Connection::open(server.address)?;
    let mut raw = 0;
    for agent in 0..AGENTS {
        let (requests, bytes) = workload::resending(40, pool, round * 1_000 + agent);
        raw += bytes;
        for request in requests {
            ensure!(connection.export(&request)? == 200, "a turn was not taken in");
        }
    }
    // What is in the log of the database is copied into it, and counted once.
    server.wait_for_runs(AGENTS, Duration::from_secs(5))?;
    let written = place.bytes()?.saturating_sub(empty);
    server.kill()?;
    let wal = home.join("arc-eval.db-wal");
    let log = std::fs::metadata(wal).map_or(0, |file| file.len());
    Ok(written.saturating_sub(log) as f64 * 100.0 / raw as f64)
}
