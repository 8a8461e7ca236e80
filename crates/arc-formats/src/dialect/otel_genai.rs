//! Stub.

use super::{Dialect, Reading};
use crate::raw::RawSpan;

/// The dialect.
pub struct OtelGenAi;

impl Dialect for OtelGenAi {
    fn id(&self) -> &'static str {
        "otel-genai"
    }

    fn name(&self) -> &'static str {
        "OtelGenAi"
    }

    fn speaks(&self, _span: &RawSpan) -> bool {
        false
    }

    fn read(&self, _span: &RawSpan) -> Reading {
        Reading::default()
    }
}
