//! Which finding follows from which: a failure usually shows in several places.

use std::collections::BTreeMap;

use arc_model::{Cause, Evidence, Finding, SpanId};

use super::{View, flow, unhandled_exception::shares_words};

/// Returns the findings, each marked as a root or as the effect of another one.
///
/// Invariant: following effects to their causes ends, because every rule points from a leaf to one
/// that comes before it here, or from a failed call to an earlier one: truncated output, broken JSON, tool not offered or
/// arguments invalid, what a call was turned away for, first tool error, loop, repeated tool error, second attempt,
/// effort without effect, step limit, exception.
pub(super) fn assign(findings: Vec<Finding>, view: &View<'_>) -> Vec<Finding> {
    let index = Index::of(&findings, view);
    let causes: Vec<Option<usize>> = findings.iter().map(|finding| index.cause_of(finding)).collect();
    let ids: Vec<_> = findings.iter().map(|finding| finding.id().clone()).collect();
    let marked =
        findings.into_iter().zip(causes).map(|(finding, cause)| match cause.and_then(|cause| ids.get(cause)) {
            Some(cause) => finding.with_cause(Cause::EffectOf(cause.clone())),
            None => finding,
        });
    marked.collect()
}

/// Leaves that say why a call failed.
const TURNED_AWAY: [&str; 4] = ["rate-limit", "auth-expired", "permission-denied", "api-timeout"];

/// A call that was given a value out of what a failed call said fails because that one did.
fn fed_by(view: &View<'_>) -> BTreeMap<SpanId, SpanId> {
    let failed = (0..view.calls().len()).filter_map(|index| Some((index, view.error(index)?)));
    let fed = failed.filter_map(|(index, error)| {
        let (source, _) = flow::source_of(view, index)?;
        let (own, its) = (error.evidence.span_id, view.error(source)?.evidence.span_id);
        // Where results show in a transcript, both may show at one span.
        (view.order(its) < view.order(own)).then_some((own, its))
    });
    fed.collect()
}

struct Index<'a> {
    findings: &'a [Finding],
    /// The finding of a leaf at a span that any of its evidence cites.
    cited: BTreeMap<(&'a str, SpanId), usize>,
    /// The span of the model call that asked for a call, by the span where its result shows.
    asked_by: BTreeMap<SpanId, Vec<(SpanId, String)>>,
    /// The span that shows the failure of the call which a failed call got a value from.
    fed_by: BTreeMap<SpanId, SpanId>,
    last_call: Option<SpanId>,
}

impl<'a> Index<'a> {
    fn of(findings: &'a [Finding], view: &View<'_>) -> Self {
        let mut cited = BTreeMap::new();
        for (index, finding) in findings.iter().enumerate() {
            for evidence in finding.evidence() {
                cited.entry((finding.leaf().as_str(), evidence.span_id)).or_insert(index);
            }
        }
        let mut asked_by: BTreeMap<SpanId, Vec<(SpanId, String)>> = BTreeMap::new();
        for call in view.calls() {
            if let Some(request) = view.request_of(call) {
                let asked = (request.span.span_id, request.arguments.to_text());
                asked_by.entry(call.shown_by.span_id).or_default().push(asked);
            }
        }
        let last_call = view.calls().last().map(|call| call.span.span_id);
        Self { findings, cited, asked_by, fed_by: fed_by(view), last_call }
    }

    fn cause_of(&self, finding: &Finding) -> Option<usize> {
        let at = place(finding)?;
        match finding.leaf().as_str() {
            "model-json-malformed" => self.at("output-truncated", at),
            "tool-arguments-invalid" => self.at("output-truncated", at).or_else(|| self.at("model-json-malformed", at)),
            "tool-error" => self
                .bad_request(finding, at)
                .or_else(|| self.repetition(at))
                .or_else(|| self.at("tool-error", *self.fed_by.get(&at)?))
                .or_else(|| self.turned_away(at)),
            leaf if TURNED_AWAY.contains(&leaf) => self.repetition(at),
            "reflection-errors" => finding.evidence().last().and_then(|first| self.at("tool-error", first.span_id)),
            "repeated-call-loop" => self.at("tool-error", at),
            "resource-abuse" => {
                let mut spans = finding.evidence().iter().map(|evidence| evidence.span_id);
                spans.find_map(|span| self.at("repeated-call-loop", span))
            }
            "step-limit" => self.last_call.and_then(|last| self.at("repeated-call-loop", last)),
            "unhandled-exception" => self.error_below(finding),
            _ => None,
        }
    }

    fn at(&self, leaf: &str, span: SpanId) -> Option<usize> {
        self.cited.get(&(leaf, span)).copied()
    }

    /// A call fails because it was asked for in a way it could not be carried out.
    fn bad_request(&self, finding: &Finding, at: SpanId) -> Option<usize> {
        let (asked_by, arguments) = self.asked_by.get(&at)?.iter().find(|(_, arguments)| {
            // Where results show in a transcript, one span shows those of many calls.
            finding.evidence().iter().any(|evidence| cites(evidence, arguments)) || self.is_only_call_at(at)
        })?;
        let fits = |index: &usize| {
            let cause = self.findings.get(*index);
            cause.is_some_and(|cause| {
                cause.evidence().iter().any(|evidence| evidence.excerpt.contains(excerpt(arguments).as_str()))
            })
        };
        let unknown = self.at("tool-not-offered", *asked_by).filter(fits);
        unknown.or_else(|| self.at("tool-arguments-invalid", *asked_by).filter(fits))
    }

    fn is_only_call_at(&self, at: SpanId) -> bool {
        self.asked_by.get(&at).is_some_and(|calls| calls.len() == 1)
    }

    /// What says why the call at a span failed.
    fn turned_away(&self, at: SpanId) -> Option<usize> {
        TURNED_AWAY.iter().find_map(|leaf| self.at(leaf, at))
    }

    /// The errors of a loop after the first are its effect: without it they would not be there.
    fn repetition(&self, at: SpanId) -> Option<usize> {
        let looped = self.at("repeated-call-loop", at)?;
        (place(self.findings.get(looped)?)? != at).then_some(looped)
    }

    /// The exception that ended the run is that of a failed call below.
    fn error_below(&self, finding: &Finding) -> Option<usize> {
        // The span below that it came from, else the root itself, which can be a call.
        let origin = finding
            .evidence()
            .last()
            .and_then(|origin| self.at("tool-error", origin.span_id).or_else(|| self.turned_away(origin.span_id)));
        let same_words = |index: &usize| {
            let error = self.findings.get(*index).and_then(|error| error.evidence().first());
            let end = finding.evidence().first();
            error.zip(end).is_some_and(|(error, end)| shares_words(&error.excerpt, &end.excerpt))
        };
        origin.filter(same_words)
    }
}

fn place(finding: &Finding) -> Option<SpanId> {
    finding.evidence().first().map(|evidence| evidence.span_id)
}

fn cites(evidence: &Evidence, text: &str) -> bool {
    evidence.excerpt == excerpt(text)
}

/// Returns a text as evidence would hold it.
fn excerpt(text: &str) -> String {
    text.chars().take(Evidence::EXCERPT_CHARS).collect()
}
