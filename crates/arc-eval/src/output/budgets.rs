//! Budgets as text.

use std::fmt::Write as _;

use arc_analysis::cost::{BudgetLevel, BudgetState};
use owo_colors::OwoColorize;

use super::{number, plain_line, style};

/// Returns one line per budget.
pub(crate) fn page(budgets: &[BudgetState]) -> String {
    let mut text = String::new();
    for budget in budgets {
        let at_least = if budget.unpriced_calls > 0 { "≥ " } else { "" };
        let share = format!("{at_least}{:.0} %", budget.share * 100.0);
        let level = match budget.level {
            BudgetLevel::Within => "within".green().to_string(),
            BudgetLevel::Unclear => "not known".yellow().to_string(),
            BudgetLevel::Warned => "nearly used up".yellow().to_string(),
            BudgetLevel::Exceeded => "used up".red().to_string(),
        };
        let name = plain_line(&budget.name, 40);
        let _ = writeln!(
            text,
            "{} {level}: {at_least}{} of {} a {}, {share} {}",
            style::heading(&name),
            number::dollars(budget.spent),
            number::dollars(budget.limit),
            budget.per,
            style::aside(&format!("since {}{}", budget.from, about(budget)))
        );
        if budget.unpriced_calls > 0 {
            let calls = number::counted(budget.unpriced_calls, "call");
            let _ = writeln!(text, "  without {calls} that have no known cost: arc-eval cost --by model says which");
        }
    }
    text
}

fn about(budget: &BudgetState) -> String {
    let of = [("agent", &budget.agent), ("model", &budget.model), ("user", &budget.user)];
    of.iter().filter_map(|(what, name)| Some(format!(", {what} {}", plain_line(name.as_deref()?, 40)))).collect()
}
