//! Divisions of cost and time: equal to a count over the runs, whatever happened before.

use std::collections::BTreeMap;

use arc_model::{AgentName, CostDimension, CostPart, CostSums, CostTally, ProjectId, RunCosts, TraceId};

use super::{
    Backend, Generator, Subject,
    make::{at, project, run, settled, trace_id},
};
use crate::{CostQuery, Settled, StoreError, recount_costs};

fn by(dimension: CostDimension) -> CostQuery {
    CostQuery { by: dimension, agent: None, since: None, limit: 1000 }
}

/// Returns a division; `None` from a store that keeps none.
async fn costs(store: &Subject, query: &CostQuery) -> Option<Vec<CostTally>> {
    let answer = store.traces.costs(&project(), query).await;
    if let Err(StoreError::Unsupported(what)) = &answer {
        assert_eq!(*what, "divisions of cost");
        return None;
    }
    Some(answer.unwrap())
}

fn sums(random: &mut Generator) -> CostSums {
    let numbers: Vec<i64> = CostSums::NAMES.iter().map(|_| i64::try_from(random.below(1 << 40)).unwrap_or(0)).collect();
    CostSums::from_numbers(&numbers)
}

fn run_costs(random: &mut Generator) -> RunCosts {
    let mut parts = Vec::new();
    for by in [CostDimension::Model, CostDimension::Tool, CostDimension::Step] {
        for name in [None, Some(""), Some("gpt-4o"), Some("ü \u{0} 🤖")] {
            if random.one_in(2) {
                parts.push(CostPart { by, name: name.map(str::to_owned), sums: sums(random) });
            }
        }
    }
    let mut whole = sums(random);
    whole.runs = 1;
    for part in &mut parts {
        part.sums.runs = 1;
    }
    RunCosts { whole, parts }
}

pub(super) fn random_run(random: &mut Generator, trace: u8) -> Settled {
    let (mut run, findings) = random.run(trace_id(trace));
    if random.one_in(2) {
        run.user = Some(random.pick(&["ada", "", "bob"]).into());
        run.session = Some(random.pick(&["1", "2", "3"]).into());
        run.agent.version = Some(random.pick(&["1", "2"]).to_owned());
    }
    let costs = run_costs(random);
    Settled { costs, ..settled(run, findings) }
}

/// Checks divisions against a count over what was settled; a store that keeps none passes.
pub(super) async fn expect_divisions(store: &Subject, settled: &[Settled]) {
    let settled = settled.iter().map(|settled| (settled.run.trace_id, settled.clone())).collect();
    check(store, &settled).await;
}

async fn check(store: &Subject, settled: &BTreeMap<TraceId, Settled>) {
    for dimension in CostDimension::ALL {
        for agent in [None, Some("planner".into())] {
            for since in [None, Some(at(100_000))] {
                if since.is_some() && dimension.is_all_time() {
                    continue;
                }
                for limit in [1000, 2] {
                    let query = CostQuery { by: dimension, agent: agent.clone(), since, limit };
                    let expected = recount_costs(settled.values().map(|one| (&one.run, &one.costs)), &query);
                    let Some(found) = costs(store, &query).await else { return };
                    assert_eq!(found, expected, "{query:?}");
                }
            }
        }
    }
}

/// MUST equal what counting the runs would give.
pub async fn divisions_equal_a_recount_of_the_runs(backend: &Backend) {
    for seed in 0..3 {
        let store = backend.open().await;
        let mut random = Generator::new(300 + seed);
        let mut latest: BTreeMap<TraceId, Settled> = BTreeMap::new();
        for _ in 0..10 {
            let batch: Vec<Settled> = (0..=random.below(6))
                .map(|_| {
                    let trace = u8::try_from(random.below(20)).unwrap();
                    random_run(&mut random, trace)
                })
                .collect();
            store.settle(&batch).await;
            latest.extend(batch.into_iter().map(|settled| (settled.run.trace_id, settled)));
            check(&store, &latest).await;
        }
    }
}

/// Every project sees only itself.
pub async fn divisions_are_those_of_one_project(backend: &Backend) {
    let store = backend.open().await;
    let mut theirs = random_run(&mut Generator::new(1), 1);
    theirs.run.is_running = false;
    theirs.project = ProjectId::new("theirs");
    store.settle(&[theirs]).await;
    for dimension in CostDimension::ALL {
        if let Some(found) = costs(&store, &by(dimension)).await {
            assert_eq!(found, []);
        }
    }
}

fn costing(trace: u8, agent: &str, model: &str, cost: u64) -> Settled {
    let mut settled = settled(run(trace, agent, at(1)), Vec::new());
    let whole = CostSums { runs: 1, calls: 1, cost, ..CostSums::default() };
    let part = CostPart { by: CostDimension::Model, name: Some(model.to_owned()), sums: whole };
    settled.costs = RunCosts { whole, parts: vec![part] };
    settled.run.session = Some("s".into());
    settled
}

/// The dearest first, ties by name, then by agent; at most so many.
pub async fn the_dearest_lines_come_first_and_no_more_than_asked_for(backend: &Backend) {
    let store = backend.open().await;
    let runs = [costing(1, "b", "y", 5), costing(2, "a", "x", 5), costing(3, "a", "z", 7)];
    store.settle(&runs).await;
    let names = |found: Vec<CostTally>| found.into_iter().filter_map(|tally| tally.name).collect::<Vec<_>>();
    if let Some(found) = costs(&store, &by(CostDimension::Model)).await {
        assert_eq!(names(found), ["z", "x", "y"]);
    }
    if let Some(found) = costs(&store, &CostQuery { limit: 1, ..by(CostDimension::Model) }).await {
        assert_eq!(names(found), ["z"]);
    }
    if let Some(found) = costs(&store, &by(CostDimension::Session)).await {
        let lines: Vec<_> =
            found.iter().map(|line| (line.agent.as_ref().map(AgentName::as_str), line.sums.cost)).collect();
        assert_eq!(lines, [(Some("a"), 12), (Some("b"), 5)]);
    }
}

/// A store that keeps sums over all time only says so.
pub async fn a_time_is_refused_where_only_sums_over_all_time_are_kept(backend: &Backend) {
    let store = backend.open().await;
    for dimension in [CostDimension::User, CostDimension::Session] {
        let query = CostQuery { since: Some(at(1)), ..by(dimension) };
        let refused = store.traces.costs(&project(), &query).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_) | StoreError::Unsupported(_))), "{refused:?}");
    }
}

/// Absurd sums are counted as far as numbers go.
pub async fn sums_stop_at_the_largest_number(backend: &Backend) {
    let store = backend.open().await;
    let absurd = [costing(1, "a", "m", u64::MAX), costing(2, "a", "m", u64::MAX), costing(3, "b", "m", 1)];
    for one in &absurd {
        store.settle(std::slice::from_ref(one)).await;
    }
    for dimension in [CostDimension::Model, CostDimension::Day, CostDimension::Session] {
        let query = by(dimension);
        let expected = recount_costs(absurd.iter().map(|one| (&one.run, &one.costs)), &query);
        if let Some(found) = costs(&store, &query).await {
            assert_eq!(found, expected);
        }
    }
}
