//! Files of one format, named by `ARC_EVAL_FUZZ_FORMAT`, or of any format where that is not set: decoding is total,
//! deterministic and bounded, whatever stands in the file.
#![no_main]

use std::sync::LazyLock;

use arc_formats::{Source, decode_within, registry};
use libfuzzer_sys::fuzz_target;

/// A compressed input may not unpack to more; the limit of files would hide what costs too much memory.
const MOST_BYTES: u64 = 1 << 20;

static FORMAT: LazyLock<Option<String>> = LazyLock::new(|| {
    let format = std::env::var("ARC_EVAL_FUZZ_FORMAT").ok()?;
    assert!(registry::wire(&format).is_some(), "`{format}` is not a format");
    Some(format)
});

fuzz_target!(|input: &[u8]| {
    let source = Source { name: Some("fuzz"), format: FORMAT.as_deref() };
    let decoded = decode_within(input, source, MOST_BYTES);
    assert_eq!(decoded, decode_within(input, source, MOST_BYTES));
    // A compressed input has more records than bytes.
    if !input.starts_with(&[0x1f, 0x8b]) && !input.starts_with(&[0x28, 0xb5]) && !input.starts_with(b"PK") {
        assert!(decoded.spans.len() <= 16 + input.len(), "{} spans from {} bytes", decoded.spans.len(), input.len());
    }
    if input.is_empty() || decoded.spans.is_empty() {
        assert!(decoded.format.is_some() || !decoded.diagnostics.is_empty(), "nothing was said of it");
    }
});
