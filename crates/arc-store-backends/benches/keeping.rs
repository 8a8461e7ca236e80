//! What searching, deleting and compacting cost. Run with
//! `cargo bench -p arc-store-backends --bench keeping -- 12000`; figures go to the terminal.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a program of its own that prints figures"
)]

use std::time::{Duration, Instant};

use arc_model::{Message, ProjectId, Role, RunCosts, Span, SpanId, SpanKind, Timestamp, TraceId};
use arc_store::{SearchQuery, Selection, Settled, TraceStore, WriteMark, conformance::Generator};
use arc_store_backends::sqlite::SqliteStore;

/// Traces in a batch, of eight spans each.
const BATCH: u64 = 500;
const READS: u32 = 50;

fn main() {
    let traces: u64 = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(12_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(folder.path().join("keeping.db")).unwrap();
        let project = ProjectId::default();
        let mut random = Generator::new(1);
        let pattern = loop {
            let (run, _) = random.run(TraceId::derive(&[b"pattern"]));
            if !run.is_running {
                break run;
            }
        };
        for first in (0..traces).step_by(usize::try_from(BATCH).unwrap()) {
            let numbers = first..(first + BATCH).min(traces);
            let spans: Vec<_> = numbers.clone().flat_map(trace).collect();
            store.append(&project, &spans, Timestamp::default()).await.unwrap();
            let settled: Vec<Settled> = numbers
                .map(|number| {
                    let mut run = pattern.clone();
                    run.trace_id = trace_id(number);
                    run.started_at = Some(Timestamp::from_millis(1_750_000_000_000 + i64::try_from(number).unwrap()));
                    let mark = WriteMark(1);
                    Settled { project: project.clone(), mark, run, findings: Vec::new(), costs: RunCosts::default() }
                })
                .collect();
            store.settle(&settled, Timestamp::default()).await.unwrap();
        }
        let spans = traces * 8;
        let per_thousand = |cpu: Duration| cpu.as_secs_f64() * 1e3 / (spans as f64 / 1e3);
        let before = store.used_bytes().await.unwrap();
        println!("{traces} runs of 8 spans: {:.0} bytes a span without an index", before as f64 / spans as f64);
        let (cpu, ()) = timed(async { while store.index_text(16).await.unwrap().runs > 0 {} }).await;
        let index = store.used_bytes().await.unwrap() - before;
        println!(
            "index: {:.0} bytes a span, {:.1} ms of processor per 1,000 spans",
            index as f64 / spans as f64,
            per_thousand(cpu)
        );
        let said = text(&mut Generator::new(7));
        let words: Vec<&str> = said.split(' ').take(3).collect();
        for asked in [words[0].to_owned(), words.join(" "), "nobodysaidthis".to_owned()] {
            let query = SearchQuery { text: asked.clone(), limit: 50, ..SearchQuery::default() };
            let mut times = Vec::new();
            let mut hits = 0;
            for _ in 0..READS {
                let start = Instant::now();
                hits = store.search(&project, &query).await.unwrap().items.len();
                times.push(start.elapsed());
            }
            times.sort_unstable();
            println!("search `{asked}`: {hits} hits of a page, p50 {:.1?} ({READS} reads)", times[times.len() / 2]);
        }
        let half = Selection::Before(Timestamp::from_millis(1_750_000_000_000 + i64::try_from(traces / 2).unwrap()));
        let (cpu, deleted) = timed(async {
            let mut all = 0;
            loop {
                let deleted = store.delete(&project, &half, 100).await.unwrap();
                all += deleted.runs;
                if deleted.runs < 100 {
                    break all;
                }
            }
        })
        .await;
        println!("delete {deleted} runs: {:.1} ms of processor per 1,000 spans", per_thousand(cpu * 2));
        let (cpu, compacted) = timed(store.compact()).await;
        println!(
            "compact: {:?}, {:.1} ms of processor per 1,000 spans stored",
            compacted.unwrap(),
            per_thousand(cpu * 2)
        );
    });
}

fn trace_id(number: u64) -> TraceId {
    TraceId::derive(&[&number.to_le_bytes()])
}

/// A model that is asked four times and a tool that is called three times; every text is another one.
fn trace(number: u64) -> Vec<Span> {
    let mut random = Generator::new(number);
    let make = |place: u64| {
        let id = SpanId::derive(&[&number.to_le_bytes(), &place.to_le_bytes()]);
        let kind = if place % 2 == 1 { SpanKind::Llm } else { SpanKind::Tool };
        let mut span = Span::new(trace_id(number), id, kind, format!("step {place}"));
        span.start = Some(Timestamp::from_millis(1_750_000_000_000 + i64::try_from(number + place).unwrap()));
        if place > 0 {
            span.messages_in = vec![Message::text(Role::User, text(&mut random)).into()];
        }
        span
    };
    (0..8).map(make).collect()
}

/// Text of 1,500 bytes that compresses about as well as English: some of its words are more frequent.
fn text(random: &mut Generator) -> String {
    let mut text = String::new();
    while text.len() < 1_500 {
        let most = 1 + random.below(8000);
        let mut letters = Generator::new(random.below(most));
        for _ in 0..=2 + letters.below(6) {
            let letter = letters.small_below(26).min(letters.small_below(26));
            text.push(char::from_u32(u32::from(b'a') + letter).unwrap());
        }
        text.push(' ');
    }
    text
}

/// Returns the processor time of this process that something took.
async fn timed<T>(work: impl Future<Output = T>) -> (Duration, T) {
    let before = processor_time();
    let done = work.await;
    (processor_time().saturating_sub(before), done)
}

fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    // A tick is 10 ms on every Linux there is.
    Duration::from_millis(ticks * 10)
}
