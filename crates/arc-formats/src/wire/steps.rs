//! Plain records of a run by its steps: `LangChain`'s `{input, intermediate_steps, output}`, and
//! `{input, output, steps: […]}` whose steps name a tool.
//!
//! These records say which tools were called and not which answers of a model asked for them, so a
//! run has tool calls and no model calls.

use arc_model::{Json, Payload, Place, Span, SpanKind, Status, ToolCall};
use serde_json::Map;

use super::{
    Match, Wire, describe_json,
    identity::{Identities, span_id},
    json_documents, place, some_item, transcript,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{is_blank, take, take_text},
};

/// The wire.
pub struct Steps;

impl Wire for Steps {
    fn id(&self) -> &'static str {
        "steps"
    }

    fn name(&self) -> &'static str {
        "Records with steps, such as LangChain's `intermediate_steps`"
    }

    fn expects(&self) -> &'static str {
        "a record `{input, output, steps: [{tool, …}]}` or `{input, intermediate_steps, output}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        (is_record(value) || some_item(value, is_record))
            .then_some(Match { score: 65, because: "it has an input or output and steps that name a tool" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        for (line, value) in json_documents(documents, out) {
            match value {
                Json::Array(records) => {
                    for (index, record) in records.into_iter().enumerate() {
                        read_record(record, line, &format!("/{index}"), &mut identities, out);
                    }
                }
                record => read_record(record, line, "", &mut identities, out),
            }
        }
    }
}

const LISTS: &[&str] = &["intermediate_steps", "steps"];
const TOOL_NAMES: &[&str] = &["tool", "tool_name"];

/// Returns the action of a step: the step itself, or the first of a pair of action and observation.
fn action(step: &Json) -> Option<&Json> {
    let action = step.as_array().map_or(Some(step), |pair| pair.first());
    let named = |action: &&Json| TOOL_NAMES.iter().any(|name| action.get(*name).is_some_and(Json::is_string));
    action.filter(named)
}

fn is_record(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    let steps = LISTS.iter().find_map(|name| value.get(*name));
    (has("input") || has("output")) && steps.is_some_and(|steps| some_item(steps, |step| action(step).is_some()))
}

fn read_record(record: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    if !is_record(&record) {
        let found = describe_json(&record);
        out.rejected(place(line, pointer), format!("expected {}, found {found}", Steps.expects()));
        return;
    }
    let trace_id = identities.of(Steps.id(), &record);
    let Json::Object(mut record) = record else { return };
    let mut root = transcript::root(trace_id);
    let mut payload = |name: &str| record.remove(name).filter(|value| !is_blank(value)).map(Payload::from_json);
    (root.input, root.output) = (payload("input"), payload("output"));
    let mut spans = Vec::new();
    for name in LISTS {
        let Some(Json::Array(steps)) = record.remove(*name) else { continue };
        for (index, step) in steps.into_iter().enumerate() {
            let here = place(line, format!("{pointer}/{name}/{index}"));
            spans.extend(read_step(step, &root, spans.len(), here, out));
        }
    }
    record.retain(|_, value| !is_blank(value));
    root.attributes = record.into_iter().collect();
    out.spans.push(root);
    out.spans.append(&mut spans);
}

fn read_step(step: Json, root: &Span, before: usize, here: Place, out: &mut Output) -> Option<Span> {
    if action(&step).is_none() {
        out.rejected(here, "expected a step that names its `tool`, or a pair of such an action and an observation");
        return None;
    }
    let (mut fields, observed) = match step {
        Json::Object(fields) => (fields, None),
        Json::Array(pair) => {
            let mut pair = pair.into_iter();
            let Some(Json::Object(fields)) = pair.next() else { return None };
            (fields, pair.next())
        }
        _ => return None,
    };
    let name = take_text(&mut fields, TOOL_NAMES)?;
    let sequence = u32::try_from(before + 1).unwrap_or(u32::MAX);
    let mut span = Span::new(root.trace_id, span_id(root.trace_id, sequence), SpanKind::Tool, name.clone());
    span.parent_id = Some(root.span_id);
    span.sequence = sequence;
    span.revision = 1;
    let payload = |fields: &mut Map<String, Json>, names: &[&str]| take(fields, names).map(Payload::from_json);
    let arguments = payload(&mut fields, &["tool_input", "arguments", "args", "input"]);
    let result = observed.map(Payload::from_json);
    let result = result.or_else(|| payload(&mut fields, &["observation", "result", "output"]));
    if let Some(message) = take_text(&mut fields, &["error"]) {
        span.status = Status::Error { kind: None, message };
    }
    let id = take_text(&mut fields, &["tool_call_id", "id"]);
    span.tool = Some(ToolCall { id, name, arguments, result });
    fields.retain(|_, value| !is_blank(value));
    span.attributes = fields.into_iter().collect();
    Some(span)
}
