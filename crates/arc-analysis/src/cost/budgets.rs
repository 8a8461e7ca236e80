//! How far a budget is used. Pure: from a budget, the sums of its time so far, and now.

use arc_catalog::{Budget, Period};
use arc_model::{CostSums, NanoUsd, Timestamp};
use jiff::{ToSpan as _, civil::Weekday, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// A budget and what was spent of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BudgetState {
    /// Its name.
    pub name: String,
    /// `day`, `week` or `month`, by UTC.
    pub per: String,
    /// Only runs of this agent.
    pub agent: Option<String>,
    /// Only calls of such models; `*` stands for anything.
    pub model: Option<String>,
    /// Only runs for this user.
    pub user: Option<String>,
    /// What may be spent.
    pub limit: NanoUsd,
    /// When the time began.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// What was spent, as far as it is known.
    pub spent: NanoUsd,
    /// Calls without a known cost: where there are any, more was spent than `spent`, and nobody knows how much.
    pub unpriced_calls: u64,
    /// `spent / limit`; a lower bound where there are calls without a known cost.
    pub share: f64,
    /// What follows.
    pub level: BudgetLevel,
}

/// How far a budget is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BudgetLevel {
    /// Below the share at which it warns.
    Within,
    /// The known part is below, and there are calls without a known cost.
    Unclear,
    /// At or above the share at which it warns.
    Warned,
    /// Used up.
    Exceeded,
}

/// Returns the time of a budget in which a moment lies; `None` at the end of time.
pub fn period(per: Period, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let day = jiff::Timestamp::from_nanosecond(i128::from(now.as_nanos())).ok()?.to_zoned(TimeZone::UTC).date();
    let (first, next) = match per {
        Period::Day => (day, day.tomorrow().ok()?),
        Period::Week => {
            let back = i64::from(day.weekday().since(Weekday::Monday));
            let monday = day.checked_sub(back.days()).ok()?;
            (monday, monday.checked_add(7.days()).ok()?)
        }
        Period::Month => (day.first_of_month(), day.last_of_month().tomorrow().ok()?),
    };
    let at = |date: jiff::civil::Date| {
        let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_nanosecond();
        Some(Timestamp::from_nanos(i64::try_from(midnight).ok()?))
    };
    Some((at(first)?, at(next)?))
}

/// Returns how far a budget is used that had these costs since `from`.
pub fn budget_state(budget: &Budget, (from, until): (Timestamp, Timestamp), sums: &CostSums) -> BudgetState {
    let limit = NanoUsd::from_usd(budget.amount).unwrap_or(NanoUsd(i64::MAX));
    let spent = sums.at_least();
    let share = spent.as_usd() / budget.amount;
    let level = if spent >= limit {
        BudgetLevel::Exceeded
    } else if share >= budget.warn_at {
        BudgetLevel::Warned
    } else if sums.unpriced_calls > 0 {
        BudgetLevel::Unclear
    } else {
        BudgetLevel::Within
    };
    BudgetState {
        name: budget.name.clone(),
        per: budget.per.as_str().to_owned(),
        agent: budget.agent.clone(),
        model: budget.model.clone(),
        user: budget.user.clone(),
        limit,
        from,
        until,
        spent,
        unpriced_calls: sums.unpriced_calls,
        share,
        level,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn budget(amount: f64) -> Budget {
        let text = format!("[[budget]]\nname = \"b\"\namount = {amount}\nper = \"day\"");
        Budget::read(&text).unwrap().remove(0)
    }

    fn level(cost: u64, unpriced_calls: u64) -> BudgetLevel {
        let sums = CostSums { cost, unpriced_calls, ..CostSums::default() };
        budget_state(&budget(1.0), (at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z")), &sums).level
    }

    #[test]
    fn a_time_begins_at_midnight_on_monday_or_on_the_first() {
        let of =
            |per, now: &str| period(per, at(now)).map(|(from, until)| (from.to_string(), until.to_string())).unwrap();
        let is = |from: &str, until: &str| (format!("{from}T00:00:00Z"), format!("{until}T00:00:00Z"));
        assert_eq!(of(Period::Day, "2026-02-28T23:59:59Z"), is("2026-02-28", "2026-03-01"));
        // A Sunday, and the Monday after it.
        assert_eq!(of(Period::Week, "2026-03-01T12:00:00Z"), is("2026-02-23", "2026-03-02"));
        assert_eq!(of(Period::Week, "2026-03-02T00:00:00Z"), is("2026-03-02", "2026-03-09"));
        assert_eq!(of(Period::Month, "2026-12-31T12:00:00Z"), is("2026-12-01", "2027-01-01"));
    }

    #[test]
    fn what_is_not_known_is_beside_the_known_part_and_never_nothing() {
        const DOLLAR: u64 = 1_000_000_000;
        assert_eq!(level(0, 0), BudgetLevel::Within);
        assert_eq!(level(0, 1), BudgetLevel::Unclear);
        assert_eq!(level(DOLLAR * 8 / 10, 0), BudgetLevel::Warned);
        assert_eq!(level(DOLLAR * 8 / 10, 5), BudgetLevel::Warned);
        assert_eq!(level(DOLLAR, 5), BudgetLevel::Exceeded);
    }
}
