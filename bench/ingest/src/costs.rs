//! How fast a store with a million settled runs answers what they cost.
//!
//! The runs are settled through the store's port, thousands in one transaction, without spans: what is measured reads
//! sums. Start at [`run`].

use std::time::{Duration, Instant};

use anyhow::Result;
use arc_model::{
    AgentName, AgentRef, Cost, CostDimension, CostLine, CostPart, CostSums, Detection, NanoUsd, Outcome, OutcomeClaim,
    OutcomeSource, ProjectId, Run, RunCosts, SessionId, Timestamp, TraceId, UserId, Verdict,
};
use arc_store::{CostQuery, Settled, TraceStore, WriteMark};

/// Runs in one transaction.
const BATCH: u64 = 5_000;
/// Times that each question is asked.
const ASKED: usize = 200;
const AGENTS: u64 = 20;
const MODELS: u64 = 8;
const TOOLS: u64 = 40;
const STEPS: u64 = 12;
const DAYS: u64 = 90;
const DAY_MS: u64 = 86_400_000;

/// A question with how long its answers took.
struct Asked {
    question: String,
    took: Vec<Duration>,
}

/// Fills a store with so many runs, asks it every division of their cost, and prints how long the answers took.
pub(crate) fn run(store: &str, runs: u64) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stores = arc_store_backends::open(store).await?;
        let project = ProjectId::default();
        let began = Instant::now();
        fill(&*stores.traces, &project, runs).await?;
        println!("{runs} runs settled in {:.0} s", began.elapsed().as_secs_f64());
        let asked = ask(&*stores.traces, &project).await?;
        print(&asked);
        Ok(())
    })
}

async fn fill(store: &dyn TraceStore, project: &ProjectId, runs: u64) -> Result<()> {
    let now = Timestamp::from_millis(i64::try_from(DAYS * DAY_MS)?);
    let mut next = 0;
    while next < runs {
        let until = runs.min(next + BATCH);
        let settled: Vec<Settled> = (next..until).map(|number| settled(project, number)).collect();
        store.settle(&settled, now).await?;
        next = until;
    }
    Ok(())
}

/// Spreads a number evenly, and the same at every run of the program.
const fn spread(number: u64, salt: u64) -> u64 {
    let mut mixed = number.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn settled(project: &ProjectId, number: u64) -> Settled {
    let of = |salt: u64, count: u64| spread(number, salt) % count;
    let id = u128::from(number) | 1 << 120;
    let verdict = match of(1, 4) {
        0 => Verdict::Unknown,
        1 => Verdict::Failed,
        _ => Verdict::Succeeded,
    };
    let at = Timestamp::from_millis(i64::try_from(of(2, DAYS * DAY_MS)).unwrap_or(0));
    let (calls, tokens) = (1 + of(3, 9), 500 + of(4, 20_000));
    let (cost, model) = (tokens * 2_500, format!("openai/model-{}", of(5, MODELS)));
    let whole = CostSums {
        runs: 1,
        succeeded: u64::from(verdict == Verdict::Succeeded),
        failed: u64::from(verdict == Verdict::Failed),
        priced_runs: 1,
        calls,
        input_tokens: tokens,
        output_tokens: tokens / 10,
        cost,
        time_ns: calls * 1_000_000_000,
        timed: 1,
        model_ns: calls * 800_000_000,
        tool_ns: calls * 100_000_000,
        ..CostSums::default()
    };
    let part = |by, name: String| CostPart { by, name: Some(name), sums: whole };
    let parts = vec![
        part(CostDimension::Model, model.clone()),
        part(CostDimension::Tool, format!("tool-{}", of(6, TOOLS))),
        part(CostDimension::Step, format!("step-{}", of(7, STEPS))),
    ];
    let line = CostLine {
        price_row: model.clone(),
        class: "input".to_owned(),
        tokens,
        amount: NanoUsd(i64::try_from(cost).unwrap_or(0)),
    };
    let claim = OutcomeClaim { verdict, source: OutcomeSource::Check, score: None, reason: None, span_id: None };
    let run = Run {
        trace_id: TraceId::from_bytes(id.to_be_bytes()).unwrap_or_else(|_| unreachable!("the id is not zero")),
        agent: AgentRef {
            name: format!("agent-{}", of(8, AGENTS)).as_str().into(),
            version: Some(format!("1.{}", of(9, 6))),
        },
        task: None,
        trial: None,
        session: Some(SessionId::new(format!("session-{}", of(10, 300_000)))),
        user: Some(UserId::new(format!("user-{}", of(11, 50_000)))),
        started_at: Some(at),
        received_at: at,
        duration_ms: Some(1_000.0),
        is_running: false,
        outcome: Outcome::from_claims(if verdict == Verdict::Unknown { Vec::new() } else { vec![claim] }),
        termination: None,
        death: None,
        error: None,
        cost: Cost::from_lines(vec![line]),
        input_tokens: Some(tokens),
        output_tokens: Some(tokens / 10),
        span_count: calls * 2,
        llm_calls: calls,
        tool_calls: calls,
        tool_calls_judged: calls,
        tool_calls_correct: calls,
        models: vec![model],
        framework: Detection::default(),
        domain: Detection::default(),
        findings: Vec::new(),
        input_preview: None,
        output_preview: None,
    };
    Settled {
        project: project.clone(),
        mark: WriteMark(0),
        run,
        findings: Vec::new(),
        costs: RunCosts { whole, parts },
    }
}

async fn ask(store: &dyn TraceStore, project: &ProjectId) -> Result<Vec<Asked>> {
    let agent = AgentName::from("agent-7");
    let week = Timestamp::from_millis(i64::try_from((DAYS - 7) * DAY_MS)?);
    let mut asked = Vec::new();
    for by in CostDimension::ALL {
        for (of, agent) in [("all agents", None), ("one agent", Some(agent.clone()))] {
            let spans = if by.is_all_time() { vec![None] } else { vec![None, Some(week)] };
            for since in spans {
                let query = CostQuery { by, agent: agent.clone(), since, limit: 51 };
                let time = if since.is_some() { "of a week" } else { "of all time" };
                let mut took = Vec::with_capacity(ASKED);
                for _ in 0..ASKED {
                    let began = Instant::now();
                    store.costs(project, &query).await?;
                    took.push(began.elapsed());
                }
                asked.push(Asked { question: format!("costs by {by}, {of}, {time}"), took });
            }
        }
    }
    let (mut figures, mut agents) = (Vec::new(), Vec::new());
    for _ in 0..ASKED {
        let began = Instant::now();
        store.figures(project, &agent).await?;
        figures.push(began.elapsed());
        let began = Instant::now();
        store.agents(project).await?;
        agents.push(began.elapsed());
    }
    asked.push(Asked { question: "figures of an agent".to_owned(), took: figures });
    asked.push(Asked { question: "list of agents".to_owned(), took: agents });
    Ok(asked)
}

fn print(asked: &[Asked]) {
    println!("| question | p50 ms | p95 ms |\n|---|---|---|");
    for Asked { question, took } in asked {
        let mut sorted = took.clone();
        sorted.sort();
        let at = |percent: usize| {
            sorted.get((sorted.len() - 1) * percent / 100).map_or(0.0, |took| took.as_secs_f64() * 1e3)
        };
        println!("| {question} | {:.2} | {:.2} |", at(50), at(95));
    }
}
