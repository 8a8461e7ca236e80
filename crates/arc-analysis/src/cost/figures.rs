//! What the report says about cost: per run, this week against last, and per month.

use arc_model::{AgentFigures, NanoUsd, Timestamp, UnpricedTally};
use serde::{Deserialize, Serialize};

use crate::{
    reliability::float,
    window::{days_until, weeks},
};

/// Days in the month that is projected.
const MONTH_DAYS: f64 = 30.0;

/// What an agent's runs cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CostFigures {
    /// Mean over the priced runs, in nano-dollars; `None` when none is priced.
    pub per_run: Option<NanoUsd>,
    /// Runs whose cost is known.
    pub priced_runs: u64,
    /// Settled runs.
    pub runs: u64,
    /// Why the others could not be priced, most runs first.
    pub unpriced: Vec<UnpricedTally>,
    /// The mean cost of a run this week against the week before; `None` unless both have priced runs.
    pub weekly_change: Option<WeeklyChange>,
    /// A month at this week's pace; `None` unless every run of this week is priced.
    pub projected_month: Option<MonthProjection>,
}

/// How the mean cost of a run changed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WeeklyChange {
    /// `recent / before − 1`: −0.12 is 12 % cheaper.
    pub ratio: f64,
    /// Priced runs of today and the six days before.
    pub recent_runs: u64,
    /// Priced runs of the seven days before those.
    pub before_runs: u64,
}

/// What thirty days cost at the pace of this week.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MonthProjection {
    /// The amount, in nano-dollars.
    pub amount: NanoUsd,
    /// The pace.
    pub runs_per_day: f64,
    /// What the pace rests on: days from the first day of this week with runs until now, at least one.
    pub days_observed: f64,
}

/// Returns what the runs with these counts cost.
pub fn figures(figures: &AgentFigures, now: Timestamp) -> CostFigures {
    let (mut runs, mut priced, mut cost) = (0, 0, NanoUsd::ZERO);
    for day in &figures.days {
        runs += day.succeeded + day.failed + day.unknown;
        priced += day.priced;
        cost = cost + day.cost;
    }
    CostFigures {
        per_run: mean(cost, priced).and_then(NanoUsd::from_usd),
        priced_runs: priced,
        runs,
        unpriced: figures.unpriced.clone(),
        weekly_change: weekly_change(figures, now),
        projected_month: projected_month(figures, now),
    }
}

fn weekly_change(figures: &AgentFigures, now: Timestamp) -> Option<WeeklyChange> {
    let (recent, before) = weeks(figures, now);
    // Nothing can be said relative to a week that cost nothing.
    let base = mean(before.cost, before.priced).filter(|&base| base > 0.0)?;
    let ratio = mean(recent.cost, recent.priced)? / base - 1.0;
    Some(WeeklyChange { ratio, recent_runs: recent.priced, before_runs: before.priced })
}

fn projected_month(figures: &AgentFigures, now: Timestamp) -> Option<MonthProjection> {
    let (week, _) = weeks(figures, now);
    let first_day = week.first_day.filter(|_| week.runs > 0 && week.priced == week.runs)?;
    let days_observed = days_until(now, first_day);
    let amount = NanoUsd::from_usd(week.cost.as_usd() / days_observed * MONTH_DAYS)?;
    Some(MonthProjection { amount, runs_per_day: float(week.runs) / days_observed, days_observed })
}

/// Returns the mean in dollars.
fn mean(cost: NanoUsd, runs: u64) -> Option<f64> {
    (runs > 0).then(|| cost.as_usd() / float(runs))
}
