//! What the run has to put out: a JSON Schema, a regular expression, conditions on places in it.

use arc_model::{CheckState, Evidence, Field, Payload};

use super::{
    Declaration, Problem, Rule, Seen,
    wanted::{Look, TREATED, Wanted},
};

pub(super) const KEYS: &[&str] = &["schema", "regex", "where"];

#[derive(Debug)]
struct Output(Wanted);

pub(super) fn make(declaration: &Declaration) -> Result<Box<dyn Rule>, Problem> {
    let wanted = Wanted::new(declaration)?;
    if wanted.is_empty() {
        return Err(Problem::missing("`schema`, `regex` or `where` is missing: what the output has to be"));
    }
    Ok(Box::new(Output(wanted)))
}

impl Rule for Output {
    fn check(&self, seen: &Seen<'_>) -> CheckState {
        let Some((span, output)) = seen.output() else {
            return CheckState::Unknown { why: "no output was recorded".to_owned() };
        };
        match self.0.look(&output) {
            Look::Treated => CheckState::Unknown { why: format!("of the output nothing can be told: {TREATED}") },
            Look::Unmet(unmet) => CheckState::Failed {
                why: format!("the output is not as declared: {unmet}"),
                evidence: vec![Evidence::new(span, Field::Output, &output.to_text())],
            },
            Look::Met => CheckState::Passed,
        }
    }

    fn check_output(&self, output: &Payload) -> Option<bool> {
        match self.0.look(output) {
            Look::Treated => None,
            look => Some(look == Look::Met),
        }
    }

    fn shows_success(&self) -> bool {
        true
    }
}
