//! What is said about a span long after it ended, when its other records are gone from the spool.
//!
//! Such a part only adds to what is stored: it is put together with the stored span, as the spool
//! would have done with its records.

use std::{collections::BTreeSet, sync::Arc};

use arc_model::{ProjectId, RunFacts, Span, Status};
use arc_spool::{Batch, Group, MergedSpan, otlp_request};

use crate::{App, AppError};

/// Returns the batch as a request in which every span has its ids: those of a late part are not in its bytes.
pub(super) fn with_ids(batch: &Batch) -> Vec<u8> {
    if batch.spans().all(|span| span.whole) {
        return batch.to_otlp();
    }
    let groups: Vec<Group> = batch
        .groups
        .iter()
        .map(|group| Group { context: Arc::clone(&group.context), spans: group.spans.iter().map(with_id).collect() })
        .collect();
    otlp_request(&groups)
}

fn with_id(span: &MergedSpan) -> MergedSpan {
    // Fields 1 and 2 of a span, 16 and 8 bytes long; of several values the last wins.
    let ids = [&[0x0a, 16][..], &span.trace_id, &[0x12, 8], &span.span_id].concat();
    MergedSpan { bytes: [ids, span.bytes.clone()].concat(), ..span.clone() }
}

impl App {
    /// Puts late parts together with the spans they belong to. One that belongs to nothing and says
    /// nothing is left out, and its id added to `empty`.
    pub(super) async fn complete_late(
        &self,
        project: &ProjectId,
        spans: Vec<Span>,
        batch: &Batch,
        empty: &mut Vec<String>,
    ) -> Result<Vec<Span>, AppError> {
        let late: BTreeSet<([u8; 16], [u8; 8])> =
            batch.spans().filter(|span| !span.whole).map(|span| (span.trace_id, span.span_id)).collect();
        if late.is_empty() {
            return Ok(spans);
        }
        let mut completed = Vec::with_capacity(spans.len());
        for span in spans {
            if !late.contains(&(*span.trace_id.as_bytes(), *span.span_id.as_bytes())) {
                completed.push(span);
                continue;
            }
            let stored = self.inner.traces.trace(project, span.trace_id).await?;
            let known = stored.as_ref().and_then(|trace| trace.span(span.span_id)).cloned();
            match known {
                Some(known) => completed.push(complete(known, span)),
                None if says_nothing(&span) => empty.push(span.span_id.to_string()),
                None => completed.push(span),
            }
        }
        Ok(completed)
    }
}

/// Returns whether nothing is known of a span but its ids and when it ended.
fn says_nothing(span: &Span) -> bool {
    let has_content = span.input.is_some() || span.output.is_some() || !span.messages_out.is_empty();
    span.name.is_empty()
        && span.start.is_none()
        && span.facts.is_empty()
        && span.attributes.is_empty()
        && span.events.is_empty()
        && !has_content
}

/// Adds what is new to what is known of a span.
fn complete(known: Span, late: Span) -> Span {
    let mut facts = late.facts;
    // The last claim stands; of one source the later one wins.
    let outcomes = std::mem::take(&mut facts.outcomes);
    facts.fill_from(&known.facts);
    facts = RunFacts { outcomes: [facts.outcomes, outcomes].concat(), ..facts };
    let mut attributes = known.attributes;
    attributes.extend(late.attributes);
    let mut events = known.events;
    events.extend(late.events.into_iter().filter(|event| !events.contains(event)).collect::<Vec<_>>());
    Span {
        revision: late.revision.max(known.revision.saturating_add(1)),
        end: late.end.or(known.end),
        status: if late.status == Status::Unset { known.status } else { late.status },
        messages_out: if late.messages_out.is_empty() { known.messages_out } else { late.messages_out },
        input: late.input.or(known.input),
        output: late.output.or(known.output),
        usage: late.usage.or(known.usage),
        facts,
        attributes,
        events,
        ..known
    }
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::*;

    fn span(text: &str) -> Span {
        sketch::parse(text).unwrap().spans()[0].clone()
    }

    #[test]
    fn a_late_part_adds_to_what_is_known() {
        let known = span("agent a {q: 1} task=t end=completed @0s +1s ok failed by check attributes={a: 1, b: 1}");
        let late = span("other \"\" ok by human attributes={b: 2}");
        let complete = complete(known.clone(), late);
        assert_eq!((complete.name.as_str(), complete.end, &complete.input), ("a", known.end, &known.input));
        assert_eq!(complete.facts.outcomes.len(), 2);
        assert_eq!((complete.attributes["a"].as_u64(), complete.attributes["b"].as_u64()), (Some(1), Some(2)));
        assert!(complete.revision > known.revision);
    }
}
