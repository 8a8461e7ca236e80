//! What users are told of a diagnosis: of a failed run of several agents, the step that probably decided.
//!
//! Only what is better than a constant is told (`docs/reference/accuracy.md`): of a single agent with tools no step is
//! named, and what a model claims about leaves at steps is not shown, because it was learnt on one framework.

use arc_catalog::Catalog;
use arc_model::{Evidence, Field, Finding, Span, SpanKind, Trace};

use super::{Diagnosis, diagnose};
use crate::failures::Measured;

/// The leaf.
const LEAF: &str = "decisive-step";

/// Version of what is told; raised when the same run would be told something else.
const VERSION: u32 = 1;

/// How often the step named first was the one that people named, cross-validated.
const MEASURED: Measured = Measured { right: 26, of: 62, dataset: "Who&When, cross-validated" };

/// Suspects that are shown.
const SHOWN: usize = 3;

/// Returns the step that probably decided that a run failed; that it failed has to be known.
pub(crate) fn decisive_step(trace: &Trace, catalog: &Catalog) -> Option<Finding> {
    let leaf = catalog.leaf(LEAF)?;
    // Cheap to see, and most runs are of single agents.
    if trace.spans().iter().any(|span| span.kind == SpanKind::Llm) {
        return None;
    }
    let Diagnosis { decisive, .. } = diagnose(trace);
    // With fewer steps there is nothing to choose from.
    if decisive.len() < SHOWN {
        return None;
    }
    let mut shown =
        decisive.iter().take(SHOWN).filter_map(|candidate| Some((candidate, trace.span(candidate.span_id)?)));
    let (first, span) = shown.next()?;
    let percent = (first.probability * 100.0).round();
    let because = if first.because.is_empty() { String::new() } else { format!("; {}", first.because.join(", ")) };
    let title = format!("this step of {} probably decided that the run failed ({percent} %{because})", first.agent);
    let more: Vec<Evidence> = shown.map(|(_, span)| said(span)).collect();
    let detector = format!("{LEAF}@{VERSION}");
    let finding = Finding::new(trace.id(), leaf.id.clone(), leaf.severity, title, detector, said(span), more);
    Some(finding.with_confidence(MEASURED.confidence()))
}

fn said(span: &Span) -> Evidence {
    let text = span.messages_out.iter().chain(&span.messages_in).map(|message| message.joined_text()).next();
    let field = if span.messages_out.is_empty() { Field::Input } else { Field::Output };
    Evidence::new(span.span_id, field, text.as_deref().unwrap_or(&span.name))
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::*;

    #[test]
    fn of_several_agents_a_step_is_named_with_the_other_suspects_and_how_often_that_is_right() {
        let trace = sketch::parse(
            "agent chat \"How many?\"\n  agent Planner -> assistant:Planner \"Let us count.\"\n  agent Counter -> \
             assistant:Counter \"Probably 7.\"\n  agent Checker -> assistant:Checker \"7 is right. TERMINATE\"",
        )
        .unwrap();
        let finding = decisive_step(&trace, Catalog::builtin()).unwrap();
        assert_eq!(finding.evidence().len(), 3);
        assert!(finding.title().contains("probably decided"), "{}", finding.title());
        assert!(matches!(finding.confidence(), arc_model::Confidence::Measured { .. }));
    }

    #[test]
    fn of_a_single_agent_no_step_is_named() {
        let trace = sketch::parse("agent a\n  llm m -> \"1\"\n  llm m -> \"2\"\n  llm m -> \"3\"").unwrap();
        assert_eq!(decisive_step(&trace, Catalog::builtin()), None);
    }
}
