//! Plain records of a run by its steps: `LangChain`'s `{input, intermediate_steps, output}`, and
//! `{input, output, steps: […]}`.
//!
//! These records say which tools were called and not which answers of a model asked for them, so a
//! run has tool calls and no model calls. A step that names no tool is a step; a run may have none.

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
        "a record `{input, output, steps: [{tool, …}, …]}` or `{input, intermediate_steps, output}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if names_tools(value) || some_item(value, names_tools) {
            return Some(Match { score: 65, because: "it has an input or output and steps that name a tool" });
        }
        (is_record(value) || some_item(value, is_record))
            .then_some(Match { score: 61, because: "it has an input, an output and a list of steps" })
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

fn lists(value: &Json) -> impl Iterator<Item = &Json> {
    LISTS.iter().filter_map(|name| value.get(*name))
}

/// Returns the action of a step: the step itself, or the first of a pair of action and observation.
fn action(step: &Json) -> Option<&Json> {
    let action = step.as_array().map_or(Some(step), |pair| pair.first());
    let named = |action: &&Json| TOOL_NAMES.iter().any(|name| action.get(*name).is_some_and(Json::is_string));
    action.filter(named)
}

/// Returns whether the steps name tools, which few other records have.
fn names_tools(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    (has("input") || has("output")) && lists(value).any(|steps| some_item(steps, |step| action(step).is_some()))
}

/// Returns whether a value is a record. Without a tool it must have input and output, and steps that are none or
/// objects: other data has lists called `steps` as well.
fn is_record(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    let is_step = |step: &Json| step.is_object() || is_pair(step);
    let may_be = |steps: &Json| steps.as_array().is_some_and(Vec::is_empty) || some_item(steps, is_step);
    names_tools(value) || has("input") && has("output") && lists(value).any(may_be)
}

/// Returns whether a step is an action and what was observed of it.
fn is_pair(step: &Json) -> bool {
    step.as_array().is_some_and(|pair| pair.len() == 2 && pair.iter().any(|one| one.is_object() || one.is_string()))
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
        let steps = match record.remove(*name) {
            Some(Json::Array(steps)) => steps,
            Some(other) => {
                record.insert((*name).to_owned(), other);
                continue;
            }
            None => continue,
        };
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
    let is_pair = action(&step).is_some() || is_pair(&step);
    let (mut fields, observed) = match step {
        Json::Object(fields) => (fields, None),
        Json::Array(pair) if is_pair => {
            let mut pair = pair.into_iter();
            match pair.next() {
                Some(Json::Object(fields)) => (fields, pair.next()),
                action => (action.map(|action| ("input".to_owned(), action)).into_iter().collect(), pair.next()),
            }
        }
        Json::String(text) => (Map::new(), Some(Json::String(text))),
        other => {
            let found = describe_json(&other);
            out.rejected(here, format!("expected a step, or a pair of an action and an observation, found {found}"));
            return None;
        }
    };
    let tool = take_text(&mut fields, TOOL_NAMES);
    let kind = if tool.is_some() { SpanKind::Tool } else { SpanKind::Step };
    let name = tool.or_else(|| take_text(&mut fields, &["name", "title"])).unwrap_or_else(|| "step".to_owned());
    let sequence = u32::try_from(before + 1).unwrap_or(u32::MAX);
    let mut span = Span::new(root.trace_id, span_id(root.trace_id, sequence), kind, name.clone());
    span.parent_id = Some(root.span_id);
    span.sequence = sequence;
    span.revision = 1;
    let payload = |fields: &mut Map<String, Json>, names: &[&str]| {
        take(fields, names).filter(|value| !value.is_null()).map(Payload::from_json)
    };
    let arguments = payload(&mut fields, &["tool_input", "arguments", "args", "input"]);
    let result = observed.map(Payload::from_json);
    let result = result.or_else(|| payload(&mut fields, &["observation", "result", "output"]));
    if let Some(message) = take_text(&mut fields, &["error"]) {
        span.status = Status::Error { kind: None, message };
    }
    if kind == SpanKind::Tool {
        let id = take_text(&mut fields, &["tool_call_id", "id"]);
        span.tool = Some(ToolCall { id, name, arguments, result });
    } else {
        (span.input, span.output) = (arguments, result);
    }
    fields.retain(|_, value| !is_blank(value));
    span.attributes = fields.into_iter().collect();
    Some(span)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Source, decode};

    /// Returns the format of a record, and its spans as kind, name, input and output.
    fn check(record: &serde_json::Value) -> (Option<&'static str>, Vec<String>) {
        let decoded = decode(record.to_string().as_bytes(), Source::default());
        let told = decoded.spans.iter().map(|span| {
            let text = |payload: &Option<arc_model::Payload>| payload.as_ref().map(arc_model::Payload::to_text);
            let said = [text(&span.input), text(&span.output)].map(Option::unwrap_or_default);
            format!("{:?} {}: {} -> {}", span.kind, span.name, said[0], said[1])
        });
        (decoded.format, told.collect())
    }

    #[test]
    fn a_run_that_called_no_tool_is_a_run_of_one_span() {
        for list in ["intermediate_steps", "steps"] {
            let told = check(&json!({"input": "hi", list: [], "output": "Hello"}));
            assert_eq!(told, (Some("steps"), vec!["Agent agent: hi -> Hello".to_owned()]), "{list}");
        }
        let told = check(&json!({"input": "hi", "intermediate_steps": null, "steps": [], "output": "Hello"}));
        assert_eq!(told.0, Some("steps"), "a list that is not there hides none");
    }

    #[test]
    fn a_step_that_names_no_tool_is_a_step_with_what_it_says() {
        let (format, told) = check(&json!({"input": "a", "output": "b", "steps": [
            {"name": "plan", "input": "a", "output": "two parts"}, {"thought": "hm"}, "then it ends"]}));
        assert_eq!(format, Some("steps"));
        assert_eq!(told[1..], ["Step plan: a -> two parts", "Step step:  -> ", "Step step:  -> then it ends"]);
        let (format, told) = check(&json!({"input": "a", "output": "b",
            "intermediate_steps": [["tool='geo' tool_input='Oslo'", "59 N"]]}));
        assert_eq!((format, told[1].as_str()), (Some("steps"), "Step step: tool='geo' tool_input='Oslo' -> 59 N"));
    }

    #[test]
    fn other_data_with_steps_is_not_taken_for_a_run() {
        for other in [
            json!({"steps": []}),
            json!({"output": "x", "steps": ["one", "two"]}),
            json!({"input": "x", "steps": [{"text": "stir"}]}),
            json!({"input": "x", "output": "y", "steps": 100}),
            json!({"input": "x", "output": "y", "steps": {"a": {"status": "success"}}}),
            json!({"input": "x", "output": "y", "steps": ["stir", "bake"]}),
        ] {
            assert_eq!(check(&other).0, None, "{other}");
        }
        let chat = json!({"messages": [{"role": "user", "content": "q"}], "input": "q", "output": "a", "steps": []});
        assert_eq!(check(&chat).0, Some("chat"));
    }
}
