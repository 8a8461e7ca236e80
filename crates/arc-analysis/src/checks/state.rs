//! What has to be so after the run: in the last result of a tool, or in a state that the program recorded.
//!
//! `last-result` is what the last tool call that returned something returned, `result:TOOL` the same of one tool,
//! `state` the attribute `arc_eval.state` of the last span that has it, `attribute:NAME` any other attribute.

use arc_model::{CheckState, Evidence, Field, Payload};

use super::{
    Declaration, Pattern, Problem, Rule, Seen,
    declaration::shown,
    seen::result_of,
    wanted::{Look, TREATED, Wanted},
};

pub(super) const KEYS: &[&str] = &["on", "schema", "regex", "where"];

/// Where a program records the state of its world.
const STATE: &str = "arc_eval.state";

#[derive(Debug)]
enum On {
    Result(Pattern),
    Attribute(String),
}

#[derive(Debug)]
struct State {
    on: On,
    wanted: Wanted,
}

pub(super) fn make(declaration: &Declaration) -> Result<Box<dyn Rule>, Problem> {
    let wanted = Wanted::new(declaration)?;
    if wanted.is_empty() {
        return Err(Problem::missing("`where`, `schema` or `regex` is missing: what has to be so after the run"));
    }
    let on = declaration.on.as_deref().map_or("last-result", str::trim);
    let on = match on.split_once(':') {
        None if on == "last-result" => On::Result(Pattern::new("*")),
        None if on == "state" => On::Attribute(STATE.to_owned()),
        Some(("result", tool)) if !tool.is_empty() => On::Result(Pattern::new(tool)),
        Some(("attribute", name)) if !name.is_empty() => On::Attribute(name.to_owned()),
        _ => {
            let known = "last-result, result:TOOL, state, attribute:NAME";
            return Err(Problem::of("on", format!("`{}` is none of {known}", shown(on))));
        }
    };
    Ok(Box::new(State { on, wanted }))
}

impl Rule for State {
    fn check(&self, seen: &Seen<'_>) -> CheckState {
        let (what, found) = match &self.on {
            On::Result(tool) => {
                let mut calls = seen.calls().iter().rev().filter(|call| tool.matches(call.name));
                let found = calls.find_map(|call| Some((result_of(call), call.result?.clone())));
                let whose = if tool.as_str() == "*" { "a tool".to_owned() } else { format!("`{}`", tool.as_str()) };
                (format!("result of {whose}"), found)
            }
            On::Attribute(name) => {
                let last = seen.trace().spans().iter().rev().find_map(|span| Some((span, span.attributes.get(name)?)));
                let found = last.map(|(span, value)| {
                    let payload = Payload::from_json(value.clone());
                    let field = Field::Attribute(name.clone());
                    (Evidence::new(span.span_id, field, &payload.to_text()), payload)
                });
                (format!("attribute `{}`", shown(name)), found)
            }
        };
        let Some((evidence, payload)) = found else {
            return CheckState::Unknown { why: format!("no {what} was recorded") };
        };
        match self.wanted.look(&payload) {
            Look::Treated => CheckState::Unknown { why: format!("of the last {what} nothing can be told: {TREATED}") },
            Look::Unmet(unmet) => {
                CheckState::Failed { why: format!("in the last {what}: {unmet}"), evidence: vec![evidence] }
            }
            Look::Met => CheckState::Passed,
        }
    }

    fn shows_success(&self) -> bool {
        true
    }
}
