//! The Model Context Protocol in OpenTelemetry's conventions: `mcp.method.name` and what goes with it.
//!
//! Goes behind `otel_genai`, which reads the attributes of tools; this reads what the method alone says.

use arc_model::{Json, Payload, SpanKind};

use super::{Dialect, Found, Reading};
use crate::{raw::RawSpan, read::attributes::Reader};

/// The dialect.
pub struct Mcp;

const METHOD: &str = "mcp.method.name";

impl Dialect for Mcp {
    fn id(&self) -> &'static str {
        "mcp"
    }

    fn name(&self) -> &'static str {
        "Model Context Protocol"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).get(METHOD).is_some()
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let Some(method) = attributes.get(METHOD).and_then(Json::as_str) else { return Reading::default() };
        let mut reading = Reading::default();
        if method == "tools/call" {
            reading.kind = Some(Found::kept(SpanKind::Tool));
            // The recommended name of the span is the method and the tool.
            let named = span.name.strip_prefix(method).map(str::trim).filter(|name| !name.is_empty());
            reading.tool_name = named.map(|name| Found::kept(name.to_owned()));
        } else {
            reading.kind = Some(Found::kept(SpanKind::Step));
            reading.input = attributes.name(&["mcp.resource.uri"]).map(|found| found.map(Payload::Text));
        }
        reading
    }
}
