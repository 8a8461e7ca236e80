//! One call that several instrumentations recorded: which of its spans counts.
//!
//! A framework, the protocol client it calls and the transcript of the model can each report the same call. Merging
//! two calls into one would hide work that was done, so spans are taken for one call only when three things agree:
//! the tool, the arguments, and one of the tree (the one below the other), the call's id, or, when two emitters speak,
//! the time (the one while the other was under way). One emitter that shows two calls means two.

use std::collections::{BTreeMap, BTreeSet};

use arc_model::{Json, Payload, Span, SpanId, SpanKind, Trace};

/// Returns the spans that repeat another one of `spans`, with the one they repeat, which is none of them.
pub(super) fn repeats<'a>(trace: &Trace, spans: &[&'a Span]) -> BTreeMap<SpanId, &'a Span> {
    let mut found = Repeats { of: BTreeMap::new(), reported: BTreeMap::new() };
    let by_span: BTreeMap<SpanId, &Span> = spans.iter().map(|span| (span.span_id, *span)).collect();
    for &span in spans {
        if let Some(above) = call_above(trace, span, &by_span) {
            found.add(span, above);
        }
    }
    found.same_id(spans);
    found.same_time(spans);
    found.resolved()
}

struct Repeats<'a> {
    of: BTreeMap<SpanId, &'a Span>,
    /// Who else reported a call.
    reported: BTreeMap<SpanId, BTreeSet<Emitter<'a>>>,
}

impl<'a> Repeats<'a> {
    fn add(&mut self, span: &'a Span, of: &'a Span) {
        self.of.insert(span.span_id, of);
        self.reported.entry(of.span_id).or_default().insert(emitter(span));
    }

    fn is_reported_by(&self, call: &Span, by: Emitter<'a>) -> bool {
        emitter(call) == by || self.reported.get(&call.span_id).is_some_and(|known| known.contains(&by))
    }

    /// Returns what each span repeats at last. What a span repeats was found before it, or stands above it: no circles.
    fn resolved(&self) -> BTreeMap<SpanId, &'a Span> {
        let last = |mut at: &'a Span| {
            for _ in 0..self.of.len() {
                match self.of.get(&at.span_id) {
                    Some(of) => at = of,
                    None => break,
                }
            }
            at
        };
        self.of.iter().map(|(id, of)| (*id, last(of))).filter(|(id, of)| *id != of.span_id).collect()
    }

    fn is_free(&self, span: &Span) -> bool {
        !self.of.contains_key(&span.span_id)
    }

    /// Merges what has one call id. Some providers use an id again in a later turn, so the times have to overlap.
    fn same_id(&mut self, spans: &[&'a Span]) {
        let mut by_id: BTreeMap<&str, Vec<&'a Span>> = BTreeMap::new();
        for &span in spans {
            if let Some(id) = span.tool.as_ref().and_then(|call| call.id.as_deref()).filter(|id| !id.is_empty()) {
                by_id.entry(id).or_default().push(span);
            }
        }
        for group in by_id.values().filter(|group| group.len() > 1) {
            // What was seen outranks what was concluded from the transcript.
            let (derived, seen): (Vec<&Span>, Vec<&Span>) = group.iter().partition(|span| is_derived(span));
            let ordered: Vec<&'a Span> = seen.into_iter().chain(derived).collect();
            for (index, &span) in ordered.iter().enumerate() {
                let mut earlier = ordered.iter().take(index).filter(|first| self.is_free(first));
                let first = earlier.find(|first| same_tool(first, span) && agree(first, span) && overlap(first, span));
                if let Some(&first) = first
                    && self.is_free(span)
                {
                    self.add(span, first);
                }
            }
        }
    }

    /// Merges what different emitters report of one stretch of time: each call has at most one span of an emitter.
    fn same_time(&mut self, spans: &[&'a Span]) {
        let mut groups: BTreeMap<String, Vec<&'a Span>> = BTreeMap::new();
        for &span in spans.iter().filter(|span| self.is_free(span)) {
            if let Some(arguments) = arguments(span) {
                groups.entry(arguments.to_text()).or_default().push(span);
            }
        }
        for group in groups.values_mut().filter(|group| group.len() > 1) {
            group.sort_by_key(|span| rank(span));
            let mut kept: Vec<&'a Span> = Vec::new();
            for &span in &*group {
                let of = kept
                    .iter()
                    .find(|of| is_within(of, span) && same_tool(of, span) && !self.is_reported_by(of, emitter(span)));
                match of {
                    Some(&of) => self.add(span, of),
                    None => kept.push(span),
                }
            }
        }
    }
}

/// Who reports a call: an instrumentation, the protocol's client, or the transcript.
type Emitter<'a> = (&'a str, bool, bool);

fn emitter(span: &Span) -> Emitter<'_> {
    let name = span.scope.as_ref().map_or("", |scope| scope.name.as_str());
    (name, is_message(span), is_derived(span))
}

/// Orders spans by how much they say of a call: what the agent did, what its client sent, what the transcript shows.
fn rank(span: &Span) -> (bool, bool) {
    (is_derived(span), is_message(span))
}

/// Returns whether one of two spans was under way all the while the other was.
fn is_within(one: &Span, other: &Span) -> bool {
    contains(one, other) || contains(other, one)
}

/// Returns the call a span stands below, if it is the same one; an agent or a model in between does calls of its own.
fn call_above<'a>(trace: &Trace, span: &Span, calls: &BTreeMap<SpanId, &'a Span>) -> Option<&'a Span> {
    let mut above = trace.parent(span.span_id)?;
    let is_direct = above.kind == span.kind;
    while !matches!(above.kind, SpanKind::Agent | SpanKind::Llm) {
        if above.kind == span.kind {
            let is_same = same_tool(above, span) && (is_direct || agree(above, span));
            return calls.get(&above.span_id).copied().filter(|_| is_same);
        }
        above = trace.parent(above.span_id)?;
    }
    None
}

fn arguments(span: &Span) -> Option<&Payload> {
    let own = span.tool.as_ref().and_then(|call| call.arguments.as_ref());
    own.or(span.input.as_ref())
}

/// Returns whether nothing in the arguments says that these are two calls.
fn agree(one: &Span, other: &Span) -> bool {
    match (arguments(one), arguments(other)) {
        (Some(one), Some(other)) => one == other || one.to_text() == other.to_text(),
        _ => true,
    }
}

/// Returns whether they name one tool. Frameworks put the server before the name of its tool: `mcp__files__read`.
fn same_tool(one: &Span, other: &Span) -> bool {
    let name = |span: &Span| span.tool.as_ref().map(|call| call.name.clone()).filter(|name| !name.is_empty());
    let (Some(mut long), Some(mut short)) = (name(one), name(other)) else { return false };
    if long == short {
        return true;
    }
    if is_message(one) == is_message(other) {
        return false;
    }
    if long.len() < short.len() {
        std::mem::swap(&mut long, &mut short);
    }
    long.strip_suffix(&short).is_some_and(|prefix| prefix.ends_with(['_', '.', '-', '/', ':']))
}

fn is_message(span: &Span) -> bool {
    span.attributes.contains_key("mcp.method.name")
}

fn is_derived(span: &Span) -> bool {
    span.attributes.get("arc_eval.derived") == Some(&Json::Bool(true))
}

fn overlap(one: &Span, other: &Span) -> bool {
    let (Some(start), Some(other_start)) = (one.start, other.start) else { return false };
    one.end.is_none_or(|end| other_start <= end) && other.end.is_none_or(|end| start <= end)
}

fn contains(outer: &Span, inner: &Span) -> bool {
    let (Some(start), Some(inner_start)) = (outer.start, inner.start) else { return false };
    let ends_within = match (outer.end, inner.end) {
        (Some(end), Some(inner_end)) => inner_end <= end,
        (Some(end), None) => inner_start <= end,
        (None, _) => true,
    };
    start <= inner_start && ends_within
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;
    use expect_test::{Expect, expect};

    use crate::failures::View;

    /// Compares the calls that count with what is expected: the place of their span, their name, arguments and result.
    #[expect(clippy::needless_pass_by_value, reason = "tests pass what `expect!` makes")]
    fn check(text: &str, expected: Expect) {
        let trace = sketch::parse(text).unwrap();
        let view = View::new(&trace);
        let text = |payload: Option<&arc_model::Payload>| payload.map_or("?".to_owned(), arc_model::Payload::to_text);
        let lines = view.calls().iter().map(|call| {
            let place = trace.walk().position(|(_, span)| span.span_id == call.span.span_id).unwrap() + 1;
            format!("{place} {}({}) = {}\n", call.name, text(call.arguments), text(call.result))
        });
        expected.assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn a_message_of_the_protocol_below_its_call_is_the_same_call() {
        check(
            r#"
agent plan
  tool read_file {path: "a"} #call_1
    step tools
      tool read_file {path: "a"} -> "text" attributes={"mcp.method.name": "tools/call"}
"#,
            expect![[r#"
                2 read_file({"path":"a"}) = text
            "#]],
        );
    }

    #[test]
    fn a_message_of_the_protocol_beside_its_call_is_the_same_call_when_it_was_sent_during_it() {
        check(
            r#"
agent plan
  tool files_read {path: "a"} #call_1 @0s +2s -> "text"
  tool read {path: "a"} @1s +0.5s -> "text" attributes={"mcp.method.name": "tools/call"}
  tool read {path: "a"} @3s +0.5s -> "text" attributes={"mcp.method.name": "tools/call"}
"#,
            expect![[r#"
                2 files_read({"path":"a"}) = text
                4 read({"path":"a"}) = text
            "#]],
        );
    }

    #[test]
    fn each_of_two_equal_calls_at_once_has_its_own_message() {
        check(
            r#"
agent plan
  tool read {path: "a"} #call_1 @0s +4s
  tool read {path: "a"} #call_2 @0s +4s
  tool read {path: "a"} @1s +1s attributes={"mcp.method.name": "tools/call"}
  tool read {path: "a"} @1s +1s attributes={"mcp.method.name": "tools/call"}
  tool read {path: "a"} @2s +1s attributes={"mcp.method.name": "tools/call"}
"#,
            expect![[r#"
                2 read({"path":"a"}) = ?
                3 read({"path":"a"}) = ?
                6 read({"path":"a"}) = ?
            "#]],
        );
    }

    #[test]
    fn calls_of_one_id_that_overlap_are_one_call_and_what_was_seen_counts() {
        check(
            r#"
agent plan
  tool search {q: "x"} #call_1 @0s +3s -> "two" attributes={"arc_eval.derived": true}
  tool search {q: "x"} #call_1 @1s +1s
"#,
            expect![[r#"
                3 search({"q":"x"}) = two
            "#]],
        );
    }

    #[test]
    fn an_id_used_again_later_or_with_other_arguments_is_another_call() {
        check(
            r#"
agent plan
  tool search {q: "x"} #call_0 @0s +1s
  tool search {q: "x"} #call_0 @2s +1s
  tool search {q: "y"} #call_0 @2s +1s
"#,
            expect![[r#"
                2 search({"q":"x"}) = ?
                3 search({"q":"x"}) = ?
                4 search({"q":"y"}) = ?
            "#]],
        );
    }

    #[test]
    fn a_call_of_an_agent_below_a_call_is_its_own() {
        check(
            r#"
agent plan
  tool search {q: "x"}
    agent searcher
      tool search {q: "x"}
"#,
            expect![[r#"
                2 search({"q":"x"}) = ?
                4 search({"q":"x"}) = ?
            "#]],
        );
    }

    #[test]
    fn equal_calls_side_by_side_of_one_emitter_are_two_and_of_two_emitters_one() {
        check(
            r#"
agent plan
  tool search {q: "x"} @0s +3s
  tool search {q: "x"} @1s +1s
  tool search {q: "x"} @0s +4s scope=other -> "found"
"#,
            expect![[r#"
                2 search({"q":"x"}) = found
                4 search({"q":"x"}) = ?
            "#]],
        );
    }

    #[test]
    fn what_the_transcript_shows_under_another_id_is_the_call_that_was_seen_meanwhile() {
        check(
            r#"
agent plan
  tool search {q: "x"} #search-0 @0s +3s -> "two" attributes={"arc_eval.derived": true}
  tool search {q: "x"} #adk-7 @1s +1s
  tool search {q: "x"} #search-1 @4s +1s -> "three" attributes={"arc_eval.derived": true}
"#,
            expect![[r#"
                3 search({"q":"x"}) = two
                4 search({"q":"x"}) = three
            "#]],
        );
    }
}
