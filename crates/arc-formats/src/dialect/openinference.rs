//! Stub.

use super::{Dialect, Reading};
use crate::raw::RawSpan;

/// The dialect.
pub struct OpenInference;

impl Dialect for OpenInference {
    fn id(&self) -> &'static str {
        "openinference"
    }

    fn name(&self) -> &'static str {
        "OpenInference"
    }

    fn speaks(&self, _span: &RawSpan) -> bool {
        false
    }

    fn read(&self, _span: &RawSpan) -> Reading {
        Reading::default()
    }
}
