//! Which recorded calls are asked again, in which order, and what that is estimated to cost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use arc_analysis::{
    billed_spans,
    cost::price_span_with,
    replay::{Basis, basis, calls_needed},
};
use arc_app::App;
use arc_catalog::PriceOverride;
use arc_formats::encode::{Api, Ask, encode};
use arc_model::{
    AgentName, Cost, Json, Message, ModelRef, NanoUsd, Span, SpanId, SpanKind, Trace, TraceId, Usage, Verdict,
};

use super::select;
use crate::{cli::Replay, config::Config, failure::Failure, output, output::replay::Preview};

/// Whom to ask, and how.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) api: Api,
    pub(super) base: String,
    pub(super) url: String,
    /// Who listens there, where the address tells.
    pub(super) provider: Option<String>,
    /// Whether it is this machine.
    pub(super) is_here: bool,
    pub(super) model: String,
    /// Instructions that stand in for the recorded ones.
    pub(super) system: Option<String>,
}

/// A recorded call that can be asked again.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    /// Names this call, this model, this address and these instructions.
    pub(super) key: TraceId,
    pub(super) body: String,
    pub(super) answer: Vec<Message>,
    /// What the request demands of an answer that is JSON.
    pub(super) schema: Option<Json>,
    pub(super) basis: Basis,
    /// What the recorded call costs at today's prices.
    pub(super) cost: Option<NanoUsd>,
    /// The price row behind it.
    pub(super) row: Option<String>,
    pub(super) duration_ns: Option<u64>,
    /// What asking it again is expected to cost; zero where no price is known.
    pub(super) estimate: NanoUsd,
}

/// What is to be asked.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) calls: Vec<Call>,
    pub(super) runs: u64,
    /// The models that answered these calls.
    pub(super) models: BTreeSet<String>,
    /// Their price rows.
    pub(super) rows: BTreeSet<String>,
    /// The price row of the model that is asked.
    pub(super) to_row: Option<String>,
    /// Calls that are not asked, by the reason.
    pub(super) skipped: BTreeMap<String, u64>,
    /// What recorded calls had and requests have not.
    pub(super) left_out: BTreeSet<String>,
    /// Whether the model that is asked has a price.
    pub(super) is_priced: bool,
}

impl Plan {
    /// Returns how many calls a margin takes, when these are too few for it whatever is answered.
    pub(super) fn too_few_for(&self, margin: f64) -> Option<u64> {
        calls_needed(margin, 0.0).filter(|needed| self.runs < *needed)
    }

    pub(super) fn preview(&self, agent: &AgentName, target: &Target, margin: f64) -> Preview {
        Preview {
            agent: agent.clone(),
            from: self.models.iter().cloned().collect(),
            to: target.model.clone(),
            url: target.url.clone(),
            calls: self.calls.len() as u64,
            runs: self.runs,
            needed: calls_needed(margin, 0.0),
            recorded_cost: self.calls.iter().map(|call| call.cost).sum(),
            estimate: self.is_priced.then(|| self.calls.iter().map(|call| call.estimate).sum()),
            skipped: self.skipped.clone().into_iter().collect(),
            left_out: self.left_out.iter().cloned().collect(),
        }
    }
}

/// Chooses calls of an agent's runs.
///
/// Of more calls than are wanted a random sample is taken, the same every time: calls are ordered by a hash, so that
/// neither the newest runs nor the first steps are favoured, and a larger sample contains the smaller one.
pub(super) async fn make(
    app: &App,
    config: &Config,
    agent: &AgentName,
    arguments: &Replay,
    target: &Target,
    own: &[PriceOverride],
) -> Result<Plan, Failure> {
    let runs = select::runs(app, config, Some(agent)).await?;
    let progress = output::progress("reading", runs.len());
    let most = usize::try_from(arguments.calls).unwrap_or(usize::MAX);
    let to_row = row_of(target, own);
    let mut plan = Plan { is_priced: to_row.is_some(), to_row, ..Plan::default() };
    let mut chosen: BTreeMap<SpanId, (String, Call)> = BTreeMap::new();
    for run in &runs {
        progress.done();
        if let Some(detail) = app.run(&config.project, run.trace_id).await? {
            let trace = Trace::new(run.trace_id, detail.spans);
            for span in billed_spans(&trace).into_iter().filter(|span| span.kind == SpanKind::Llm) {
                let made = if run.outcome.verdict == Verdict::Failed {
                    Err("its run failed: to agree with it would prove nothing".to_owned())
                } else {
                    call(span, arguments, target, own, &mut plan.left_out)
                };
                match made {
                    Ok(made) => {
                        let order = SpanId::derive(&[span.trace_id.as_bytes(), span.span_id.as_bytes()]);
                        chosen.insert(order, made);
                    }
                    Err(why) => *plan.skipped.entry(why).or_default() += 1,
                }
            }
        }
        while chosen.len() > most {
            chosen.pop_last();
            *plan.skipped.entry(format!("not in the sample of {most} calls (--calls)")).or_default() += 1;
        }
    }
    progress.finish();
    for (model, call) in chosen.into_values() {
        plan.models.insert(model);
        plan.rows.extend(call.row.clone());
        plan.calls.push(call);
    }
    let runs: BTreeSet<TraceId> = plan.calls.iter().map(|call| call.trace_id).collect();
    plan.runs = runs.len() as u64;
    Ok(plan)
}

/// Returns a call with the model that answered it, or why it cannot be asked again.
fn call(
    span: &Span,
    arguments: &Replay,
    target: &Target,
    own: &[PriceOverride],
    left_out: &mut BTreeSet<String>,
) -> Result<(String, Call), String> {
    let model = span.model.as_ref().and_then(|model| model.name()).unwrap_or("unknown");
    let is_named = |name: &str| span.model.as_ref().is_some_and(|model| model.request.as_deref() == Some(name));
    if let Some(from) = &arguments.from
        && from != model
        && !is_named(from)
    {
        return Err(format!("it is of a model other than {from}"));
    }
    if span.status.is_error() {
        return Err("the recorded call failed".to_owned());
    }
    let schema = schema(span);
    let (asked, answer, offered) = (owned(&span.messages_in), owned(&span.messages_out), owned(&span.tools_offered));
    let basis = basis(&answer, schema.as_ref()).ok_or("no answer was recorded")?;
    let ask = Ask {
        model: &target.model,
        url: &target.url,
        messages: &asked,
        system: target.system.as_deref(),
        tools: &offered,
        parameters: &span.parameters,
    };
    let encoded = encode(target.api, &ask).map_err(|why| why.to_string())?;
    left_out.extend(encoded.left_out);
    let body = encoded.body.to_string();
    let key = key(span.trace_id, span.span_id, target, &body);
    let expected = expected(span).unwrap_or_else(|| estimated_usage(&body));
    let cost = recorded_cost(span, own);
    Ok((
        model.to_owned(),
        Call {
            trace_id: span.trace_id,
            span_id: span.span_id,
            key,
            estimate: price(target, None, &expected, own).unwrap_or_default(),
            body,
            answer,
            schema,
            basis,
            cost: cost.known(),
            row: row(&cost),
            duration_ns: span.duration_ns(),
        },
    ))
}

/// Names a request: what is sent in place of this call, to whom.
pub(super) fn key(trace_id: TraceId, span_id: SpanId, target: &Target, body: &str) -> TraceId {
    let pieces = [target.url.as_bytes(), target.model.as_bytes(), body.as_bytes()];
    TraceId::derive(&[&[trace_id.as_bytes().as_slice(), span_id.as_bytes().as_slice()], pieces.as_slice()].concat())
}

/// Returns what asking a call again is expected to use: what it used, nothing of it cached.
pub(super) fn expected(span: &Span) -> Option<Usage> {
    let usage = span.usage.as_ref().filter(|usage| usage.input.is_some() && usage.output.is_some())?;
    Some(Usage { input: usage.input, output: usage.output, ..Usage::default() })
}

/// Returns what a recorded call costs at the latest prices.
pub(super) fn recorded_cost(span: &Span, own: &[PriceOverride]) -> Cost {
    price_span_with(&Span { model: span.model.clone(), usage: span.usage.clone(), ..bare() }, own)
}

/// Where no tokens were counted: three bytes a token, which is more than most texts have.
pub(super) fn estimated_usage(body: &str) -> Usage {
    Usage { input: Some(body.len() as u64 / 3 + 1), output: Some(1_000), ..Usage::default() }
}

/// Returns the schema that a request demanded of its answer.
pub(super) fn schema(span: &Span) -> Option<Json> {
    let format = span.parameters.get("response_format")?;
    format.pointer("/json_schema/schema").or_else(|| format.get("schema")).filter(|schema| schema.is_object()).cloned()
}

/// Returns what so many tokens of the asked model cost at the latest prices; `None` when it has no price.
pub(super) fn price(target: &Target, answered: Option<&str>, usage: &Usage, own: &[PriceOverride]) -> Option<NanoUsd> {
    // An address that hides its model behind a name of its own is priced by the name that was asked for.
    let names = [answered, Some(target.model.as_str())];
    names.into_iter().flatten().find_map(|name| cost_of(target, name, usage, own).known())
}

fn cost_of(target: &Target, name: &str, usage: &Usage, own: &[PriceOverride]) -> Cost {
    let model = ModelRef { provider: target.provider.clone(), response: Some(name.to_owned()), ..ModelRef::default() };
    price_span_with(&Span { model: Some(model), usage: Some(usage.clone()), ..bare() }, own)
}

/// Returns the price row of the asked model; `None` when it has no price.
pub(super) fn row_of(target: &Target, own: &[PriceOverride]) -> Option<String> {
    let usage = Usage { input: Some(1_000), output: Some(1_000), ..Usage::default() };
    row(&cost_of(target, &target.model, &usage, own))
}

/// Returns the price row behind a cost.
pub(super) fn row(cost: &Cost) -> Option<String> {
    match cost {
        Cost::Known { lines, .. } => lines.first().map(|line| line.price_row.clone()),
        Cost::Unknown { .. } => None,
    }
}

/// A call without a time has the latest prices.
fn bare() -> Span {
    let none: &[&[u8]] = &[];
    Span::new(TraceId::derive(none), SpanId::derive(none), SpanKind::Llm, "replay")
}

/// Returns values of a span's own: what is replayed outlives the trace.
pub(super) fn owned<T: Clone>(shared: &[Arc<T>]) -> Vec<T> {
    shared.iter().map(|value| T::clone(value)).collect()
}
