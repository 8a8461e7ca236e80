//! The two windows that "this week" is made of. Not a calendar: weeks here end today.
//!
//! The recent window is today and the six UTC days before it; the window before it is the seven
//! days before that. Days in the future, which a wrong clock can produce, are in neither.

use arc_model::{AgentFigures, DayTally, NanoUsd, Timestamp};

/// Days in a window.
const WINDOW_DAYS: i64 = 7;

/// Nanoseconds in a UTC day.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// Sums over the days of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Window {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) runs: u64,
    pub(crate) priced: u64,
    pub(crate) cost: NanoUsd,
    /// The first day of the window with runs.
    pub(crate) first_day: Option<Timestamp>,
}

impl Window {
    fn of<'a>(days: impl Iterator<Item = &'a DayTally>) -> Self {
        let mut window = Self::default();
        for day in days {
            window.succeeded += day.succeeded;
            window.failed += day.failed;
            window.runs += day.succeeded + day.failed + day.unknown;
            window.priced += day.priced;
            window.cost = window.cost + day.cost;
            window.first_day = Some(window.first_day.map_or(day.day, |first| first.min(day.day)));
        }
        window
    }

    /// Returns the runs whose outcome is known.
    pub(crate) const fn known(&self) -> u64 {
        self.succeeded + self.failed
    }
}

/// Returns the sums of the recent window and of the one before it.
pub(crate) fn weeks(figures: &AgentFigures, now: Timestamp) -> (Window, Window) {
    let today = now.as_nanos().div_euclid(DAY_NANOS);
    let age = move |day: &DayTally| today.saturating_sub(day.day.as_nanos().div_euclid(DAY_NANOS));
    let aged = |from: i64| figures.days.iter().filter(move |day| (from..from + WINDOW_DAYS).contains(&age(day)));
    (Window::of(aged(0)), Window::of(aged(WINDOW_DAYS)))
}

/// Returns the days from the beginning of `first` to `now`; at least one.
#[expect(clippy::cast_precision_loss, reason = "a count of days tolerates rounding in the 16th digit")]
pub(crate) fn days_until(now: Timestamp, first: Timestamp) -> f64 {
    (now.nanos_since(first).unwrap_or(0) as f64 / DAY_NANOS as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(days: &[&str]) -> AgentFigures {
        let day = |text: &&str| DayTally {
            day: Timestamp::parse(&format!("{text}T00:00:00Z")).unwrap(),
            succeeded: 1,
            ..DayTally::default()
        };
        AgentFigures { days: days.iter().map(day).collect(), ..AgentFigures::default() }
    }

    #[test]
    fn a_week_is_today_and_six_days_before() {
        let now = Timestamp::parse("2025-03-20T00:00:01Z").unwrap();
        let days = figures(&["2025-03-06", "2025-03-07", "2025-03-13", "2025-03-14", "2025-03-20", "2025-03-21"]);
        let (recent, before) = weeks(&days, now);
        assert_eq!((recent.runs, before.runs), (2, 2));
        assert_eq!(recent.first_day, Timestamp::parse("2025-03-14T00:00:00Z"));
    }

    #[test]
    fn less_than_a_day_counts_as_one() {
        let first = Timestamp::parse("2025-03-20T00:00:00Z").unwrap();
        assert!((days_until(Timestamp::parse("2025-03-20T06:00:00Z").unwrap(), first) - 1.0).abs() < 1e-12);
        assert!((days_until(Timestamp::parse("2025-03-21T12:00:00Z").unwrap(), first) - 1.5).abs() < 1e-12);
    }
}
