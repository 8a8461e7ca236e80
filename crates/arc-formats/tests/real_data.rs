//! Decodes real traces from the folder of public data, with ground truth counted independently.
//! Where the folder is absent the tests say so and pass.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, path::PathBuf};

use arc_formats::{Decoded, Source, decode};
use arc_model::{DiagnosticSeverity, OutcomeSource, Part, Span, SpanKind, Termination, Trace, TraceId, Verdict};

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

fn decode_file(path: &PathBuf) -> Decoded {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    decode(&std::fs::read(path).unwrap(), Source { name: name.as_deref(), format: None })
}

fn traces(decoded: &Decoded) -> Vec<Trace> {
    let ids: BTreeSet<TraceId> = decoded.spans.iter().map(|span| span.trace_id).collect();
    ids.into_iter().map(|id| Trace::new(id, decoded.spans.iter().filter(|span| span.trace_id == id).cloned())).collect()
}

fn rejected(decoded: &Decoded) -> Vec<String> {
    let rejected = decoded.diagnostics.iter().filter(|found| found.severity == DiagnosticSeverity::Rejected);
    rejected.map(ToString::to_string).collect()
}

#[test]
fn the_airline_runs_of_tau_bench_decode_with_their_rewards_and_step_limits() {
    let Some(path) = data("tau-bench/gpt-4o-airline.json") else { return };
    let decoded = decode_file(&path);
    assert_eq!(decoded.format, Some("tau-bench"));
    assert_eq!(decoded.diagnostics, []);
    let traces = traces(&decoded);
    assert_eq!(traces.len(), 200);
    let facts: Vec<_> = traces.iter().map(Trace::facts).collect();
    let tasks: BTreeSet<_> = facts.iter().map(|facts| facts.task.clone().unwrap()).collect();
    let trials: BTreeSet<_> = facts.iter().map(|facts| facts.trial.unwrap()).collect();
    assert_eq!((tasks.len(), trials.into_iter().collect::<Vec<_>>()), (50, vec![0, 1, 2, 3]));
    let succeeded = facts.iter().filter(|facts| facts.outcomes[0].verdict == Verdict::Succeeded).count();
    assert_eq!((succeeded, facts.len() - succeeded), (84, 116));
    assert!(facts.iter().all(|facts| facts.outcomes[0].source == OutcomeSource::Check));
    let limited: Vec<_> = facts.iter().filter(|facts| facts.termination == Some(Termination::StepLimit)).collect();
    assert_eq!(limited.len(), 5);
    for facts in limited {
        assert_eq!((facts.step_limit, facts.outcomes[0].verdict), (Some(30), Verdict::Failed));
    }
    let spans = |kind| decoded.spans.iter().filter(move |span| span.kind == kind);
    assert_eq!((spans(SpanKind::Llm).count(), spans(SpanKind::Tool).count()), (2454, 1164));
    let answered = spans(SpanKind::Tool).filter(|span| span.tool.as_ref().unwrap().result.is_some()).count();
    assert_eq!(answered, 1164);
    assert!(decoded.spans.iter().all(|span| span.usage.is_none() && span.reported_cost.is_none()));
    // What the simulated user cost is recorded for every run that came to its end.
    assert_eq!(spans(SpanKind::Agent).filter(|root| root.attributes.contains_key("info.user_cost")).count(), 195);
    assert_eq!(decode_file(&path), decoded, "importing again gives the same ids");
}

/// Counts of a TRAIL file that do not go through our own reading.
#[derive(Default, Debug, PartialEq)]
struct Counted {
    ids: BTreeSet<String>,
    llm_prompt_tokens: u64,
    errors: usize,
}

fn count_records(spans: &serde_json::Value, counted: &mut Counted) {
    for span in spans.as_array().unwrap() {
        counted.ids.insert(format!("{}/{}", span["trace_id"].as_str().unwrap(), span["span_id"].as_str().unwrap()));
        counted.errors += usize::from(span["status_code"] == "Error");
        if span["span_attributes"]["openinference.span.kind"] == "LLM" {
            let tokens = span["span_attributes"]["llm.token_count.prompt"].as_str().unwrap_or("0");
            counted.llm_prompt_tokens += tokens.parse::<u64>().unwrap();
        }
        count_records(&span["child_spans"], counted);
    }
}

#[test]
fn every_span_of_trail_is_decoded_and_prompt_tokens_count_once() {
    let Some(folder) = data("trail") else { return };
    let (mut files, mut all, mut spans, mut repeated) = (0, Counted::default(), 0, 0);
    for subset in ["gaia/traces", "swe-bench/traces"] {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder.join(subset)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            files += 1;
            let mut expected = Counted::default();
            let value: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            count_records(&value["spans"], &mut expected);
            let decoded = decode_file(&path);
            assert_eq!(decoded.format, Some("openinference-export"));
            assert_eq!(rejected(&decoded), Vec::<String>::new(), "{}", path.display());
            let found = Counted {
                ids: decoded.spans.iter().map(|span| format!("{}/{}", span.trace_id, span.span_id)).collect(),
                llm_prompt_tokens: traces(&decoded)
                    .iter()
                    .flat_map(|trace| {
                        trace.leaf_llm_spans().filter_map(|span| span.usage.as_ref()?.input).collect::<Vec<_>>()
                    })
                    .sum(),
                errors: decoded.spans.iter().filter(|span| span.status.is_error()).count(),
            };
            assert_eq!(found, expected, "{}", path.display());
            spans += decoded.spans.len();
            repeated += decoded.spans.iter().filter_map(|span| span.usage.as_ref()?.input).sum::<u64>();
            all.llm_prompt_tokens += found.llm_prompt_tokens;
            all.errors += found.errors;
            for span in &decoded.spans {
                assert!(span.end >= span.start && span.end.is_some() && span.revision == 1);
                let has_messages = !span.messages_in.is_empty();
                assert!(span.kind != SpanKind::Llm || has_messages || span.status.is_error(), "{span:?}");
                assert!(!span.attributes.keys().any(|name| name.starts_with("llm.input_messages")), "{span:?}");
            }
        }
    }
    assert_eq!((files, spans, all.errors), (57, 1440, 126));
    // Spans of agents repeat what their calls used; adding them would overstate by 73 to 89 percent.
    let (once, twice) = (all.llm_prompt_tokens, repeated);
    assert!(twice * 100 > once * 150, "{once} {twice}");
}

#[test]
fn the_examples_of_opentelemetry_decode_or_say_which_signal_they_are() {
    let Some(folder) = data("otlp-examples") else { return };
    let decoded = decode_file(&folder.join("trace.json"));
    assert_eq!((decoded.format, decoded.spans.len(), decoded.diagnostics.len()), (Some("otlp-json"), 1, 0));
    let span = &decoded.spans[0];
    assert_eq!(span.trace_id.to_string(), "5b8efff798038103d269b633813fc60c");
    assert_eq!(span.parent_id.unwrap().to_string(), "eee19b7ec3c1b173");
    assert_eq!(span.duration_ns(), Some(1_000_000_000));
    assert_eq!(span.attributes["my.span.attr"], "some value");
    for (file, signal) in [("logs", "log record"), ("events", "log record"), ("metrics", "resourceMetrics")] {
        let decoded = decode_file(&folder.join(format!("{file}.json")));
        assert_eq!((decoded.format, decoded.spans.len()), (Some("otlp-json"), 0));
        assert!(rejected(&decoded)[0].contains(signal), "{:?}", decoded.diagnostics);
    }
}

#[test]
fn the_clean_runs_of_agentdojo_succeed_as_often_as_each_header_says() {
    let Some(folder) = data("agentdojo") else { return };
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        files += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let header: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let decoded = decode_file(&path);
        assert_eq!(decoded.format, Some("agentdojo"));
        assert_eq!(rejected(&decoded), Vec::<String>::new());
        let roots: Vec<_> = decoded.spans.iter().filter(|span| span.kind == SpanKind::Agent).collect();
        let (attacked, clean): (Vec<&Span>, Vec<&Span>) =
            roots.iter().copied().partition(|root| root.attributes.contains_key("metadata.injection_task_id"));
        assert_eq!((attacked.len(), clean.len()), (97, 97));
        let succeeded = clean.iter().filter(|root| root.facts.outcomes[0].verdict == Verdict::Succeeded).count();
        let expected = header["metadata"]["accuracy"].as_f64().unwrap() * 97.0;
        assert!((f64::from(u32::try_from(succeeded).unwrap()) - expected).abs() < 1e-6, "{}", path.display());
        assert!(attacked.iter().all(|root| root.attributes["metadata.security"].is_boolean()));
    }
    assert_eq!(files, 8);
}

/// Model calls with their tokens in and out, and tool calls by name, of one run.
fn steps(decoded: &Decoded) -> (Vec<(u64, u64)>, Vec<String>) {
    let side: BTreeSet<_> = decoded.spans.iter().filter(|span| span.name == "sub-agent").map(|s| s.span_id).collect();
    let main = || decoded.spans.iter().filter(|span| span.parent_id.is_none_or(|parent| !side.contains(&parent)));
    let calls = main().filter(|span| span.kind == SpanKind::Llm).filter_map(|span| span.usage.as_ref());
    let mut calls: Vec<_> = calls.map(|usage| (usage.input.unwrap(), usage.output.unwrap())).collect();
    let answered = main().filter_map(|span| span.tool.as_ref()).filter(|tool| tool.result.is_some());
    let mut tools: Vec<_> = answered.map(|tool| format!("{} {}", tool.name, tool.id.as_deref().unwrap())).collect();
    calls.sort_unstable();
    tools.sort_unstable();
    (calls, tools)
}

#[test]
fn the_formats_of_one_claude_code_trial_have_the_same_steps_and_tokens() {
    let Some(folder) = data("claude-code-terminal-bench/kimi-k2.5") else { return };
    let (mut trials, mut same_calls, mut same_tools, mut same_tokens) = (0, 0, 0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let trial = entry.unwrap().path();
        let stream = decode_file(&trial.join("agent/claude-code.txt"));
        assert_eq!(stream.format, Some("claude-code"));
        assert_eq!(rejected(&stream), Vec::<String>::new());
        let trajectory = trial.join("agent/trajectory.json");
        if !trajectory.exists() {
            continue;
        }
        trials += 1;
        let trajectory = decode_file(&trajectory);
        assert_eq!(trajectory.format, Some("atif"));
        assert_eq!(rejected(&trajectory), Vec::<String>::new());
        let ((stream_calls, stream_tools), (calls, tools)) = (steps(&stream), steps(&trajectory));
        let result: serde_json::Value =
            serde_json::from_slice(&std::fs::read(trial.join("result.json")).unwrap()).unwrap();
        let total = |calls: &[(u64, u64)]| calls.iter().fold((0, 0), |sum, call| (sum.0 + call.0, sum.1 + call.1));
        let expected = &result["agent_result"];
        let expected = (expected["n_input_tokens"].as_u64().unwrap(), expected["n_output_tokens"].as_u64().unwrap());
        assert_eq!(total(&calls), expected, "{}", trial.display());
        same_tokens += usize::from(total(&stream_calls) == expected);
        same_calls += usize::from(stream_calls == calls);
        same_tools += usize::from(stream_tools == tools);
    }
    // One trajectory leaves sub-agents out, and one session's totals hold a call that neither log has. In four an
    // answer stands with zero tokens in the stream and its real count is only in the totals.
    assert_eq!((trials, same_tokens, same_calls, same_tools), (41, 39, 35, 41));
}

/// Writes a recorded usage as a whole answer of its provider, as far as its shape can be told.
fn answer_with(body: &serde_json::Value) -> Option<serde_json::Value> {
    let model = body.get("model").or_else(|| body.get("modelVersion")).cloned().unwrap_or_else(|| "m".into());
    let mut answer = if body.get("usageMetadata").is_some() {
        serde_json::json!({"modelVersion": model, "candidates": [{"content": {"parts": []}}]})
    } else {
        let usage = body.get("usage")?;
        if usage.get("prompt_tokens").is_some() {
            serde_json::json!({"object": "chat.completion", "model": model, "choices": []})
        } else if usage.get("input_tokens_details").is_some() {
            serde_json::json!({"object": "response", "model": model, "output": []})
        } else if usage.get("input_tokens").is_some() {
            serde_json::json!({"type": "message", "role": "assistant", "model": model, "content": []})
        } else {
            return None;
        }
    };
    for name in ["usage", "usageMetadata"] {
        if let Some(counts) = body.get(name) {
            answer[name] = counts.clone();
        }
    }
    Some(answer)
}

#[test]
fn the_usage_of_raw_answers_is_counted_as_its_provider_bills_it() {
    let Some(path) = data("provider-usages/usages.json") else { return };
    let records: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut read, mut differing) = (0, Vec::new());
    for record in &records {
        let Some(answer) = answer_with(&record["body"]) else { continue };
        let decoded = decode(answer.to_string().as_bytes(), Source::default());
        assert_eq!(decoded.format, Some("provider-response"));
        let found = decoded.spans[0].usage.clone().unwrap_or_default();
        read += 1;
        let agrees = |expected: &serde_json::Value| {
            let is = |name: &str, found: Option<u64>| expected[name].as_u64().unwrap_or(0) == found.unwrap_or(0);
            is("input_tokens", found.input)
                && is("output_tokens", found.output)
                && is("cache_read_tokens", found.cache_read)
                && is("cache_write_tokens", found.cache_write)
        };
        if !record["extracted"].as_array().unwrap().iter().any(|one| agrees(&one["usage"])) {
            differing.push(record.to_string());
        }
    }
    assert_eq!((read, differing), (723, Vec::new()));
}

/// Returns the texts of a recorded chat by its author's reading; `None` where that reading failed.
fn texts_of_chat(read: &serde_json::Value) -> Option<Vec<String>> {
    let text = |message: &serde_json::Value| message["content"].as_str().unwrap_or_default().trim().to_owned();
    // What a tool returned is no text of a message here.
    let messages = read["data"].as_array()?.iter().filter(|message| message["role"] != "tool");
    Some(messages.map(text).filter(|text| !text.is_empty()).collect())
}

#[test]
fn exported_model_calls_read_as_the_chats_they_were() {
    let Some(folder) = data("framework-traces") else { return };
    let (mut files, mut chats, mut same, mut differing) = (0, 0, 0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.to_string_lossy().ends_with(".trace.json") {
            continue;
        }
        files += 1;
        let decoded = decode_file(&path);
        assert_eq!((decoded.format, rejected(&decoded)), (Some("langfuse-export"), Vec::new()));
        let chat = path.to_string_lossy().replace(".trace.json", ".chatml.json");
        let chat: serde_json::Value = serde_json::from_slice(&std::fs::read(chat).unwrap()).unwrap();
        for span in decoded.spans.iter().filter(|span| span.kind == SpanKind::Llm) {
            let read = &chat[span.span_id.to_string()];
            for (side, found) in [("input", &span.messages_in), ("output", &span.messages_out)] {
                let Some(expected) = texts_of_chat(&read[side]) else { continue };
                chats += 1;
                let found: Vec<_> = found.iter().map(|message| message.joined_text().trim().to_owned()).collect();
                let found: Vec<_> = found.into_iter().filter(|text| !text.is_empty()).collect();
                if found == expected {
                    same += 1;
                } else {
                    differing.push(format!("{} {} {side}: {found:?} {expected:?}", path.display(), span.span_id));
                }
            }
        }
    }
    // The five: three have their text in parts there, one counts a tool's result as a text, and one was not read there.
    assert_eq!((files, chats, same), (10, 37, 32), "{}", differing.join("\n"));
}

/// What a message says, for comparison: its role, its text, and its calls as (id, name, arguments).
type Said = (String, String, Vec<(String, String, String)>);

/// Returns a recorded chat by its author's reading, and how many messages of it that reading gave no role.
fn said_in_chat(read: &serde_json::Value) -> Option<(Vec<Said>, usize)> {
    let messages = read["data"].as_array()?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().trim().to_owned();
    let said = |message: &serde_json::Value| {
        let role = text(&message["role"]).replace("model", "assistant");
        let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
        let call =
            |call: &serde_json::Value| (text(&call["id"]), text(&call["name"]), plain(&text(&call["arguments"])));
        (role, plain(&text(&message["content"])), calls.iter().map(call).collect())
    };
    let (known, unknown): (Vec<_>, Vec<_>) = messages.iter().map(said).partition(|(role, ..): &Said| !role.is_empty());
    Some((known, unknown.len()))
}

/// JSON that is written with or without blanks, in any order, is one text.
fn plain(text: &str) -> String {
    let value = serde_json::from_str::<serde_json::Value>(text.trim()).map(|value| value.to_string());
    value.unwrap_or_else(|_| text.trim().to_owned())
}

/// Returns what a message says; several results in one message are as many messages.
fn said_here(message: &arc_model::Message) -> Vec<Said> {
    let (mut calls, mut results) = (Vec::new(), Vec::new());
    for part in &message.parts {
        match part {
            Part::ToolCall { id, name, arguments } => {
                let arguments = plain(&arguments.to_text());
                calls.push((id.clone().unwrap_or_default(), name.clone(), arguments));
            }
            Part::ToolResult { result, .. } => results.push(("tool".to_owned(), plain(&result.to_text()), Vec::new())),
            _ => {}
        }
    }
    let text = plain(&message.joined_text());
    if results.is_empty() || !text.is_empty() {
        results.push((message.role.as_str().to_owned(), text, calls));
    }
    results
}

#[test]
fn exported_model_calls_have_the_roles_texts_and_tool_calls_of_their_chats() {
    let Some(folder) = data("framework-traces") else { return };
    let (mut chats, mut same, mut calls, mut differing) = (0, 0, 0, Vec::new());
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths.iter().filter(|path| path.to_string_lossy().ends_with(".trace.json")) {
        let decoded = decode_file(path);
        let chat = path.to_string_lossy().replace(".trace.json", ".chatml.json");
        let chat: serde_json::Value = serde_json::from_slice(&std::fs::read(chat).unwrap()).unwrap();
        for span in decoded.spans.iter().filter(|span| span.kind == SpanKind::Llm) {
            let read = &chat[span.span_id.to_string()];
            for (side, found) in [("input", &span.messages_in), ("output", &span.messages_out)] {
                let Some((expected, without_role)) = said_in_chat(&read[side]) else { continue };
                if without_role > 0 {
                    continue;
                }
                chats += 1;
                let found: Vec<_> = found.iter().flat_map(|message| said_here(message)).collect();
                if found == expected {
                    same += 1;
                    calls += found.iter().map(|(_, _, calls)| calls.len()).sum::<usize>();
                } else {
                    let file = path.file_name().unwrap().to_string_lossy().into_owned();
                    differing.push(format!("{file} {} {side}\n  here  {found:?}\n  there {expected:?}", span.span_id));
                }
            }
        }
    }
    // Three readings of BeeAI's chats lost the users' and the models' words, which stand in the export. Google's API sends
    // what a tool returned in the user's name, and that reading left it so.
    let explained = |found: &String| found.starts_with("beeai-") || found.starts_with("google-adk-");
    assert!(differing.iter().all(explained), "{}", differing.join("\n"));
    assert_eq!((chats, same, calls), (34, 30, 17), "{}", differing.join("\n"));
}

/// The folders that hold runs, with the files in which there are some and the spans of all; the other folders hold
/// outcomes, documents and literals.
///
/// Without spans are what lies beside the runs (results of a harness, chats, licences), signals other than traces, and 11
/// recordings of HTTP that hold no call of a model: guardrails, retrievals, caches.
const FOLDERS: &[(&str, usize, usize)] = &[
    ("agentdojo", 8, 13_593),
    ("agentrx/magentic", 20, 999),
    ("claude-code-terminal-bench/kimi-k2.5", 85, 4_432),
    ("framework-traces", 10, 88),
    ("otlp-examples", 1, 1),
    ("provider-cassettes", 192, 325),
    ("tau-bench", 1, 3_818),
    ("trail/gaia/traces", 47, 1_125),
    ("trail/swe-bench/traces", 10, 315),
    ("who-and-when", 62, 1_406),
];

fn files_in(folder: &PathBuf, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_in(&path, files) } else { files.push(path) }
    }
    files.sort();
}

#[test]
fn every_folder_with_runs_imports() {
    for &(folder, expected_files, expected_spans) in FOLDERS {
        let Some(path) = data(folder) else { return };
        let mut files = Vec::new();
        files_in(&path, &mut files);
        let decoded: Vec<_> = files.iter().map(|file| decode_file(file).spans.len()).collect();
        let with_runs = decoded.iter().filter(|spans| **spans > 0).count();
        let spans: usize = decoded.iter().sum();
        assert_eq!((with_runs, spans), (expected_files, expected_spans), "{folder}");
    }
}
