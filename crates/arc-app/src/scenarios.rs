//! Scenarios: cases drafted from runs that failed, and what runs with the same input say about them.

use std::collections::BTreeSet;

use arc_analysis::{
    input_of,
    learning::{Scenario, ScenarioState, Verified, input_key},
};
use arc_model::{AgentName, ProjectId, Run, Trace};
use arc_store::{Cursor, Page, RecordQuery};

use crate::{
    App, AppError,
    records::{self, put},
};

/// Scenarios, by id.
pub(crate) const SCENARIOS: &str = "scenarios";
/// Scenarios with one input that a run is a trial of.
const MOST: u32 = 20;
/// How often a change is tried that others get in the way of.
const TRIES: u32 = 16;

/// Which scenarios to list: the latest drafted first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScenarioQuery {
    /// Only scenarios of this agent.
    pub agent: Option<AgentName>,
    /// Only scenarios in this state.
    pub state: Option<ScenarioState>,
    /// Continue here.
    pub after: Option<Cursor>,
    /// At most this many.
    pub limit: u32,
}

/// What a person decides on a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScenarioDeed {
    /// It is a good case.
    Accept,
    /// It is not to be tried any more.
    Retire,
}

impl App {
    /// Returns scenarios, the latest drafted first.
    pub async fn scenarios(&self, project: &ProjectId, query: &ScenarioQuery) -> Result<Page<Scenario>, AppError> {
        let mut tags: Vec<String> = query.agent.iter().map(|agent| format!("agent={agent}")).collect();
        tags.extend(query.state.map(|state| format!("state={}", state.as_str())));
        let query = RecordQuery {
            collection: SCENARIOS.to_owned(),
            tags,
            after: query.after.clone(),
            limit: query.limit,
            ..RecordQuery::default()
        };
        self.kept_page(project, &query).await
    }

    /// Returns a scenario; `None` when it is not known.
    pub async fn scenario(&self, project: &ProjectId, id: &str) -> Result<Option<Scenario>, AppError> {
        Ok(self.kept(project, SCENARIOS, id).await?.map(|kept| kept.value))
    }

    /// Does what a person decided, and returns the scenario as it is then; `None` when there is no such scenario.
    pub async fn decide_scenario(
        &self,
        project: &ProjectId,
        id: &str,
        deed: ScenarioDeed,
    ) -> Result<Option<Scenario>, AppError> {
        for _ in 0..TRIES {
            let Some(kept) = self.kept::<Scenario>(project, SCENARIOS, id).await? else { return Ok(None) };
            let mut scenario = kept.value.clone();
            match deed {
                ScenarioDeed::Accept => {
                    scenario.state = ScenarioState::Verified;
                    scenario.verified = scenario.verified.or(Some(Verified::Person { at: self.now() }));
                }
                ScenarioDeed::Retire => scenario.state = ScenarioState::Retired,
            }
            let (rank, tags) = place_of(&scenario);
            let write = put(SCENARIOS, id, Some(&kept), rank, tags, &scenario)?;
            if self.inner.registry.write_records(project, &[write]).await? {
                return Ok(Some(scenario));
            }
        }
        Err(records::too_contended("change a scenario"))
    }

    /// Returns the scenarios that a run is a trial of: those its task names, and those with its input.
    pub(crate) async fn scenarios_tried(
        &self,
        project: &ProjectId,
        run: &Run,
        trace: Option<&Trace>,
    ) -> Result<BTreeSet<String>, AppError> {
        let mut tried = BTreeSet::new();
        if run.is_running {
            return Ok(tried);
        }
        if let Some(task) = &run.task {
            tried.extend(self.scenario(project, task.as_str()).await?.map(|scenario| scenario.id));
        }
        let Some(preview) = &run.input_preview else { return Ok(tried) };
        let query = RecordQuery {
            collection: SCENARIOS.to_owned(),
            tags: vec![format!("agent={}", run.agent.name), format!("asked={}", input_key(&beginning(preview)))],
            limit: MOST,
            ..RecordQuery::default()
        };
        let alike: Vec<Scenario> = self.kept_page(project, &query).await?.items;
        if alike.is_empty() {
            return Ok(tried);
        }
        // The preview is the beginning; only the whole input tells.
        let read = match trace {
            Some(_) => None,
            None => self.whole_trace(project, run.trace_id).await?,
        };
        let Some(input) = trace.or(read.as_ref()).and_then(input_of) else { return Ok(tried) };
        let key = input_key(&input);
        let same = alike.into_iter().filter(|scenario| !scenario.is_cut && input_key(&scenario.input) == key);
        tried.extend(same.map(|scenario| scenario.id));
        Ok(tried)
    }
}

/// Returns where a scenario stands in listings, and what it is found by.
pub(crate) fn place_of(scenario: &Scenario) -> (i64, Vec<String>) {
    let tags = vec![
        format!("agent={}", scenario.agent),
        format!("state={}", scenario.state.as_str()),
        format!("issue={}", scenario.issue),
        format!("asked={}", input_key(&beginning(&scenario.input))),
    ];
    (scenario.drafted_at.as_nanos(), tags)
}

/// Returns what previews of an input have in common, however they were cut.
fn beginning(text: &str) -> String {
    const CHARS: usize = 120;
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(CHARS).collect()
}
