//! Claude Code: what `--output-format stream-json` prints, and the session files it keeps, one JSON
//! object on each line.
//!
//! Several lines repeat one answer of the model: lines with one `message.id` are one model call, and
//! their usage counts once. What a sub-agent did hangs below the tool call that started it. The
//! `result` line says how the run ended and what the program believes it cost; that is its own price
//! list's word, kept as the reported cost. It is no check of the task, so the outcome stays unknown.
//!
//! Newer versions keep what a sub-agent did in a file of its own, whose lines are all side chains of the session. Such a
//! file gives the sub-agent's spans below the session's root, and leaves the root to the session's own file.

use std::collections::BTreeMap;

use arc_model::{
    AgentName, Json, ModelRef, NanoUsd, Payload, Place, SessionId, Span, SpanId, SpanKind, Status, Termination,
    Timestamp, ToolDefinition, TraceId, Usage,
};
use serde_json::Map;

use super::{
    Match, Wire,
    answers::{Answers, finish_calls},
    describe_json, json_documents, place, some_item,
    transcript::{self, Transcript},
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{count, is_blank, number, take_text},
};

/// The wire.
pub struct ClaudeCode;

impl Wire for ClaudeCode {
    fn id(&self) -> &'static str {
        "claude-code"
    }

    fn name(&self) -> &'static str {
        "Claude Code sessions and stream-json"
    }

    fn expects(&self) -> &'static str {
        "Claude Code's JSON lines, `{type, session_id or sessionId, uuid, message, …}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        // Recordings of its SDK put the lines under `messages`.
        let list = value.get("messages").unwrap_or(value);
        (is_line(value) || some_item(list, is_line))
            .then_some(Match { score: 90, because: "its lines have a `type`, a session and a `uuid`" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut sessions = Sessions::default();
        for (line, value) in json_documents(documents, out) {
            match lines_of(value) {
                Json::Array(records) => {
                    for (index, record) in records.into_iter().enumerate() {
                        sessions.add(record, place(line, format!("/{index}")), out);
                    }
                }
                record => sessions.add(record, place(line, ""), out),
            }
        }
        for (id, session) in sessions.all {
            session.push(&id, out);
        }
    }
}

/// Takes the lines out of a recording of the SDK, without what it and the program said to each other.
fn lines_of(value: Json) -> Json {
    match value {
        Json::Object(mut fields) if fields.get("messages").is_some_and(|list| some_item(list, is_line)) => {
            let mut lines = fields.remove("messages").unwrap_or_default();
            if let Json::Array(lines) = &mut lines {
                lines.retain(|line| !text(line, &["type"]).is_some_and(|kind| kind.starts_with("control_")));
            }
            lines
        }
        other => other,
    }
}

fn text<'a>(record: &'a Json, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| record.get(name)?.as_str()).filter(|text| !text.is_empty())
}

fn session_of(record: &Json) -> Option<&str> {
    text(record, &["session_id", "sessionId"])
}

fn is_line(record: &Json) -> bool {
    let Some(kind) = text(record, &["type"]) else { return false };
    let has = |name: &str| record.get(name).is_some();
    match kind {
        "summary" => has("leafUuid"),
        "file-history-snapshot" => has("messageId"),
        _ => session_of(record).is_some() && (has("uuid") || kind == "queue-operation"),
    }
}

/// The sessions of a source, in the order in which they begin.
#[derive(Default)]
struct Sessions {
    all: Vec<(String, Session)>,
}

/// One session while its lines are read.
#[derive(Default)]
struct Session {
    records: u64,
    first_line: Option<u64>,
    answers: Answers,
    /// What sub-agents did, by the tool call that started them or the agent's own id.
    branches: BTreeMap<String, Answers>,
    begun: Option<Timestamp>,
    ended: Option<Timestamp>,
    init: Map<String, Json>,
    result: Option<Map<String, Json>>,
    version: Option<String>,
    /// Whether some line is a step of the session itself.
    has_main: bool,
    first_uuid: Option<String>,
}

impl Sessions {
    fn add(&mut self, record: Json, here: Place, out: &mut Output) {
        if !is_line(&record) {
            let found = describe_json(&record);
            out.rejected(here, format!("expected {}, found {found}", ClaudeCode.expects()));
            return;
        }
        // Titles and snapshots of files belong to no session and hold no step.
        let Some(id) = session_of(&record).map(str::to_owned) else { return };
        let index = self.all.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            self.all.push((id, Session { first_line: here.line, ..Session::default() }));
            self.all.len() - 1
        });
        if let Some((_, session)) = self.all.get_mut(index) {
            session.add(record, here, out);
        }
    }
}

impl Session {
    fn add(&mut self, record: Json, here: Place, out: &mut Output) {
        self.records += 1;
        let at = text(&record, &["timestamp"]).and_then(Timestamp::parse);
        self.begun = self.begun.into_iter().chain(at).min();
        self.ended = self.ended.into_iter().chain(at).max();
        self.version = self.version.take().or_else(|| text(&record, &["version"]).map(str::to_owned));
        self.first_uuid = self.first_uuid.take().or_else(|| text(&record, &["uuid"]).map(str::to_owned));
        let Json::Object(mut record) = record else { return };
        let kind = take_text(&mut record, &["type"]).unwrap_or_default();
        let is_step = matches!(kind.as_str(), "assistant" | "user" | "result" | "system");
        self.has_main |= is_step && !is_sidechain(&record);
        match kind.as_str() {
            "assistant" | "user" => self.add_message(record, here, out),
            "result" => self.result = Some(record),
            "system" if record.get("subtype").and_then(Json::as_str) == Some("init") => {
                record.remove("subtype");
                if self.init.is_empty() {
                    self.init = record;
                }
            }
            // Progress and partial messages repeat what whole lines say.
            other => out.note_once(here, format!("lines of the type `{other}` are not steps and are not read")),
        }
    }

    fn add_message(&mut self, mut record: Map<String, Json>, here: Place, out: &mut Output) {
        let Some(Json::Object(mut message)) = record.remove("message") else {
            out.rejected(here, "expected an object `message` in a line of the type `assistant` or `user`");
            return;
        };
        let caller = take_text(&mut record, &["parent_tool_use_id"]);
        let is_branch = is_sidechain(&record);
        let branch = caller
            .or_else(|| is_branch.then(|| take_text(&mut record, &["agentId"]).unwrap_or_else(|| UNNAMED.to_owned())));
        if let Some(reason) = message.remove("stop_reason") {
            message.insert("finish_reason".to_owned(), reason);
        }
        for repeated in ["type", "stop_sequence", "container", "context_management", "stop_details"] {
            message.remove(repeated);
        }
        if message.get("role").and_then(Json::as_str) == Some("assistant") {
            if let Some(at) = record.remove("timestamp") {
                message.insert("timestamp".to_owned(), at);
            }
            // What the program wrote in the model's place, such as an error of the API, is no model call.
            if message.get("model").and_then(Json::as_str) == Some("<synthetic>") {
                message.retain(|name, _| name == "content");
                message.insert("role".to_owned(), Json::from("claude-code"));
            }
        }
        let answers = match branch {
            Some(branch) => self.branches.entry(branch).or_default(),
            None => &mut self.answers,
        };
        let id = message.get("id").and_then(Json::as_str).map(str::to_owned);
        answers.add(message, id, here);
    }

    fn push(mut self, id: &str, out: &mut Output) {
        let trace_id = TraceId::derive(&[ClaudeCode.id().as_bytes(), id.as_bytes()]);
        if !self.has_main && !self.branches.is_empty() {
            self.push_branches(id, trace_id, out);
            return;
        }
        let mut root = transcript::root(trace_id);
        self.describe(&mut root, id);
        let version = take_text(&mut self.init, &["claude_code_version"]);
        root.facts.agent_version = version.or(root.facts.agent_version);
        let model = take_text(&mut self.init, &["model"]);
        let model = model.map(|model| ModelRef { request: Some(model), ..ModelRef::default() });
        let tools = take_tools(&mut self.init);
        for spoken in ["uuid", "session_id"] {
            self.init.remove(spoken);
        }
        root.attributes.extend(std::mem::take(&mut self.init));
        let totals = self.result.take().map(|result| settle(&mut root, result)).unwrap_or_default();
        root.attributes.retain(|_, value| !is_blank(value));

        let mut spans = decode_answers(self.answers, root, model, tools, self.first_line, out);
        for (branch, answers) in self.branches {
            let caller = spans.iter().find(|span| calls(span, &branch)).or_else(|| spans.first());
            let Some((parent, after)) = caller.map(|span| (span.span_id, span.sequence)) else { continue };
            let root = branch_root(trace_id, &branch, parent);
            spans.append(&mut decode_branch(answers, (root, trace_id, after), self.first_line, out));
        }
        add_unrecorded(&mut spans, &totals, &place(self.first_line, ""), out);
        for span in &mut spans {
            // A session that has grown since it was imported replaces what was known.
            span.revision = self.records;
        }
        out.spans.append(&mut spans);
    }
}

impl Session {
    /// Adds what a file of side chains holds: the sub-agents alone.
    fn push_branches(mut self, id: &str, trace_id: TraceId, out: &mut Output) {
        let session = transcript::root(trace_id);
        for (branch, answers) in std::mem::take(&mut self.branches) {
            let own = if branch == UNNAMED { self.first_uuid.clone().unwrap_or(branch) } else { branch };
            let mut root = branch_root(trace_id, &own, session.span_id);
            self.describe(&mut root, id);
            let after = session.sequence.saturating_add(1);
            let mut spans = decode_branch(answers, (root, trace_id, after), self.first_line, out);
            for span in &mut spans {
                span.revision = self.records;
            }
            out.spans.append(&mut spans);
        }
    }

    /// Says of a span how long the file lasts and whose run it is.
    fn describe(&self, root: &mut Span, id: &str) {
        root.start = self.begun;
        root.end = self.ended;
        root.facts.session = Some(SessionId::new(id));
        root.facts.agent = Some(AgentName::new(ClaudeCode.id()));
        root.facts.framework = Some(ClaudeCode.id().to_owned());
        root.facts.agent_version.clone_from(&self.version);
    }
}

/// Said of a side chain whose agent has no id.
const UNNAMED: &str = "sidechain";

fn is_sidechain(record: &Map<String, Json>) -> bool {
    record.get("isSidechain") == Some(&Json::Bool(true))
}

/// Returns the span of a sub-agent. Ids of steps count within a run; below another id they cannot meet those of the main
/// one.
fn branch_root(trace_id: TraceId, branch: &str, parent: SpanId) -> Span {
    let mut root = transcript::root(TraceId::derive(&[trace_id.as_bytes(), branch.as_bytes()]));
    root.parent_id = Some(parent);
    "sub-agent".clone_into(&mut root.name);
    root
}

/// Reads what a sub-agent did, of the run and behind the step that are given.
fn decode_branch(
    answers: Answers,
    (root, trace_id, after): (Span, TraceId, u32),
    line: Option<u64>,
    out: &mut Output,
) -> Vec<Span> {
    let mut spans = decode_answers(answers, root, None, Vec::new(), line, out);
    for span in &mut spans {
        span.trace_id = trace_id;
        span.sequence = span.sequence.saturating_add(after);
    }
    spans
}

fn decode_answers(
    answers: Answers,
    root: Span,
    model: Option<ModelRef>,
    tools: Vec<ToolDefinition>,
    line: Option<u64>,
    out: &mut Output,
) -> Vec<Span> {
    let turns = answers.into_turns(out);
    let first = out.spans.len();
    let parameters = std::iter::empty().collect();
    transcript::push(root, Transcript { turns, model, tools, parameters, line, pointer: String::new() }, out);
    let mut spans = out.spans.split_off(first.min(out.spans.len()));
    finish_calls(&mut spans);
    spans
}

fn calls(span: &Span, id: &str) -> bool {
    span.tool.as_ref().is_some_and(|call| call.id.as_deref() == Some(id))
}

/// Tools are listed by name only.
fn take_tools(init: &mut Map<String, Json>) -> Vec<ToolDefinition> {
    let named =
        |tool: &Json| Some(ToolDefinition { name: tool.as_str()?.to_owned(), description: None, parameters: None });
    let Some(Json::Array(tools)) = init.get("tools") else { return Vec::new() };
    let read: Vec<_> = tools.iter().filter_map(named).collect();
    if read.len() == tools.len() {
        init.remove("tools");
    }
    read
}

/// Reads how the run ended; returns the tokens of the whole run by model.
fn settle(root: &mut Span, mut result: Map<String, Json>) -> BTreeMap<String, Usage> {
    let cost = result.get("total_cost_usd").or_else(|| result.get("cost_usd")).and_then(number);
    root.reported_cost = cost.and_then(NanoUsd::from_usd);
    if root.reported_cost.is_some() {
        result.remove("total_cost_usd");
        result.remove("cost_usd");
    }
    let ending = take_text(&mut result, &["subtype"]);
    let is_error = result.remove("is_error") == Some(Json::Bool(true));
    let words = take_text(&mut result, &["result"]);
    root.facts.termination = match ending.as_deref() {
        Some("error_max_turns") => Some(Termination::StepLimit),
        Some("error_during_execution") => Some(Termination::Exception),
        Some("success") if is_error => Some(Termination::Exception),
        Some("success") => Some(Termination::Completed),
        _ => None,
    };
    if is_error || ending.as_deref().is_some_and(|ending| ending.starts_with("error")) {
        let kind = ending.filter(|ending| ending != "success");
        root.status = Status::Error { kind, message: words.clone().unwrap_or_default() };
    }
    root.output = words.map(Payload::Text);
    for spoken in ["session_id", "uuid"] {
        result.remove(spoken);
    }
    let totals = result
        .get("modelUsage")
        .and_then(Json::as_object)
        .map(|models| models.iter().filter_map(|(model, counts)| Some((model.clone(), total(counts)?))).collect());
    root.attributes.extend(result.into_iter().map(|(name, value)| (format!("result.{name}"), value)));
    totals.unwrap_or_default()
}

fn total(counts: &Json) -> Option<Usage> {
    let at = |name: &str| counts.get(name).and_then(count);
    let (read, write) = (at("cacheReadInputTokens"), at("cacheCreationInputTokens"));
    let input = at("inputTokens")?.saturating_add(read.unwrap_or(0)).saturating_add(write.unwrap_or(0));
    Some(Usage {
        input: Some(input),
        output: Some(at("outputTokens")?),
        cache_read: read,
        cache_write: write,
        input_rule: arc_model::InputRule::ExclusiveByEmitter,
        ..Usage::default()
    })
}

/// Adds what the program counted for a model beyond the answers that were recorded: answers without
/// content are in no line. Where an answer has no total to compare with, nothing is added.
fn add_unrecorded(spans: &mut Vec<Span>, totals: &BTreeMap<String, Usage>, here: &Place, out: &mut Output) {
    let model_of = |span: &Span| span.model.as_ref().and_then(ModelRef::name).map(str::to_owned);
    let is_call = |span: &&Span| span.kind == SpanKind::Llm;
    let Some(root) = spans.first().map(|root| (root.trace_id, root.span_id)) else { return };
    if spans.iter().filter(is_call).any(|span| model_of(span).is_none_or(|model| !totals.contains_key(&model))) {
        return;
    }
    for (model, total) in totals {
        let recorded = |field: fn(&Usage) -> Option<u64>| {
            let calls = spans.iter().filter(is_call).filter(|span| model_of(span).as_ref() == Some(model));
            calls.filter_map(|span| field(span.usage.as_ref()?)).fold(0_u64, u64::saturating_add)
        };
        let rest = |field: fn(&Usage) -> Option<u64>| field(total).and_then(|all| all.checked_sub(recorded(field)));
        let (input, output) = (rest(|usage| usage.input), rest(|usage| usage.output));
        let (read, write) = (rest(|usage| usage.cache_read), rest(|usage| usage.cache_write));
        let (Some(input), Some(output)) = (input, output) else { continue };
        if input == 0 && output == 0 {
            continue;
        }
        let sequence = spans.iter().map(|span| span.sequence).max().unwrap_or(0).saturating_add(1);
        let id = arc_model::SpanId::derive(&[root.0.as_bytes(), b"unrecorded", model.as_bytes()]);
        let mut span = Span::new(root.0, id, SpanKind::Llm, "unrecorded calls");
        span.parent_id = Some(root.1);
        span.sequence = sequence;
        span.model = Some(ModelRef { response: Some(model.clone()), ..ModelRef::default() });
        let (cache_read, cache_write) = (read.filter(|&n| n > 0), write.filter(|&n| n > 0));
        span.usage = Some(Usage { input: Some(input), output: Some(output), cache_read, cache_write, ..total.clone() });
        spans.push(span);
        out.note(
            here.clone(),
            format!(
                "the run's totals hold {input} input and {output} output tokens of {model} that are in no recorded \
                 answer; they are kept as one call"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use arc_model::Trace;

    use super::*;
    use crate::{Source, decode};

    const SESSION: &str = r#"{"type":"user","message":{"role":"user","content":"Count."},"uuid":"u1","sessionId":"s","isSidechain":false}
{"type":"assistant","message":{"id":"m1","role":"assistant","content":[{"type":"text","text":"Two."}],"model":"m"},"uuid":"u2","sessionId":"s","isSidechain":false}"#;
    const AGENT: &str = r#"{"type":"user","message":{"role":"user","content":"Look."},"uuid":"a1","sessionId":"s","agentId":"x","isSidechain":true}
{"type":"assistant","message":{"id":"m2","role":"assistant","content":[{"type":"tool_use","id":"t","name":"Read","input":{}}],"model":"m"},"uuid":"a2","sessionId":"s","agentId":"x","isSidechain":true}
{"type":"user","message":{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"ok"}]},"uuid":"a3","sessionId":"s","agentId":"x","isSidechain":true}
{"type":"assistant","message":{"id":"m3","role":"assistant","content":[{"type":"text","text":"Seen."}],"model":"m"},"uuid":"a4","sessionId":"s","agentId":"x","isSidechain":true}"#;

    fn spans(text: &str) -> Vec<Span> {
        decode(text.as_bytes(), Source::default()).spans
    }

    /// Draws the run as its spans' names, each below its parent.
    fn drawn(files: &[&str]) -> Vec<String> {
        let spans: Vec<Span> = files.iter().flat_map(|file| spans(file)).collect();
        let trace = Trace::new(spans[0].trace_id, spans);
        let text = |payload: &Option<Payload>| payload.as_ref().map(Payload::to_text).unwrap_or_default();
        let line = |depth: usize, span: &Span| {
            let said = [text(&span.input), text(&span.output)].join(" -> ");
            format!("{}{} {}", "  ".repeat(depth), span.name, said.trim_matches([' ', '-', '>'])).trim_end().to_owned()
        };
        trace.walk().map(|(depth, span)| line(depth, span)).collect()
    }

    #[test]
    fn a_sub_agent_s_own_file_hangs_below_the_session_and_leaves_its_root_alone() {
        let whole =
            ["agent Count. -> Two.", "  chat", "  sub-agent Look. -> Seen.", "    chat", "    Read", "    chat"];
        assert_eq!(drawn(&[SESSION, AGENT]), whole);
        assert_eq!(drawn(&[AGENT, SESSION]), whole, "in whichever order they are read");
        let root = spans(SESSION)[0].span_id;
        assert!(spans(AGENT).iter().all(|span| span.span_id != root));
        assert_eq!(spans(AGENT)[0].parent_id, Some(root));
    }

    #[test]
    fn several_sub_agents_of_a_session_are_told_apart() {
        let unnamed = |uuid: &str| AGENT.replace(r#""agentId":"x","#, "").replace("a1", uuid);
        let ids = [AGENT.to_owned(), AGENT.replace(r#""x""#, r#""y""#), unnamed("b1"), unnamed("c1")]
            .map(|file| spans(&file)[0].span_id);
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(spans(AGENT)[0].span_id, spans(AGENT)[0].span_id);
    }

    #[test]
    fn a_side_chain_in_the_session_s_file_is_the_same_sub_agent() {
        let both = spans(&format!("{SESSION}\n{AGENT}"));
        let inner = both.iter().find(|span| span.name == "sub-agent").unwrap();
        assert_eq!(inner.span_id, spans(AGENT)[0].span_id);
    }
}
