//! Checks that failed as findings, and runs that were reported a success although a check says otherwise.

use arc_catalog::Catalog;
use arc_model::{
    CheckResult, CheckState, Evidence, Field, Finding, LeafId, OutcomeClaim, OutcomeSource, SpanId, TraceId, Verdict,
};

const FAILED: &str = "check-failed";
pub(super) const SILENT: &str = "silent-failure";

/// Returns the findings of a run's checks: one per span that shows a failure, and one when the run was called a success.
pub(crate) fn findings(
    trace: TraceId,
    results: &[CheckResult],
    claims: &[OutcomeClaim],
    catalog: &Catalog,
) -> Vec<Finding> {
    let failed = results.iter().filter_map(|result| match &result.state {
        CheckState::Failed { why, evidence } => Some((format!("{}: {why}", result.check), evidence.as_slice())),
        _ => None,
    });
    let failed: Vec<(String, &[Evidence])> = failed.collect();
    let mut findings: Vec<Finding> = Vec::new();
    let mut at: Vec<SpanId> = Vec::new();
    for (title, evidence) in &failed {
        let [first, more @ ..] = *evidence else { continue };
        if at.contains(&first.span_id) {
            continue;
        }
        at.push(first.span_id);
        // A finding is one per leaf and span, so checks that fail at the same span share one.
        let others: Vec<&(String, &[Evidence])> = failed
            .iter()
            .filter(|(other, evidence)| {
                other != title && evidence.first().is_some_and(|one| one.span_id == first.span_id)
            })
            .collect();
        let title = std::iter::once(title.as_str()).chain(others.iter().map(|(title, _)| title.as_str()));
        let title = format!("check {}", title.collect::<Vec<_>>().join("; "));
        let more = more.iter().chain(others.iter().flat_map(|(_, evidence)| *evidence)).cloned();
        findings.extend(finding(trace, FAILED, title, first.clone(), more, catalog));
    }
    let reported = claims.iter().find_map(|claim| {
        let is_host = claim.source == OutcomeSource::HostDeclared && claim.verdict == Verdict::Succeeded;
        claim.span_id.filter(|_| is_host)
    });
    if let Some((reported_by, (title, [first, ..]))) =
        reported.zip(failed.first().map(|(title, evidence)| (title, *evidence)))
    {
        let claim = Evidence::new(reported_by, Field::Attribute("arc_eval.outcome.verdict".to_owned()), "succeeded");
        let title = format!("reported a success, but check {title}");
        findings.extend(finding(trace, SILENT, title, first.clone(), [claim], catalog));
    }
    findings
}

pub(super) fn finding(
    trace: TraceId,
    leaf: &'static str,
    title: String,
    first: Evidence,
    more: impl IntoIterator<Item = Evidence>,
    catalog: &Catalog,
) -> Option<Finding> {
    // A leaf that the catalogue does not describe is switched off.
    let severity = catalog.leaf(leaf)?.severity;
    Some(Finding::new(trace, LeafId::from(leaf), severity, title, format!("{leaf}@1"), first, more))
}
