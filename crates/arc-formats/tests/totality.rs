//! Decoding is total and deterministic, whatever the bytes are.

use std::path::Path;

use arc_formats::{Source, decode, decode_otlp_json, decode_otlp_logs_json, decode_otlp_protobuf, registry};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Decodes in every way there is, twice, and compares.
fn check(bytes: &[u8]) {
    let once = decode(bytes, Source { name: Some("f"), format: None });
    assert_eq!(once, decode(bytes, Source { name: Some("f"), format: None }));
    assert!(once.format.is_some() || !once.diagnostics.is_empty(), "nothing is refused without a word");
    assert!(once.format.is_some() || once.spans.is_empty());
    for wire in registry::WIRES {
        let _ = decode(bytes, Source { name: None, format: Some(wire.id()) });
    }
    let _ = decode_otlp_json(bytes);
    let _ = decode_otlp_logs_json(bytes);
    let _ = decode_otlp_protobuf(bytes);
}

fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/formats");
    let mut files = Vec::new();
    for folder in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        for entry in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension != "golden") {
                files.push((entry.path(), std::fs::read(entry.path()).unwrap_or_default()));
            }
        }
    }
    files.sort();
    assert!(files.len() >= 12);
    files.into_iter().map(|(_, bytes)| bytes).collect()
}

/// Replaces the n-th node of a document.
fn replace(value: &mut Value, countdown: &mut usize, by: &Value) -> bool {
    if *countdown == 0 {
        by.clone_into(value);
        return true;
    }
    *countdown -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| replace(item, countdown, by)),
        Value::Object(fields) => fields.iter_mut().any(|(_, field)| replace(field, countdown, by)),
        _ => false,
    }
}

fn odd_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[[]], {}, null])),
        Just(json!({"role": "tool", "content": [{"type": "tool_result"}]})),
        Just(json!([{"role": "assistant", "tool_calls": [{"function": {}}, 3, {"id": 1, "name": "x"}]}])),
        Just(json!("[{\"role\":\"user\",\"parts\":[{\"type\":\"text\"}]}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_decode_to_diagnostics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&bytes);
    }

    #[test]
    fn arbitrary_text_decodes_to_diagnostics(text in "[\\[\\]{}\":,a-z0-9\\\\ \n]{0,200}") {
        check(text.as_bytes());
    }

    #[test]
    fn bytes_that_begin_like_gzip_or_protobuf_decode_to_diagnostics(
        start in prop::sample::select(vec![&b"\x1f\x8b\x08\x00"[..], b"\x0a", b"\x0a\x04\x12\x02\x12", b"\xef\xbb\xbf{"]),
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        check(&[start, &rest].concat());
    }

    #[test]
    fn requests_with_damaged_text_decode(
        text in prop::collection::vec(prop::sample::select(vec![
            &b"\\ud83d"[..], b"\\uDE00", b"\\u12", b"\\\\", b"\xff", b"\xf0\x9f", b"a", b"\"", b"[[[", b"]", b"1e999",
        ]), 0..12),
        quote in any::<bool>(), deep in 0_usize..300,
    ) {
        let quote = if quote { &b"\""[..] } else { b"" };
        let nested = [vec![b'['; deep], vec![b']'; deep]].concat();
        for list in ["resourceSpans\":[{\"scopeSpans\":[{\"spans", "resourceLogs\":[{\"scopeLogs\":[{\"logRecords"] {
            let start = format!("{{\"{list}\":[{{\"attributes\":[{{\"key\":\"a\",\"value\":");
            check(&[start.as_bytes(), quote, &text.concat(), &nested, quote, b"}]}]}]}]}"].concat());
        }
    }

    #[test]
    fn fixtures_with_a_changed_byte_decode(
        file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let files = fixtures();
        let mut bytes = file.get(&files).clone();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else if let Some(changed) = bytes.get_mut(at) {
            *changed = byte;
        }
        check(&bytes);
    }

    #[test]
    fn fixtures_with_a_changed_value_decode(
        file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), by in odd_value(),
    ) {
        let files = fixtures();
        let documents: Vec<Value> = file.get(&files).split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let mut document = serde_json::from_slice(file.get(&files).as_slice()).unwrap_or(Value::Array(documents));
        replace(&mut document, &mut at.index(400), &by);
        check(document.to_string().as_bytes());
    }
}
