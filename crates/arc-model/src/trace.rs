//! The tree of one run. Several roots and missing parents are normal.

use std::collections::{BTreeMap, BTreeSet};

use crate::{RunFacts, Span, SpanId, SpanKind, TraceId};

/// All spans of one run, in order, with their tree.
///
/// Invariant: every span is reachable from a root exactly once, whatever its parent says; a span
/// whose parent is missing, is itself, or closes a circle is a root.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    id: TraceId,
    spans: Vec<Span>,
    roots: Vec<usize>,
    children: Vec<Vec<usize>>,
    parents: Vec<Option<usize>>,
    by_id: BTreeMap<SpanId, usize>,
}

impl Trace {
    /// Builds the tree of these spans; those of another trace are ignored, and of several records
    /// of one span the highest revision is kept.
    pub fn new(id: TraceId, spans: impl IntoIterator<Item = Span>) -> Self {
        let mut latest: BTreeMap<SpanId, Span> = BTreeMap::new();
        for span in spans {
            let newer = latest.get(&span.span_id).is_none_or(|known| span.revision > known.revision);
            if span.trace_id == id && newer {
                latest.insert(span.span_id, span);
            }
        }
        let mut spans: Vec<Span> = latest.into_values().collect();
        // A span without a start keeps its place in the source relative to the others without one.
        spans.sort_by_key(|span| (span.start, span.sequence, span.span_id));
        let by_id: BTreeMap<SpanId, usize> =
            spans.iter().enumerate().map(|(index, span)| (span.span_id, index)).collect();
        let mut parents: Vec<Option<usize>> =
            spans.iter().map(|span| span.parent_id.and_then(|parent| by_id.get(&parent).copied())).collect();
        break_circles(&mut parents);
        let mut roots = Vec::new();
        let mut children = vec![Vec::new(); spans.len()];
        for (index, parent) in parents.iter().enumerate() {
            match parent.and_then(|parent| children.get_mut(parent)) {
                Some(siblings) => siblings.push(index),
                None => roots.push(index),
            }
        }
        Self { id, spans, roots, children, parents, by_id }
    }

    /// Builds the trees of spans that may belong to several runs, in the order in which the runs begin.
    pub fn group(spans: impl IntoIterator<Item = Span>) -> Vec<Self> {
        let mut places: BTreeMap<TraceId, usize> = BTreeMap::new();
        let mut runs: Vec<(TraceId, Vec<Span>)> = Vec::new();
        for span in spans {
            let place = *places.entry(span.trace_id).or_insert(runs.len());
            match runs.get_mut(place) {
                Some((_, members)) => members.push(span),
                None => runs.push((span.trace_id, vec![span])),
            }
        }
        runs.into_iter().map(|(id, spans)| Self::new(id, spans)).collect()
    }

    /// Returns the run's id.
    pub const fn id(&self) -> TraceId {
        self.id
    }

    /// Returns the spans in order of start.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Returns the spans without a parent, in order.
    pub fn roots(&self) -> impl Iterator<Item = &Span> {
        self.roots.iter().filter_map(|&index| self.spans.get(index))
    }

    /// Returns the span with this id.
    pub fn span(&self, id: SpanId) -> Option<&Span> {
        self.spans.get(*self.by_id.get(&id)?)
    }

    /// Returns the children of a span, in order.
    pub fn children(&self, id: SpanId) -> impl Iterator<Item = &Span> {
        let indices = self.by_id.get(&id).and_then(|&index| self.children.get(index));
        indices.into_iter().flatten().filter_map(|&index| self.spans.get(index))
    }

    /// Returns the parent of a span in the tree.
    pub fn parent(&self, id: SpanId) -> Option<&Span> {
        let parent = (*self.parents.get(*self.by_id.get(&id)?)?)?;
        self.spans.get(parent)
    }

    /// Returns every span with its depth, parents before children.
    pub fn walk(&self) -> impl Iterator<Item = (usize, &Span)> {
        let mut stack: Vec<(usize, usize)> = self.roots.iter().rev().map(|&root| (0, root)).collect();
        std::iter::from_fn(move || {
            let (depth, index) = stack.pop()?;
            let children = self.children.get(index).map_or(&[][..], Vec::as_slice);
            stack.extend(children.iter().rev().map(|&child| (depth + 1, child)));
            self.spans.get(index).map(|span| (depth, span))
        })
    }

    /// Returns the model calls that count for tokens and cost: those without another below them.
    ///
    /// A wrapper and the client it calls both report the same tokens; only the inner one counts. Of two spans beside
    /// each other that tell of one answer, as two instrumentations of one client make them, one counts.
    pub fn leaf_llm_spans(&self) -> impl Iterator<Item = &Span> {
        let mut above = BTreeSet::new();
        for (index, span) in self.spans.iter().enumerate() {
            if span.kind != SpanKind::Llm {
                continue;
            }
            let mut at = index;
            while let Some(parent) = self.parents.get(at).copied().flatten() {
                // Everything further up was marked when `parent` was.
                if !above.insert(parent) {
                    break;
                }
                at = parent;
            }
        }
        let leaves = self.spans.iter().enumerate();
        let leaves = leaves.filter(|(index, span)| span.kind == SpanKind::Llm && !above.contains(index));
        let mut counted: Vec<&Span> = Vec::new();
        let mut by_answer: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, span) in leaves {
            let answer = span.model.as_ref().and_then(|model| model.response_id.as_deref());
            let known = answer.and_then(|id| by_answer.get(id)).and_then(|at| counted.get_mut(*at));
            match known {
                Some(known) if tell_of_one_answer(known, span) => {
                    if known.usage.is_none() {
                        *known = span;
                    }
                }
                _ => {
                    if let Some(id) = answer {
                        by_answer.insert(id, counted.len());
                    }
                    counted.push(span);
                }
            }
        }
        counted.into_iter()
    }

    /// Returns what the spans together say about the run; where they differ, the one nearest the
    /// first root wins.
    pub fn facts(&self) -> RunFacts {
        let mut facts = RunFacts::default();
        for (_, span) in self.walk() {
            facts.fill_from(&span.facts);
        }
        facts
    }
}

/// Returns whether two model calls with one response id are one call: servers of tests give every answer one id, but not
/// at one time with the same counts.
fn tell_of_one_answer(one: &Span, other: &Span) -> bool {
    let counts = |span: &Span| span.usage.as_ref().map(|usage| (usage.input, usage.output));
    let agree = match (counts(one), counts(other)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    let overlap = match (one.start, one.end, other.start, other.end) {
        (Some(start), Some(end), Some(other_start), Some(other_end)) => start < other_end && other_start < end,
        _ => false,
    };
    agree && overlap
}

/// Makes a root of one span in every circle of parents.
fn break_circles(parents: &mut [Option<usize>]) {
    let mut safe = vec![false; parents.len()];
    for start in 0..parents.len() {
        let mut path = BTreeSet::new();
        let mut at = start;
        while !safe.get(at).copied().unwrap_or(true) {
            if !path.insert(at) {
                if let Some(parent) = parents.get_mut(at) {
                    *parent = None;
                }
                break;
            }
            match parents.get(at).copied().flatten() {
                Some(parent) => at = parent,
                None => break,
            }
        }
        for index in path {
            if let Some(mark) = safe.get_mut(index) {
                *mark = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u8, parent: Option<u8>) -> Span {
        let trace = TraceId::from_bytes([7; 16]).unwrap();
        let mut span = Span::new(trace, SpanId::from_bytes([id; 8]).unwrap(), SpanKind::Step, format!("s{id}"));
        span.parent_id = parent.map(|parent| SpanId::from_bytes([parent; 8]).unwrap());
        span.sequence = u32::from(id);
        span
    }

    fn walk(spans: Vec<Span>) -> String {
        let trace = Trace::new(TraceId::from_bytes([7; 16]).unwrap(), spans);
        assert_eq!(trace.walk().count(), trace.spans().len());
        trace.walk().map(|(depth, span)| format!("{depth}{}", span.name)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn children_follow_their_parent_in_order() {
        assert_eq!(walk(vec![span(3, Some(1)), span(2, Some(1)), span(1, None), span(4, Some(2))]), "0s1 1s2 2s4 1s3");
    }

    #[test]
    fn an_orphan_is_a_root() {
        assert_eq!(walk(vec![span(1, None), span(2, Some(9))]), "0s1 0s2");
    }

    #[test]
    fn a_circle_of_parents_is_cut_open() {
        assert_eq!(walk(vec![span(1, Some(3)), span(2, Some(1)), span(3, Some(2))]), "0s1 1s2 2s3");
        assert_eq!(walk(vec![span(1, Some(1))]), "0s1");
    }

    #[test]
    fn the_highest_revision_of_a_span_is_kept() {
        let mut newer = span(1, None);
        newer.revision = 2;
        newer.name = "newer".into();
        assert_eq!(walk(vec![newer.clone(), span(1, None)]), "0newer");
        assert_eq!(walk(vec![span(1, None), newer]), "0newer");
    }

    #[test]
    fn only_the_innermost_model_call_counts() {
        let mut spans = vec![span(1, None), span(2, Some(1)), span(3, Some(2)), span(4, Some(1))];
        for index in [1, 2, 3] {
            spans[index].kind = SpanKind::Llm;
        }
        let trace = Trace::new(spans[0].trace_id, spans);
        let leaves: Vec<_> = trace.leaf_llm_spans().map(|span| span.name.as_str()).collect();
        assert_eq!(leaves, ["s3", "s4"]);
    }
}
