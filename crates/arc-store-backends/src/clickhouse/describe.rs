//! What settling and deleting change in how agents and their failures are described: by the latest run, and by when a
//! failure was first and last seen.

use std::collections::{BTreeMap, BTreeSet};

use arc_model::{AgentName, LeafId, ProjectId, Run, TraceId};
use arc_store::StoreError;
use clickhouse::{Client, Row};
use serde::Deserialize;

use super::{
    listing,
    read::{self, LatestRun, Name, Seen, from_json},
    rollup::Severities,
    rows::{self, SettledRow, kind, list, literal},
    settle::{ATTEMPTED, Old, to_json},
};

/// Findings by leaf and severity.
type Leaves = BTreeMap<LeafId, Severities>;

type Agent<'a> = (&'a ProjectId, &'a AgentName);

/// The runs of a settlement that an agent, or a kind of failure of one, loses and gets.
#[derive(Default)]
struct Moves<'a> {
    lost: Vec<&'a Run>,
    got: Vec<&'a Run>,
    seq: u64,
}

/// Returns the rows that say what the latest run of an agent is, and when its failures were first and last seen, once
/// these traces have the runs they get, at these changes, in place of those they lose.
pub(super) async fn describe(
    db: &Client,
    traces: &BTreeMap<&Name, u64>,
    got: &[(&Name, &Run, &Leaves)],
    lost: &BTreeMap<Name, Old>,
) -> Result<Vec<SettledRow>, StoreError> {
    let mut moves: BTreeMap<(Agent<'_>, Option<&LeafId>), Moves<'_>> = BTreeMap::new();
    let lost = lost.iter().map(|(name, old)| (name, &old.run, &old.leaves, false));
    for (name, run, leaves, is_got) in got.iter().map(|(name, run, leaves)| (*name, *run, *leaves, true)).chain(lost) {
        for leaf in std::iter::once(None).chain(leaves.keys().map(Some)) {
            let moves = moves.entry(((&name.0, &run.agent.name), leaf)).or_default();
            if is_got {
                moves.got.push(run);
            } else {
                moves.lost.push(run);
            }
            moves.seq = moves.seq.max(traces.get(name).copied().unwrap_or(0));
        }
    }
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    let agents: BTreeSet<String> = moves
        .keys()
        .map(|((project, agent), _)| format!("({}, {})", rows::project(project), literal(agent.as_str().as_bytes())))
        .collect();
    let known = described(db, &list(agents.into_iter())).await?;
    let mut rows = Vec::with_capacity(moves.len());
    for (((project, agent), leaf), moves) in &moves {
        let (project, agent) = (*project, agent.as_str());
        let kind = if leaf.is_some() { kind::LEAF } else { kind::AGENT };
        let name = leaf.map_or("", LeafId::as_str);
        let known = known.get(&(project.as_str().to_owned(), kind, agent.to_owned(), name.to_owned()));
        let known = known.map(String::as_str).filter(|text| !text.is_empty());
        let others = traces.keys().filter(|(of, _)| of == project).map(|(_, trace)| trace);
        let others = rows::traces(others);
        let text = match leaf {
            None => latest_run(db, project, agent, known, moves, &others).await?,
            Some(leaf) => seen(db, project, agent, leaf, known, moves, &others).await?,
        };
        rows.push(SettledRow {
            project: project.as_str().to_owned(),
            kind,
            agent: agent.to_owned(),
            name: name.to_owned(),
            latest: (moves.seq, text),
            ..SettledRow::default()
        });
    }
    Ok(rows)
}

/// Orders runs as listings have them, the first last.
fn rank(at: i64, trace: TraceId) -> (i64, std::cmp::Reverse<TraceId>) {
    (at, std::cmp::Reverse(trace))
}

fn rank_of(run: &Run) -> (i64, std::cmp::Reverse<TraceId>) {
    rank(run.at().as_nanos(), run.trace_id)
}

/// Returns what an agent is described by from now on; nothing when it has no runs any more.
async fn latest_run(
    db: &Client,
    project: &ProjectId,
    agent: &str,
    known: Option<&str>,
    moves: &Moves<'_>,
    others: &str,
) -> Result<String, StoreError> {
    let known: Option<LatestRun> = known.map(from_json).transpose()?;
    let is_lost = |latest: &LatestRun| moves.lost.iter().any(|run| run.trace_id == latest.trace_id);
    let got = moves.got.iter().max_by_key(|run| rank_of(run)).map(|run| LatestRun::of(run));
    let by_rank = |one: &LatestRun| rank(one.at, one.trace_id);
    let latest = match known {
        Some(known) if is_lost(&known) && got.as_ref().is_none_or(|got| by_rank(got) < by_rank(&known)) => {
            let stored = listing::latest(db, project, agent, None, others).await?;
            stored.as_ref().map(LatestRun::of).into_iter().chain(got).max_by_key(by_rank)
        }
        Some(known) if is_lost(&known) => got,
        known => known.into_iter().chain(got).max_by_key(by_rank),
    };
    latest.map_or(Ok(String::new()), |latest| to_json(&latest))
}

/// Returns when a kind of failure was seen, as of now; nothing when no run has it any more.
async fn seen(
    db: &Client,
    project: &ProjectId,
    agent: &str,
    leaf: &LeafId,
    known: Option<&str>,
    moves: &Moves<'_>,
    others: &str,
) -> Result<String, StoreError> {
    let known: Option<Seen> = known.map(from_json).transpose()?;
    let first = moves.got.iter().map(|run| run.at().as_nanos()).min();
    let last = moves.got.iter().map(|run| rank_of(run)).max();
    let (first, last) = match known {
        None => (first, last),
        Some(known) => {
            let known_last = rank(known.last_at, known.latest);
            let loses_last = moves.lost.iter().any(|run| run.trace_id == known.latest);
            let last = if loses_last && last.is_none_or(|last| last < known_last) {
                let stored = listing::latest(db, project, agent, Some(leaf), others).await?;
                last.max(stored.as_ref().map(rank_of))
            } else if loses_last {
                last
            } else {
                last.max(Some(known_last))
            };
            let loses_first = moves.lost.iter().any(|run| run.at().as_nanos() == known.first_at);
            let first = if loses_first && first.is_none_or(|first| first > known.first_at) {
                let stored = listing::first_at(db, project, agent, leaf, others).await?;
                first.into_iter().chain(stored).min()
            } else {
                first.into_iter().chain((!loses_first).then_some(known.first_at)).min()
            };
            (first, last)
        }
    };
    match (first, last) {
        (Some(first_at), Some((last_at, std::cmp::Reverse(latest)))) => to_json(&Seen { first_at, last_at, latest }),
        _ => Ok(String::new()),
    }
}

#[derive(Row, Deserialize)]
struct Description {
    project: String,
    kind: u8,
    agent: String,
    name: String,
    text: String,
}

/// Returns what is stored about agents and their failures.
async fn described(db: &Client, agents: &str) -> Result<BTreeMap<(String, u8, String, String), String>, StoreError> {
    let sql = format!(
        "SELECT project, kind, agent, name, tupleElement(max(latest), 2) AS text FROM settled WHERE kind IN ({}, {}) \
         AND (project, agent) IN {} GROUP BY project, kind, agent, name",
        kind::AGENT,
        kind::LEAF,
        agents
    );
    let rows: Vec<Description> = read::query(db, ATTEMPTED, &sql).await?;
    Ok(rows.into_iter().map(|row| ((row.project, row.kind, row.agent, row.name), row.text)).collect())
}
