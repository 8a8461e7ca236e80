//! What divisions of cost mean: the count over runs that every rollup must equal.

use std::collections::BTreeMap;

use arc_model::{AgentName, CostDimension, CostSums, CostTally, Run, RunCosts, SessionId, UserId, Verdict};

use crate::{CostQuery, utc_day};

/// Divides the cost and time of settled runs, each given with how its own divide, in any order.
///
/// This is the definition of [`TraceStore::costs`](crate::TraceStore::costs). A run that is running counts nowhere
/// until it ended.
pub fn recount_costs<'a>(runs: impl IntoIterator<Item = (&'a Run, &'a RunCosts)>, query: &CostQuery) -> Vec<CostTally> {
    let mut lines: BTreeMap<(Option<String>, Option<AgentName>), CostSums> = BTreeMap::new();
    for (run, costs) in runs {
        let is_asked = query.agent.as_ref().is_none_or(|agent| *agent == run.agent.name)
            && query.since.is_none_or(|since| utc_day(run.at()) >= utc_day(since));
        if run.is_running || !is_asked {
            continue;
        }
        let agent = query.by.is_all_time().then(|| run.agent.name.clone());
        for (name, sums) in divided(run, costs, query.by) {
            lines.entry((name, agent.clone())).or_default().add(sums);
        }
    }
    let mut tallies: Vec<CostTally> =
        lines.into_iter().map(|((name, agent), sums)| CostTally { name, agent, sums }).collect();
    tallies.sort_by_key(|tally| std::cmp::Reverse(tally.sums.cost));
    tallies.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
    tallies
}

/// Returns the parts of a run in a division, by name.
fn divided<'a>(run: &Run, costs: &'a RunCosts, by: CostDimension) -> Vec<(Option<String>, &'a CostSums)> {
    let name = match by {
        CostDimension::Model | CostDimension::Tool | CostDimension::Step => {
            let parts = costs.parts.iter().filter(|part| part.by == by);
            return parts.map(|part| (part.name.clone(), &part.sums)).collect();
        }
        CostDimension::Agent => Some(run.agent.name.as_str().to_owned()),
        CostDimension::Version => run.agent.version.clone(),
        CostDimension::User => run.user.as_ref().map(|user: &UserId| user.as_str().to_owned()),
        CostDimension::Session => run.session.as_ref().map(|session: &SessionId| session.as_str().to_owned()),
        CostDimension::Outcome => Some(verdict_name(run.outcome.verdict).to_owned()),
        CostDimension::Day => Some(utc_day(run.at()).to_string()),
    };
    vec![(name, &costs.whole)]
}

/// Returns how an outcome is called in a division.
const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Succeeded => "succeeded",
        Verdict::Failed => "failed",
        Verdict::Unknown => "unknown",
    }
}
