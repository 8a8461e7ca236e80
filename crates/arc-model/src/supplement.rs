//! Records that complete a span and arrive apart from it, as log records do.
//!
//! A supplement is stored like a span, under the span it is about, marked with [`ATTRIBUTE`]. Nothing
//! is merged when it arrives: [`attach`] puts a trace together whenever it is read, so it does not
//! matter which of the two came first, or how often. What a span says itself is never replaced.

use std::collections::BTreeMap;

use crate::{Json, Span, SpanId, SpanKind, Status, Trace};

/// Marks a record as a supplement of its parent; its value says which sort it is.
pub const ATTRIBUTE: &str = "arc_eval.supplement";
/// A whole operation: request and response, with everything known about them.
pub const OPERATION: &str = "operation";
/// A single message, or something else that happened.
pub const MESSAGE: &str = "message";

/// Returns the spans with their supplements put into them.
///
/// One whose span is not there stays as it is. The order of the spans does not matter.
pub fn attach(spans: Vec<Span>) -> Vec<Span> {
    if !spans.iter().any(|span| span.attributes.contains_key(ATTRIBUTE)) {
        return spans;
    }
    let (supplements, mut whole): (Vec<Span>, Vec<Span>) =
        spans.into_iter().partition(|span| span.attributes.contains_key(ATTRIBUTE));
    let mut by_span: BTreeMap<Option<SpanId>, Vec<Span>> = BTreeMap::new();
    for supplement in supplements {
        by_span.entry(supplement.parent_id).or_default().push(supplement);
    }
    for span in &mut whole {
        if let Some(mut supplements) = by_span.remove(&Some(span.span_id)) {
            // The whole operation before single messages, those in the order in which they were said.
            supplements.sort_by_key(|one| (!is_operation(one), one.start, one.sequence, one.span_id));
            complete(span, supplements);
        }
    }
    whole.extend(by_span.into_values().flatten());
    whole
}

/// Returns whether a trace has supplements that are not part of their spans.
pub fn is_in(trace: &Trace) -> bool {
    trace.spans().iter().any(|span| span.attributes.contains_key(ATTRIBUTE))
}

/// Returns a trace in which what came as a log record is part of the span it belongs to.
pub fn whole(trace: Trace) -> Trace {
    if is_in(&trace) { Trace::new(trace.id(), attach(trace.spans().to_vec())) } else { trace }
}

fn is_operation(supplement: &Span) -> bool {
    supplement.attributes.get(ATTRIBUTE).and_then(Json::as_str) == Some(OPERATION)
}

fn complete(span: &mut Span, supplements: Vec<Span>) {
    let has_messages = !span.messages_in.is_empty() || !span.messages_out.is_empty();
    let mut from_operation = false;
    for supplement in supplements {
        let is_operation = is_operation(&supplement);
        let Span {
            kind,
            status,
            model,
            messages_in,
            messages_out,
            input,
            output,
            tools_offered,
            usage,
            reported_cost,
            finish_reason,
            time_to_first_token_ns,
            parameters,
            facts,
            events,
            attributes,
            ..
        } = supplement;
        if !has_messages && !from_operation {
            from_operation = is_operation && !(messages_in.is_empty() && messages_out.is_empty());
            span.messages_in.extend(messages_in);
            span.messages_out.extend(messages_out);
        }
        if span.kind == SpanKind::Other {
            span.kind = kind;
        }
        if span.status == Status::Unset {
            span.status = status;
        }
        if let Some(more) = model {
            let known = span.model.get_or_insert_default();
            known.provider = known.provider.take().or(more.provider);
            known.request = known.request.take().or(more.request);
            known.response = known.response.take().or(more.response);
            known.response_id = known.response_id.take().or(more.response_id);
        }
        span.input = span.input.take().or(input);
        span.output = span.output.take().or(output);
        if span.tools_offered.is_empty() {
            span.tools_offered = tools_offered;
        }
        span.usage = span.usage.take().or(usage);
        span.reported_cost = span.reported_cost.or(reported_cost);
        span.finish_reason = span.finish_reason.take().or(finish_reason);
        span.time_to_first_token_ns = span.time_to_first_token_ns.or(time_to_first_token_ns);
        for (name, value) in parameters {
            span.parameters.entry(name).or_insert(value);
        }
        span.facts.fill_from(&facts);
        span.events.extend(events);
        for (name, value) in attributes.into_iter().filter(|(name, _)| name != ATTRIBUTE) {
            span.attributes.entry(name).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Message, Role, Timestamp, TraceId};

    fn span(number: u8, parent: Option<u8>) -> Span {
        let id = |number: u8| SpanId::derive(&[&[number]]);
        let mut span = Span::new(TraceId::derive(&[b"t"]), id(number), SpanKind::Other, "s");
        span.parent_id = parent.map(id);
        span.start = Some(Timestamp::from_nanos(i64::from(number)));
        span
    }

    fn message(number: u8, sort: &str, text: &str) -> Span {
        let mut one = span(number, Some(1));
        one.attributes.insert(ATTRIBUTE.to_owned(), Json::from(sort));
        one.messages_in = vec![Message::text(Role::User, text).into()];
        one
    }

    fn said(spans: &[Span]) -> Vec<Vec<String>> {
        spans.iter().map(|span| span.messages_in.iter().map(|message| message.joined_text()).collect()).collect()
    }

    #[test]
    fn messages_join_their_span_in_the_order_in_which_they_were_said_whatever_the_order_of_arrival() {
        let parts = [span(1, None), message(2, MESSAGE, "first"), message(3, MESSAGE, "second")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1], [1, 2, 0], [0, 2, 1]] {
            let spans = order.map(|index| parts[index].clone()).to_vec();
            assert_eq!(said(&attach(spans)), [["first", "second"]], "{order:?}");
        }
    }

    #[test]
    fn what_a_span_says_itself_is_not_replaced_and_a_whole_operation_goes_before_single_messages() {
        let mut own = span(1, None);
        own.messages_in = vec![Message::text(Role::User, "own").into()];
        assert_eq!(said(&attach(vec![message(2, MESSAGE, "other"), own])), [["own"]]);
        let both = vec![message(2, MESSAGE, "single"), message(3, OPERATION, "whole"), span(1, None)];
        assert_eq!(said(&attach(both)), [["whole"]]);
    }

    #[test]
    fn a_supplement_without_its_span_stays() {
        assert_eq!(attach(vec![message(2, MESSAGE, "alone")]).len(), 1);
    }
}
