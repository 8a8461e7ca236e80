//! Codex CLI: the rollout files it keeps of its sessions, and what `codex exec --json` prints, one JSON object on each
//! line.
//!
//! In a rollout an answer of the model is several `response_item`s in a row: reasoning, words, calls. What a tool
//! returned ends it, and the `token_count` behind it counts it; a count that repeats the totals before it counts nothing.
//! Its input includes cached tokens. What `exec` prints has counts of whole turns only, so a turn of one answer is
//! counted and the others' tokens are the run's.

use arc_model::{AgentName, InputRule, Json, ModelRef, SessionId, Span, Status, Termination, TraceId, Usage};
use serde_json::{Map, json};

use super::{
    Match, Wire,
    answers::{About, Answers, shortened, time},
    describe_json, each_record,
    identity::Identities,
    place, some_item, transcript,
};
use crate::{
    document::{Content, Document},
    output::Output,
    read::value::{count, is_blank, take, take_text},
};

/// The wire.
pub struct Codex;

impl Wire for Codex {
    fn id(&self) -> &'static str {
        "codex"
    }

    fn name(&self) -> &'static str {
        "Codex sessions and `codex exec --json`"
    }

    fn expects(&self) -> &'static str {
        "Codex's JSON lines, `{timestamp, type: \"response_item\", payload}` or `{type: \"item.completed\", item}`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        if is_rollout(value) || some_item(value, is_rollout) {
            return Some(Match { score: 92, because: "its lines have a `payload` and a `type` of Codex's rollouts" });
        }
        (is_event(value) || some_item(value, is_event))
            .then_some(Match { score: 88, because: "its lines are events of `codex exec`" })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        let mut session: Option<Session> = None;
        each_record(documents, out, |record, line, pointer, out| {
            if !is_rollout(&record) && !is_event(&record) {
                let found = describe_json(&record);
                out.rejected(place(line, pointer), format!("expected {}, found {found}", Codex.expects()));
                return;
            }
            // A file is one session; several of them may stand one after the other.
            if let Some(id) = begins(&record)
                && session.as_ref().is_some_and(|session| session.id.as_ref().is_some_and(|known| known != id))
                && let Some(session) = session.take()
            {
                session.push(out);
            }
            let session = session.get_or_insert_with(|| Session::new(identities.of(Codex.id(), &record), line));
            session.add(record, line, &pointer, out);
        });
        if let Some(session) = session {
            session.push(out);
        }
    }
}

fn text<'a>(value: &'a Json, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
}

fn is_rollout(value: &Json) -> bool {
    let known = ["session_meta", "response_item", "event_msg", "turn_context", "compacted"];
    value.get("payload").is_some_and(Json::is_object) && text(value, "type").is_some_and(|kind| known.contains(&kind))
}

fn is_event(value: &Json) -> bool {
    let has = |name: &str| value.get(name).is_some();
    match text(value, "type") {
        Some("thread.started") => has("thread_id"),
        Some("turn.started") => value.as_object().is_some_and(|fields| fields.len() <= 2),
        Some("turn.completed") => has("usage"),
        Some("turn.failed") => has("error"),
        Some("item.started" | "item.updated" | "item.completed") => {
            value.get("item").is_some_and(|item| item.get("id").is_some() && item.get("type").is_some())
        }
        _ => false,
    }
}

/// Returns the id of the session that a line begins.
fn begins(record: &Json) -> Option<&str> {
    match text(record, "type")? {
        "session_meta" => text(record.get("payload")?, "id"),
        "thread.started" => text(record, "thread_id"),
        _ => None,
    }
}

/// A session while its lines are read.
struct Session {
    id: Option<String>,
    root: Span,
    about: About,
    answers: Answers,
    records: u64,
    /// Answers so far; the last one is open until something else than the model speaks.
    count: usize,
    is_open: bool,
    /// Whether the last answer has been counted.
    is_counted: bool,
    totals: Option<Json>,
    model: Option<String>,
    usage: Usage,
}

impl Session {
    fn new(otherwise: TraceId, line: Option<u64>) -> Self {
        let mut root = transcript::root(otherwise);
        root.facts.agent = Some(AgentName::new(Codex.id()));
        root.facts.framework = Some(Codex.id().to_owned());
        Self {
            id: None,
            root,
            about: About { line, ..About::default() },
            answers: Answers::default(),
            records: 0,
            count: 0,
            is_open: false,
            is_counted: true,
            totals: None,
            model: None,
            usage: Usage::default(),
        }
    }

    fn add(&mut self, record: Json, line: Option<u64>, pointer: &str, out: &mut Output) {
        self.records += 1;
        let at = record.get("timestamp").cloned().unwrap_or_default();
        if let Some(at) = time(&at) {
            self.root.start = Some(self.root.start.map_or(at, |start| start.min(at)));
            self.root.end = Some(self.root.end.map_or(at, |end| end.max(at)));
        }
        if let Some(id) = begins(&record).map(str::to_owned) {
            self.begin(id);
        }
        let here = || place(line, pointer);
        let Json::Object(mut record) = record else { return };
        let kind = take_text(&mut record, &["type"]).unwrap_or_default();
        let payload = match record.remove("payload").or_else(|| record.remove("item")) {
            Some(Json::Object(payload)) => payload,
            _ => Map::new(),
        };
        match kind.as_str() {
            "session_meta" => self.describe(payload),
            "turn_context" => {
                self.model = text(&Json::Object(payload), "model")
                    .map(|model| shortened(model.to_owned()))
                    .or_else(|| self.model.take());
            }
            "compacted" => {
                out.note_once(
                    here(),
                    "Codex compacted its history here; calls behind it show what stood before as well",
                );
                self.say("user", payload.get("message").cloned().unwrap_or_default(), &at, here());
            }
            "response_item" => self.add_item(payload, &at, here(), out),
            "event_msg" => self.add_event(payload, here(), out),
            "item.completed" => self.add_done(payload, here(), out),
            "turn.completed" => self.add_turn(record.get("usage").unwrap_or(&Json::Null)),
            "turn.failed" => {
                let message = record.get("error").and_then(|error| text(error, "message")).unwrap_or_default();
                self.root.status = Status::Error { kind: None, message: message.to_owned() };
            }
            // What starts is completed on another line.
            _ => {}
        }
    }

    fn begin(&mut self, id: String) {
        self.root.trace_id = TraceId::derive(&[Codex.id().as_bytes(), id.as_bytes()]);
        self.root.span_id = super::identity::span_id(self.root.trace_id, 0);
        self.root.facts.session = Some(SessionId::new(&id));
        self.id = Some(id);
    }

    fn describe(&mut self, mut meta: Map<String, Json>) {
        self.root.facts.agent_version = take_text(&mut meta, &["cli_version"]);
        let provider = take_text(&mut meta, &["model_provider"]);
        self.about.model = provider.map(|provider| ModelRef { provider: Some(provider), ..ModelRef::default() });
        for spoken in ["id", "session_id", "timestamp"] {
            meta.remove(spoken);
        }
        self.root.attributes.extend(meta.into_iter().filter(|(_, value)| !is_blank(value)));
    }

    /// Adds to the answer that is open, or opens one.
    fn answer(&mut self, with: &Json, at: &Json, here: arc_model::Place) {
        if !self.is_open {
            self.count += 1;
            self.is_open = true;
            self.is_counted = false;
        }
        let mut message = json!({"role": "assistant", "content": [], "tool_calls": [], "model": self.model});
        if let (Json::Object(message), Json::Object(with)) = (&mut message, with) {
            message.extend(with.clone());
            if !at.is_null() {
                message.insert("timestamp".to_owned(), at.clone());
            }
        }
        let Json::Object(message) = message else { return };
        self.answers.add(message, Some(self.count.to_string()), here);
    }

    fn say(&mut self, role: &str, content: Json, at: &Json, here: arc_model::Place) {
        self.is_open = false;
        let mut message = Map::from_iter([("role".to_owned(), Json::from(role)), ("content".to_owned(), content)]);
        if role == "tool" && !at.is_null() {
            message.insert("timestamp".to_owned(), at.clone());
        }
        self.answers.add(message, None, here);
    }

    fn answer_call(&mut self, id: &Json, content: &Json, is_error: Option<bool>, here: arc_model::Place) {
        self.is_open = false;
        let message = json!({"role": "tool", "tool_call_id": id, "content": content, "is_error": is_error});
        if let Json::Object(message) = message {
            self.answers.add(message, None, here);
        }
    }

    fn add_item(&mut self, mut item: Map<String, Json>, at: &Json, here: arc_model::Place, out: &mut Output) {
        let kind = take_text(&mut item, &["type"]).unwrap_or_default();
        let id = take(&mut item, &["call_id", "id"]).unwrap_or_default();
        match kind.as_str() {
            "message" => {
                let role = take_text(&mut item, &["role"]).unwrap_or_default();
                let content = take(&mut item, &["content"]).unwrap_or_default();
                if role == "assistant" {
                    let content = if content.is_array() { content } else { json!([content]) };
                    self.answer(&json!({"content": content}), at, here);
                } else {
                    self.say(&role, content, at, here);
                }
            }
            "reasoning" => {
                let words = |name: &str| item.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
                let said: Vec<String> = words("content")
                    .iter()
                    .chain(&words("summary"))
                    .filter_map(|part| text(part, "text").map(str::to_owned))
                    .collect();
                let parts = if said.is_empty() {
                    out.note_once(here.clone(), "reasoning that is encrypted is not read");
                    json!([])
                } else {
                    json!([{"type": "reasoning", "content": said.join("\n")}])
                };
                self.answer(&json!({"content": parts}), at, here);
            }
            "function_call" | "custom_tool_call" | "mcp_tool_call" => {
                let call =
                    json!({"id": id, "name": item.get("name"), "arguments": take(&mut item, &["arguments", "input"])});
                self.answer(&json!({"tool_calls": [call]}), at, here);
            }
            "local_shell_call" | "web_search_call" => {
                let call = json!({"id": id, "name": kind.trim_end_matches("_call"), "arguments": item.get("action")});
                self.answer(&json!({"tool_calls": [call]}), at, here);
            }
            "function_call_output" | "custom_tool_call_output" | "mcp_tool_call_output" => {
                let output = take(&mut item, &["output"]).unwrap_or_default();
                let (content, is_error) = match output {
                    Json::Object(mut fields) => {
                        let failed = fields.get("success").and_then(Json::as_bool).map(|success| !success);
                        (take(&mut fields, &["content"]).unwrap_or(Json::Object(fields)), failed)
                    }
                    plain => (plain, None),
                };
                self.answer_call(&id, &content, is_error, here);
            }
            other => out.note_once(here, format!("items of the type `{other}` are not steps and are not read")),
        }
    }

    fn add_event(&mut self, event: Map<String, Json>, here: arc_model::Place, out: &mut Output) {
        let event = Json::Object(event);
        match text(&event, "type").unwrap_or_default() {
            "token_count" => {
                let Some(info) = event.get("info").filter(|info| info.is_object()) else { return };
                let totals = info.get("total_token_usage").cloned();
                if totals.is_some() && totals == self.totals {
                    return;
                }
                self.totals = totals;
                let Some(last) = info.get("last_token_usage").filter(|last| !is_blank(last)) else { return };
                if self.is_counted {
                    // A call of which nothing else was recorded, such as the one that compacts the history.
                    self.is_open = false;
                    self.answer(&json!({}), &Json::Null, here.clone());
                    self.is_open = false;
                }
                let was_open = self.is_open;
                self.is_open = true;
                self.answer(&json!({"usage": counts(last)}), &Json::Null, here);
                (self.is_open, self.is_counted) = (was_open, true);
            }
            "turn_aborted" => self.root.facts.termination = Some(Termination::Cancelled),
            "task_complete" | "turn_complete" => self.root.facts.termination = Some(Termination::Completed),
            "error" | "stream_error" => {
                let message = text(&event, "message").unwrap_or_default().to_owned();
                self.root.status = Status::Error { kind: None, message };
            }
            // These repeat what items say.
            "user_message"
            | "agent_message"
            | "agent_reasoning"
            | "agent_reasoning_raw_content"
            | "agent_reasoning_section_break"
            | "task_started"
            | "turn_started"
            | "exec_command_begin"
            | "exec_command_end"
            | "mcp_tool_call_begin"
            | "mcp_tool_call_end"
            | "patch_apply_begin"
            | "patch_apply_end"
            | "web_search_begin"
            | "web_search_end"
            | "item_started"
            | "item_completed" => {}
            other => out.note_once(here, format!("events of the type `{other}` are not read")),
        }
    }

    /// Adds an item that `codex exec` reports as done: words, or a call with what came of it.
    fn add_done(&mut self, mut item: Map<String, Json>, here: arc_model::Place, out: &mut Output) {
        let kind = take_text(&mut item, &["type"]).unwrap_or_default();
        let id = take(&mut item, &["id"]).unwrap_or_default();
        let words = take_text(&mut item, &["text"]).unwrap_or_default();
        let (name, arguments, result) = match kind.as_str() {
            "agent_message" => {
                return self.answer(&json!({"content": [{"type": "text", "text": words}]}), &Json::Null, here);
            }
            "reasoning" => {
                return self.answer(&json!({"content": [{"type": "reasoning", "content": words}]}), &Json::Null, here);
            }
            "command_execution" => {
                ("shell".to_owned(), json!({"command": item.get("command")}), take(&mut item, &["aggregated_output"]))
            }
            "mcp_tool_call" => {
                let part = |name: &str| item.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
                let name = format!("{}.{}", part("server"), part("tool"));
                let error = item.get("error").filter(|error| !is_blank(error)).cloned();
                (
                    name,
                    item.get("arguments").cloned().unwrap_or_default(),
                    error.or_else(|| take(&mut item, &["result"])),
                )
            }
            "web_search" => ("web_search".to_owned(), json!({"query": item.get("query")}), None),
            "file_change" => {
                ("file_change".to_owned(), json!({"changes": item.get("changes")}), item.get("status").cloned())
            }
            "error" => {
                let message = take_text(&mut item, &["message"]).unwrap_or_default();
                self.root.status = Status::Error { kind: None, message };
                return;
            }
            other => {
                out.note_once(here, format!("items of the type `{other}` are not steps and are not read"));
                return;
            }
        };
        let failed = match (item.get("status").and_then(Json::as_str), item.get("exit_code").and_then(Json::as_i64)) {
            (Some("failed"), _) => Some(true),
            (_, Some(code)) => Some(code != 0),
            (Some("completed"), _) => Some(false),
            _ => None,
        };
        let call = json!({"id": id, "name": name, "arguments": arguments});
        self.answer(&json!({"tool_calls": [call]}), &Json::Null, here.clone());
        self.answer_call(&id, &result.unwrap_or_default(), failed, here);
    }

    fn add_turn(&mut self, usage: &Json) {
        let at = |name: &str| usage.get(name).and_then(count);
        let add = |sum: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0).saturating_add(more));
            }
        };
        add(&mut self.usage.input, at("input_tokens"));
        add(&mut self.usage.output, at("output_tokens"));
        add(&mut self.usage.cache_read, at("cached_input_tokens"));
        add(&mut self.usage.reasoning, at("reasoning_output_tokens"));
        self.usage.input_rule = InputRule::Inclusive;
        self.is_open = false;
        self.root.facts.termination = Some(Termination::Completed);
    }

    fn push(mut self, out: &mut Output) {
        // A session that has grown since it was imported replaces what was known.
        let revision = self.records;
        self.root.revision = revision;
        self.about.usage = Some(self.usage).filter(|usage| !usage.is_empty());
        let first = out.spans.len();
        self.answers.push(self.root, self.about, out);
        for span in out.spans.iter_mut().skip(first) {
            span.revision = revision;
        }
    }
}

/// Gives counts of Codex the names of `OpenAI`'s, whose meaning they have.
fn counts(usage: &Json) -> Json {
    let at = |name: &str| usage.get(name).and_then(count);
    json!({
        "input_tokens": at("input_tokens"),
        "output_tokens": at("output_tokens"),
        "input_tokens_details": {
            "cached_tokens": at("cached_input_tokens"),
            "cache_write_tokens": at("cache_write_input_tokens"),
        },
        "output_tokens_details": {"reasoning_tokens": at("reasoning_output_tokens")},
    })
}
