//! An exception ended a run.
//!
//! # What
//! An exception left the span whose end is the end of the run: its status is *error*, or it records
//! an exception as escaped. Cited are that span and, where the same error came up from below, the
//! deepest span that shows it.
//!
//! # Why it matters
//! The caller got an error instead of an answer.
//!
//! # Example
//! ```text
//! agent plan !ValueError "no such city"
//!   tool weather {city: "Atlantis"} !ValueError "no such city"
//! ```
//!
//! # When it is wrong
//! The host may have caught the exception and answered otherwise, outside of what was traced. Runs
//! stopped on purpose (cancelled, interrupted) and those stopped at a step limit are passed over;
//! so are errors that a span inside recorded and the run survived.

use arc_model::{Evidence, Field, Json, Span, SpanEvent, Status, Termination};

use super::{Detector, Sighting, View, call_error, step_limit};
use crate::outcome;

/// Classes of exceptions by which a host stops a run on purpose, by the last part of their name.
const ON_PURPOSE: [&str; 4] = ["CancelledError", "KeyboardInterrupt", "GeneratorExit", "SystemExit"];

/// Finds the exception that ended a run; the module says when it is wrong.
pub(super) struct UnhandledException;

impl Detector for UnhandledException {
    fn leaf(&self) -> &'static str {
        "unhandled-exception"
    }

    fn version(&self) -> u32 {
        1
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        sighting(view).into_iter().collect()
    }
}

fn sighting(view: &View<'_>) -> Option<Sighting> {
    let declared = view.trace().facts().termination;
    let program = outcome::ended_program(view.trace());
    if program.is_none() && declared.is_some_and(|declared| declared != Termination::Exception) {
        return None;
    }
    let root = program.or_else(|| outcome::last_root(view.trace()))?;
    let (message, field) = escaped(root)?;
    if is_on_purpose(root) || step_limit::limit_exception(root).is_some() {
        return None;
    }
    let origin = origin(view, root, &message);
    let more = origin.map(|(span, message)| Evidence::new(span.span_id, Field::Status, &message));
    let line = Evidence::new(root.span_id, field.clone(), call_error::headline(&message)).excerpt;
    let first = Evidence::new(root.span_id, field, &message);
    Some(Sighting { title: format!("the run ended in an exception: {line}"), first, more: more.into_iter().collect() })
}

/// Returns the error that left a span, and where it stands.
fn escaped(span: &Span) -> Option<(String, Field)> {
    if let Some(message) = call_error::status_error(span) {
        return Some((message, Field::Status));
    }
    let event = exceptions(span).next_back().filter(|event| span.status == Status::Unset && says_escaped(event))?;
    let detail = |name: &str| event.attributes.get(name).and_then(Json::as_str).unwrap_or_default();
    Some((format!("{}: {}", detail("exception.type"), detail("exception.message")), Field::Exception))
}

fn exceptions(span: &Span) -> impl DoubleEndedIterator<Item = &SpanEvent> {
    span.events.iter().filter(|event| event.name == "exception")
}

fn says_escaped(event: &SpanEvent) -> bool {
    let value = event.attributes.get("exception.escaped");
    value.is_some_and(|value| {
        value.as_bool() == Some(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
    })
}

fn is_on_purpose(span: &Span) -> bool {
    let kind = match &span.status {
        Status::Error { kind: Some(kind), .. } => Some(kind.as_str()),
        _ => {
            exceptions(span).next_back().and_then(|event| event.attributes.get("exception.type")).and_then(Json::as_str)
        }
    };
    kind.is_some_and(|kind| ON_PURPOSE.contains(&kind.rsplit('.').next().unwrap_or(kind)))
}

/// Returns the deepest span below that failed, following failed spans down from the root, with its
/// message.
fn origin<'a>(view: &View<'a>, root: &'a Span, message: &str) -> Option<(&'a Span, String)> {
    let mut deepest = None;
    let mut at = root;
    // The last failed child is the one whose error went up.
    while let Some(child) = view.trace().children(at.span_id).filter(|child| child.status.is_error()).last() {
        deepest = call_error::status_error(child).map(|found| (child, found));
        at = child;
    }
    let (span, found) = deepest?;
    // A failed call that the run got over is not where its end comes from, unless the words agree.
    let is_last_thing =
        view.trace().spans().last().is_some_and(|last| view.order(last.span_id) == view.order(span.span_id));
    let agrees = is_last_thing || shares_words(message, &found);
    agrees.then_some((span, found))
}

/// Returns whether one message contains the other, without the class in front.
pub(super) fn shares_words(one: &str, other: &str) -> bool {
    fn bare(message: &str) -> &str {
        let line = call_error::headline(message);
        line.split_once(": ").map_or(line, |(_, rest)| rest).trim()
    }
    let (one, other) = (bare(one), bare(other));
    !one.is_empty() && !other.is_empty() && (one.contains(other) || other.contains(one))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "unhandled-exception";

    #[test]
    fn an_error_that_came_up_to_the_root_ended_the_run() {
        check(
            LEAF,
            r#"
agent plan !ValueError "no such city"
  step act !ValueError "no such city"
    tool weather {city: "Atlantis"} !ValueError "no such city"
"#,
            expect![[r"
                critical the run ended in an exception: ValueError: no such city
                  span 1 status `ValueError: no such city`
                  span 3 status `ValueError: no such city`
            "]],
        );
    }

    #[test]
    fn an_exception_recorded_as_escaped_counts_without_a_status() {
        check(
            LEAF,
            r#"agent a event exception{exception.escaped: "True", exception.message: "boom", exception.type: "KeyError"}"#,
            expect![[r"
                critical the run ended in an exception: KeyError: boom
                  span 1 exception `KeyError: boom`
            "]],
        );
    }

    #[test]
    fn in_a_run_that_is_a_whole_program_the_exception_that_ended_it_counts() {
        check(
            LEAF,
            r#"
agent a end=exited exit=1 !"the program exited with code 1"
  step "python a.py" !ValueError "no such city" attributes={process.pid: 7} raises ValueError "no such city"
    llm m -> "Going on."
"#,
            expect![[r"
                critical the run ended in an exception: ValueError: no such city
                  span 2 status `ValueError: no such city`
            "]],
        );
    }

    #[test]
    fn an_error_below_that_says_something_else_is_not_the_origin() {
        check(
            LEAF,
            r#"
agent a !TypeError "not callable"
  tool t {q: 1} !timeout "30 s"
  llm m -> "Going on."
"#,
            expect![[r"
                critical the run ended in an exception: TypeError: not callable
                  span 1 status `TypeError: not callable`
            "]],
        );
    }

    #[test]
    fn an_error_the_run_survived_is_handled() {
        check(LEAF, "agent a\n  tool t {q: 1} !timeout\n  llm m -> \"Going on.\"", expect![""]);
        check(LEAF, "agent a raises ValueError \"caught\"", expect![""]);
        check(LEAF, "llm m !429\nllm m -> \"hi\"", expect![""]);
    }

    #[test]
    fn a_run_stopped_on_purpose_or_at_its_limit_is_another_matter() {
        check(LEAF, "agent a !asyncio.exceptions.CancelledError", expect![""]);
        check(LEAF, "agent a end=timeout !TimeoutError", expect![""]);
        check(LEAF, "agent a !GraphRecursionError", expect![""]);
    }
}
