//! What checks look at: a run as detectors see it, with its output and its steps in order.

use arc_model::{Cost, Evidence, Field, Payload, Span, SpanId, Trace};

use crate::failures::{Call, View};

/// A run as checks see it.
#[derive(Debug)]
pub struct Seen<'a> {
    view: &'a View<'a>,
    /// What it cost.
    pub cost: &'a Cost,
    /// How long it took; `None` when times were not recorded.
    pub duration_ms: Option<f64>,
}

/// A model call or a tool call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) span: &'a Span,
    pub(super) name: &'a str,
}

impl<'a> Seen<'a> {
    /// Takes a view with what is known of the whole run.
    pub fn new(view: &'a View<'a>, cost: &'a Cost, duration_ms: Option<f64>) -> Self {
        Self { view, cost, duration_ms }
    }

    pub(super) fn trace(&self) -> &'a Trace {
        self.view.trace()
    }

    /// Returns the calls of tools and searches that were carried out, in order.
    pub(super) fn calls(&self) -> &'a [Call<'a>] {
        self.view.calls()
    }

    /// Returns whether the run shows steps at all: one without may be one of which only the frame was recorded.
    pub(super) fn shows_steps(&self) -> bool {
        !self.view.models().is_empty() || !self.view.calls().is_empty()
    }

    /// Returns the model calls and tool calls in the order in which they began.
    pub(super) fn steps(&self) -> Vec<Step<'a>> {
        let models = self.view.models().iter().map(|span| Step { span, name: &span.name });
        let calls = self.view.calls().iter().map(|call| Step { span: call.span, name: call.name });
        let mut steps: Vec<Step<'a>> = models.chain(calls).collect();
        steps.sort_by_key(|step| self.view.order(step.span.span_id));
        steps
    }

    /// Returns what the run put out, with the span that shows it: of the last root that has an output, else what the
    /// last model call answered.
    pub(super) fn output(&self) -> Option<(SpanId, Payload)> {
        let of = |span: &Span| {
            let mut said = span.messages_out.iter().rev().map(|message| message.joined_text());
            let said = said.find(|text| !text.trim().is_empty()).map(Payload::from_text);
            let put_out = span.output.clone().filter(|payload| !payload.is_blank());
            Some((span.span_id, put_out.or(said)?))
        };
        let roots: Vec<&Span> = self.trace().roots().collect();
        let of_root = roots.into_iter().rev().find_map(of);
        of_root.or_else(|| self.view.models().iter().rev().find_map(|span| of(span)))
    }

    /// Returns the span that stands for the whole run.
    pub(super) fn root(&self) -> Option<&'a Span> {
        self.trace().roots().next()
    }

    /// Makes evidence of the whole run where something is missing from it.
    pub(super) fn whole(&self, excerpt: &str) -> Vec<Evidence> {
        self.root().map(|root| Evidence::new(root.span_id, Field::Name, excerpt)).into_iter().collect()
    }
}

/// Makes evidence of what a call was called with.
pub(super) fn arguments_of(call: &Call<'_>) -> Evidence {
    let field = if call.has_own_span() { Field::ToolArguments } else { Field::Output };
    let text = call.arguments.map_or_else(|| call.name.to_owned(), Payload::to_text);
    Evidence::new(call.span.span_id, field, &text)
}

/// Most calls that are cited; a run keeps what its checks cite.
const MOST_CITED: usize = 20;

/// Cites a call for what it was called with, unless there are enough.
pub(super) fn cite(evidence: &mut Vec<Evidence>, call: &Call<'_>) {
    if evidence.len() < MOST_CITED {
        evidence.push(arguments_of(call));
    }
}

/// Makes evidence of what a call returned.
pub(super) fn result_of(call: &Call<'_>) -> Evidence {
    let field = if call.has_own_span() { Field::ToolResult } else { Field::Input };
    let text = call.result.map_or_else(|| call.name.to_owned(), Payload::to_text);
    Evidence::new(call.shown_by.span_id, field, &text)
}
