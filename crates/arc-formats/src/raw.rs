//! A span as it came over a wire that carries attributes, before any dialect has read it.

use std::{borrow::Cow, rc::Rc, sync::Arc};

use arc_model::{Attributes, Json, Scope, SpanEvent, SpanId, SpanLink, Timestamp, TraceId};

use crate::read::seen::Seen;

const SCOPE_NAME: &str = "otel.scope.name";
const SCOPE_VERSION: &str = "otel.scope.version";

/// A span whose attributes nobody has interpreted.
#[derive(Debug)]
pub struct RawSpan {
    /// The run it belongs to.
    pub trace_id: TraceId,
    /// Its id within the run.
    pub span_id: SpanId,
    /// The span it was started from.
    pub parent_id: Option<SpanId>,
    /// The name the emitter gave it.
    pub name: String,
    /// When it started.
    pub start: Option<Timestamp>,
    /// When it ended; `None` while it runs.
    pub end: Option<Timestamp>,
    /// The status the emitter set.
    pub status: StatusCode,
    /// The message beside the status, empty when there was none.
    pub status_message: String,
    /// The attributes by name.
    pub attributes: Attributes,
    /// What happened during the span.
    pub events: Vec<SpanEvent>,
    /// Related spans.
    pub links: Vec<SpanLink>,
    /// The instrumentation that emitted it.
    pub scope: Option<Scope>,
    /// Attributes of the emitting process.
    pub resource: Arc<Attributes>,
    /// Position in its source.
    pub position: u32,
    /// What was read before in its source.
    pub(crate) seen: Rc<Seen>,
}

/// The status of a span as OpenTelemetry knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusCode {
    /// Nothing was said.
    #[default]
    Unset,
    /// It went well.
    Ok,
    /// It failed.
    Error,
}

impl StatusCode {
    /// Returns the status OTLP's number means; unknown numbers say nothing.
    pub const fn from_number(number: i64) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }

    /// Returns the status a name means, in any case, with or without `STATUS_CODE_`.
    pub fn from_text(text: &str) -> Option<Self> {
        let name = text.trim().to_ascii_lowercase();
        match name.strip_prefix("status_code_").unwrap_or(&name) {
            "unset" | "" => Some(Self::Unset),
            "ok" => Some(Self::Ok),
            "error" => Some(Self::Error),
            _ => None,
        }
    }
}

impl RawSpan {
    /// Keeps what the canonical span has no place for as attributes under `otel.`.
    pub(crate) fn keep_extras(&mut self, extras: &Extras<'_>) {
        self.take_relayed_scope();
        self.keep_text("otel.span_kind", span_kind_name(extras.kind));
        if self.status != StatusCode::Error {
            let message = std::mem::take(&mut self.status_message);
            self.keep_text("otel.status_message", &message);
        }
        self.keep_text("otel.trace_state", &extras.trace_state);
        self.keep_text("otel.scope.schema_url", extras.scope_schema_url);
        if !extras.scope_attributes.is_empty() {
            let object = extras.scope_attributes.clone().into_iter().collect();
            self.attributes.insert("otel.scope.attributes".to_owned(), Json::Object(object));
        }
        for (name, count) in [
            ("otel.dropped_attributes_count", extras.dropped_attributes),
            ("otel.dropped_events_count", extras.dropped_events),
            ("otel.dropped_links_count", extras.dropped_links),
        ] {
            if count > 0 {
                self.attributes.insert(name.to_owned(), Json::from(count));
            }
        }
    }

    /// Takes the instrumentation from the attributes in which OpenTelemetry puts it where a span goes by another way
    /// than its emitter's own export; what brought it here did not emit it.
    fn take_relayed_scope(&mut self) {
        let name = self.attributes.get(SCOPE_NAME).and_then(Json::as_str).filter(|name| !name.is_empty());
        let Some(name) = name.map(str::to_owned) else { return };
        let version = self.attributes.get(SCOPE_VERSION).and_then(Json::as_str).map(str::to_owned);
        self.attributes.remove(SCOPE_NAME);
        if version.is_some() {
            self.attributes.remove(SCOPE_VERSION);
        }
        self.scope = Some(Scope { name, version });
    }

    fn keep_text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.attributes.insert(name.to_owned(), Json::from(text));
        }
    }
}

/// Parts of an OTLP span that the canonical span has no field for.
pub(crate) struct Extras<'a> {
    pub(crate) kind: i64,
    pub(crate) trace_state: Cow<'a, str>,
    pub(crate) scope_schema_url: &'a str,
    pub(crate) scope_attributes: &'a Attributes,
    pub(crate) dropped_attributes: u64,
    pub(crate) dropped_events: u64,
    pub(crate) dropped_links: u64,
}

/// Names the kinds that say something; unspecified and internal say nothing.
const fn span_kind_name(kind: i64) -> &'static str {
    match kind {
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "",
    }
}

/// Returns OTLP's number of a span kind's name, with or without `SPAN_KIND_`.
pub(crate) fn span_kind_number(text: &str) -> i64 {
    let name = text.trim().to_ascii_lowercase();
    match name.strip_prefix("span_kind_").unwrap_or(&name) {
        "internal" => 1,
        "server" => 2,
        "client" => 3,
        "producer" => 4,
        "consumer" => 5,
        _ => 0,
    }
}
