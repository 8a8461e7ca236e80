//! Events that come as log records, with and without the span they are about.

use std::sync::Arc;

use arc_model::{Message, SpanKind, Trace, supplement};

use crate::{decode_otlp_json, decode_otlp_logs_json};

const TRACE: &str = "11111111111111111111111111111111";

fn record(time: u64, fields: &str) -> String {
    format!(r#"{{"traceId":"{TRACE}","spanId":"2222222222222222","timeUnixNano":"{time}",{fields}}}"#)
}

fn request(records: &[String]) -> String {
    let records = records.join(",");
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"scope":{{"name":"s"}},"logRecords":[{records}]}}]}}]}}"#)
}

fn text(key: &str, value: &str) -> String {
    format!(r#"{{"key":"{key}","value":{{"stringValue":{}}}}}"#, serde_json::Value::from(value))
}

fn span() -> Vec<arc_model::Span> {
    let span = format!(
        r#"{{"traceId":"{TRACE}","spanId":"2222222222222222","name":"chat m","startTimeUnixNano":"5","attributes":[{}]}}"#,
        text("gen_ai.operation.name", "chat")
    );
    decode_otlp_json(format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#).as_bytes()).spans
}

#[test]
fn messages_that_come_as_logs_are_those_of_their_span() {
    let user = r#""eventName":"gen_ai.user.message","body":{"kvlistValue":{"values":[{"key":"content","value":{"stringValue":"Hi"}}]}}"#;
    // The older form has the name among the attributes.
    let choice = format!(
        r#""attributes":[{}],"body":{{"kvlistValue":{{"values":[{},{{"key":"message","value":{{"kvlistValue":{{"values":[{}]}}}}}}]}}}}"#,
        text("event.name", "gen_ai.choice"),
        text("finish_reason", "stop"),
        text("content", "Hello"),
    );
    let logs = decode_otlp_logs_json(request(&[record(7, &choice), record(6, user)]).as_bytes());
    assert_eq!((logs.spans.len(), logs.diagnostics.len()), (2, 0), "{:?}", logs.diagnostics);
    let together = supplement::attach(logs.spans.into_iter().chain(span()).collect());
    let [span] = together.as_slice() else { panic!("{together:?}") };
    assert_eq!(span.kind, SpanKind::Llm);
    let said = |messages: &[Arc<Message>]| messages.iter().map(|message| message.joined_text()).collect::<Vec<_>>();
    assert_eq!((said(&span.messages_in), said(&span.messages_out)), (vec!["Hi".to_owned()], vec!["Hello".to_owned()]));
    assert_eq!(span.finish_reason.as_ref().map(arc_model::FinishReason::as_str), Some("stop"));
    assert!(!span.attributes.contains_key(supplement::ATTRIBUTE));
}

#[test]
fn an_operation_that_comes_as_a_log_completes_its_span() {
    let attributes = [
        text("gen_ai.request.model", "gpt-5"),
        text("gen_ai.input.messages", r#"[{"role":"user","parts":[{"type":"text","content":"Hi"}]}]"#),
        r#"{"key":"gen_ai.usage.input_tokens","value":{"intValue":"12"}}"#.to_owned(),
    ]
    .join(",");
    let details = format!(r#""eventName":"gen_ai.client.inference.operation.details","attributes":[{attributes}]"#);
    let logs = decode_otlp_logs_json(request(&[record(6, &details)]).as_bytes());
    let together = supplement::attach(span().into_iter().chain(logs.spans).collect());
    let [span] = together.as_slice() else { panic!("{together:?}") };
    assert_eq!(span.model.as_ref().and_then(|model| model.name()), Some("gpt-5"));
    assert_eq!(span.usage.as_ref().and_then(|usage| usage.input), Some(12));
    assert_eq!(span.messages_in.len(), 1);
}

#[test]
fn an_evaluation_is_a_span_below_the_one_it_judges() {
    let attributes = [
        text("gen_ai.evaluation.name", "relevance"),
        r#"{"key":"gen_ai.evaluation.score.value","value":{"doubleValue":0.25}}"#.to_owned(),
        text("gen_ai.evaluation.explanation", "off topic"),
    ]
    .join(",");
    let result = format!(r#""eventName":"gen_ai.evaluation.result","attributes":[{attributes}]"#);
    let request = request(&[record(6, &result)]);
    let logs = decode_otlp_logs_json(request.as_bytes());
    let spans: Vec<_> = supplement::attach(logs.spans.iter().cloned().chain(span()).collect());
    let trace = Trace::new(spans[0].trace_id, spans);
    let [judged, judgement] = trace.spans() else { panic!("{trace:?}") };
    assert_eq!((judgement.kind, judgement.name.as_str()), (SpanKind::Evaluation, "evaluation relevance"));
    assert_eq!(judgement.parent_id, Some(judged.span_id));
    assert_eq!(judgement.attributes["gen_ai.evaluation.score.value"], 0.25);
    assert_eq!(decode_otlp_logs_json(request.as_bytes()).spans, logs.spans, "sent again it is the same record");
}

#[test]
fn other_log_records_are_counted_and_an_event_of_no_span_is_named() {
    let orphan = format!(r#"{{"traceId":"{TRACE}","eventName":"gen_ai.choice"}}"#);
    let logs = decode_otlp_logs_json(request(&[record(6, r#""severityText":"INFO""#), orphan]).as_bytes());
    assert!(logs.spans.is_empty());
    let said: Vec<_> = logs.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "`spanId` is not valid: it is missing; the event belongs to no span and is left out",
            "1 log record is no event of generative AI and not stored"
        ]
    );
}
