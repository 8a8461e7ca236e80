//! How far a run was at each of its steps: what can be known of it while it goes on.

use std::collections::BTreeMap;

use arc_model::{Payload, Prefix, Span, Usage};

use crate::failures::View;

/// Steps at which it is noted how far a run is; few, so that a run's row stays small.
const NOTED: [u32; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

struct Step<'a> {
    span: &'a Span,
    failed: bool,
    /// The name and the arguments of a tool call.
    call: Option<(&'a str, String)>,
}

/// Returns the model calls and tool calls in the order in which they began.
fn steps<'a>(view: &View<'a>) -> Vec<Step<'a>> {
    let models = view.models().iter().map(|span| Step { span, failed: span.status.is_error(), call: None });
    let calls = view.calls().iter().enumerate().map(|(index, call)| {
        let arguments = call.arguments.map(Payload::to_text);
        let call_of = arguments.map(|arguments| (call.name, arguments));
        Step { span: call.span, failed: view.error(index).is_some(), call: call_of }
    });
    let mut steps: Vec<Step<'a>> = models.chain(calls).collect();
    steps.sort_by_key(|step| view.order(step.span.span_id));
    steps
}

/// Returns how far the run was after its first, second, fourth … step. Of one that ended, its last step is not among
/// them: then nobody can be warned any more.
pub(crate) fn prefixes(view: &View<'_>, is_running: bool) -> Vec<Prefix> {
    let begin = view.trace().spans().iter().filter_map(|span| span.start).min();
    let mut seen: BTreeMap<(&str, String), u32> = BTreeMap::new();
    let mut at = Prefix { steps: 0, elapsed_ms: None, errors: 0, repeated: 0, tokens: Some(0) };
    let mut noted = Vec::new();
    for step in steps(view) {
        at.steps += 1;
        at.errors += u32::from(step.failed);
        if let Some(call) = step.call {
            let count = seen.entry(call).or_default();
            *count += 1;
            at.repeated += u32::from(*count > 1);
        } else if step.span.kind == arc_model::SpanKind::Llm {
            let used = step.span.usage.as_ref().and_then(both);
            at.tokens = at.tokens.zip(used).and_then(|(sum, used)| sum.checked_add(used));
        }
        // When the step was over: that is when whoever watches knows what became of it.
        let until = step.span.end.or(step.span.start);
        #[expect(clippy::cast_precision_loss, reason = "a time in milliseconds tolerates rounding in the 16th digit")]
        let elapsed =
            begin.zip(until).and_then(|(begin, until)| until.nanos_since(begin)).map(|nanos| nanos as f64 / 1e6);
        at.elapsed_ms = elapsed;
        if NOTED.contains(&at.steps) {
            noted.push(at);
        }
    }
    noted.retain(|noted: &Prefix| is_running || noted.steps < at.steps);
    noted
}

fn both(usage: &Usage) -> Option<u64> {
    usage.input?.checked_add(usage.output?)
}

/// Returns how many tool calls repeat one that failed, with the same arguments.
pub(crate) fn retries(view: &View<'_>) -> u64 {
    let mut failed: BTreeMap<(&str, String), bool> = BTreeMap::new();
    let mut retries = 0;
    for (index, call) in view.calls().iter().enumerate() {
        let Some(arguments) = call.arguments else { continue };
        let is_error = view.error(index).is_some();
        if failed.insert((call.name, arguments.to_text()), is_error) == Some(true) {
            retries += 1;
        }
    }
    retries
}
