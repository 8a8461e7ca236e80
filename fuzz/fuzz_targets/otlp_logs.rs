//! Bodies of OTLP requests of logs, in JSON and in protobuf: decoding is total, deterministic and bounded.
#![no_main]

use arc_formats::{decode_otlp_logs_json, decode_otlp_logs_protobuf};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    for decode in [decode_otlp_logs_json, decode_otlp_logs_protobuf] {
        let decoded = decode(input);
        assert_eq!(decoded, decode(input));
        assert!(decoded.spans.len() <= 16 + input.len());
    }
});
