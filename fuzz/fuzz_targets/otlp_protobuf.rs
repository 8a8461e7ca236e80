//! Bodies of OTLP requests in protobuf: decoding is total, deterministic and bounded, a rejected span is named once, and
//! what the generated library reads is read.
#![no_main]

use arc_formats::decode_otlp_protobuf;
use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

fuzz_target!(|input: &[u8]| {
    let decoded = decode_otlp_protobuf(input);
    assert_eq!(decoded, decode_otlp_protobuf(input));
    assert!(decoded.spans.len() <= 16 + input.len());
    assert!(decoded.format.is_some() || !decoded.diagnostics.is_empty(), "nothing was said of it");
    let Ok(request) = ExportTraceServiceRequest::decode(input) else { return };
    assert!(decoded.format.is_some(), "it is a request");
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    for span in scopes.flat_map(|scope| &scope.spans) {
        let is_id = |id: &[u8], length: usize| id.len() == length && id.iter().any(|byte| *byte != 0);
        let is_there = |trace_id: &[u8], span_id: &[u8]| {
            decoded.spans.iter().any(|span| span.trace_id.as_bytes() == trace_id && span.span_id.as_bytes() == span_id)
        };
        assert_eq!(is_id(&span.trace_id, 16) && is_id(&span.span_id, 8), is_there(&span.trace_id, &span.span_id));
    }
});
