//! What a run was made with and what it is about, with the spans that show it.
//!
//! A declared name settles the question. Otherwise signs from the catalogue are weighed against each
//! other; too little or too balanced evidence is "unknown", which is an answer.

mod domain;
mod framework;
#[cfg(test)]
mod tests;

use arc_model::{Detection, Evidence, Field, RunFacts, SpanId, Trace};

pub use domain::domain;
pub use framework::framework;

/// Returns the detection of what a span declares, if one does; the one nearest the first root wins.
fn declared(
    trace: &Trace,
    name: &str,
    fact: impl Fn(&RunFacts) -> Option<&str>,
    id: impl Fn(&str) -> String,
) -> Option<Detection> {
    let mut spans = trace.walk();
    let (span, declared) = spans.find_map(|(_, span)| Some((span.span_id, fact(&span.facts)?)))?;
    let evidence = vec![Evidence::new(span, Field::Attribute(name.to_owned()), declared)];
    Some(Detection { id: Some(id(declared)), version: None, confidence: Some(1.0), evidence })
}

/// A sign of a candidate, seen at a span.
struct Sign {
    weight: u32,
    span: SpanId,
    field: Field,
    excerpt: String,
}

/// Most signs cited for one detection, the heaviest first.
const MOST_CITED: usize = 5;

/// Returns the winner's detection: its share of all weight, and its heaviest signs.
fn settled(id: &str, weight: u32, total: u32, mut signs: Vec<Sign>) -> Detection {
    signs.sort_by_key(|sign| std::cmp::Reverse(sign.weight));
    signs.truncate(MOST_CITED);
    let evidence = signs.into_iter().map(|sign| Evidence::new(sign.span, sign.field, &sign.excerpt)).collect();
    let confidence = (total > 0).then(|| f64::from(weight) / f64::from(total));
    Detection { id: Some(id.to_owned()), version: None, confidence, evidence }
}
