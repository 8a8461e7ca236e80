//! Where a single agent first changes something: what it had understood by then is done, and seldom undone.

use arc_model::{Part, Span, SpanKind};

use super::{changes_something, features::Features, text::ratio};

/// Which steps of a run ask for a change.
#[derive(Debug, Default)]
pub(super) struct Changes {
    asked: Vec<bool>,
    first: Option<usize>,
}

impl Changes {
    /// Reads the steps of a run.
    pub(super) fn of(spans: &[&Span]) -> Self {
        let asked: Vec<bool> = spans.iter().map(|span| asks_for_a_change(span)).collect();
        let first = asked.iter().position(|asked| *asked);
        Self { asked, first }
    }

    /// Returns what is told about a step.
    pub(super) fn tell(&self, index: usize) -> Features {
        let asks = self.asked.get(index) == Some(&true);
        let mut told = Vec::new();
        if asks {
            told.push(("changes something", 1.0));
        }
        match self.first {
            Some(first) if first == index => told.push(("first change", 1.0)),
            Some(first) if first < index => told.push(("after the first change", 1.0)),
            None if index > 0 => told.push(("place without a change", ratio(index, self.asked.len()))),
            _ => {}
        }
        told
    }
}

fn asks_for_a_change(span: &Span) -> bool {
    let mut parts = span.messages_out.iter().flat_map(|message| &message.parts);
    span.kind == SpanKind::Llm
        && parts.any(|part| matches!(part, Part::ToolCall { name, .. } if changes_something(name)))
}

#[cfg(test)]
mod tests {
    use arc_model::sketch;

    use super::*;

    fn told(text: &str) -> Vec<Vec<&'static str>> {
        let trace = sketch::parse(text).unwrap();
        let spans: Vec<&Span> = trace.spans().iter().collect();
        let changes = Changes::of(&spans);
        (0..spans.len()).map(|index| changes.tell(index).into_iter().map(|(name, _)| name).collect()).collect()
    }

    #[test]
    fn the_first_change_and_what_comes_after_it_are_told_apart_from_reading() {
        let run = "llm m -> get_order{id: 1}#1\nllm m -> cancel_order{id: 1}#2\nllm m -> \"Done\"";
        assert_eq!(told(run), [vec![], vec!["changes something", "first change"], vec!["after the first change"]]);
    }

    #[test]
    fn in_a_run_without_a_change_the_place_is_told() {
        assert_eq!(told("llm m -> \"1\"\nllm m -> \"2\""), [vec![], vec!["place without a change"]]);
    }
}
