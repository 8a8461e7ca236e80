//! One settled trace: its failures, its outcome, its cost, and the row that sums it up.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_catalog::Catalog;
use arc_model::{
    AgentName, AgentRef, Cost, CostSums, Evidence, Field, Finding, Json, LeafCount, Message, Outcome, Part, Payload,
    Role, Run, RunCosts, Span, SpanKind, Status, Termination, Timestamp, Trace, UnknownCost, Verdict,
};

use crate::{
    checks::{self, Checks, Seen},
    cost, death, detection,
    failures::{self, Call, View},
    judges, localisation, outcome, progress,
};

/// What is known about a trace beside its spans.
#[derive(Debug, Clone)]
pub struct Context {
    /// When its first span arrived here.
    pub received_at: Timestamp,
    /// The agent's name; it outranks what the trace says.
    pub agent: Option<AgentName>,
    /// Whether more of it is to come.
    pub is_running: bool,
    /// The checks in force; those that the run itself declares come on top.
    pub checks: Checks,
}

/// What a trace shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// The run it was.
    pub run: Run,
    /// What went wrong in it, in the order of its spans.
    pub findings: Vec<Finding>,
    /// How its cost and time divide; nothing of a run that goes on.
    pub costs: RunCosts,
}

/// The agent of a trace that names none.
const UNNAMED: &str = "unnamed";

/// Analyses one trace. The same trace gives the same analysis.
///
/// Of a run that goes on only what happened so far is told. What it comes to is not known yet: it has
/// no outcome, no findings (the next span may answer what looks like a failure) and no known cost.
pub fn analyse(trace: &Trace, context: &Context, catalog: &Catalog) -> Analysis {
    let view = View::new(trace);
    let facts = trace.facts();
    let declared = facts.agent.clone().or_else(|| service_name(trace));
    let name = context.agent.clone().or(declared).unwrap_or_else(|| AgentName::new(UNNAMED));
    let started_at = trace.spans().iter().filter_map(|span| span.start).min();
    let duration_ms = started_at.and_then(|start| duration_ms(trace, start));
    let priced = cost::priced_spans(trace, catalog.prices());
    let cost = cost_of(trace, &priced, context);
    let (findings, outcome, termination, checks) = if context.is_running {
        (Vec::new(), Outcome::default(), None, Vec::new())
    } else {
        let mut findings = failures::detect_in(&view, catalog);
        let seen = Seen::new(&view, &cost, duration_ms);
        let examined = checks::examine(&seen, &context.checks, &name, facts.task.as_ref());
        let evaluations = judges::claims(trace, context.checks.judges(), &name);
        let (outcome, termination) = outcome::settle_checked(trace, &findings, &examined, evaluations);
        if outcome.verdict == Verdict::Failed {
            findings.extend(localisation::decisive_step(trace, catalog));
        }
        let of_checks = checks::findings(trace.id(), &examined.results, &outcome.claims, catalog);
        let is_new = |finding: &Finding| !findings.iter().any(|known| known.id() == finding.id());
        let of_checks: Vec<Finding> = of_checks.into_iter().filter(is_new).collect();
        findings.extend(of_checks);
        (findings, outcome, termination, examined.results)
    };
    let tools = ToolCounts::of(&view);
    let tokens = Tokens::of(&priced);
    let costs = if context.is_running {
        RunCosts::default()
    } else {
        cost::attribute_priced(trace, outcome.verdict, catalog, &priced)
    };
    let run = Run {
        trace_id: trace.id(),
        agent: AgentRef { name, version: facts.agent_version },
        task: facts.task,
        trial: facts.trial,
        session: facts.session,
        user: facts.user,
        started_at,
        received_at: context.received_at,
        duration_ms,
        is_running: context.is_running,
        error: error(trace, termination, outcome.verdict),
        death: death::of(trace, termination),
        outcome,
        termination,
        cost,
        input_tokens: tokens.input,
        output_tokens: tokens.output,
        span_count: count(trace.spans()),
        llm_calls: count(view.models()),
        tool_calls: tools.calls,
        tool_calls_judged: tools.judged,
        tool_calls_correct: tools.correct,
        models: models(&view),
        framework: detection::framework(trace, catalog),
        domain: detection::domain(trace, catalog),
        findings: by_leaf(&findings),
        checks,
        prefixes: progress::prefixes(&view, context.is_running),
        overhead_ms: overhead_ms(&costs.whole),
        retries: progress::retries(&view),
        input_preview: input(trace).as_deref().and_then(preview),
        output_preview: output(trace).as_deref().and_then(preview),
    };
    Analysis { run, findings, costs }
}

/// Returns how long neither a model nor a tool was at work, where times were recorded.
fn overhead_ms(whole: &CostSums) -> Option<f64> {
    let rest = whole.time_ns.checked_sub(whole.model_ns)?.checked_sub(whole.tool_ns)?;
    #[expect(clippy::cast_precision_loss, reason = "a duration in milliseconds tolerates rounding in the 16th digit")]
    (whole.timed > 0).then(|| rest as f64 / 1e6)
}

/// Returns what a run cost; of one that goes on only what it cost so far is known.
fn cost_of(trace: &Trace, priced: &[(&Span, Cost)], context: &Context) -> Cost {
    match cost::sum(trace, priced) {
        Cost::Known { total, .. } if context.is_running => Cost::Unknown { why: UnknownCost::Running, at_least: total },
        Cost::Unknown { at_least, .. } if context.is_running => Cost::Unknown { why: UnknownCost::Running, at_least },
        cost => cost,
    }
}

/// Tool calls of a run; searches are not among them.
#[derive(Default)]
struct ToolCounts {
    calls: u64,
    judged: u64,
    correct: u64,
}

impl ToolCounts {
    fn of(view: &View<'_>) -> Self {
        let mut counts = Self::default();
        let calls = view.calls().iter().enumerate().filter(|(_, call)| call.span.kind != SpanKind::Retrieval);
        for (index, call) in calls {
            let failed = view.error(index).is_some();
            let violates = call.request.is_some_and(|request| view.violation(request).is_some());
            let judged = failed || violates || returned(call);
            counts.calls += 1;
            counts.judged += u64::from(judged);
            counts.correct += u64::from(judged && !failed && !violates);
        }
        counts
    }
}

/// Returns whether a call is known to have returned: by a result, or by a status that says so.
fn returned(call: &Call<'_>) -> bool {
    call.result.is_some() || (call.has_own_span() && call.span.status == Status::Ok)
}

/// Tokens of the billed spans; unknown as soon as one of them did not report them.
struct Tokens {
    input: Option<u64>,
    output: Option<u64>,
}

impl Tokens {
    fn of(spans: &[(&Span, Cost)]) -> Self {
        let sum = |count: fn(&arc_model::Usage) -> Option<u64>| {
            let counts = spans.iter().map(|(span, _)| span).filter(|span| span.kind != SpanKind::Embedding);
            let mut counts = counts.map(|span| span.usage.as_ref().and_then(count)).peekable();
            counts.peek()?;
            counts.try_fold(0, |sum: u64, count| sum.checked_add(count?))
        };
        Self { input: sum(|usage| usage.input), output: sum(|usage| usage.output) }
    }
}

fn count<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}

fn service_name(trace: &Trace) -> Option<AgentName> {
    let names = trace.walk().filter_map(|(_, span)| span.resource.get("service.name").and_then(Json::as_str));
    // OpenTelemetry's default for a process nobody named: `unknown_service:python`.
    let mut names = names.filter(|name| !name.is_empty() && !name.starts_with("unknown_service"));
    names.next().map(AgentName::new)
}

fn duration_ms(trace: &Trace, start: Timestamp) -> Option<f64> {
    let end = trace.spans().iter().filter_map(|span| span.end).max()?;
    #[expect(clippy::cast_precision_loss, reason = "a duration in milliseconds tolerates rounding in the 16th digit")]
    end.nanos_since(start).map(|nanos| nanos as f64 / 1e6)
}

/// Returns what ended the run, where an error did: the message of the span whose end is its end.
fn error(trace: &Trace, termination: Option<Termination>, verdict: Verdict) -> Option<String> {
    let ended_badly = termination.is_some_and(Termination::is_failure);
    if let (Some(termination), Some(death)) = (termination, death::of(trace, termination)) {
        return Some(death::told(termination, &death));
    }
    let ended = outcome::ended_program(trace).or_else(|| outcome::last_root(trace));
    let root = ended.filter(|_| ended_badly || verdict == Verdict::Failed)?;
    let message = failures::status_error(root)?;
    Some(Evidence::new(root.span_id, Field::Status, failures::headline(&message)).excerpt)
}

fn models(view: &View<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let of_calls = view.models().iter().filter_map(|span| span.model.as_ref()?.name());
    for name in of_calls {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    names
}

fn by_leaf(findings: &[Finding]) -> Vec<LeafCount> {
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.leaf().clone()).or_default() += 1;
    }
    counts.into_iter().map(|(leaf, count)| LeafCount { leaf, count }).collect()
}

/// Returns what was asked: the input of the first root that has one, else the user's first words.
pub fn input(trace: &Trace) -> Option<String> {
    let of = |span: &Span| first_user_text(&span.messages_in).or_else(|| shown(span.input.as_ref(), &ASKED));
    let of_root = trace.roots().find_map(of);
    of_root.or_else(|| trace.walk().find_map(|(_, span)| of(span)))
}

/// Returns what was answered: the output of the last root that has one, else the model's last words.
fn output(trace: &Trace) -> Option<String> {
    let roots: Vec<&Span> = trace.roots().collect();
    let of = |span: &&Span| last_text(&span.messages_out).or_else(|| shown(span.output.as_ref(), &ANSWERED));
    let of_root = roots.iter().rev().find_map(of);
    of_root.or_else(|| trace.leaf_llm_spans().filter_map(|span| last_text(&span.messages_out)).last())
}

/// Fields in which frameworks put what was asked, and what was answered.
const ASKED: [&str; 6] = ["input", "task", "question", "query", "prompt", "messages"];
const ANSWERED: [&str; 6] = ["output", "answer", "final_answer", "response", "result", "messages"];

/// Returns the text of a payload, or of the field in it that holds what people want to see.
fn shown(payload: Option<&Payload>, fields: &[&str]) -> Option<String> {
    let payload = payload.filter(|payload| !payload.is_blank())?;
    let field = match payload {
        Payload::Json(value) => fields.iter().find_map(|field| value.get(field)),
        Payload::Text(_) => None,
    };
    let text = match field {
        Some(Json::String(text)) if !text.trim().is_empty() => Some(text.clone()),
        Some(Json::Array(messages)) => said_in(messages, fields == ASKED),
        _ => None,
    };
    Some(text.unwrap_or_else(|| payload.to_text()))
}

/// Returns the text of the first or the last message of a serialised list.
fn said_in(messages: &[Json], first: bool) -> Option<String> {
    let mut texts = messages.iter().filter_map(|message| {
        let fields = message.get("kwargs").or_else(|| message.get("data")).unwrap_or(message);
        // A message can be a pair of role and text.
        let text = fields.get("content").or_else(|| message.get(1))?.as_str()?;
        (!text.trim().is_empty()).then(|| text.to_owned())
    });
    if first { texts.next() } else { texts.next_back() }
}

fn first_user_text(messages: &[Arc<Message>]) -> Option<String> {
    let mut users = messages.iter().filter(|message| message.role == Role::User);
    users.find_map(|message| said(message))
}

fn last_text(messages: &[Arc<Message>]) -> Option<String> {
    messages.iter().rev().filter(|message| message.role == Role::Assistant).find_map(|message| said(message))
}

fn said(message: &Message) -> Option<String> {
    let has_text = message.parts.iter().any(|part| matches!(part, Part::Text { text } if !text.trim().is_empty()));
    has_text.then(|| message.joined_text())
}

/// Longest preview, in characters.
const PREVIEW_CHARS: usize = 200;

/// Returns the beginning of a text on one line.
fn preview(text: &str) -> Option<String> {
    // A preview needs only the beginning, and a text can be megabytes long.
    let beginning: String = text.chars().take(PREVIEW_CHARS * 4).collect();
    let line = beginning.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = line.chars().take(PREVIEW_CHARS).collect();
    if line.chars().nth(PREVIEW_CHARS).is_some() || (beginning.len() < text.len()) {
        cut.push('…');
    }
    (!line.is_empty()).then_some(cut)
}

#[cfg(test)]
mod tests;
