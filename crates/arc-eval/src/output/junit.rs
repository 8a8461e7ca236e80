//! Checks as `JUnit` XML, which most build servers show.

use std::fmt::Write;

use arc_analysis::gate::{Check, GateVerdict};

use super::{
    gate::{Judged, check_text},
    plain,
};

/// A test case.
pub(crate) struct Case {
    pub(crate) class: String,
    pub(crate) name: String,
    /// What was found, in words.
    pub(crate) said: String,
    /// How it failed, where it did.
    pub(crate) failed: Option<&'static str>,
    /// Nothing could be tested.
    pub(crate) is_skipped: bool,
}

/// Returns the report: one test case per check.
pub(crate) fn report(judged: &Judged) -> String {
    let case = |check: &Check| Case {
        class: format!("arc-eval.gate.{}", judged.name()),
        name: check.id.clone(),
        said: check_text(check),
        failed: match check.verdict {
            GateVerdict::Met => None,
            GateVerdict::NotMet => Some("not-met"),
            GateVerdict::NotYetKnown => Some("not-yet-known"),
        },
        is_skipped: false,
    };
    let cases: Vec<Case> = judged.gate.checks.iter().map(case).collect();
    suite(&format!("arc-eval gate: {}", judged.name()), &cases)
}

/// Returns a document of one suite.
pub(crate) fn suite(name: &str, cases: &[Case]) -> String {
    let failed = cases.iter().filter(|case| case.failed.is_some()).count();
    let suite = format!("name=\"{}\" tests=\"{}\"", escaped(name), cases.len());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite {suite} failures=\"{failed}\" errors=\"0\">\n"
    );
    for case in cases {
        let named = format!("classname=\"{}\" name=\"{}\"", escaped(&case.class), escaped(&case.name));
        let said = escaped(&case.said);
        let _ = match case.failed {
            Some(kind) => {
                writeln!(text, "    <testcase {named}><failure type=\"{kind}\" message=\"{said}\"/></testcase>")
            }
            None if case.is_skipped => writeln!(text, "    <testcase {named}><skipped message=\"{said}\"/></testcase>"),
            None => writeln!(text, "    <testcase {named}><system-out>{said}</system-out></testcase>"),
        };
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_the_document() {
        assert_eq!(escaped("<a b=\"c\">&'\u{1}"), "&lt;a b=&quot;c&quot;&gt;&amp;&apos;\u{fffd}");
    }
}
