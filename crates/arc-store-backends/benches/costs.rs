//! How long divisions of cost take to read over a million runs. Run with
//! `cargo bench -p arc-store-backends --bench costs -- 1000000`; figures go to the terminal.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program of its own that prints figures")]

use std::time::Instant;

use arc_model::{
    AgentName, CostDimension, CostPart, CostSums, ProjectId, Run, RunCosts, SessionId, Timestamp, TraceId, UserId,
    Verdict,
};
use arc_store::{CostQuery, Settled, TraceStore, WriteMark, conformance::Generator};
use arc_store_backends::sqlite::SqliteStore;

const DAY: i64 = 86_400_000_000_000;
/// Runs settled in one transaction.
const BATCH: u64 = 2_000;
const READS: u32 = 20;

fn main() {
    let runs = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(100_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(folder.path().join("costs.db")).unwrap();
        let mut random = Generator::new(1);
        let (pattern, _) = loop {
            let (run, findings) = random.run(TraceId::derive(&[b"pattern"]));
            if !run.is_running {
                break (run, findings);
            }
        };
        let start = Instant::now();
        for first in (0..runs).step_by(usize::try_from(BATCH).unwrap()) {
            let batch: Vec<Settled> = (first..(first + BATCH).min(runs))
                .map(|number| settled(&pattern, (number, runs), &mut random))
                .collect();
            store.settle(&batch, Timestamp::default()).await.unwrap();
        }
        println!("{runs} runs of 5 agents over 365 days settled in {:.0?}", start.elapsed());
        for agent in [None, Some(AgentName::new("agent 3"))] {
            for since in [None, Some(Timestamp::from_nanos((20_365 - 30) * DAY))] {
                for by in CostDimension::ALL.into_iter().filter(|by| since.is_none() || !by.is_all_time()) {
                    read(&store, CostQuery { by, agent: agent.clone(), since, limit: 20 }).await;
                }
            }
        }
    });
}

async fn read(store: &SqliteStore, query: CostQuery) {
    let mut times = Vec::new();
    let mut lines = 0;
    for _ in 0..READS {
        let start = Instant::now();
        lines = store.costs(&ProjectId::default(), &query).await.unwrap().len();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let (by, since) = (query.by, query.since.map_or("all time", |_| "30 days"));
    let of = query.agent.map_or("all agents", |_| "one agent");
    let (median, slowest) = (times.get(times.len() / 2).unwrap(), times.last().unwrap());
    println!("by {by:<8} {of:<10} {since:<8} {lines:>3} lines: median {median:>9.2?}, slowest {slowest:>9.2?}");
}

fn settled(pattern: &Run, (number, runs): (u64, u64), random: &mut Generator) -> Settled {
    let mut run = pattern.clone();
    run.trace_id = TraceId::derive(&[&number.to_le_bytes()]);
    run.agent.name = AgentName::new(format!("agent {}", random.below(5)));
    run.agent.version = Some(format!("1.{}", random.below(12)));
    // As time goes on: a day's runs arrive together.
    let day = i64::try_from(number * 365 / runs).unwrap();
    run.started_at = Some(Timestamp::from_nanos((20_000 + day) * DAY));
    run.user = Some(UserId::new(format!("user {}", random.below(50_000))));
    run.session = Some(SessionId::new(format!("session {number}")));
    run.outcome.verdict = random.pick(&[Verdict::Succeeded, Verdict::Failed, Verdict::Unknown]);
    let numbers: Vec<i64> = CostSums::NAMES.iter().map(|_| i64::try_from(random.below(1 << 20)).unwrap()).collect();
    let sums = CostSums { runs: 1, ..CostSums::from_numbers(&numbers) };
    let names = [(CostDimension::Model, 6, 2), (CostDimension::Tool, 20, 4), (CostDimension::Step, 8, 3)];
    let mut parts = Vec::new();
    for (by, names, used) in names {
        let first = random.below(names);
        parts.extend((0..used).map(|place| {
            let name = Some(format!("{by} {}", (first + place) % names));
            CostPart { by, name, sums }
        }));
    }
    let costs = RunCosts { whole: sums, parts };
    Settled { project: ProjectId::default(), mark: WriteMark(0), run, findings: Vec::new(), costs }
}
