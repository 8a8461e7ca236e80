//! Calls that must not happen: a tool, or a tool with certain arguments. That it was tried is enough; whether the call
//! succeeded does not matter.

use arc_model::CheckState;

use super::{
    Declaration, Pattern, Problem, Rule, Seen,
    declaration::shown,
    seen::cite,
    wanted::{Look, Wanted},
};

pub(super) const KEYS: &[&str] = &["tool", "where"];

#[derive(Debug)]
struct Forbidden {
    tool: Pattern,
    when: Wanted,
}

pub(super) fn make(declaration: &Declaration) -> Result<Box<dyn Rule>, Problem> {
    Ok(Box::new(Forbidden { tool: Pattern::new(declaration.tool()?), when: Wanted::new(declaration)? }))
}

impl Rule for Forbidden {
    fn check(&self, seen: &Seen<'_>) -> CheckState {
        if !seen.shows_steps() {
            return CheckState::Unknown { why: "neither model calls nor tool calls were recorded".to_owned() };
        }
        let (mut blank, mut first, mut evidence) = (false, None, Vec::new());
        for call in seen.calls().iter().filter(|call| self.tool.matches(call.name)) {
            let looked = call.arguments.map_or(Look::Treated, |arguments| self.when.look(arguments));
            let is_it = self.when.is_empty() || looked == Look::Met;
            blank |= looked == Look::Treated;
            if is_it {
                first.get_or_insert(call.name);
                cite(&mut evidence, call);
            }
        }
        match first {
            Some(name) => {
                CheckState::Failed { why: format!("`{}` was called, which is forbidden", shown(name)), evidence }
            }
            None if blank => CheckState::Unknown {
                why: format!("the arguments of a call of `{}` were not recorded as they were", self.tool.as_str()),
            },
            None => CheckState::Passed,
        }
    }
}
