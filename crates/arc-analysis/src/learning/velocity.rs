//! How an agent did over time, and whether it gets better.

use std::collections::BTreeMap;

use arc_model::{Rate, Run, Timestamp, Verdict};
use serde::{Deserialize, Serialize};

use crate::{
    compare::newcombe,
    reliability::{float, rate},
};

const WEEK_NANOS: i64 = 7 * 86_400_000_000_000;
/// 1970-01-05 was a Monday.
const MONDAY: i64 = 4 * 86_400_000_000_000;
/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// Runs of known outcome that each side needs.
const FEWEST: u64 = 5;
/// Weeks with runs that a trend needs.
const WEEKS: usize = 3;

/// How an agent did.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct History {
    /// By version, in the order in which they first ran.
    pub versions: Vec<VersionHistory>,
    /// By week, the earliest first; weeks without runs are left out.
    pub weeks: Vec<WeekHistory>,
}

/// How a version did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionHistory {
    /// The version; `None` for runs that do not say.
    pub version: Option<String>,
    /// When it first ran.
    pub first_at: Timestamp,
    /// When it last ran.
    pub last_at: Timestamp,
    /// Runs that ended, of whatever outcome.
    pub runs: u64,
    /// How often it succeeded, of runs of known outcome.
    pub success: Rate,
}

/// How the agent did in a week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WeekHistory {
    /// Monday, midnight UTC.
    pub week: Timestamp,
    /// Runs that ended, of whatever outcome.
    pub runs: u64,
    /// How often it succeeded, of runs of known outcome.
    pub success: Rate,
}

/// What can be said about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// The success rate rises: the whole interval is above zero.
    Improving,
    /// It falls: the whole interval is below zero.
    Declining,
    /// Zero lies in the interval.
    NoClearChange,
    /// There are too few runs to say.
    NotEnoughData,
}

/// How fast an agent learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Velocity {
    /// What can be said.
    pub pace: Pace,
    /// The change of the success rate per version or per week; `None` when there is not enough data.
    pub change: Option<f64>,
    /// Where it lies with 95 % confidence.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// Per what: `version` or `week`.
    pub per: String,
    /// How it was computed, or what is missing.
    pub how: String,
}

/// Counts runs that ended by version and by week, in whatever order they come.
pub fn history<'r>(runs: impl IntoIterator<Item = &'r Run>) -> History {
    let mut versions: BTreeMap<Option<&str>, (Timestamp, Timestamp, Counts)> = BTreeMap::new();
    let mut weeks: BTreeMap<Timestamp, Counts> = BTreeMap::new();
    for run in runs.into_iter().filter(|run| !run.is_running) {
        let (at, verdict) = (run.at(), run.outcome.verdict);
        let (first, last, counts) =
            versions.entry(run.agent.version.as_deref()).or_insert_with(|| (at, at, Counts::default()));
        (*first, *last) = ((*first).min(at), (*last).max(at));
        counts.add(verdict);
        let nanos = at.as_nanos().saturating_sub(MONDAY);
        let week = nanos.div_euclid(WEEK_NANOS).saturating_mul(WEEK_NANOS).saturating_add(MONDAY);
        weeks.entry(Timestamp::from_nanos(week)).or_default().add(verdict);
    }
    let mut versions: Vec<VersionHistory> = versions
        .into_iter()
        .map(|(version, (first_at, last_at, counts))| VersionHistory {
            version: version.map(str::to_owned),
            first_at,
            last_at,
            runs: counts.runs,
            success: rate(counts.succeeded, counts.known),
        })
        .collect();
    versions.sort_by(|a, b| (a.first_at, &a.version).cmp(&(b.first_at, &b.version)));
    let weeks = weeks.into_iter();
    let weeks = weeks.map(|(week, counts)| WeekHistory {
        week,
        runs: counts.runs,
        success: rate(counts.succeeded, counts.known),
    });
    History { versions, weeks: weeks.collect() }
}

/// Says how the success rate changes: from the version before to the latest one, where there are two, else per week.
pub fn velocity(history: &History) -> Velocity {
    if let [.., before, latest] = history.versions.as_slice() {
        return per_version(before, latest);
    }
    per_week(&history.weeks)
}

/// The difference of two shares, with Newcombe's interval.
fn per_version(before: &VersionHistory, latest: &VersionHistory) -> Velocity {
    let named = |version: &VersionHistory| version.version.clone().unwrap_or_else(|| "no version".to_owned());
    let (from, to) = (named(before), named(latest));
    if before.success.n < FEWEST || latest.success.n < FEWEST {
        let how = format!(
            "{from} has {} and {to} has {} runs of known outcome; {FEWEST} of each are needed",
            before.success.n, latest.success.n
        );
        return Velocity::unknown("version", how);
    }
    let change = latest.success.estimate.zip(before.success.estimate).map(|(latest, before)| latest - before);
    let interval = newcombe(&before.success, &latest.success);
    let how = format!(
        "from {from} ({} of {}) to {to} ({} of {}), Newcombe's interval",
        before.success.successes, before.success.n, latest.success.successes, latest.success.n
    );
    Velocity::of("version", change, interval.map(|interval| (interval.low, interval.high)), how)
}

/// The slope of the success rate over weeks: weighted least squares, whose variance under no change is that of the
/// Cochran-Armitage test for a trend (P. Armitage, *Tests for linear trends in proportions and frequencies*,
/// Biometrics 11, 1955).
fn per_week(weeks: &[WeekHistory]) -> Velocity {
    let known: Vec<&WeekHistory> = weeks.iter().filter(|week| week.success.n > 0).collect();
    let (Some(first), true) = (known.first(), known.len() >= WEEKS) else {
        let how = format!("runs of known outcome in {} weeks; {WEEKS} are needed, or two versions", known.len());
        return Velocity::unknown("week", how);
    };
    let x = |week: &WeekHistory| {
        let weeks = week.week.as_nanos().saturating_sub(first.week.as_nanos()) / WEEK_NANOS;
        float(u64::try_from(weeks).unwrap_or_default())
    };
    let n: f64 = known.iter().map(|week| float(week.success.n)).sum();
    let successes: f64 = known.iter().map(|week| float(week.success.successes)).sum();
    let mean_x = known.iter().map(|week| x(week) * float(week.success.n)).sum::<f64>() / n;
    let share = successes / n;
    let spread: f64 = known.iter().map(|week| float(week.success.n) * (x(week) - mean_x).powi(2)).sum();
    let covered: f64 = known
        .iter()
        .map(|week| (x(week) - mean_x) * (float(week.success.successes) - float(week.success.n) * share))
        .sum();
    let slope = covered / spread;
    let error = (share * (1.0 - share) / spread).sqrt();
    let how = format!("over {} weeks and {n} runs of known outcome, linear trend (Cochran-Armitage)", known.len());
    Velocity::of("week", Some(slope), Some((slope - Z * error, slope + Z * error)), how)
}

impl Velocity {
    fn unknown(per: &str, how: String) -> Self {
        Self { pace: Pace::NotEnoughData, change: None, low: None, high: None, per: per.to_owned(), how }
    }

    fn of(per: &str, change: Option<f64>, interval: Option<(f64, f64)>, how: String) -> Self {
        let pace = match interval {
            Some((low, _)) if low > 0.0 => Pace::Improving,
            Some((_, high)) if high < 0.0 => Pace::Declining,
            Some(_) => Pace::NoClearChange,
            None => Pace::NotEnoughData,
        };
        let (low, high) = interval.unzip();
        Self { pace, change, low, high, per: per.to_owned(), how }
    }
}

#[derive(Default)]
struct Counts {
    runs: u64,
    known: u64,
    succeeded: u64,
}

impl Counts {
    fn add(&mut self, verdict: Verdict) {
        self.runs += 1;
        self.known += u64::from(verdict != Verdict::Unknown);
        self.succeeded += u64::from(verdict == Verdict::Succeeded);
    }
}
