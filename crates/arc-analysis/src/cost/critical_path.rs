//! What a run waited for: each moment of it belongs to the innermost span on the critical path, so that model, tools and
//! the rest sum to the whole, and of what ran side by side only the longest counts.

use arc_model::{Span, SpanId, SpanKind, Timestamp, Trace};
use serde::{Deserialize, Serialize};

/// Deepest level that is followed.
const DEEPEST: usize = 200;
/// Most spans of a path that are named.
const MOST_STEPS: usize = 1_000;

/// How long a run took, and what it waited for. Times are nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunTiming {
    /// From its first span's start to its last span's end; `null` where that is not known.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub time_ns: Option<u64>,
    /// Of it, what passed while the run waited for a model.
    pub model_ns: u64,
    /// Of it, what passed while the run waited for a tool or a search.
    pub tool_ns: u64,
    /// What is neither.
    pub other_ns: u64,
    /// The spans the run waited for, in order of time; one that waited for others in between is there more than once.
    pub critical_path: Vec<PathStep>,
    /// Whether the path has more steps than are named; their time is in the sums.
    pub is_cut: bool,
    /// From a request to the first token of its answer, on the mean of the calls that were streamed; `null` where none was.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub first_token_ns: Option<u64>,
    /// Calls of which that is known.
    pub first_token_calls: u64,
    /// From the start of the run to the first token of any answer; `null` where no call was streamed.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub until_first_token_ns: Option<u64>,
}

/// A stretch of time in which the run waited for a span itself, not for one below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PathStep {
    /// The span.
    pub span_id: SpanId,
    /// When the stretch began.
    pub start: Timestamp,
    /// How long it lasted.
    pub own_ns: u64,
}

/// Returns what a run waited for.
pub fn timing(trace: &Trace) -> RunTiming {
    let start = trace.spans().iter().filter_map(|span| span.start).min();
    let first_tokens: Vec<(&Span, u64)> =
        trace.leaf_llm_spans().filter_map(|span| Some((span, span.time_to_first_token_ns?))).collect();
    let first_token_calls = u64::try_from(first_tokens.len()).unwrap_or(u64::MAX);
    let sum = first_tokens.iter().fold(0_u64, |sum, (_, wait)| sum.saturating_add(*wait));
    let until = |(span, wait): &(&Span, u64)| Some(span.start?.nanos_since(start?)?.saturating_add(*wait));
    let mut timing = RunTiming {
        first_token_ns: sum.checked_div(first_token_calls),
        first_token_calls,
        until_first_token_ns: first_tokens.iter().filter_map(until).min(),
        ..RunTiming::default()
    };
    let end = trace.spans().iter().filter_map(|span| span.end).max();
    let Some((start, duration)) = start.zip(end).and_then(|(start, end)| Some((start, end.nanos_since(start)?))) else {
        return timing;
    };
    let mut path = Path { trace, model: 0, tool: 0, steps: Vec::new() };
    let mut until = start.plus_nanos(i64::try_from(duration).unwrap_or(i64::MAX));
    for root in path.timed(trace.roots()) {
        until = path.walk(root, until, 0);
    }
    timing.time_ns = Some(duration);
    timing.model_ns = path.model.min(duration);
    timing.tool_ns = path.tool.min(duration - timing.model_ns);
    timing.other_ns = duration - timing.model_ns - timing.tool_ns;
    path.steps.reverse();
    timing.is_cut = path.steps.len() > MOST_STEPS;
    path.steps.truncate(MOST_STEPS);
    timing.critical_path = path.steps;
    timing
}

struct Path<'a> {
    trace: &'a Trace,
    model: u64,
    tool: u64,
    /// The latest first.
    steps: Vec<PathStep>,
}

impl<'a> Path<'a> {
    /// Walks back in time from `until` through a span, and returns the time at which the walk leaves it.
    fn walk(&mut self, span: &'a Span, until: Timestamp, depth: usize) -> Timestamp {
        let (Some(start), Some(end)) = (span.start, span.end) else { return until };
        let mut at = until.min(end);
        if at <= start {
            return until;
        }
        let children = if depth < DEEPEST { self.timed(self.trace.children(span.span_id)) } else { Vec::new() };
        for child in children {
            // What ended later than the walk has come ran beside it.
            let (Some(child_start), Some(child_end)) = (child.start, child.end) else { continue };
            if child_start >= at || child_end <= start {
                continue;
            }
            self.add(span, child_end.min(at), at);
            at = self.walk(child, at.min(child_end), depth + 1).max(start);
        }
        self.add(span, start, at);
        start
    }

    /// Returns these spans, the one that ended last first; of one whose times are not known, those below it in its place.
    fn timed(&self, spans: impl Iterator<Item = &'a Span>) -> Vec<&'a Span> {
        let mut waiting: Vec<(&Span, usize)> = spans.map(|span| (span, 0)).collect();
        let mut timed = Vec::new();
        while let Some((span, depth)) = waiting.pop() {
            if span.start.is_some() && span.end.is_some() {
                timed.push(span);
            } else if depth < DEEPEST {
                waiting.extend(self.trace.children(span.span_id).map(|child| (child, depth + 1)));
            }
        }
        timed.sort_by_key(|span| (std::cmp::Reverse(span.end), span.span_id));
        timed
    }

    /// Adds a stretch of time that belongs to a span itself.
    fn add(&mut self, span: &Span, start: Timestamp, end: Timestamp) {
        let Some(own_ns) = end.nanos_since(start).filter(|&own| own > 0) else { return };
        match span.kind {
            SpanKind::Llm | SpanKind::Embedding | SpanKind::Rerank => self.model = self.model.saturating_add(own_ns),
            SpanKind::Tool | SpanKind::Retrieval => self.tool = self.tool.saturating_add(own_ns),
            _ => {}
        }
        self.steps.push(PathStep { span_id: span.span_id, start, own_ns });
    }
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> (Trace, RunTiming) {
        let trace = sketch::parse(text).unwrap_or_else(|error| panic!("{error}"));
        let timing = timing(&trace);
        (trace, timing)
    }

    /// The path in words: names and milliseconds.
    fn path(text: &str) -> String {
        let (trace, timing) = of(text);
        let name = |id: SpanId| trace.spans().iter().find(|span| span.span_id == id).unwrap().name.clone();
        let steps =
            timing.critical_path.iter().map(|step| format!("{} {}", name(step.span_id), step.own_ns / 1_000_000));
        steps.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn of_what_ran_side_by_side_the_longest_is_on_the_path() {
        let run = "agent a @0s +10s\n  llm m @0s +2s ttft=500ms\n  tool slow @2s +3s\n  tool fast @2s +1s\n  llm m2 @6s +2s ttft=300ms";
        assert_eq!(path(run), "m 2000, slow 3000, a 1000, m2 2000, a 2000");
        let (_, timing) = of(run);
        assert_eq!((timing.model_ns, timing.tool_ns, timing.other_ns), (4_000_000_000, 3_000_000_000, 3_000_000_000));
        assert_eq!((timing.first_token_ns, timing.first_token_calls), (Some(400_000_000), 2));
        assert_eq!(timing.until_first_token_ns, Some(500_000_000));
    }

    #[test]
    fn a_span_that_never_ended_hides_nothing_below_it() {
        let (_, timing) = of("agent a @0s running\n  step s\n    llm m @0s +10s\n  tool t @10s +2s");
        assert_eq!((timing.time_ns, timing.model_ns), (Some(12_000_000_000), 10_000_000_000));
        assert_eq!((timing.tool_ns, timing.other_ns), (2_000_000_000, 0));
    }

    #[test]
    fn a_run_without_times_has_no_path_and_one_without_streams_no_first_token() {
        assert_eq!(of("agent a\n  llm m").1, RunTiming::default());
        let (_, timing) = of("agent a @0s +1s\n  llm m @0s +1s");
        assert_eq!(
            (timing.time_ns, timing.first_token_ns, timing.until_first_token_ns),
            (Some(1_000_000_000), None, None)
        );
    }

    proptest! {
        /// A run of one root: the stretches follow on each other without gaps from its start to its end.
        #[test]
        fn the_path_covers_every_moment_of_the_run_once(
            spans in prop::collection::vec((0u64..20, 1u64..20, any::<bool>()), 0..12)
        ) {
            let mut text = "agent a @0s +40s\n".to_owned();
            for (start, length, is_tool) in spans {
                let kind = if is_tool { "tool t" } else { "llm m" };
                text.extend(["  ", kind, &format!(" @{start}s +{length}s\n")]);
            }
            let (_, timing) = of(&text);
            let mut at = timing.critical_path[0].start;
            for step in &timing.critical_path {
                prop_assert_eq!(step.start, at);
                at = at.plus_nanos(i64::try_from(step.own_ns).unwrap());
            }
            let sum: u64 = timing.critical_path.iter().map(|step| step.own_ns).sum();
            prop_assert_eq!(Some(sum), timing.time_ns);
            prop_assert_eq!(timing.model_ns + timing.tool_ns + timing.other_ns, sum);
        }
    }
}
