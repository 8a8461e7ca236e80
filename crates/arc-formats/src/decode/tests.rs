//! What whole files decode to: compression, detection, damage, identity.

use std::io::Write;

use arc_model::DiagnosticSeverity;

use super::*;
use crate::{Content, Document};

const SPAN: &str = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}"#;
const CHAT: &str = r#"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello!"}]}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Says what a source decodes to: format, number of spans, and the diagnostics.
fn outcome(bytes: &[u8]) -> (Option<&'static str>, usize, Vec<String>) {
    let decoded = decode(bytes, Source { name: Some("f"), format: None });
    (decoded.format, decoded.spans.len(), decoded.diagnostics.iter().map(ToString::to_string).collect())
}

#[test]
fn what_nobody_understands_is_rejected_once_with_what_was_expected() {
    for bytes in
        [&b""[..], b"  \n", b"hello", b"\x00\x01\x02", b"{\"a\": 1}", b"[]", b"\xff\xfe", b"{\"a\":1}\n{\"b\":2}"]
    {
        let decoded = decode(bytes, Source::default());
        assert_eq!((decoded.format, decoded.spans.len(), decoded.diagnostics.len()), (None, 0, 1), "{bytes:?}");
        let [found] = &decoded.diagnostics[..] else { unreachable!() };
        assert_eq!(found.severity, DiagnosticSeverity::Rejected);
        assert!(found.message.contains("expected one of otlp-json, otlp-protobuf, "), "{found}");
    }
    assert!(
        outcome(b"{\"a\": 1}").2[0].starts_with("f: this is a JSON object with the fields `a`, in no known format; ")
    );
    assert!(outcome(b"{\"a\":1}\n{\"b\":2}").2[0].contains("as are 1 more values in it"));
}

#[test]
fn gzip_is_told_by_its_content() {
    assert_eq!(outcome(&gzip(SPAN.as_bytes())), (Some("otlp-json"), 1, vec![]));
    let both = [gzip(CHAT.as_bytes()), gzip(b"\n"), gzip(CHAT.as_bytes())].concat();
    assert_eq!(outcome(&both), (Some("chat"), 4, vec![]), "members of a stream follow each other");
}

#[test]
fn what_came_before_the_end_of_a_cut_stream_is_read() {
    let lines = format!("{CHAT}\n").repeat(5000);
    let bytes = gzip(lines.as_bytes());
    let decoded = decode(&bytes[..bytes.len() - 20], Source { name: Some("f"), format: None });
    assert!(decoded.spans.len() > 1000, "{}", decoded.spans.len());
    assert!(decoded.diagnostics[0].to_string().starts_with("f: the gzip stream breaks off after "));
}

#[test]
fn a_stream_that_decompresses_to_too_much_is_cut_and_said_to_be() {
    let lines = format!("{CHAT}\n").repeat(100);
    let limit = u64::try_from(CHAT.len() + 1).unwrap() * 3;
    let decoded = decode_within(&gzip(lines.as_bytes()), Source::default(), limit);
    assert_eq!(decoded.spans.len(), 6);
    assert!(decoded.diagnostics[0].message.contains("decompresses to more than"), "{:?}", decoded.diagnostics);
}

#[test]
fn a_damaged_line_is_named_and_the_others_are_read() {
    let (format, spans, diagnostics) = outcome(format!("{CHAT}\n{{broken\n\n{CHAT}\n").as_bytes());
    assert_eq!((format, spans), (Some("chat"), 4));
    assert_eq!(
        diagnostics,
        ["f:2: this line is not JSON (key must be a string in column 2); expected one JSON value on each line"]
    );
    let (format, spans, diagnostics) = outcome(format!("{{broken\n{CHAT}").as_bytes());
    assert_eq!((format, spans, diagnostics.len()), (Some("chat"), 2, 1), "the first line may be the damaged one");
}

#[test]
fn a_document_that_breaks_off_is_one_diagnostic() {
    let (format, spans, diagnostics) = outcome(b"{\n  \"resourceSpans\": [\n    {\n");
    assert_eq!((format, spans), (None, 0));
    assert_eq!(diagnostics.len(), 1);
    assert!(
        diagnostics[0].starts_with("f:4: the JSON breaks off (EOF while parsing an object in column 0)"),
        "{diagnostics:?}"
    );
}

#[test]
fn values_may_follow_each_other_over_several_lines() {
    let pretty = CHAT.replace("},{", "},\n{").replace("[{", "[\n{");
    let (format, spans, diagnostics) = outcome(format!("{pretty}\n{pretty}\n{{\"messages\": [").as_bytes());
    assert_eq!((format, spans, diagnostics.len()), (Some("chat"), 4, 1), "{diagnostics:?}");
    assert!(diagnostics[0].contains("the 2 values before it are read, the rest is not"), "{diagnostics:?}");
}

#[test]
fn a_byte_order_mark_and_bad_utf8_do_not_stop_a_file() {
    assert_eq!(outcome(&[b"\xef\xbb\xbf", SPAN.as_bytes()].concat()), (Some("otlp-json"), 1, vec![]));
    let bad = [&b"[{\"role\":\"user\",\"content\":\"a\xffb\"}]"[..]].concat();
    let decoded = decode(&bad, Source::default());
    assert_eq!(decoded.format, Some("chat"));
    assert_eq!(decoded.spans[0].messages_in[0].joined_text(), "a\u{fffd}b");
    assert_eq!(decoded.diagnostics[0].severity, DiagnosticSeverity::Repaired);
}

#[test]
fn half_a_character_does_not_stop_a_file() {
    let cut = CHAT.replace("Hi", "Hi \\ud83d");
    for file in [cut.clone(), format!("{CHAT}\n{cut}\n{CHAT}")] {
        let decoded = decode(file.as_bytes(), Source::default());
        assert_eq!(decoded.spans.len(), 2 * file.lines().count());
        assert!(decoded.spans.iter().any(|span| span.messages_in[0].joined_text() == "Hi \u{fffd}"));
        assert_eq!(decoded.diagnostics.len(), 1);
        assert_eq!(decoded.diagnostics[0].severity, DiagnosticSeverity::Repaired);
    }
}

#[test]
fn a_file_may_mix_formats_and_says_so() {
    let (format, spans, diagnostics) = outcome(format!("{SPAN}\n{CHAT}\n{SPAN}").as_bytes());
    assert_eq!((format, spans), (Some("otlp-json"), 4));
    assert_eq!(diagnostics, ["f: the file mixes formats: otlp-json, chat"]);
}

#[test]
fn a_format_that_is_asked_for_is_used_and_an_unknown_one_is_refused() {
    let with = |format| decode(CHAT.as_bytes(), Source { name: None, format: Some(format) });
    assert_eq!(with("chat").spans.len(), 2);
    assert!(with("otlp-json").diagnostics[0].message.starts_with("expected an OTLP request"));
    assert!(with("word").diagnostics[0].message.contains("`word` is not a format; known are otlp-json,"));
}

#[test]
fn equal_records_are_different_runs_and_importing_again_gives_the_same_ids() {
    let lines = format!("{CHAT}\n{CHAT}");
    let decoded = decode(lines.as_bytes(), Source::default());
    assert_ne!(decoded.spans[0].trace_id, decoded.spans[2].trace_id);
    assert_eq!(decode(lines.as_bytes(), Source { name: Some("renamed"), format: None }).spans, decoded.spans);
    assert_eq!(decode(CHAT.as_bytes(), Source::default()).spans[0].trace_id, decoded.spans[0].trace_id);
    let reordered = r#"{"messages":[{"content":"Hi","role":"user"},{"content":"Hello!","role":"assistant"}]}"#;
    assert_eq!(decode(reordered.as_bytes(), Source::default()).spans, decode(CHAT.as_bytes(), Source::default()).spans);
}

#[test]
fn a_history_beyond_the_budget_is_held_once_and_no_message_is_lost() {
    let turns: Vec<_> = (0..6)
        .flat_map(|index| {
            let said = |role: &str| serde_json::json!({"role": role, "content": format!("{role} {index} {}", "x".repeat(1000))});
            [said("user"), said("assistant")]
        })
        .collect();
    let mut out = Output::new(None);
    out.history_budget = 10 * size_of::<usize>();
    let content = Content::Json(serde_json::Value::Array(turns));
    wire::chat::Chat.decode(vec![Document { line: None, content }], &mut out);
    let held: Vec<_> = out.spans.iter().skip(1).map(|span| span.messages_in.len()).collect();
    assert_eq!(held, [1, 3, 5, 1, 1, 1]);
    assert_eq!(out.diagnostics.len(), 1);
    assert!(out.diagnostics[0].message.starts_with("the history is too large"));
}

#[test]
fn a_transcript_without_an_answer_says_that_no_model_call_is_known() {
    let (format, spans, diagnostics) =
        outcome(br#"[{"role":"human","content":"Hi"},{"role":"WebSurfer","content":"Hello"}]"#);
    assert_eq!((format, spans, diagnostics.len()), (Some("chat"), 1, 1));
    assert!(diagnostics[0].starts_with("f: no message has the role `assistant`"), "{diagnostics:?}");
}

#[test]
fn only_an_explicit_error_of_a_tool_is_one() {
    let with = |beside: &str, content: &str| {
        let call =
            r#"{"role":"assistant","content":null,"tool_calls":[{"id":"1","function":{"name":"f","arguments":"{}"}}]}"#;
        let text = format!(r#"[{call},{{"role":"tool","tool_call_id":"1","content":"{content}"{beside}}}]"#);
        let decoded = decode(text.as_bytes(), Source::default());
        decoded.spans.last().map(|span| span.status.is_error())
    };
    assert_eq!(with("", "Error: not found"), Some(false), "prose is for the detectors");
    assert_eq!(with(r#","error":null"#, "fine"), Some(false));
    for explicit in [r#","is_error":true"#, r#","status":"error""#, r#","error":"ValueError: no""#] {
        assert_eq!(with(explicit, "no"), Some(true), "{explicit}");
    }
}

#[test]
fn zstd_is_told_by_its_content_and_a_cut_stream_is_said_to_be() {
    let packed = zstd::encode_all(format!("{CHAT}\n").repeat(9000).as_bytes(), 1).unwrap();
    assert_eq!(outcome(&packed), (Some("chat"), 18_000, vec![]));
    let (_, _, diagnostics) = outcome(&packed[..packed.len() - 3]);
    assert!(diagnostics[0].starts_with("f: the zstd stream breaks off after "), "{diagnostics:?}");
}

#[test]
fn a_list_that_breaks_off_gives_its_whole_records_and_says_where_it_was_cut() {
    let (format, spans, diagnostics) = outcome(format!("[\n{CHAT},\n{CHAT},\n{{\"messages\": [").as_bytes());
    assert_eq!((format, spans), (Some("chat"), 4));
    assert_eq!(
        diagnostics,
        [
            "f:4: the JSON breaks off (EOF while parsing a list in column 14); the 2 whole elements before it are read, the \
          rest is not: repair the file or export it again"
        ]
    );
    let (format, spans, _) = outcome(&CHAT.as_bytes()[..CHAT.len() - 4]);
    assert_eq!((format, spans), (Some("chat"), 1), "the user's message is whole, the answer is not");
}

#[test]
fn records_of_several_formats_in_one_list_are_each_read_as_what_they_are() {
    let run = r#"{"input": "q", "output": "a", "steps": [{"tool": "geo"}]}"#;
    let bytes = format!("[{CHAT}, {run}, {{\"odd\": 1}}, {CHAT}]");
    let decoded = decode(bytes.as_bytes(), Source { name: Some("f"), format: None });
    assert_eq!(decoded.spans.len(), 6);
    let found: Vec<_> = decoded.detected.iter().map(|found| (found.format, found.score, found.records)).collect();
    assert_eq!(found, [("chat", Some(70), 2), ("steps", Some(65), 1)]);
    let said: Vec<_> = decoded.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "f: at /2: this is a JSON object with the fields `odd`, in no known format, unlike other values in the file",
            "f: the file mixes formats: chat, steps"
        ]
    );
}

#[test]
fn a_place_in_a_list_of_several_formats_is_the_place_in_the_source() {
    let run = r#"{"input": "q", "output": "a", "steps": [{"tool": "geo"}, 7]}"#;
    let (_, _, diagnostics) = outcome(format!("[{CHAT}, {CHAT}, {run}]").as_bytes());
    assert!(diagnostics.iter().any(|said| said.starts_with("f: at /2/steps/1: expected a step")), "{diagnostics:?}");
}

#[test]
fn what_was_recognised_is_told_with_its_evidence() {
    let decoded = decode(format!("{CHAT}\n{CHAT}").as_bytes(), Source::default());
    let because = "it has `messages` with roles";
    assert_eq!(decoded.detected, [Detected { format: "chat", score: Some(70), because, records: 2 }]);
    let decoded = decode(CHAT.as_bytes(), Source { name: None, format: Some("chat") });
    assert_eq!(decoded.detected, [Detected { format: "chat", score: None, because: "it was asked for", records: 1 }]);
}

#[test]
fn the_files_of_an_archive_are_read_and_named() {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("a.json", CHAT), ("b/c.jsonl", "{broken\n"), ("notes.txt", "x")] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    let (format, spans, diagnostics) = outcome(archive.finish().unwrap().get_ref());
    assert_eq!((format, spans), (Some("chat"), 2));
    assert!(diagnostics[0].starts_with("f/b/c.jsonl:1: this is not JSON"), "{diagnostics:?}");
    assert!(outcome(b"PK\x03\x04").2[0].starts_with("f: the zip archive cannot be read"));
}

#[test]
fn a_chat_of_5000_messages_is_held_once_and_every_call_has_all_of_its_history() {
    let turn = |index: usize| {
        let role = if index.is_multiple_of(2) { "user" } else { "assistant" };
        serde_json::json!({"role": role, "content": format!("{index} {}", "word ".repeat(80))})
    };
    let chat = serde_json::Value::Array((0..5_000).map(turn).collect()).to_string();
    let decoded = decode(chat.as_bytes(), Source::default());
    assert_eq!((decoded.spans.len(), decoded.diagnostics.len()), (2_501, 0));
    let calls = || decoded.spans.iter().skip(1);
    assert!(calls().enumerate().all(|(index, call)| call.messages_in.len() == 2 * index + 1));
    let held: std::collections::BTreeSet<_> = calls()
        .flat_map(|call| call.messages_in.iter().chain(&call.messages_out))
        .map(std::sync::Arc::as_ptr)
        .collect();
    assert_eq!(held.len(), 5_000);
}
