//! How much a run may take: steps, seconds, dollars. What is not known is unknown; a cost of which only a part is known
//! can be over the budget, and is never within it.

use arc_model::{CheckState, Cost, Evidence, Field, NanoUsd};

use super::{Declaration, Problem, Rule, Seen};

pub(super) const KEYS: &[&str] = &["max_steps", "max_seconds", "max_dollars"];

#[derive(Debug)]
struct Budget {
    steps: Option<u32>,
    seconds: Option<f64>,
    dollars: Option<NanoUsd>,
}

pub(super) fn make(declaration: &Declaration) -> Result<Box<dyn Rule>, Problem> {
    let Declaration { max_steps, max_seconds, max_dollars, .. } = declaration;
    if max_steps.is_none() && max_seconds.is_none() && max_dollars.is_none() {
        return Err(Problem::missing("`max_steps`, `max_seconds` or `max_dollars` is missing: what the run may take"));
    }
    if let Some(seconds) = max_seconds.filter(|seconds| !(seconds.is_finite() && *seconds >= 0.0)) {
        return Err(Problem::of("max_seconds", format!("{seconds} is no number of seconds")));
    }
    let bad = |dollars: f64| Problem::of("max_dollars", format!("{dollars} is no amount of dollars"));
    let dollars = match *max_dollars {
        Some(dollars) if dollars >= 0.0 => Some(NanoUsd::from_usd(dollars).ok_or_else(|| bad(dollars))?),
        Some(dollars) => return Err(bad(dollars)),
        None => None,
    };
    Ok(Box::new(Budget { steps: *max_steps, seconds: *max_seconds, dollars }))
}

/// What one limit comes to.
enum Kept {
    Yes,
    No(String, Vec<Evidence>),
    Unknown(String),
}

impl Rule for Budget {
    fn check(&self, seen: &Seen<'_>) -> CheckState {
        let limits = [
            self.steps.map(|most| steps(seen, most)),
            self.seconds.map(|most| seconds(seen, most)),
            self.dollars.map(|most| dollars(seen, most)),
        ];
        let mut unknown = None;
        for kept in limits.into_iter().flatten() {
            match kept {
                Kept::No(why, evidence) => return CheckState::Failed { why, evidence },
                Kept::Unknown(why) => unknown = unknown.or(Some(why)),
                Kept::Yes => {}
            }
        }
        unknown.map_or(CheckState::Passed, |why| CheckState::Unknown { why })
    }
}

fn steps(seen: &Seen<'_>, most: u32) -> Kept {
    if !seen.shows_steps() {
        return Kept::Unknown("neither model calls nor tool calls were recorded".to_owned());
    }
    let steps = seen.steps();
    match steps.get(most as usize) {
        Some(over) => {
            let why = format!("{} steps, at most {most} are allowed", steps.len());
            Kept::No(why, vec![Evidence::new(over.span.span_id, Field::Name, over.name)])
        }
        None => Kept::Yes,
    }
}

fn seconds(seen: &Seen<'_>, most: f64) -> Kept {
    let Some(ms) = seen.duration_ms else { return Kept::Unknown("how long it took was not recorded".to_owned()) };
    if ms <= most * 1000.0 {
        return Kept::Yes;
    }
    let why = format!("it took {:.1} s, at most {most} s are allowed", ms / 1000.0);
    // The step that was under way, or begun last, when the time was over.
    let trace = seen.trace();
    let begin = trace.spans().iter().filter_map(|span| span.start).min();
    #[expect(clippy::cast_precision_loss, reason = "a time in seconds tolerates rounding in the 16th digit")]
    let is_late = |at: &arc_model::Timestamp| {
        begin.and_then(|begin| at.nanos_since(begin)).is_some_and(|nanos| nanos as f64 / 1e9 > most)
    };
    let late = trace.spans().iter().rfind(|span| span.end.as_ref().is_some_and(is_late));
    let at = late.or(seen.root());
    Kept::No(why, at.map(|span| Evidence::new(span.span_id, Field::Name, &span.name)).into_iter().collect())
}

fn dollars(seen: &Seen<'_>, most: NanoUsd) -> Kept {
    let (spent, at_least) = match seen.cost {
        Cost::Known { total, .. } => (*total, ""),
        Cost::Unknown { at_least, .. } => (*at_least, "at least "),
    };
    match seen.cost {
        _ if spent > most => {
            let why = format!("it cost {at_least}{spent}, at most {most} are allowed");
            Kept::No(why, seen.whole(&format!("{at_least}{spent}")))
        }
        Cost::Unknown { why, .. } => Kept::Unknown(format!("its cost is unknown: {why}")),
        Cost::Known { .. } => Kept::Yes,
    }
}
