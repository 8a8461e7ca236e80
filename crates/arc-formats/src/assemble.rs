//! The one place where a raw span becomes a canonical one: merges what the dialects read.
//!
//! Precedence is the order of [`registry::DIALECTS`]: for each field the first dialect that said
//! something wins. An attribute is removed from the raw ones only when a dialect declared that its
//! value holds all of it, and that value was used (or is equal to the one used).

use arc_model::{
    Attributes, DiagnosticSeverity, Json, ModelRef, Place, RunFacts, Span, SpanEvent, SpanKind, Status, ToolCall,
};

use crate::{
    dialect::{DerivedTool, Found, Names, Reading, Remark},
    output::Output,
    raw::{RawSpan, StatusCode},
    read::usage,
    registry,
};

/// Makes the canonical span and adds it to the output; `here` says where it was found, should anything be remarked.
pub(crate) fn push(raw: RawSpan, here: &dyn Fn() -> Place, out: &mut Output) {
    let spoken = registry::DIALECTS.iter().filter(|dialect| dialect.speaks(&raw));
    let readings: Vec<Reading> = spoken.map(|dialect| dialect.read(&raw)).collect();
    let mut merge = Merge { readings, consumed: Names::default() };
    merge.remark(here, out);
    let derived = merge.derived_tools();
    let span = assemble(raw, merge);
    out.spans.extend(derived.into_iter().map(|tool| tool_span(tool, &span)));
    out.spans.push(span);
}

/// Makes the span of a tool call that nobody may have recorded: its revision is the lowest, so that a record of the
/// call itself replaces it. It lasts from the answer that asked for it to the request that carries its result, so its
/// duration includes what the agent did in between.
pub(crate) fn tool_span(tool: DerivedTool, call: &Span) -> Span {
    let DerivedTool { span_id, start, outcome } = tool;
    let name = outcome.name.unwrap_or_else(|| "unknown".to_owned());
    let mut span = Span::new(call.trace_id, span_id, SpanKind::Tool, format!("execute_tool {name}"));
    span.parent_id = call.parent_id;
    span.start = start;
    span.end = call.start.or(start);
    span.sequence = call.sequence;
    if outcome.has_failed {
        let message = outcome.result.to_text();
        span.status = Status::Error { kind: Some("tool_error".to_owned()), message };
    }
    span.tool =
        Some(ToolCall { id: outcome.call_id, name, arguments: outcome.arguments, result: Some(outcome.result) });
    span.attributes.insert("arc_eval.derived".to_owned(), Json::Bool(true));
    span.scope.clone_from(&call.scope);
    span.resource.clone_from(&call.resource);
    span
}

fn assemble(mut raw: RawSpan, mut merge: Merge) -> Span {
    let kind = merge.pick(|reading| reading.kind.take()).unwrap_or(SpanKind::Other);
    let name = merge.readings.iter_mut().find_map(|reading| reading.name.take());
    let name = name.unwrap_or_else(|| std::mem::take(&mut raw.name));
    let mut span = Span::new(raw.trace_id, raw.span_id, kind, name);
    span.parent_id = raw.parent_id;
    span.start = raw.start;
    span.end = raw.end;
    span.revision = merge.pick(|reading| reading.revision.take()).unwrap_or(u64::from(raw.end.is_some()));
    span.sequence = merge.pick(|reading| reading.sequence.take()).unwrap_or(raw.position);
    span.model = merge.model();
    let message_events = merge.message_events();
    span.messages_in = merge.pick(|reading| reading.messages_in.take()).unwrap_or_default();
    span.messages_out = merge.pick(|reading| reading.messages_out.take()).unwrap_or_default();
    span.input = merge.pick(|reading| reading.input.take());
    span.output = merge.pick(|reading| reading.output.take());
    if kind == SpanKind::Tool {
        span.tool = Some(merge.tool(&span.name));
    }
    span.tools_offered = merge.pick(|reading| reading.tools_offered.take()).unwrap_or_default();
    // Usage is taken whole from one dialect: counts of two would be read by two rules.
    let counts = merge.readings.iter_mut().find_map(|reading| reading.usage.take());
    let model = span.model.as_ref().and_then(ModelRef::name);
    span.usage = counts.map(|counts| usage::settle(counts, raw.scope.as_ref(), model));
    span.reported_cost = merge.pick(|reading| reading.reported_cost.take());
    span.finish_reason = merge.pick(|reading| reading.finish_reason.take());
    span.time_to_first_token_ns = merge.pick(|reading| reading.time_to_first_token_ns.take());
    span.parameters = merge.parameters();
    span.facts = merge.facts();
    let events = std::mem::take(&mut raw.events);
    span.events =
        (0..).zip(events).filter(|(index, _)| !message_events.contains(index)).map(|(_, event)| event).collect();
    span.status = status(&raw, &span.events, &mut merge);
    merge.consume();
    for name in std::mem::take(&mut merge.consumed) {
        raw.attributes.remove(&*name);
    }
    span.links = raw.links;
    span.scope = raw.scope;
    span.resource = raw.resource;
    span.attributes = raw.attributes;
    for (name, value) in merge.attributes() {
        span.attributes.entry(name).or_insert(value);
    }
    span
}

/// Decides the status: an error class, an escaped exception or a dialect's own word for a failure means an error even where the emitter
/// left the status unset, as older instrumentation does. An explicit "ok" stands.
fn status(raw: &RawSpan, events: &[SpanEvent], merge: &mut Merge) -> Status {
    let exception = events.iter().rev().find(|event| event.name == "exception");
    let said = |name: &str| exception?.attributes.get(name)?.as_str().filter(|text| !text.is_empty());
    let escaped = exception.and_then(|event| event.attributes.get("exception.escaped")).is_some_and(is_true);
    let has_failed = merge.readings.iter().any(|reading| reading.has_failed || reading.error_kind.is_some())
        || raw.attributes.get("error.type").is_some_and(|value| !value.is_null());
    match raw.status {
        StatusCode::Ok => Status::Ok,
        StatusCode::Unset if !has_failed && !escaped => Status::Unset,
        StatusCode::Unset | StatusCode::Error => {
            let kind = merge.pick(|reading| reading.error_kind.take());
            let kind = kind.or_else(|| {
                let text = raw.attributes.get("error.type")?.as_str()?;
                merge.consumed.push("error.type");
                Some(text.to_owned())
            });
            let described = merge.pick(|reading| reading.error_message.take());
            let given = Some(raw.status_message.clone()).filter(|text| !text.is_empty());
            let message = given.or(described).or_else(|| said("exception.message").map(str::to_owned));
            Status::Error {
                kind: kind.or_else(|| said("exception.type").map(str::to_owned)),
                message: message.unwrap_or_default(),
            }
        }
    }
}

fn is_true(value: &Json) -> bool {
    match value {
        Json::Bool(truth) => *truth,
        Json::String(text) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// What the dialects read, in order of precedence, and the attributes that have been used up.
struct Merge {
    readings: Vec<Reading>,
    consumed: Names,
}

impl Merge {
    /// Takes a field from the first dialect that has it.
    fn pick<T: PartialEq>(&mut self, field: impl Fn(&mut Reading) -> Option<Found<T>>) -> Option<T> {
        let mut winner: Option<T> = None;
        for reading in &mut self.readings {
            let Some(found) = field(reading) else { continue };
            let agrees = winner.as_ref().is_none_or(|value| *value == found.value);
            if agrees {
                self.consumed.extend(found.from);
                winner = Some(found.value);
            }
        }
        winner
    }

    fn model(&mut self) -> Option<ModelRef> {
        let model = ModelRef {
            provider: self.pick(|reading| reading.provider.take()),
            request: self.pick(|reading| reading.request_model.take()),
            response: self.pick(|reading| reading.response_model.take()),
            response_id: self.pick(|reading| reading.response_id.take()),
        };
        (model != ModelRef::default()).then_some(model)
    }

    fn tool(&mut self, span_name: &str) -> ToolCall {
        ToolCall {
            id: self.pick(|reading| reading.tool_call_id.take()),
            name: self.pick(|reading| reading.tool_name.take()).unwrap_or_else(|| tool_name_of(span_name)),
            arguments: self.pick(|reading| reading.tool_arguments.take()),
            result: self.pick(|reading| reading.tool_result.take()),
        }
    }

    /// Returns the events whose content the messages will hold: those of the dialect whose messages win.
    fn message_events(&mut self) -> Vec<usize> {
        let mut readings = self.readings.iter_mut();
        let winner = readings.find(|reading| reading.messages_in.is_some() || reading.messages_out.is_some());
        winner.map_or_else(Vec::new, |reading| {
            self.consumed.extend(std::mem::take(&mut reading.repeated));
            std::mem::take(&mut reading.message_events)
        })
    }

    /// Merges by parameter: dialects rarely name the same ones.
    fn parameters(&mut self) -> Attributes {
        let mut merged = Attributes::new();
        for found in self.readings.iter_mut().filter_map(|reading| reading.parameters.take()) {
            if merged.is_empty() {
                merged = found.value;
                self.consumed.extend(found.from);
                continue;
            }
            let agrees = found.value.iter().all(|(name, value)| merged.get(name).is_none_or(|known| known == value));
            for (name, value) in found.value {
                merged.entry(name).or_insert(value);
            }
            if agrees {
                self.consumed.extend(found.from);
            }
        }
        merged
    }

    fn facts(&mut self) -> RunFacts {
        let mut merged = RunFacts::default();
        for found in self.readings.iter_mut().filter_map(|reading| reading.facts.take()) {
            if merged.is_empty() {
                merged = found.value;
                self.consumed.extend(found.from);
                continue;
            }
            let before = merged.clone();
            merged.fill_from(&found.value);
            // What was said before must not differ from what is said here.
            let mut other_way = found.value;
            other_way.outcomes = std::mem::take(&mut merged.outcomes);
            other_way.fill_from(&RunFacts { outcomes: Vec::new(), ..before });
            merged.outcomes.clone_from(&other_way.outcomes);
            if other_way == merged {
                self.consumed.extend(found.from);
            }
        }
        merged
    }

    fn derived_tools(&mut self) -> Vec<DerivedTool> {
        self.readings.iter_mut().flat_map(|reading| std::mem::take(&mut reading.derived_tools)).collect()
    }

    fn attributes(&mut self) -> Attributes {
        self.readings.iter_mut().flat_map(|reading| std::mem::take(&mut reading.attributes)).collect()
    }

    fn consume(&mut self) {
        for reading in &mut self.readings {
            self.consumed.extend(std::mem::take(&mut reading.consumed));
        }
    }

    fn remark(&mut self, here: &dyn Fn() -> Place, out: &mut Output) {
        for Remark { severity, message, once } in self.readings.iter_mut().flat_map(|reading| reading.remarks.drain(..))
        {
            match severity {
                DiagnosticSeverity::Note if once => out.note_once(here(), message),
                DiagnosticSeverity::Note => out.note(here(), message),
                DiagnosticSeverity::Repaired => out.repaired(here(), message),
                DiagnosticSeverity::Rejected => out.rejected(here(), message),
            }
        }
    }
}

/// Returns the tool of a span named as OpenTelemetry recommends, `execute_tool {name}`.
fn tool_name_of(span_name: &str) -> String {
    span_name.strip_prefix("execute_tool ").unwrap_or(span_name).to_owned()
}
