use super::*;

fn diagnostics(bytes: &[u8]) -> Vec<String> {
    let decoded = decode(bytes, Source { name: Some("f"), format: None });
    decoded.diagnostics.iter().map(ToString::to_string).collect()
}

#[test]
fn what_nobody_understands_is_rejected_once_with_what_was_expected() {
    for bytes in [&b""[..], b"hello", b"\x00\x01\x02", b"{\"a\": 1}", b"[]", b"\xff\xfe"] {
        let decoded = decode(bytes, Source::default());
        assert_eq!((decoded.format, decoded.spans.len(), decoded.diagnostics.len()), (None, 0, 1), "{bytes:?}");
        assert!(decoded.diagnostics[0].message.contains("expected an OTLP request"), "{:?}", decoded.diagnostics);
    }
    assert!(
        diagnostics(b"{\"a\": 1}")[0].starts_with("f: this is a JSON object with the fields `a`, in no known format;")
    );
}
