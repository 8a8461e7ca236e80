//! Bodies of OTLP requests in JSON: decoding is total, deterministic and bounded, and a rejected span is named once.
#![no_main]

use arc_formats::decode_otlp_json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let decoded = decode_otlp_json(input);
    assert_eq!(decoded, decode_otlp_json(input));
    assert!(decoded.spans.len() <= 16 + input.len());
    assert!(decoded.format.is_some() || !decoded.diagnostics.is_empty(), "nothing was said of it");
});
