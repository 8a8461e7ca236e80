//! Bedrock's agents (`InvokeAgent`, `InvokeInlineAgent`): one exchange is a whole run of an agent at the provider. What
//! it did in between is known as far as its traces were asked for; its usage is that of all its model calls.

use std::collections::BTreeSet;

use arc_model::{Json, Usage};
use serde_json::json;

use super::{
    Folded, Shape,
    body::Event,
    call::{Call, Operation},
    fields::{self, Map, inner, text},
    usage,
};

/// The shape.
pub(super) struct BedrockAgent;

impl Shape for BedrockAgent {
    fn id(&self) -> &'static str {
        "bedrock-agent"
    }

    fn asks(&self, path: &str, request: &Map) -> bool {
        path.contains("/agents/") && request.contains_key("inputText")
    }

    fn answers(&self, body: &Map) -> bool {
        body.contains_key("agent_events")
    }

    fn read_request(&self, _path: &str, mut request: Map, call: &mut Call) {
        call.operation = Some(Operation::InvokeAgent);
        call.request_model = text(&mut request, "foundationModel");
        call.instruct(request.remove("instruction"));
        if let Some(asked) = text(&mut request, "inputText") {
            call.hear(json!({"role": "user", "content": asked}));
        }
        call.set(request, &[], &["sessionState", "inlineSessionState"]);
    }

    fn read_answer(&self, mut answer: Map, call: &mut Call) {
        call.operation.get_or_insert(Operation::InvokeAgent);
        let mut read = Traces::default();
        for event in fields::list(&mut answer, "agent_events") {
            read.take(event);
        }
        answer.remove("agent_events");
        if !read.written.is_empty() {
            read.parts.push(json!({"type": "text", "content": read.written}));
        }
        if !read.parts.is_empty() {
            call.say(json!({"role": "assistant", "parts": read.parts}));
        }
        if read.models.len() == 1 {
            call.response_model = read.models.pop_first();
        } else if read.models.len() > 1 {
            let models: Vec<String> = read.models.into_iter().collect();
            call.remark(format!(
                "the agent called several models, whose tokens are counted together: {}",
                models.join(", ")
            ));
        }
        call.usage = Some(read.usage).filter(|usage| !usage.is_empty());
        answer.remove("error");
        call.keep(answer);
    }

    fn fold(&self, events: Vec<Event>) -> Folded {
        let mut body = Map::new();
        let mut kept = Vec::new();
        let mut is_complete = false;
        for event in events {
            match event.name.as_deref() {
                Some("exception") => {
                    body.extend(event.data.as_object().and_then(|data| data.clone().remove_entry("error")));
                }
                Some("chunk") => {
                    is_complete = true;
                    kept.push(event.data);
                }
                _ => kept.push(event.data),
            }
        }
        body.insert("agent_events".to_owned(), Json::Array(kept));
        Folded { body, is_complete }
    }
}

#[derive(Default)]
struct Traces {
    written: String,
    parts: Vec<Json>,
    models: BTreeSet<String>,
    usage: Usage,
    /// Calls so far; they have no ids.
    calls: usize,
}

impl Traces {
    fn take(&mut self, event: Json) {
        let Json::Object(mut event) = event else { return };
        if let Some(more) = text(&mut event, "text") {
            self.written.push_str(&more);
        }
        for (_, step) in inner(&mut event, "trace").unwrap_or_default() {
            let Json::Object(mut step) = step else { continue };
            if let Some(model) =
                inner(&mut step, "modelInvocationInput").and_then(|mut asked| text(&mut asked, "foundationModel"))
            {
                self.models.insert(model);
            }
            let counts = step.get("modelInvocationOutput").and_then(|output| output.pointer("/metadata/usage"));
            if let Some(counts) = counts.and_then(usage::of) {
                let add = |known: Option<u64>, more: Option<u64>| match (known, more) {
                    (None, None) => None,
                    (known, more) => Some(known.unwrap_or(0).saturating_add(more.unwrap_or(0))),
                };
                self.usage.input = add(self.usage.input, counts.input);
                self.usage.output = add(self.usage.output, counts.output);
            }
            if let Some(thought) = inner(&mut step, "rationale").and_then(|mut thought| text(&mut thought, "text")) {
                self.parts.push(json!({"type": "reasoning", "content": thought}));
            }
            if let Some(mut made) =
                inner(&mut step, "invocationInput").and_then(|mut made| inner(&mut made, "actionGroupInvocationInput"))
            {
                self.calls += 1;
                let name = text(&mut made, "function")
                    .or_else(|| text(&mut made, "apiPath"))
                    .or_else(|| text(&mut made, "actionGroupName"));
                self.parts.push(json!({"type": "tool_call", "id": format!("call {}", self.calls), "name": name,
                    "arguments": made.remove("parameters")}));
            }
            if let Some(mut came) =
                inner(&mut step, "observation").and_then(|mut came| inner(&mut came, "actionGroupInvocationOutput"))
            {
                self.parts.push(json!({"type": "tool_call_response", "id": format!("call {}", self.calls),
                    "result": came.remove("text")}));
            }
        }
    }
}
