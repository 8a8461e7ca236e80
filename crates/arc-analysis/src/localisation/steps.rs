//! What the steps of a run are, and whose they are.

use arc_model::{Span, SpanKind, Trace};

/// Returns the steps of a run in order: model calls, calls of tools and knowledge bases, and turns of agents that
/// recorded nothing below them. Wrappers around them are none.
pub fn steps_of(trace: &Trace) -> Vec<&Span> {
    let is_step = |span: &&Span| match span.kind {
        SpanKind::Llm | SpanKind::Agent | SpanKind::Step => {
            let has_said = !(span.messages_in.is_empty() && span.messages_out.is_empty());
            has_said && trace.children(span.span_id).next().is_none()
        }
        SpanKind::Tool | SpanKind::Retrieval => true,
        _ => false,
    };
    trace.spans().iter().filter(is_step).collect()
}

/// Returns who a step is of: the agent that speaks, else the tool, else the assistant.
///
/// What stands in brackets behind a name says to whom the agent speaks, or in which mood.
pub fn speaker_of(span: &Span) -> String {
    let named = span.messages_out.iter().find_map(|message| message.name.as_deref());
    let name = match span.kind {
        SpanKind::Llm => named.unwrap_or("Assistant"),
        _ => named.unwrap_or(&span.name),
    };
    name.split(" (").next().unwrap_or(name).trim().to_owned()
}
