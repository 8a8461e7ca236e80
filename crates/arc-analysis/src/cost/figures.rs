//! What the report says about cost: per run, this week against last, and per month.

use arc_model::{AgentFigures, DayTally, NanoUsd, Timestamp, UnpricedTally};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

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
    /// Whether the means of the days differ by more than days do by chance (Welch's t, 5 %); `None` with fewer than
    /// three days of priced runs in a week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_significant: Option<bool>,
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
    /// The lower end of its 95 % interval, from how much whole days differ (Student's t); `None` with fewer than three.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<NanoUsd>,
    /// The upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<NanoUsd>,
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
    let is_significant = differ(&means(figures, now, 0), &means(figures, now, DAYS));
    Some(WeeklyChange { ratio, recent_runs: recent.priced, before_runs: before.priced, is_significant })
}

/// Days in a week.
const DAYS: i64 = 7;

/// Fewest days whose spread says something.
const LEAST_DAYS: usize = 3;

/// Returns the mean cost of a run on each day of a week that has priced runs, in dollars.
fn means(figures: &AgentFigures, now: Timestamp, from: i64) -> Vec<f64> {
    let days = figures.days.iter().filter(|day| (from..from + DAYS).contains(&age(day, now)));
    days.filter_map(|day| mean(day.cost, day.priced)).collect()
}

/// Returns how many UTC days ago a day was.
fn age(day: &DayTally, now: Timestamp) -> i64 {
    const NANOS: i64 = 86_400_000_000_000;
    now.as_nanos().div_euclid(NANOS).saturating_sub(day.day.as_nanos().div_euclid(NANOS))
}

/// Returns the mean of some values and the square of its standard error; `None` for too few.
fn spread(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < LEAST_DAYS {
        return None;
    }
    let n = float(u64::try_from(values.len()).ok()?);
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    Some((mean, variance / n))
}

/// Returns whether two means differ, by Welch's t; `None` with too few values to tell.
fn differ(one: &[f64], other: &[f64]) -> Option<bool> {
    let ((a, error_a), (b, error_b)) = (spread(one)?, spread(other)?);
    let error = error_a + error_b;
    if error <= 0.0 {
        return Some((a - b).abs() > 0.0);
    }
    let degrees = |values: &[f64]| float(u64::try_from(values.len()).unwrap_or(u64::MAX)) - 1.0;
    let freedom = error.powi(2) / (error_a.powi(2) / degrees(one) + error_b.powi(2) / degrees(other));
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975);
    Some((a - b).abs() > t * error.sqrt())
}

/// Returns how far a month's cost may lie from its projection: from the whole days since the first of this week, those
/// without runs included.
fn reach(figures: &AgentFigures, now: Timestamp) -> Option<f64> {
    let first = figures.days.iter().map(|day| age(day, now)).filter(|age| (0..DAYS).contains(age)).max()?;
    let of_day = |ago: i64| {
        let days = figures.days.iter().filter(|day| age(day, now) == ago);
        days.map(|day| day.cost.as_usd()).sum::<f64>()
    };
    // Today is not over.
    let days: Vec<f64> = (1..=first).map(of_day).collect();
    let (_, error) = spread(&days)?;
    let degrees = float(u64::try_from(days.len()).ok()?) - 1.0;
    Some(StudentsT::new(0.0, 1.0, degrees).ok()?.inverse_cdf(0.975) * error.sqrt() * MONTH_DAYS)
}

fn projected_month(figures: &AgentFigures, now: Timestamp) -> Option<MonthProjection> {
    let (week, _) = weeks(figures, now);
    let first_day = week.first_day.filter(|_| week.runs > 0 && week.priced == week.runs)?;
    let days_observed = days_until(now, first_day);
    let month = week.cost.as_usd() / days_observed * MONTH_DAYS;
    let reach = reach(figures, now);
    Some(MonthProjection {
        amount: NanoUsd::from_usd(month)?,
        runs_per_day: float(week.runs) / days_observed,
        days_observed,
        at_least: reach.and_then(|reach| NanoUsd::from_usd((month - reach).max(0.0))),
        at_most: reach.and_then(|reach| NanoUsd::from_usd(month + reach)),
    })
}

/// Returns the mean in dollars.
fn mean(cost: NanoUsd, runs: u64) -> Option<f64> {
    (runs > 0).then(|| cost.as_usd() / float(runs))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days until 2026-03-15 with so many dollars each, the latest last; one run a day.
    fn days(dollars: &[f64]) -> AgentFigures {
        let now = Timestamp::parse("2026-03-15T00:00:00Z").unwrap();
        let day = |(index, dollars): (usize, &f64)| DayTally {
            day: now.plus_nanos(-86_400_000_000_000 * i64::try_from(index).unwrap()),
            succeeded: 1,
            priced: 1,
            cost: NanoUsd::from_usd(*dollars).unwrap(),
            ..DayTally::default()
        };
        AgentFigures { days: dollars.iter().rev().enumerate().map(day).collect(), ..AgentFigures::default() }
    }

    fn of(dollars: &[f64]) -> CostFigures {
        figures(&days(dollars), Timestamp::parse("2026-03-15T23:59:59Z").unwrap())
    }

    #[test]
    fn a_projection_has_an_interval_from_how_much_whole_days_differ() {
        let month = of(&[1.0, 2.0, 3.0, 2.0]).projected_month.unwrap();
        // Whole days 1, 2, 3: the standard error is 1/√3, t with two degrees 4.3027, thirty days: 74.53.
        let reach = (month.at_most.unwrap() - month.amount).as_usd();
        assert!((reach - 74.525).abs() < 0.01, "{reach}");
        assert_eq!(month.at_least, Some(NanoUsd::ZERO));
        assert_eq!(of(&[1.0, 2.0, 3.0]).projected_month.unwrap().at_most, None);
    }

    #[test]
    fn a_change_is_significant_when_days_do_not_differ_as_much_by_chance() {
        let significant = |dollars: &[f64]| of(dollars).weekly_change.unwrap().is_significant;
        let before = [1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0];
        let with = |recent: [f64; 7]| [before, recent].concat();
        assert_eq!(significant(&with([2.0, 2.1, 1.9, 2.0, 2.1, 1.9, 2.0])), Some(true));
        assert_eq!(significant(&with([1.0, 1.2, 0.8, 1.1, 1.1, 0.9, 1.0])), Some(false));
        assert_eq!(significant(&[&before[5..], &[2.0; 7]].concat()), None);
    }
}
