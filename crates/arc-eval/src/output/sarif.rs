//! Checks that did not pass as SARIF 2.1.0, which code hosts show beside a change.

use arc_analysis::gate::{Check, GateVerdict};
use serde_json::{Value, json};

use super::gate::{Judged, check_text};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Returns the report: one rule per check, one result per check that did not pass.
pub(crate) fn report(judged: &Judged) -> String {
    let rule = |check: &Check| {
        let (short, name) = match check.id.as_str() {
            "min-reliability" => ("The success rate is high enough", "MinReliability"),
            "max-cost" => ("A run is cheap enough", "MaxCost"),
            _ => ("Runs are fast enough", "MaxP95Ms"),
        };
        json!({"id": check.id, "name": name, "shortDescription": {"text": short}})
    };
    let result = |check: &Check| {
        // What is not yet known is no defect of the agent, yet it does not pass either.
        let level = if check.verdict == GateVerdict::NotMet { "error" } else { "warning" };
        json!({
            "ruleId": check.id,
            "level": level,
            "message": {"text": check_text(check)},
            "locations": [{"logicalLocations": [{"name": judged.name(), "kind": "module"}]}],
            "partialFingerprints": {"arcEvalGate/v1": format!("{}/{}", judged.name(), check.id)},
        })
    };
    let checks = &judged.gate.checks;
    let results: Vec<Value> = checks.iter().filter(|check| check.verdict != GateVerdict::Met).map(result).collect();
    let driver = json!({
        "name": "arc-eval",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": checks.iter().map(rule).collect::<Vec<_>>(),
    });
    let log =
        json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]});
    format!("{log:#}\n")
}
