//! Calls of tools and knowledge bases as a run shows them, whether as spans or only in what was said
//! between the caller and the model.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arc_model::{Evidence, Field, Message, Part, Payload, Role, Span, SpanId, SpanKind, ToolDefinition, Trace};

use super::same_call;

/// A request of a model to call a tool.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The model call that asked.
    pub span: &'a Span,
    /// Joins it with the call that was carried out.
    pub id: Option<&'a str>,
    /// The tool's name.
    pub name: &'a str,
    /// The arguments.
    pub arguments: &'a Payload,
    /// The tools the model could ask for; empty when none were recorded.
    pub offered: &'a [Arc<ToolDefinition>],
}

impl<'a> Request<'a> {
    /// Returns the definition of the tool it asks for, where it was offered.
    pub fn definition(&self) -> Option<&'a ToolDefinition> {
        self.offered.iter().find(|tool| tool.name == self.name).map(|tool| &**tool)
    }
}

/// A call that was carried out.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The tool's name; of a search without one, the span's.
    pub name: &'a str,
    /// What it was called with, where recorded.
    pub arguments: Option<&'a Payload>,
    /// What it returned; `None` when not recorded.
    pub result: Option<&'a Payload>,
    /// Where the call shows: the tool's own span, else that of the model call that asked.
    pub span: &'a Span,
    /// Where the result shows: the tool's own span, else the model call that was given it.
    pub shown_by: &'a Span,
    /// The request it answers, as an index into the view's requests.
    pub request: Option<usize>,
}

impl Call<'_> {
    /// Returns whether it has a span of its own.
    pub fn has_own_span(&self) -> bool {
        matches!(self.span.kind, SpanKind::Tool | SpanKind::Retrieval)
    }
}

/// Makes evidence of what a call was called with.
pub(super) fn arguments_evidence(call: &Call<'_>, arguments: &str) -> Evidence {
    let field = if call.has_own_span() { Field::ToolArguments } else { Field::Output };
    Evidence::new(call.span.span_id, field, arguments)
}

/// Results by the id of their call, as given back to models, with the model call that got them first.
struct Results<'a>(BTreeMap<&'a str, Option<(&'a Payload, &'a Span)>>);

impl<'a> Results<'a> {
    fn of(models: &[&'a Span]) -> Self {
        let mut results: BTreeMap<&str, Option<(&Payload, &Span)>> = BTreeMap::new();
        for span in models {
            let parts = span.messages_in.iter().flat_map(|message| &message.parts);
            for part in parts {
                let Part::ToolResult { id: Some(id), result } = part else { continue };
                let known = results.entry(id).or_insert(Some((result, span)));
                // Some providers use an id twice; then nobody knows which result is whose.
                if known.is_some_and(|(known, _)| known != result) {
                    *known = None;
                }
            }
        }
        Self(results)
    }

    fn get(&self, id: Option<&str>) -> Option<(&'a Payload, &'a Span)> {
        *self.0.get(id?)?
    }
}

/// Returns the requests of the run's model calls and the calls that were carried out, in order.
pub(super) fn collect(trace: &Trace) -> (Vec<Request<'_>>, Vec<Call<'_>>) {
    let models: Vec<&Span> = trace.leaf_llm_spans().collect();
    let requests: Vec<Request<'_>> = models.iter().flat_map(|span| requests_of(trace, span)).collect();
    let results = Results::of(&models);
    let mut calls = calls_with_spans(trace, &requests, &results);
    if calls.iter().all(|call| call.span.kind == SpanKind::Retrieval) {
        calls.extend(calls_without_spans(&models, &requests, &results));
    }
    (requests, calls)
}

fn requests_of<'a>(trace: &'a Trace, span: &'a Span) -> impl Iterator<Item = Request<'a>> {
    let offered = offered_to(trace, span);
    asked(&span.messages_out).map(move |(id, name, arguments)| Request { span, id, name, arguments, offered })
}

fn asked(messages: &[Arc<Message>]) -> impl Iterator<Item = (Option<&str>, &str, &Payload)> {
    messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::ToolCall { id, name, arguments } => Some((id.as_deref(), name.as_str(), arguments)),
        _ => None,
    })
}

/// Returns the tools a model call was offered; where it does not say, those of the nearest span above.
fn offered_to<'a>(trace: &'a Trace, span: &'a Span) -> &'a [Arc<ToolDefinition>] {
    let mut at = Some(span);
    while let Some(here) = at {
        if !here.tools_offered.is_empty() {
            return &here.tools_offered;
        }
        at = trace.parent(here.span_id);
    }
    &[]
}

fn calls_with_spans<'a>(trace: &'a Trace, requests: &[Request<'a>], results: &Results<'a>) -> Vec<Call<'a>> {
    let mut open = OpenRequests::of(requests);
    let is_call = |span: &&Span| matches!(span.kind, SpanKind::Tool | SpanKind::Retrieval);
    let all: Vec<&Span> = trace.spans().iter().filter(is_call).collect();
    let repeats = same_call::repeats(trace, &all);
    let mut repeated: BTreeMap<SpanId, Vec<&Span>> = BTreeMap::new();
    for &span in &all {
        if let Some(kept) = repeats.get(&span.span_id) {
            repeated.entry(kept.span_id).or_default().push(span);
        }
    }
    let spans = all.iter().filter(|span| !repeats.contains_key(&span.span_id));
    let calls = spans.map(|&span| {
        let call = span.tool.as_ref();
        // What the span that counts does not say, another one of the same call may.
        let others = repeated.get(&span.span_id).into_iter().flatten();
        let known = || std::iter::once(span).chain(others.clone().copied());
        let id = known().find_map(|span| span.tool.as_ref()?.id.as_deref());
        let name = call.map_or(span.name.as_str(), |call| call.name.as_str());
        let arguments = known().find_map(|span| span.tool.as_ref()?.arguments.as_ref()).or(span.input.as_ref());
        let own = known().find_map(|span| span.tool.as_ref()?.result.as_ref()).or(span.output.as_ref());
        let given_back = || results.get(id).map(|(result, _)| result);
        let result = own.or_else(given_back);
        Call { name, arguments, result, span, shown_by: span, request: open.take(id, name, arguments) }
    });
    calls.collect()
}

/// Requests that no call was found for yet.
struct OpenRequests<'a> {
    by_id: BTreeMap<&'a str, VecDeque<usize>>,
    by_words: BTreeMap<(&'a str, String), VecDeque<usize>>,
    taken: Vec<bool>,
}

impl<'a> OpenRequests<'a> {
    fn of(requests: &[Request<'a>]) -> Self {
        let taken = vec![false; requests.len()];
        let mut open = Self { by_id: BTreeMap::new(), by_words: BTreeMap::new(), taken };
        for (index, request) in requests.iter().enumerate() {
            if let Some(id) = request.id {
                open.by_id.entry(id).or_default().push_back(index);
            }
            open.by_words.entry((request.name, request.arguments.to_text())).or_default().push_back(index);
        }
        open
    }

    /// Takes the first request with this id, else the first of that name and those arguments.
    fn take(&mut self, id: Option<&str>, name: &'a str, arguments: Option<&Payload>) -> Option<usize> {
        let by_id = id.and_then(|id| self.by_id.get_mut(id));
        let by_words = arguments.and_then(|arguments| self.by_words.get_mut(&(name, arguments.to_text())));
        for waiting in [by_id, by_words].into_iter().flatten() {
            while let Some(index) = waiting.pop_front() {
                if let Some(taken @ false) = self.taken.get_mut(index) {
                    *taken = true;
                    return Some(index);
                }
            }
        }
        None
    }
}

/// Returns the calls of a run that recorded none as spans, from what was said.
fn calls_without_spans<'a>(models: &[&'a Span], requests: &[Request<'a>], results: &Results<'a>) -> Vec<Call<'a>> {
    let mut calls = Vec::new();
    let mut seen = BTreeMap::new();
    let mut add = |id: &'a str, name: &'a str, arguments: &'a Payload, span: &'a Span, request: Option<usize>| {
        let earlier: &mut Vec<(&str, &Payload)> = seen.entry(id).or_default();
        if !earlier.contains(&(name, arguments)) {
            earlier.push((name, arguments));
            let given_back = results.get(Some(id));
            let (result, shown_by) = given_back.map_or((None, span), |(result, by)| (Some(result), by));
            calls.push(Call { name, arguments: Some(arguments), result, span, shown_by, request });
        }
    };
    // What a model call answered comes up again in what the next one was sent; the answer comes first.
    let mut asked_by: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, request) in requests.iter().enumerate() {
        asked_by.entry(request.span.span_id).or_default().push(index);
    }
    for &span in models {
        for (id, name, arguments) in asked(&span.messages_in) {
            if let Some(id) = id {
                add(id, name, arguments, span, None);
            }
        }
        for &index in asked_by.get(&span.span_id).into_iter().flatten() {
            if let Some(request) = requests.get(index)
                && let Some(id) = request.id
            {
                add(id, request.name, request.arguments, span, Some(index));
            }
        }
    }
    if calls.is_empty()
        && let Some(last) = models.last()
    {
        return calls_without_ids(last);
    }
    calls
}

/// Pairs calls and results of the last transcript by their order.
fn calls_without_ids(last: &Span) -> Vec<Call<'_>> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut waiting: VecDeque<usize> = VecDeque::new();
    for message in last.messages_in.iter().chain(&last.messages_out) {
        for part in &message.parts {
            match part {
                Part::ToolCall { name, arguments, .. } => {
                    waiting.push_back(calls.len());
                    let arguments = Some(arguments);
                    calls.push(Call { name, arguments, result: None, span: last, shown_by: last, request: None });
                }
                Part::ToolResult { result, .. } => {
                    if let Some(call) = waiting.pop_front().and_then(|index| calls.get_mut(index)) {
                        call.result = Some(result);
                    }
                }
                _ => {}
            }
        }
        if message.role == Role::User && message.parts.iter().any(|part| matches!(part, Part::Text { .. })) {
            waiting.clear();
        }
    }
    calls
}
