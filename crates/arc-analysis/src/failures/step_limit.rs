//! A run was stopped at its step limit.
//!
//! # What
//! A run that was stopped at its highest number of steps: the emitter says so, an exception of the
//! framework's that is raised there was recorded, or an agent used up the steps it was allowed and
//! was cut off while a tool call it had asked for was still open.
//!
//! # Why it matters
//! The task was not finished, and everything spent on it is lost.
//!
//! # Example
//! ```text
//! agent airline steps<=30 end=step_limit
//! ```
//!
//! # When it is wrong
//! Steps are counted as model calls where nobody says what a step is; a framework that counts
//! otherwise may stop earlier, and is then only found by what it says.

use std::collections::BTreeSet;

use arc_model::{Evidence, Field, Json, Part, Span, SpanId, SpanKind, Status, Termination};

use super::{Detector, Sighting, View};

/// Exceptions that frameworks raise at a limit on steps, by the last part of their name.
const LIMIT_EXCEPTIONS: [&str; 6] = [
    "AgentMaxStepsError",         // smolagents
    "GraphRecursionError",        // LangGraph
    "MaxTurnsExceeded",           // OpenAI Agents SDK
    "MaxIterationsError",         // Haystack, LlamaIndex
    "LlmCallsLimitExceededError", // Google ADK
    "MaxStepsExceededError",      // BeeAI, Strands
];

/// Finds the step limit that ended a run; the module says when it is wrong.
pub(super) struct StepLimit;

impl Detector for StepLimit {
    fn leaf(&self) -> &'static str {
        "step-limit"
    }

    fn version(&self) -> u32 {
        1
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let declared = view.trace().walk().find_map(|(_, span)| declared(span));
        let raised = || view.trace().walk().find_map(|(_, span)| raised(span));
        declared.or_else(raised).or_else(|| used_up(view)).into_iter().collect()
    }
}

fn declared(span: &Span) -> Option<Sighting> {
    let stopped = span.facts.termination == Some(Termination::StepLimit);
    let steps = span.facts.step_limit.map_or_else(String::new, |limit| format!(" of {limit}"));
    stopped.then(|| Sighting {
        title: format!("the run was stopped at its step limit{steps}"),
        first: Evidence::new(span.span_id, Field::Termination, "step_limit"),
        more: Vec::new(),
    })
}

fn raised(span: &Span) -> Option<Sighting> {
    let (name, evidence) = limit_exception(span)?;
    Some(Sighting {
        title: format!("the run was stopped at its step limit: {name}"),
        first: evidence,
        more: Vec::new(),
    })
}

/// Returns the exception that says a limit on steps was reached, where this span records one.
pub(super) fn limit_exception(span: &Span) -> Option<(&str, Evidence)> {
    let status = match &span.status {
        Status::Error { kind: Some(kind), .. } => Some((kind.as_str(), Field::Status)),
        // Without a kind, the class stands at the beginning of the message: `GraphRecursionError('…')`.
        Status::Error { kind: None, message } => {
            message.split(|c: char| !is_in_class_name(c)).next().map(|class| (class, Field::Status))
        }
        _ => None,
    };
    let events = span.events.iter().filter(|event| event.name == "exception");
    let types = events.filter_map(|event| event.attributes.get("exception.type").and_then(Json::as_str));
    let mut named = status.into_iter().chain(types.map(|name| (name, Field::Exception)));
    named.find_map(|(name, field)| {
        let class = name.rsplit('.').next().unwrap_or(name);
        LIMIT_EXCEPTIONS.contains(&class).then(|| (class, Evidence::new(span.span_id, field, name)))
    })
}

fn is_in_class_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

fn used_up(view: &View<'_>) -> Option<Sighting> {
    let (agent, limit) = view.trace().walk().find_map(|(_, span)| Some((span, span.facts.step_limit?)))?;
    if agent.facts.termination.is_some() || agent.is_running() {
        return None;
    }
    let own: Vec<&&Span> = view.models().iter().filter(|model| belongs_to(view, model, agent.span_id)).collect();
    let last = own.last()?;
    let reached = u64::try_from(own.len()).is_ok_and(|steps| steps >= u64::from(limit));
    let answered: BTreeSet<usize> =
        view.calls().iter().filter(|call| call.result.is_some()).filter_map(|call| call.request).collect();
    let open = view
        .requests()
        .iter()
        .enumerate()
        .find(|(index, request)| request.span.span_id == last.span_id && !answered.contains(index));
    let asks =
        last.messages_out.iter().flat_map(|message| &message.parts).any(|part| matches!(part, Part::ToolCall { .. }));
    let (_, request) = open.filter(|_| reached && asks)?;
    Some(Sighting {
        title: format!(
            "the run ended with a call still open after {} model calls; its limit is {limit} steps",
            own.len()
        ),
        first: Evidence::new(
            last.span_id,
            Field::Output,
            &format!("{}({})", request.name, request.arguments.to_text()),
        ),
        more: vec![Evidence::new(agent.span_id, Field::Attribute("step_limit".to_owned()), &limit.to_string())],
    })
}

/// Returns whether this agent made the model call, and not an agent below it.
fn belongs_to(view: &View<'_>, model: &Span, agent: SpanId) -> bool {
    let mut at = view.trace().parent(model.span_id);
    while let Some(above) = at {
        if above.span_id == agent {
            return true;
        }
        if above.kind == SpanKind::Agent {
            return false;
        }
        at = view.trace().parent(above.span_id);
    }
    false
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "step-limit";

    #[test]
    fn a_run_that_says_it_was_stopped_was_stopped() {
        check(
            LEAF,
            "agent airline steps<=30 end=step_limit\n  llm m -> \"Which flight?\"",
            expect![[r"
                critical the run was stopped at its step limit of 30
                  span 1 termination `step_limit`
            "]],
        );
    }

    #[test]
    fn the_exception_of_a_framework_says_so_too() {
        check(
            LEAF,
            "agent a\n  step s !langgraph.errors.GraphRecursionError \"limit of 25\"",
            expect![[r"
                critical the run was stopped at its step limit: GraphRecursionError
                  span 2 status `langgraph.errors.GraphRecursionError`
            "]],
        );
        check(
            LEAF,
            "agent a raises MaxTurnsExceeded \"10\"",
            expect![[r"
                critical the run was stopped at its step limit: MaxTurnsExceeded
                  span 1 exception `MaxTurnsExceeded`
            "]],
        );
        check(
            LEAF,
            "agent a !\"AgentMaxStepsError: Reached max steps.\"",
            expect![[r"
                critical the run was stopped at its step limit: AgentMaxStepsError
                  span 1 status `AgentMaxStepsError`
            "]],
        );
    }

    #[test]
    fn an_agent_cut_off_in_the_middle_of_its_last_step_reached_its_limit() {
        check(
            LEAF,
            r#"
agent a steps<=2
  llm m -> search{q: 1}#c1
  tool search {q: 1} #c1 -> "x"
  llm m -> search{q: 2}#c2
"#,
            expect![[r#"
                critical the run ended with a call still open after 2 model calls; its limit is 2 steps
                  span 4 output `search({"q":2})`
                  span 1 step_limit `2`
            "#]],
        );
    }

    #[test]
    fn an_answer_with_the_last_step_is_an_answer() {
        check(LEAF, "agent a steps<=1\n  llm m -> \"42\"", expect![""]);
        check(LEAF, "agent a steps<=1 end=completed\n  llm m -> search{q: 1}#c1", expect![""]);
        check(LEAF, "agent a steps<=5\n  llm m -> search{q: 1}#c1", expect![""]);
    }

    #[test]
    fn a_run_that_is_still_going_on_was_not_stopped() {
        check(LEAF, "agent a steps<=1 running\n  llm m -> search{q: 1}#c1", expect![""]);
    }
}
