//! What a tool has to be called with, by a JSON Schema or conditions. A run that never calls the tool is unknown: it
//! shows nothing about the arguments.

use arc_model::{CallCounts, CheckState};

use super::{
    Declaration, Pattern, Problem, Rule, Seen,
    declaration::shown,
    seen::cite,
    wanted::{Look, Wanted},
};

pub(super) const KEYS: &[&str] = &["tool", "schema", "where"];

#[derive(Debug)]
struct Arguments {
    tool: Pattern,
    wanted: Wanted,
}

pub(super) fn make(declaration: &Declaration) -> Result<Box<dyn Rule>, Problem> {
    let rule = Arguments { tool: Pattern::new(declaration.tool()?), wanted: Wanted::new(declaration)? };
    if rule.wanted.is_empty() {
        return Err(Problem::missing("`schema` or `where` is missing: what the arguments have to be"));
    }
    Ok(Box::new(rule))
}

impl Rule for Arguments {
    fn check(&self, seen: &Seen<'_>) -> CheckState {
        let calls = seen.calls().iter().filter(|call| self.tool.matches(call.name));
        let (mut looked_at, mut blank) = (0_u64, 0_u64);
        let (mut first, mut evidence) = (None, Vec::new());
        for call in calls {
            match call.arguments.map_or(Look::Treated, |arguments| self.wanted.look(arguments)) {
                Look::Treated => blank += 1,
                Look::Met => looked_at += 1,
                Look::Unmet(unmet) => {
                    looked_at += 1;
                    first.get_or_insert_with(|| format!("arguments of `{}`: {unmet}", shown(call.name)));
                    cite(&mut evidence, call);
                }
            }
        }
        match first {
            Some(why) => CheckState::Failed { why, evidence },
            None if blank > 0 => CheckState::Unknown {
                why: format!("of {blank} calls of `{}` no arguments were recorded as they were", self.tool.as_str()),
            },
            None if looked_at == 0 => CheckState::Unknown { why: format!("`{}` was not called", self.tool.as_str()) },
            None => CheckState::Passed,
        }
    }

    fn calls(&self, seen: &Seen<'_>) -> CallCounts {
        let calls = seen.calls().iter().filter(|call| self.tool.matches(call.name));
        let looked = calls.filter_map(|call| call.arguments).map(|arguments| self.wanted.look(arguments));
        looked.filter(|look| *look != Look::Treated).fold(CallCounts::default(), |counts, look| CallCounts {
            judged: counts.judged + 1,
            fitting: counts.fitting + u64::from(look == Look::Met),
            ..counts
        })
    }
}
