//! What was measured: a value with its n and its interval, beside what a constant answer would get.

use serde::Serialize;

use crate::reliability::{float, wilson};

/// One measured figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The part of the data it is about.
    pub subset: String,
    /// What was measured.
    pub measure: String,
    /// The figure; `None` when there was nothing to measure it on.
    pub value: Option<f64>,
    /// How many items it rests on.
    pub n: u64,
    /// What the items are, in the plural.
    pub items: &'static str,
    /// Where the true value lies with 95 % confidence; `None` when that cannot be computed.
    pub interval: Option<(f64, f64)>,
    /// How the interval was computed.
    pub method: &'static str,
    /// The best answer that does not look at the run, scored the same way.
    pub constant: Option<Constant>,
    /// The best figure anybody published, where there is one.
    pub published: Option<f64>,
    /// How the figure stands against the constant.
    pub standing: Standing,
}

/// An answer that does not look at the run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Constant {
    /// What it always answers.
    pub answer: String,
    /// What it gets.
    pub value: f64,
}

/// How a figure stands against the constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The whole interval lies above the constant.
    Better,
    /// Above, but the interval includes the constant.
    AboveWithinInterval,
    /// Not better than the constant.
    NotBetter,
    /// There is no constant to compare with.
    NoConstant,
}

impl Standing {
    /// Returns the words for a table.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Better => "better than the constant",
            Self::AboveWithinInterval => "above the constant, within chance",
            Self::NotBetter => "**not better than the constant**",
            Self::NoConstant => "–",
        }
    }
}

impl Figure {
    /// Makes a figure of a share of independent items, with Wilson's interval.
    pub fn share(subset: &str, measure: &str, hits: u64, n: u64, items: &'static str) -> Self {
        let interval = wilson(hits, n).map(|interval| (interval.low, interval.high));
        let value = (n > 0).then(|| float(hits) / float(n));
        Self::new(subset, measure, value, n, items, interval, "Wilson")
    }

    /// Makes a figure of a statistic over items, with the interval of a bootstrap over them.
    pub fn statistic<T>(
        subset: &str,
        measure: &str,
        rows: &[T],
        items: &'static str,
        of: impl Fn(&[&T]) -> Option<f64>,
    ) -> Self {
        let all: Vec<&T> = rows.iter().collect();
        let interval = bootstrap(rows, &of);
        Self::new(subset, measure, of(&all), rows.len() as u64, items, interval, "bootstrap")
    }

    fn new(
        subset: &str,
        measure: &str,
        value: Option<f64>,
        n: u64,
        items: &'static str,
        interval: Option<(f64, f64)>,
        method: &'static str,
    ) -> Self {
        Self {
            subset: subset.to_owned(),
            measure: measure.to_owned(),
            value,
            n,
            items,
            interval,
            method,
            constant: None,
            published: None,
            standing: Standing::NoConstant,
        }
    }

    /// Puts the best constant answer beside it.
    #[must_use]
    pub fn beside(mut self, constant: Option<Constant>) -> Self {
        self.standing = match (&constant, self.value, self.interval) {
            (Some(constant), _, Some((low, _))) if low > constant.value => Standing::Better,
            (Some(constant), Some(value), _) if value > constant.value => Standing::AboveWithinInterval,
            (Some(_), _, _) => Standing::NotBetter,
            (None, _, _) => Standing::NoConstant,
        };
        self.constant = constant;
        self
    }

    /// Puts the best published figure beside it.
    #[must_use]
    pub fn published(mut self, value: f64) -> Self {
        self.published = Some(value);
        self
    }
}

/// Resamples of a bootstrap.
const RESAMPLES: usize = 1_000;

/// Returns the 2.5 % and 97.5 % quantiles of a statistic over resampled items; the same every time.
fn bootstrap<T>(rows: &[T], of: &impl Fn(&[&T]) -> Option<f64>) -> Option<(f64, f64)> {
    if rows.len() < 2 {
        return None;
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut values: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let sample: Vec<&T> = (0..rows.len()).filter_map(|_| rows.get(pick(&mut state, rows.len()))).collect();
            of(&sample)
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values.get((values.len() * share / 1000).min(values.len().checked_sub(1)?)).copied();
    Some((at(25)?, at(975)?))
}

/// Returns the next number below `below` of the generator `SplitMix64`.
fn pick(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) % (below as u64).max(1)).unwrap_or(0)
}

/// Returns `part / whole` of two counts; `None` when the whole is zero.
pub(super) fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| float(part as u64) / float(whole as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_better_only_when_its_whole_interval_is() {
        let constant = |value| Some(Constant { answer: "always".into(), value });
        let figure = |value| Figure::share("all", "hits", 60, 100, "runs").beside(constant(value)).standing;
        assert_eq!(figure(0.45), Standing::Better);
        assert_eq!(figure(0.55), Standing::AboveWithinInterval);
        assert_eq!(figure(0.60), Standing::NotBetter);
    }

    #[test]
    fn nothing_measured_is_no_figure() {
        let empty = Figure::share("all", "hits", 0, 0, "runs");
        assert_eq!((empty.value, empty.interval), (None, None));
        let none = Figure::statistic("all", "mean", &[] as &[f64], "runs", |_| None);
        assert_eq!((none.value, none.interval), (None, None));
    }

    #[test]
    fn a_bootstrap_covers_the_mean_and_is_the_same_every_time() {
        let rows: Vec<f64> = (0..100).map(|index| f64::from(index % 10)).collect();
        let mean = |rows: &[&f64]| Some(rows.iter().copied().sum::<f64>() / float(rows.len() as u64));
        let figure = Figure::statistic("all", "mean", &rows, "runs", mean);
        let (low, high) = figure.interval.unwrap();
        assert!(3.5 < low && low < 4.5 && 4.5 < high && high < 5.5, "{low} {high}");
        assert_eq!(Figure::statistic("all", "mean", &rows, "runs", mean), figure);
    }
}
