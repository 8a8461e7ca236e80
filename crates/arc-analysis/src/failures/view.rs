//! What detectors look at: a trace with its calls, collected once.

use std::{cell::OnceCell, collections::BTreeMap};

use arc_model::{Span, SpanId, Trace};

use super::{
    Call, CallError, Request, call, call_error,
    injection::{self, Injection},
    schema::Schemas,
};

/// A run as detectors see it.
#[derive(Debug)]
pub struct View<'a> {
    trace: &'a Trace,
    models: Vec<&'a Span>,
    requests: Vec<Request<'a>>,
    calls: Vec<Call<'a>>,
    errors: Vec<Option<CallError>>,
    violations: Vec<Option<String>>,
    /// Place in the order of the tree and in the order of time.
    places: BTreeMap<SpanId, (usize, usize)>,
    injection: OnceCell<Option<Injection>>,
}

impl<'a> View<'a> {
    /// Collects what there is to see in a run.
    pub fn new(trace: &'a Trace) -> Self {
        let (requests, calls) = call::collect(trace);
        let errors = calls.iter().map(call_error::error_of).collect();
        let mut schemas = Schemas::default();
        let violations = requests
            .iter()
            .map(|request| {
                let schema = request.definition()?.parameters.as_ref()?;
                schemas.violation(schema, request.arguments)
            })
            .collect();
        let mut places: BTreeMap<SpanId, (usize, usize)> =
            trace.walk().enumerate().map(|(position, (_, span))| (span.span_id, (position, 0))).collect();
        for (order, span) in trace.spans().iter().enumerate() {
            places.entry(span.span_id).and_modify(|place| place.1 = order);
        }
        let models = trace.leaf_llm_spans().collect();
        Self { trace, models, requests, calls, errors, violations, places, injection: OnceCell::new() }
    }

    /// Returns the trace.
    pub fn trace(&self) -> &'a Trace {
        self.trace
    }

    /// Returns the model calls without another below them, in order.
    pub fn models(&self) -> &[&'a Span] {
        &self.models
    }

    /// Returns what models asked for, in order.
    pub fn requests(&self) -> &[Request<'a>] {
        &self.requests
    }

    /// Returns the calls that were carried out, in order.
    pub fn calls(&self) -> &[Call<'a>] {
        &self.calls
    }

    /// Returns what shows that the call with this index failed.
    pub fn error(&self, call: usize) -> Option<&CallError> {
        self.errors.get(call)?.as_ref()
    }

    /// Returns how the arguments of the request with this index violate the tool's schema.
    pub fn violation(&self, request: usize) -> Option<&str> {
        self.violations.get(request)?.as_deref()
    }

    /// Returns the request a call answers.
    pub fn request_of(&self, call: &Call<'a>) -> Option<&Request<'a>> {
        self.requests.get(call.request?)
    }

    /// Returns the first instruction that reached the agent in what a tool returned; one that was followed comes first.
    pub fn injection(&self) -> Option<&Injection> {
        self.injection.get_or_init(|| injection::find(self)).as_ref()
    }

    /// Returns the place of a span in the order of the tree, parents before children.
    pub fn position(&self, span: SpanId) -> usize {
        self.places.get(&span).map_or(usize::MAX, |place| place.0)
    }

    /// Returns the place of a span in the order in which spans started.
    pub fn order(&self, span: SpanId) -> usize {
        self.places.get(&span).map_or(usize::MAX, |place| place.1)
    }
}
