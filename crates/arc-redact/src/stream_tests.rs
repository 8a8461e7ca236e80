//! Streams of events are treated as one text, however it is cut.

use proptest::prelude::*;

use super::body;
use crate::{Redactor, Treatment, aws};

fn treated(text: &str, content_type: &str, treatment: &mut Treatment<'_>) -> String {
    String::from_utf8(body(text.as_bytes(), content_type, treatment)).unwrap()
}

const EVENTS: &str = "event: delta\ndata: {\"type\":\"delta\",\"index\":0,\"delta\":{\"text\":\"mail ann@\"}}\n\n\
    data: {\"type\":\"delta\",\"index\":1,\"delta\":{\"text\":\"other\"}}\n\n\
    data: {\"type\":\"delta\",\"index\":0,\"delta\":{\"text\":\"x.org now\"}}\n\ndata: [DONE]\n\n";

#[test]
fn a_pattern_is_found_across_the_pieces_of_a_stream() {
    let redactor = Redactor::new(["email"]).unwrap();
    let redacted = treated(EVENTS, "text/event-stream", &mut Treatment::Replace(&mut |text| redactor.redact(text)));
    assert_eq!(
        redacted,
        "event: delta\ndata: {\"type\":\"delta\",\"index\":0,\"delta\":{\"text\":\"mail <email> now\"}}\n\n\
         data: {\"type\":\"delta\",\"index\":1,\"delta\":{\"text\":\"other\"}}\n\n\
         data: {\"type\":\"delta\",\"index\":0,\"delta\":{\"text\":\"\"}}\n\ndata: [DONE]\n\n"
    );
}

#[test]
fn a_hash_is_one_of_the_whole_text_however_it_was_cut() {
    let whole = treated(r#"{"content":"mail ann@x.org now"}"#, "application/json", &mut Treatment::Hash);
    let hash = whole.split('"').nth(3).unwrap().to_owned();
    assert!(hash.starts_with("blake3:") && hash.len() == 7 + 16, "{hash}");
    assert!(treated(EVENTS, "text/event-stream", &mut Treatment::Hash).contains(&format!("{{\"text\":\"{hash}\"}}")));
}

#[test]
fn what_is_removed_leaves_its_structure() {
    let removed = treated(EVENTS, "text/event-stream", &mut Treatment::Remove);
    assert!(removed.starts_with("event: delta\ndata: {\"type\":\"delta\",\"index\":0,\"delta\":{}}\n\n"), "{removed}");
    let lines = "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"a\"}}\n{\"done\":true}\n";
    let expected = "{\"model\":\"m\",\"message\":{\"role\":\"assistant\"}}\n{\"done\":true}\n";
    assert_eq!(treated(lines, "application/x-ndjson", &mut Treatment::Remove), expected);
}

#[test]
fn arguments_in_a_text_are_treated_within_it() {
    let call = r#"{"function":{"name":"f","arguments":"{\"city\":\"Oslo\",\"days\":3}"}}"#;
    let hashed = treated(call, "application/json", &mut Treatment::Hash);
    assert!(hashed.contains(r#""name":"f""#) && hashed.contains(r#"\"days\":3"#), "{hashed}");
    assert!(hashed.contains(r#"{\"city\":\"blake3:"#) && !hashed.contains("Oslo"), "{hashed}");
    assert_eq!(treated(call, "application/json", &mut Treatment::Remove), r#"{"function":{"name":"f"}}"#);
}

#[test]
fn what_is_no_structure_is_one_text() {
    assert_eq!(treated("<html>secret", "text/html", &mut Treatment::Remove), "");
    assert_eq!(treated("{\"torn\": \"sec", "application/json", &mut Treatment::Remove), "");
    assert!(treated("data: secret\n\n", "text/event-stream", &mut Treatment::Hash).starts_with("data: blake3:"));
    assert_eq!(body(&[0xff, 0xfe, 1], "audio/wav", &mut Treatment::Cut(9)), b"<3 bytes>");
    assert_eq!(treated("abcdef", "text/plain", &mut Treatment::Cut(2)), "ab…[4 characters cut]");
}

#[test]
fn messages_of_an_aws_stream_are_treated_in_their_frames() {
    let mut bytes = Vec::new();
    aws::write(b"hd", br#"{"delta":{"text":"secret"},"contentBlockIndex":0}"#, false, &mut bytes);
    aws::write(b"hd", br#"{"type":"message","text":"secret"}"#, true, &mut bytes);
    let kind = "application/vnd.amazon.eventstream";
    let kept = body(&bytes, kind, &mut Treatment::Replace(&mut |_| None));
    assert_eq!(kept, bytes);
    let mut expected = Vec::new();
    aws::write(b"hd", br#"{"delta":{},"contentBlockIndex":0}"#, false, &mut expected);
    aws::write(b"hd", br#"{"type":"message"}"#, true, &mut expected);
    assert_eq!(body(&bytes, kind, &mut Treatment::Remove), expected);
}

proptest! {
    #[test]
    fn no_content_passes_whatever_the_body(text in "[ -~\\n]{0,200}", kind in 0_usize..3) {
        let content_type = ["application/json", "text/event-stream", "application/vnd.amazon.eventstream"][kind];
        let secret = format!("{text}\ndata: {{\"content\":\"SECRETS\"}}\n");
        for treatment in [&mut Treatment::Remove, &mut Treatment::Hash] {
            let out = body(secret.as_bytes(), content_type, treatment);
            prop_assert!(!String::from_utf8_lossy(&out).contains("SECRETS"));
        }
    }

    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        body(&bytes, "application/vnd.amazon.eventstream", &mut Treatment::Hash);
        body(&bytes, "application/json", &mut Treatment::Remove);
    }
}
