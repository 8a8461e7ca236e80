//! `arc-eval budgets`: how far the budgets of `budgets.toml` are used.

use std::process::ExitCode;

use arc_analysis::cost::{BudgetLevel, BudgetState};
use serde::Serialize;

use super::{open_to_read, settle_if_possible};
use crate::{cli::Budgets, config::Config, failure::Failure, output};

#[derive(Serialize)]
struct Listed {
    budgets: Vec<BudgetState>,
}

pub(super) async fn run(config: &Config, arguments: &Budgets) -> Result<ExitCode, Failure> {
    let app = open_to_read(config).await?;
    settle_if_possible(&app).await?;
    let budgets = app.budgets(&config.project).await?;
    let is_exceeded = budgets.iter().any(|budget| budget.level == BudgetLevel::Exceeded);
    if arguments.json {
        output::json(&Listed { budgets })?;
    } else if budgets.is_empty() {
        output::talk(&format!(
            "no budgets: write them into {} in the data directory, for example\n\n[[budget]]\nname = \"all of it\"\namount = \
             20        # dollars\nper = \"day\"         # or week, month\n# agent, model or user = \"…\" narrow it",
            arc_catalog::budget::FILE
        ));
    } else {
        output::data(&output::budgets::page(&budgets))?;
    }
    Ok(if is_exceeded && arguments.check { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
