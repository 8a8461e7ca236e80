//! What our own SDK emits on top of OpenTelemetry's conventions: attributes under `arc_eval.`.

use arc_model::{Json, OutcomeClaim, OutcomeSource, RunFacts, TaskId, Termination, Verdict};

use super::{Dialect, Found, Reading, exchanges};
use crate::{
    raw::RawSpan,
    read::{
        attributes::Reader,
        value::{self, count},
    },
};

/// The dialect.
pub struct ArcEval;

impl Dialect for ArcEval {
    fn id(&self) -> &'static str {
        "arc-eval"
    }

    fn name(&self) -> &'static str {
        "arc-eval's own attributes"
    }

    fn speaks(&self, span: &RawSpan) -> bool {
        Reader::new(&span.attributes).speaks(&["arc_eval."])
    }

    fn read(&self, span: &RawSpan) -> Reading {
        let attributes = Reader::new(&span.attributes);
        let mut reading = Reading {
            revision: attributes.first(&["arc_eval.revision"], count),
            sequence: attributes.first(&["arc_eval.sequence"], |value| u32::try_from(count(value)?).ok()),
            input: attributes.payload(&["arc_eval.input"]),
            output: attributes.payload(&["arc_eval.output"]),
            ..Reading::default()
        };
        reading.facts = Some(facts(attributes, span, &mut reading)).filter(|found| !found.value.is_empty());
        exchanges::read(span, attributes, &mut reading);
        reading
    }
}

fn facts(attributes: Reader<'_>, span: &RawSpan, reading: &mut Reading) -> Found<RunFacts> {
    let mut found = Found::kept(RunFacts::default());
    found.value.domain = found.keep(attributes.name(&["arc_eval.domain"]));
    found.value.framework = found.keep(attributes.name(&["arc_eval.framework"]));
    found.value.framework_version = found.keep(attributes.name(&["arc_eval.framework.version"]));
    found.value.task = found.keep(attributes.name(&["arc_eval.task"])).map(TaskId::new);
    let small = |value: &Json| u32::try_from(count(value)?).ok();
    found.value.trial = found.keep(attributes.first(&["arc_eval.trial"], small));
    found.value.step_limit = found.keep(attributes.first(&["arc_eval.step_limit"], small));
    found.value.termination = found.keep(attributes.first(&["arc_eval.termination"], as_word::<Termination>));
    if attributes.get("arc_eval.termination").is_some() && found.value.termination.is_none() {
        reading.repaired(
            "`arc_eval.termination` is none of completed, step_limit, timeout, exception, cancelled, killed, oom and \
             exited; how the run ended is unknown",
        );
    }
    found.value.exit_code = found.keep(attributes.first(&["arc_eval.exit.code"], small));
    found.value.exit_signal = found.keep(attributes.first(&["arc_eval.exit.signal"], small));
    found.value.last_step = found.keep(attributes.name(&["arc_eval.last_step"]));
    let verdict = found.keep(attributes.first(&["arc_eval.outcome.verdict"], as_word::<Verdict>));
    match verdict {
        Some(verdict) => {
            let source = found.keep(attributes.first(&["arc_eval.outcome.source"], as_word::<OutcomeSource>));
            let score = found.keep(attributes.first(&["arc_eval.outcome.score"], value::number));
            let reason = found.keep(attributes.name(&["arc_eval.outcome.reason"]));
            // The host program speaks unless it says on whose behalf.
            let source = source.unwrap_or(OutcomeSource::HostDeclared);
            found.value.outcomes.push(OutcomeClaim { verdict, source, score, reason, span_id: Some(span.span_id) });
        }
        None if attributes.get("arc_eval.outcome.verdict").is_some() => reading.repaired(
            "`arc_eval.outcome.verdict` is none of succeeded, failed and unknown; whether the run succeeded is unknown",
        ),
        None => {}
    }
    found
}

/// Reads one of our own words.
fn as_word<T: serde::de::DeserializeOwned>(value: &Json) -> Option<T> {
    let text = value.as_str()?.trim().to_ascii_lowercase();
    serde_json::from_value(Json::String(text)).ok()
}
