//! The same OTLP request decodes to the same spans from JSON and from protobuf.

use arc_formats::{Source, decode, decode_otlp_json, decode_otlp_protobuf};
use base64::{Engine, engine::general_purpose::STANDARD};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use proptest::prelude::*;
use prost::Message;
use serde_json::{Value, json};

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn value_json(value: &AnyValue) -> Value {
    match value.value.as_ref() {
        None => json!({}),
        Some(Any::StringValue(text)) => json!({"stringValue": text}),
        Some(Any::BoolValue(truth)) => json!({"boolValue": truth}),
        Some(Any::IntValue(number)) => json!({"intValue": number.to_string()}),
        Some(Any::DoubleValue(number)) if number.is_nan() => json!({"doubleValue": "NaN"}),
        Some(Any::DoubleValue(number)) => json!({"doubleValue": number}),
        Some(Any::ArrayValue(array)) => {
            json!({"arrayValue": {"values": array.values.iter().map(value_json).collect::<Vec<_>>()}})
        }
        Some(Any::KvlistValue(list)) => json!({"kvlistValue": {"values": pairs_json(&list.values)}}),
        Some(Any::BytesValue(bytes)) => json!({"bytesValue": STANDARD.encode(bytes)}),
        Some(Any::StringValueStrindex(_)) => unreachable!("only profiles have these"),
    }
}

fn pairs_json(pairs: &[KeyValue]) -> Value {
    let pair = |pair: &KeyValue| json!({"key": pair.key, "value": pair.value.as_ref().map(value_json)});
    Value::Array(pairs.iter().map(pair).collect())
}

fn span_json(span: &Span) -> Value {
    let event = |event: &Event| {
        json!({"timeUnixNano": event.time_unix_nano.to_string(), "name": event.name,
            "attributes": pairs_json(&event.attributes), "droppedAttributesCount": event.dropped_attributes_count})
    };
    let link = |link: &Link| {
        json!({"traceId": hex(&link.trace_id), "spanId": hex(&link.span_id), "traceState": link.trace_state,
            "attributes": pairs_json(&link.attributes)})
    };
    json!({
        "traceId": hex(&span.trace_id), "spanId": hex(&span.span_id), "parentSpanId": hex(&span.parent_span_id),
        "traceState": span.trace_state, "flags": span.flags, "name": span.name, "kind": span.kind,
        "startTimeUnixNano": span.start_time_unix_nano.to_string(), "endTimeUnixNano": span.end_time_unix_nano,
        "attributes": pairs_json(&span.attributes), "droppedEventsCount": span.dropped_events_count,
        "events": span.events.iter().map(event).collect::<Vec<_>>(),
        "links": span.links.iter().map(link).collect::<Vec<_>>(),
        "status": span.status.as_ref().map(|status| json!({"code": status.code, "message": status.message})),
    })
}

fn request_json(request: &ExportTraceServiceRequest) -> Value {
    let scope = |spans: &ScopeSpans| {
        let scope = spans.scope.as_ref().map(
            |scope| json!({"name": scope.name, "version": scope.version, "attributes": pairs_json(&scope.attributes)}),
        );
        json!({"scope": scope, "schemaUrl": spans.schema_url, "spans": spans.spans.iter().map(span_json).collect::<Vec<_>>()})
    };
    let resource = |spans: &ResourceSpans| {
        let resource = spans.resource.as_ref().map(|resource| json!({"attributes": pairs_json(&resource.attributes)}));
        json!({"resource": resource, "scopeSpans": spans.scope_spans.iter().map(scope).collect::<Vec<_>>()})
    };
    json!({"resourceSpans": request.resource_spans.iter().map(resource).collect::<Vec<_>>()})
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        ".{0,8}".prop_map(|text| Some(Any::StringValue(text))),
        Just(Some(Any::StringValue(r#"[{"role":"user","parts":[{"type":"text","content":"a"}]}]"#.into()))),
        any::<bool>().prop_map(|truth| Some(Any::BoolValue(truth))),
        any::<i64>().prop_map(|number| Some(Any::IntValue(number))),
        (-1e12..1e12).prop_map(|number| Some(Any::DoubleValue(number))),
        Just(Some(Any::DoubleValue(f64::NAN))),
        prop::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| Some(Any::BytesValue(bytes))),
    ];
    let leaf = leaf.prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|values| AnyValue { value: Some(Any::ArrayValue(ArrayValue { values })) }),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3).prop_map(|pairs| {
                let pair = |(key, value)| KeyValue { key, value: Some(value), ..KeyValue::default() };
                let values = pairs.into_iter().map(pair).collect();
                AnyValue { value: Some(Any::KvlistValue(KeyValueList { values })) }
            }),
        ]
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let names = prop::sample::select(vec![
        "gen_ai.operation.name",
        "gen_ai.input.messages",
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.tool.name",
        "openinference.span.kind",
        "llm.input_messages.0.message.content",
        "input.value",
        "arc_eval.revision",
        "error.type",
        "acme",
    ]);
    prop::collection::btree_map(names, any_value(), 0..6).prop_map(|pairs| {
        let pair = |(key, value): (&str, AnyValue)| KeyValue {
            key: key.to_owned(),
            value: Some(value),
            ..KeyValue::default()
        };
        pairs.into_iter().map(pair).collect()
    })
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (prop::sample::select(vec![0_usize, 3, 16]), prop::sample::select(vec![0_usize, 7, 8]), any::<u8>());
    let times = (any::<u64>(), prop::sample::select(vec![0, 1, 1_767_225_600_000_000_000, u64::MAX]));
    let rest = (0..6_i32, 0..3_i32, ".{0,4}", any::<u8>());
    (ids, times, attributes(), attributes(), rest).prop_map(
        |((trace, own, id), (start, end), attributes, more, (kind, code, text, parent))| Span {
            trace_id: vec![id; trace],
            span_id: vec![id; own],
            parent_span_id: vec![parent; usize::from(parent % 9)],
            trace_state: text.clone(),
            name: text.clone(),
            kind,
            start_time_unix_nano: start >> 1,
            end_time_unix_nano: end,
            attributes,
            dropped_events_count: u32::from(id % 2),
            events: vec![Event {
                time_unix_nano: end,
                name: "gen_ai.choice".into(),
                attributes: more.clone(),
                ..Event::default()
            }],
            links: vec![Link {
                trace_id: vec![id; trace],
                span_id: vec![id; own],
                attributes: more,
                ..Link::default()
            }],
            status: Some(Status { code, message: text }),
            ..Span::default()
        },
    )
}

fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    (prop::collection::vec(span(), 1..5), attributes(), attributes()).prop_map(|(spans, resource, scope)| {
        let scope = InstrumentationScope {
            name: "acme".into(),
            version: "1".into(),
            attributes: scope,
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, schema_url: "https://example.org/1".into() }];
        let resource = Some(Resource { attributes: resource, ..Resource::default() });
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
        }
    })
}

proptest! {
    #[test]
    fn json_and_protobuf_of_a_request_decode_to_the_same_spans(request in request()) {
        let bytes = request.encode_to_vec();
        let from_protobuf = decode_otlp_protobuf(&bytes);
        let from_json = decode_otlp_json(request_json(&request).to_string().as_bytes());
        prop_assert_eq!(&from_json.spans, &from_protobuf.spans);
        let told = |decoded: &arc_formats::Decoded| {
            decoded.diagnostics.iter().map(|found| (found.severity, found.place.pointer.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(told(&from_json), told(&from_protobuf));
        prop_assert_eq!(decode(&bytes, Source::default()).format, Some("otlp-protobuf"));
    }
}

#[test]
fn a_body_of_no_bytes_is_a_request_without_spans_and_any_other_is_refused() {
    let empty = decode_otlp_protobuf(&[]);
    assert_eq!((empty.format, empty.spans.len(), empty.diagnostics.len()), (Some("otlp-protobuf"), 0, 0));
    let empty = decode_otlp_json(b"{}");
    assert_eq!((empty.format, empty.spans.len(), empty.diagnostics.len()), (Some("otlp-json"), 0, 0));
    for refused in [decode_otlp_protobuf(b"hello"), decode_otlp_json(b"hello"), decode_otlp_json(b"[1]")] {
        assert_eq!((refused.format, refused.diagnostics.len()), (None, 1));
    }
}
