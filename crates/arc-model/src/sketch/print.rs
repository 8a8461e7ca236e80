//! Spans to lines.

use std::{collections::BTreeMap, fmt};

use super::{
    cursor::{UNITS, is_plain_word, is_word},
    message, offer,
    read::{BEGIN, USAGE, default_trace_id},
};
use crate::{Attributes, Json, ModelRef, OutcomeClaim, Payload, Span, SpanKind, Status, Timestamp, Trace, Verdict};

/// Longest time after [`BEGIN`] at which a sketch may start without saying when it begins.
const A_DAY_NS: u64 = 86_400_000_000_000;

/// Prints a trace as a sketch; nothing the notation covers is lost.
pub fn print(trace: &Trace) -> String {
    Printer { begin: begin_of(trace), style: Style { longest: None } }.trace(trace)
}

/// Prints a trace for reading: texts and values longer than `longest` characters are cut, and what
/// was sent to models is left out.
pub fn outline(trace: &Trace, longest: usize) -> String {
    Printer { begin: begin_of(trace), style: Style { longest: Some(longest) } }.trace(trace)
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&print(self))
    }
}

/// The time that offsets count from: the usual one where it fits, else the first start.
fn begin_of(trace: &Trace) -> Timestamp {
    let first = trace.spans().iter().filter_map(|span| span.start).min();
    first.filter(|first| first.nanos_since(BEGIN).is_none_or(|after| after > A_DAY_NS)).unwrap_or(BEGIN)
}

struct Printer {
    begin: Timestamp,
    style: Style,
}

impl Printer {
    fn trace(&self, trace: &Trace) -> String {
        let mut text = String::new();
        let id = (trace.id() != default_trace_id()).then(|| format!(" {}", trace.id()));
        let begin = (self.begin != BEGIN).then(|| format!(" at {}", self.begin));
        if id.is_some() || begin.is_some() {
            text = format!("trace{}{}\n", id.unwrap_or_default(), begin.unwrap_or_default());
        }
        for (depth, span) in trace.walk() {
            let indent = "  ".repeat(depth);
            for (index, line) in self.span(span).into_iter().enumerate() {
                let deeper = if index == 0 { "" } else { "  " };
                text.extend([&indent, deeper, &line, "\n"]);
            }
        }
        text
    }

    /// Returns the line of a span and the lines of its messages, where they do not fit on it.
    fn span(&self, span: &Span) -> Vec<String> {
        let mut line = vec![format!("{} {}", span.kind, name(&span.name))];
        self.push_call(span, &mut line);
        push_model(span, &mut line);
        push_usage(span, &mut line);
        push_facts(span, &mut line);
        if !span.tools_offered.is_empty() && self.style.longest.is_none() {
            line.push(format!("offers={}", offer::write(&span.tools_offered, self.style)));
        }
        self.push_times(span, &mut line);
        self.push_attributes(span, &mut line);
        push_status(span, self.style, &mut line);
        let is_llm = span.kind == SpanKind::Llm;
        let output = if let Some(call) = &span.tool { call.result.as_ref() } else { span.output.as_ref() };
        if let (Some(output), false) = (output, is_llm) {
            line.push(format!("-> {}", self.style.payload(output)));
        }
        let outline = self.style.longest.is_some();
        let sent = span.messages_in.iter().filter(|_| !outline);
        let sent: Vec<String> =
            sent.map(|message| format!("<- {}", message::write(message, true, self.style))).collect();
        let answered = span.messages_out.iter().map(|m| format!("-> {}", message::write(m, !is_llm, self.style)));
        if sent.is_empty() && span.messages_out.len() <= 1 {
            line.extend(answered);
            return vec![line.join(" ")];
        }
        std::iter::once(line.join(" ")).chain(sent).chain(answered).collect()
    }

    fn push_call(&self, span: &Span, line: &mut Vec<String>) {
        let style = self.style;
        if let Some(call) = &span.tool {
            if span.kind != SpanKind::Tool || call.name != span.name {
                line.push(format!("tool={}", name(&call.name)));
            }
            match &call.arguments {
                Some(arguments) if stands_alone(arguments) => line.push(style.payload(arguments)),
                Some(arguments) => line.push(format!("arguments={}", style.payload(arguments))),
                None => {}
            }
            line.extend(call.id.as_ref().map(|id| format!("#{}", name(id))));
            line.extend(span.input.as_ref().map(|input| format!("input={}", style.payload(input))));
            line.extend(span.output.as_ref().map(|output| format!("output={}", style.payload(output))));
        } else {
            if span.kind == SpanKind::Tool {
                line.push("tool=-".to_owned());
            }
            match &span.input {
                Some(input) if stands_alone(input) => line.push(style.payload(input)),
                Some(input) => line.push(format!("input={}", style.payload(input))),
                None => {}
            }
            if let (Some(output), SpanKind::Llm) = (&span.output, span.kind) {
                line.push(format!("output={}", style.payload(output)));
            }
        }
    }

    fn push_times(&self, span: &Span, line: &mut Vec<String>) {
        if let Some(start) = span.start {
            line.push(format!("@{}", duration(start, self.begin)));
            line.push(span.end.map_or_else(|| "running".to_owned(), |end| format!("+{}", duration(end, start))));
        }
        let ttft = span.time_to_first_token_ns.and_then(|nanos| i64::try_from(nanos).ok());
        line.extend(ttft.map(|nanos| format!("ttft={}", nanos_text(nanos))));
        for event in &span.events {
            line.push(match exception(&event.attributes) {
                Some(text) if event.name == "exception" && event.at.is_none() => text,
                _ => {
                    let at = event.at.map_or_else(String::new, |at| format!("@{}", duration(at, self.begin)));
                    let attributes =
                        if event.attributes.is_empty() { String::new() } else { self.style.object(&event.attributes) };
                    format!("event {}{at}{attributes}", name(&event.name))
                }
            });
        }
    }

    fn push_attributes(&self, span: &Span, line: &mut Vec<String>) {
        if let Some(scope) = &span.scope {
            let version = scope.version.as_ref().map_or_else(String::new, |version| format!("@{}", name(version)));
            line.push(format!("scope={}{version}", name(&scope.name)));
        }
        let maps = [("params", &span.parameters), ("attributes", &span.attributes), ("resource", &span.resource)];
        for (key, attributes) in maps {
            if !attributes.is_empty() && self.style.longest.is_none() {
                line.push(format!("{key}={}", self.style.object(attributes)));
            }
        }
    }
}

fn push_model(span: &Span, line: &mut Vec<String>) {
    let Some(model) = &span.model else {
        if span.kind == SpanKind::Llm {
            line.push("model=-".to_owned());
        }
        return;
    };
    let ModelRef { provider, request, response, response_id } = model;
    if span.kind != SpanKind::Llm || request.as_ref() != Some(&span.name) {
        line.push(format!("model={}", request.as_ref().map_or_else(|| "?".to_owned(), |request| name(request))));
    }
    line.extend(provider.as_ref().map(|provider| format!("provider={}", name(provider))));
    line.extend(response.as_ref().map(|response| format!("answered={}", name(response))));
    line.extend(response_id.as_ref().map(|id| format!("response_id={}", name(id))));
}

fn push_usage(span: &Span, line: &mut Vec<String>) {
    if let Some(usage) = &span.usage {
        let mut copy = usage.clone();
        let counts: Vec<String> =
            USAGE.iter().filter_map(|(key, field)| field(&mut copy).map(|count| format!("{key}={count}"))).collect();
        if counts.is_empty() {
            line.push("in=?".to_owned());
        }
        line.extend(counts);
        line.extend((usage.source == crate::UsageSource::Estimated).then(|| "estimated".to_owned()));
        if usage.input_rule != crate::InputRule::Inclusive {
            line.push(format!("rule={}", name_of(&usage.input_rule)));
        }
    }
    line.extend(span.reported_cost.map(|cost| cost.to_string()));
    line.extend(span.finish_reason.as_ref().map(|reason| format!("finish={}", name(reason.as_str()))));
}

fn push_facts(span: &Span, line: &mut Vec<String>) {
    let facts = &span.facts;
    let texts = [
        ("agent", facts.agent.as_ref().map(crate::AgentName::as_str)),
        ("version", facts.agent_version.as_deref()),
        ("session", facts.session.as_ref().map(crate::SessionId::as_str)),
        ("user", facts.user.as_ref().map(crate::UserId::as_str)),
        ("task", facts.task.as_ref().map(crate::TaskId::as_str)),
        ("domain", facts.domain.as_deref()),
        ("framework", facts.framework.as_deref()),
    ];
    line.extend(texts.into_iter().filter_map(|(key, text)| text.map(|text| format!("{key}={}", name(text)))));
    line.extend(facts.trial.map(|trial| format!("trial={trial}")));
    line.extend(facts.step_limit.map(|limit| format!("steps<={limit}")));
    line.extend(facts.termination.map(|termination| format!("end={}", name_of(&termination))));
    line.extend(facts.exit_code.map(|code| format!("exit={code}")));
    line.extend(facts.exit_signal.map(|signal| format!("signal={signal}")));
    line.extend(facts.last_step.as_deref().map(|step| format!("last_step={}", name(step))));
    line.extend(facts.outcomes.iter().map(claim));
}

fn claim(claim: &OutcomeClaim) -> String {
    let verdict = match claim.verdict {
        Verdict::Succeeded => "ok",
        Verdict::Failed => "failed",
        Verdict::Unknown => "unknown",
    };
    let score = claim.score.map_or_else(String::new, |score| format!(" score={score}"));
    let reason = claim.reason.as_ref().map_or_else(String::new, |reason| format!(" because {}", quoted(reason)));
    format!("{verdict} by {}{score}{reason}", name_of(&claim.source))
}

fn push_status(span: &Span, style: Style, line: &mut Vec<String>) {
    match &span.status {
        Status::Unset => {}
        Status::Ok => line.push("ok".to_owned()),
        Status::Error { kind, message } => {
            let kind = kind.as_ref().map_or_else(String::new, |kind| {
                if is_word(kind) { kind.clone() } else { format!("{}:", quoted(kind)) }
            });
            let message = match (message.as_str(), kind.is_empty()) {
                ("", _) => String::new(),
                (message, true) => style.text(message),
                (message, false) => format!(" {}", style.text(message)),
            };
            line.push(format!("!{kind}{message}"));
        }
    }
}

/// Returns the short form of an exception event that has only a type and a message.
fn exception(attributes: &Attributes) -> Option<String> {
    let kind = attributes.get("exception.type")?.as_str()?;
    match (attributes.len(), attributes.get("exception.message").map(Json::as_str)) {
        (1, None) => Some(format!("raises {}", name(kind))),
        (2, Some(Some(message))) => Some(format!("raises {} {}", name(kind), quoted(message))),
        _ => None,
    }
}

/// Returns whether a payload is recognised without a key in front of it.
const fn stands_alone(payload: &Payload) -> bool {
    matches!(payload, Payload::Text(_) | Payload::Json(Json::Object(_) | Json::Array(_)))
}

fn duration(end: Timestamp, start: Timestamp) -> String {
    nanos_text(end.as_nanos().saturating_sub(start.as_nanos()))
}

/// Prints a time exactly, in the largest unit of which there is at least one.
fn nanos_text(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let size = nanos.unsigned_abs().to_string();
    let (unit, digits) = UNITS.into_iter().find(|(_, digits)| size.len() > *digits).unwrap_or(("ns", 0));
    if size == "0" {
        return "0s".to_owned();
    }
    let (whole, fraction) = size.split_at(size.len() - digits);
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}{unit}"),
        fraction => format!("{sign}{whole}.{fraction}{unit}"),
    }
}

/// Returns the word serde has for a value without fields.
fn name_of(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Prints a name, in quotes where it needs them.
pub(super) fn name(text: &str) -> String {
    if is_word(text) { text.to_owned() } else { quoted(text) }
}

/// Prints a text in quotes, with JSON's escapes.
pub(super) fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// How long texts and values are printed.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Characters to keep; `None` keeps all.
    longest: Option<usize>,
}

impl Style {
    pub(super) fn text(self, text: &str) -> String {
        quoted(&self.cut(text))
    }

    pub(super) fn payload(self, payload: &Payload) -> String {
        match payload {
            Payload::Text(text) => self.text(text),
            Payload::Json(value) => self.json(value),
        }
    }

    pub(super) fn json(self, value: &Json) -> String {
        let mut text = String::new();
        write_json(value, &mut text);
        self.cut(&text)
    }

    fn object(self, attributes: &Attributes) -> String {
        self.json(&Json::Object(attributes.clone().into_iter().collect()))
    }

    fn cut(self, text: &str) -> String {
        match self.longest {
            Some(longest) if text.chars().nth(longest).is_some() => {
                text.chars().take(longest).chain(std::iter::once('…')).collect()
            }
            _ => text.to_owned(),
        }
    }
}

fn write_json(value: &Json, text: &mut String) {
    match value {
        Json::Object(fields) => {
            text.push('{');
            // Sorted: whether a map keeps its order depends on the features serde_json is built with.
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(&if is_plain_word(key) { key.clone() } else { quoted(key) });
                text.push_str(": ");
                write_json(value, text);
            }
            text.push('}');
        }
        Json::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                write_json(item, text);
            }
            text.push(']');
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}
