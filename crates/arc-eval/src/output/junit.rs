//! Checks as `JUnit` XML, which most build servers show.

use std::fmt::Write;

use arc_analysis::gate::GateVerdict;

use super::{
    gate::{Judged, check_text},
    plain,
};

/// Returns the report: one test case per check.
pub(crate) fn report(judged: &Judged) -> String {
    let checks = &judged.gate.checks;
    let failed = checks.iter().filter(|check| check.verdict != GateVerdict::Met).count();
    let suite = format!("name=\"arc-eval gate: {}\" tests=\"{}\"", escaped(&judged.name()), checks.len());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite {suite} failures=\"{failed}\" errors=\"0\">\n"
    );
    for check in checks {
        let case = format!("classname=\"arc-eval.gate.{}\" name=\"{}\"", escaped(&judged.name()), escaped(&check.id));
        let said = escaped(&check_text(check));
        let kind = match check.verdict {
            GateVerdict::Met => {
                let _ = writeln!(text, "    <testcase {case}><system-out>{said}</system-out></testcase>");
                continue;
            }
            GateVerdict::NotMet => "not-met",
            GateVerdict::NotYetKnown => "not-yet-known",
        };
        let _ = writeln!(text, "    <testcase {case}><failure type=\"{kind}\" message=\"{said}\"/></testcase>");
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
