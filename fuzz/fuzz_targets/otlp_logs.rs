//! Bodies of OTLP requests of logs, in JSON and in protobuf: decoding is total, deterministic and bounded, and what the
//! generated library takes for a request is one.
#![no_main]

use arc_formats::{decode_otlp_logs_json, decode_otlp_logs_protobuf};
use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message as _;

fuzz_target!(|input: &[u8]| {
    for decode in [decode_otlp_logs_json, decode_otlp_logs_protobuf] {
        let decoded = decode(input);
        assert_eq!(decoded, decode(input));
        assert!(decoded.spans.len() <= 16 + input.len());
    }
    if ExportLogsServiceRequest::decode(input).is_ok() {
        assert!(decode_otlp_logs_protobuf(input).format.is_some(), "it is a request");
    }
});
