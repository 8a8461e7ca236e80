//! Small inputs: runs as OTLP/JSON the way the Python package sends them.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

/// A run of an agent with one model call and one tool call.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) agent: &'static str,
    pub(crate) number: u8,
    pub(crate) task: &'static str,
    pub(crate) succeeded: Option<bool>,
    /// The error of the tool call, if it failed.
    pub(crate) tool_error: Option<&'static str>,
}

impl Run {
    pub(crate) const fn good(number: u8, task: &'static str) -> Self {
        Self { agent: "shop", number, task, succeeded: Some(true), tool_error: None }
    }

    pub(crate) const fn bad(number: u8, task: &'static str) -> Self {
        Self { agent: "shop", number, task, succeeded: Some(false), tool_error: Some("no route to warehouse") }
    }

    pub(crate) fn trace_id(self) -> String {
        format!("{:02x}", self.number).repeat(16)
    }
}

/// Three tasks with two trials each: both succeed, one does, none does.
pub(crate) const SIX_RUNS: [Run; 6] = [
    Run::good(1, "refund"),
    Run::good(2, "refund"),
    Run::good(3, "return"),
    Run::bad(4, "return"),
    Run::bad(5, "resend"),
    Run::bad(6, "resend"),
];

/// Returns runs as one OTLP/JSON request.
pub(crate) fn otlp(runs: &[Run]) -> String {
    json!({"resourceSpans": runs.iter().map(|run| resource_spans(*run)).collect::<Vec<_>>()}).to_string()
}

/// Returns runs as a compressed file of JSON lines, one request per run.
pub(crate) fn otlp_lines_gz(runs: &[Run]) -> Vec<u8> {
    let mut lines = GzEncoder::new(Vec::new(), Compression::default());
    for run in runs {
        writeln!(lines, "{}", otlp(&[*run])).unwrap();
    }
    lines.finish().unwrap()
}

fn resource_spans(run: Run) -> Value {
    let mut root = vec![
        ("gen_ai.operation.name", json!("invoke_agent")),
        ("gen_ai.agent.name", json!(run.agent)),
        ("arc_eval.task", json!(run.task)),
        ("arc_eval.termination", json!("completed")),
    ];
    if let Some(succeeded) = run.succeeded {
        root.push(("arc_eval.outcome.verdict", json!(if succeeded { "succeeded" } else { "failed" })));
        root.push(("arc_eval.outcome.source", json!("check")));
    }
    let llm = [
        ("gen_ai.operation.name", json!("chat")),
        ("gen_ai.provider.name", json!("openai")),
        ("gen_ai.request.model", json!("gpt-4o")),
        ("gen_ai.response.model", json!("gpt-4o")),
        ("gen_ai.usage.input_tokens", json!(1000)),
        ("gen_ai.usage.output_tokens", json!(100)),
    ];
    let tool = [
        ("gen_ai.operation.name", json!("execute_tool")),
        ("gen_ai.tool.name", json!("track_parcel")),
        ("gen_ai.tool.call.arguments", json!("{\"parcel\": 7}")),
    ];
    let mut tool = span(run, 3, Some(1), "track_parcel", &tool);
    if let (Some(message), Some(fields)) = (run.tool_error, tool.as_object_mut()) {
        fields.insert("status".to_owned(), json!({"code": 2, "message": message}));
    }
    let spans = json!([span(run, 1, None, run.agent, &root), span(run, 2, Some(1), "chat gpt-4o", &llm), tool]);
    json!({"resource": {"attributes": []}, "scopeSpans": [{"scope": {"name": "agent_eval"}, "spans": spans}]})
}

/// Makes a span that begins `id` tenths of a second after the run; runs are a minute apart, long ago.
fn span(run: Run, id: u8, parent: Option<u8>, name: &str, attributes: &[(&str, Value)]) -> Value {
    let start = 1_750_000_000_000_000_000_u64 + u64::from(run.number) * 60_000_000_000;
    let (begin, end) = if id == 1 { (0, 1_000) } else { (u64::from(id) * 100, u64::from(id) * 100 + 90) };
    let attributes: Vec<Value> = attributes
        .iter()
        .map(|(key, value)| match value {
            Value::Number(number) => json!({"key": key, "value": {"intValue": number.to_string()}}),
            text => json!({"key": key, "value": {"stringValue": text}}),
        })
        .collect();
    json!({
        "traceId": run.trace_id(),
        "spanId": format!("{id:016x}"),
        "parentSpanId": parent.map(|parent| format!("{parent:016x}")).unwrap_or_default(),
        "name": name,
        "startTimeUnixNano": (start + begin * 1_000_000).to_string(),
        "endTimeUnixNano": (start + end * 1_000_000).to_string(),
        "attributes": attributes,
        "status": {"code": 1},
    })
}

/// A conversation that names no agent, as a chat transcript.
pub(crate) const CHAT: &str = r#"{"messages": [
  {"role": "user", "content": "Where is my parcel?"},
  {"role": "assistant", "content": "On its way."}
]}"#;
