//! The one way to test a detector: a sketch in, its findings out.

use arc_catalog::Catalog;
use arc_model::{Cause, Evidence, Field, Finding, Trace, sketch};
use expect_test::Expect;

/// Compares the findings of one leaf with what is expected.
#[expect(clippy::needless_pass_by_value, reason = "tests pass what `expect!` makes")]
pub(crate) fn check(leaf: &str, text: &str, expected: Expect) {
    let trace = sketch::parse(text).unwrap();
    let findings = super::detect(&trace, Catalog::builtin());
    let of_leaf: Vec<&Finding> = findings.iter().filter(|finding| finding.leaf().as_str() == leaf).collect();
    expected.assert_eq(&of_leaf.into_iter().map(|finding| show(&trace, finding)).collect::<String>());
}

/// Compares all findings, one line each with its cause.
#[expect(clippy::needless_pass_by_value, reason = "tests pass what `expect!` makes")]
pub(crate) fn check_causes(text: &str, expected: Expect) {
    let trace = sketch::parse(text).unwrap();
    let findings = super::detect(&trace, Catalog::builtin());
    let place = |finding: &Finding| {
        let span = finding.evidence()[0].span_id;
        format!("{} at span {}", finding.leaf(), position(&trace, span))
    };
    let lines = findings.iter().map(|finding| match finding.cause() {
        Cause::Root => format!("{}\n", place(finding)),
        Cause::EffectOf(id) => {
            let cause = findings.iter().find(|other| other.id() == id).unwrap();
            format!("{} <- {}\n", place(finding), place(cause))
        }
    });
    expected.assert_eq(&lines.collect::<String>());
}

fn show(trace: &Trace, finding: &Finding) -> String {
    let severity = serde_json::to_value(finding.severity()).unwrap();
    let evidence: String = finding.evidence().iter().map(|evidence| show_evidence(trace, evidence)).collect();
    format!("{} {}\n{evidence}", severity.as_str().unwrap(), finding.title())
}

fn show_evidence(trace: &Trace, evidence: &Evidence) -> String {
    let field = match &evidence.field {
        Field::Attribute(name) => name.clone(),
        other => serde_json::to_value(other).unwrap().as_str().unwrap().to_owned(),
    };
    let excerpt = evidence.excerpt.replace('\n', "⏎");
    format!("  span {} {field} `{excerpt}`\n", position(trace, evidence.span_id))
}

fn position(trace: &Trace, span: arc_model::SpanId) -> usize {
    trace.walk().position(|(_, known)| known.span_id == span).unwrap() + 1
}
