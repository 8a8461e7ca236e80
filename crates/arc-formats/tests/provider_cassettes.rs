//! Recorded HTTP of real calls of many providers: every answer that succeeded decodes to model, messages and usage.
//! Where the folder of public data is absent the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use arc_formats::{Decoded, Source, decode};
use arc_model::{DiagnosticSeverity, Message, Part, Span, SpanKind};

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
#[expect(clippy::disallowed_methods, reason = "only these tests read the folder's place")]
fn data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var("ARC_EVAL_DATA")
        .map_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let path = folder.join(path);
    if !path.exists() {
        eprintln!("SKIPPED: {} is absent; set ARC_EVAL_DATA to the folder of real traces", path.display());
        return None;
    }
    Some(path)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// What is in recordings and calls no model: telemetry, downloads, searches, guardrails, caches, knowledge bases.
const NO_CALLS: [&str; 13] = [
    "eu.i.posthog.com",
    "google.serper.dev",
    "raw.githubusercontent.com",
    "pypi.example",
    ".rackcdn.com",
    "20.102.90.50",
    "/cachedContents",
    "/guardrail/",
    "/retrieve ",
    "/retrieve)",
    "/knowledgebases/",
    "/retrieveAndGenerate",
    "/batch/",
];

/// Names of counts in the answers.
const COUNTS: [&str; 5] = ["prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount", "prompt_eval_count"];

fn calls_in(messages: &[std::sync::Arc<Message>]) -> usize {
    messages.iter().flat_map(|message| &message.parts).filter(|part| matches!(part, Part::ToolCall { .. })).count()
}

/// Returns whether a span is a call over HTTP, not a tool or the recording as a whole.
fn is_call(span: &Span) -> bool {
    span.kind != SpanKind::Tool && (span.kind != SpanKind::Agent || span.name == "invoke_agent")
}

/// Returns what a call that succeeded lacks of what its recording holds. Counts are in no stream that was not asked for
/// them, nor in text completions of Anthropic's, embeddings of Gemini's and rerankings.
fn lacks(span: &Span, text: &str) -> Vec<&'static str> {
    let is_going_on = span.attributes.get("status").is_some_and(|status| status == "in_progress");
    if span.status.is_error() || is_going_on {
        return Vec::new();
    }
    let is_counted = COUNTS.iter().any(|name| text.contains(name));
    // Some recordings keep no body of an answer that another one repeats.
    let is_empty = span.attributes.is_empty() && span.model.as_ref().is_none_or(|model| model.response.is_none());
    if is_empty && text.contains("string: ''") {
        return Vec::new();
    }
    // An agent at the provider names its models in traces, which have to be asked for.
    let has_model = span.kind == SpanKind::Agent || span.model.as_ref().is_some_and(|model| model.name().is_some());
    let has_input = !span.messages_in.is_empty() || span.input.is_some();
    let has_output = !span.messages_out.is_empty() || span.output.is_some();
    [(has_model, "model"), (has_input, "input"), (has_output, "output"), (span.usage.is_some() || !is_counted, "usage")]
        .into_iter()
        .filter_map(|(has, name)| (!has).then_some(name))
        .collect()
}

fn line(decoded: &Decoded, file: &str, text: &str) -> String {
    let calls = decoded.spans.iter().filter(|span| is_call(span));
    let mut line = format!("{file}\n");
    for span in calls {
        let model = span.model.clone().unwrap_or_default();
        let usage = span.usage.clone().unwrap_or_default();
        writeln!(
            line,
            "    {} {} {} in={} out={} calls={} tokens={:?}/{:?} {} {}",
            span.name,
            model.provider.as_deref().unwrap_or("?"),
            model.name().unwrap_or("?"),
            span.messages_in.len(),
            span.messages_out.len(),
            calls_in(&span.messages_out),
            usage.input,
            usage.output,
            if span.status.is_error() { "error" } else { "" },
            lacks(span, text).join(" "),
        )
        .unwrap();
    }
    line
}

#[test]
#[expect(clippy::print_stderr, reason = "the table is part of the result")]
fn every_recorded_call_decodes_to_its_model_messages_and_usage() {
    let Some(folder) = data("provider-cassettes") else { return };
    let mut all = Vec::new();
    files(&folder, &mut all);
    all.sort();
    let (mut calls, mut errors, mut tool_calls, mut table, mut problems) = (0, 0, 0, String::new(), Vec::new());
    for path in &all {
        let file = path.strip_prefix(&folder).unwrap().display().to_string();
        let bytes = std::fs::read(path).unwrap();
        let decoded = decode(&bytes, Source { name: Some(&file), format: None });
        let text = String::from_utf8_lossy(&bytes).into_owned();
        table += &line(&decoded, &file, &text);
        for found in &decoded.diagnostics {
            let is_known = NO_CALLS.iter().any(|known| found.message.contains(known));
            let is_refused = found.severity == DiagnosticSeverity::Rejected;
            let is_left_out = found.message.contains("is left out");
            if (is_refused || is_left_out) && !is_known && !found.message.contains("holds no call") {
                problems.push(found.to_string());
            }
        }
        for span in decoded.spans.iter().filter(|span| is_call(span)) {
            calls += 1;
            errors += usize::from(span.status.is_error());
            tool_calls += calls_in(&span.messages_out);
            let lacking = lacks(span, &text);
            // Lines of Claude Code's SDK do not hold the prompt.
            if !lacking.is_empty() && decoded.format == Some("http-recording") {
                problems.push(format!("{file}: {} has no {}", span.name, lacking.join(", ")));
            }
        }
    }
    eprintln!("{table}\n{} files, {calls} calls of models, {errors} failed, {tool_calls} tool calls", all.len());
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
