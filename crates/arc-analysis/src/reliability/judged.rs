//! The success rate that a judge's verdicts come to, corrected for how often the judge is wrong.
//!
//! A judge alone tells how often *it* says "succeeded". Runs that a person labelled as well measure its errors, and two
//! corrections use them: [`rogan_gladen`] by the judge's sensitivity and specificity, [`prediction_powered`] by the
//! differences on the labelled runs. Both take the labelled runs for a random sample of the judged ones, and both are
//! refused where there are too few.

use arc_model::{Interval, Method, OutcomeSource, Rate, Run, Verdict};
use serde::{Deserialize, Serialize};

use super::interval::{Z, float, rate, share};

/// Fewest runs with both labels.
const ENOUGH_LABELLED: u64 = 30;

/// Fewest of them that a person called a success, and fewest a failure.
const ENOUGH_OF_EACH: u64 = 10;

/// What a judge's verdicts come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Judged {
    /// Runs that the judge called a success, of those it judged: not corrected.
    pub judged: Rate,
    /// Runs that have a person's label as well.
    pub labelled: u64,
    /// Of those that a person called a success, the ones that the judge did.
    pub sensitivity: Rate,
    /// Of those that a person called a failure, the ones that the judge did.
    pub specificity: Rate,
    /// Corrected by sensitivity and specificity.
    pub rogan_gladen: Corrected,
    /// Corrected by prediction-powered inference.
    pub prediction_powered: Corrected,
}

/// A corrected success rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Corrected {
    /// It can be told.
    Known {
        /// The success rate.
        estimate: f64,
        /// Where it lies.
        interval: Interval,
    },
    /// It cannot.
    Refused {
        /// Why, and what is missing.
        why: String,
    },
}

/// Counts of verdicts: of the judge alone, and of both on the same runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdicts {
    /// Runs with the judge's verdict and no person's.
    pub judge_only: u64,
    /// Those that the judge called a success.
    pub judge_only_passed: u64,
    /// Both say "succeeded".
    pub both_passed: u64,
    /// A person says "succeeded", the judge "failed".
    pub missed: u64,
    /// A person says "failed", the judge "succeeded".
    pub wrongly_passed: u64,
    /// Both say "failed".
    pub both_failed: u64,
}

impl Verdicts {
    /// Counts what is claimed of these runs; of several claims from one source the one that wins counts.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Self {
        let mut counts = Self::default();
        for run in runs {
            let said = |source| {
                let claims = run.outcome.claims.iter();
                let mut known = claims.filter(|claim| claim.source == source && claim.verdict != Verdict::Unknown);
                known.next().map(|claim| claim.verdict == Verdict::Succeeded)
            };
            let Some(judge) = said(OutcomeSource::Judge) else { continue };
            match (said(OutcomeSource::Human), judge) {
                (None, passed) => {
                    counts.judge_only += 1;
                    counts.judge_only_passed += u64::from(passed);
                }
                (Some(true), true) => counts.both_passed += 1,
                (Some(true), false) => counts.missed += 1,
                (Some(false), true) => counts.wrongly_passed += 1,
                (Some(false), false) => counts.both_failed += 1,
            }
        }
        counts
    }

    const fn labelled(&self) -> u64 {
        self.both_passed + self.missed + self.wrongly_passed + self.both_failed
    }

    const fn passed_by_people(&self) -> u64 {
        self.both_passed + self.missed
    }

    const fn failed_by_people(&self) -> u64 {
        self.wrongly_passed + self.both_failed
    }
}

/// Returns what a judge's verdicts on these runs come to; `None` when it judged none.
pub fn judged<'a>(runs: impl IntoIterator<Item = &'a Run>) -> Option<Judged> {
    let counts = Verdicts::of(runs);
    let n = counts.judge_only + counts.labelled();
    if n == 0 {
        return None;
    }
    Some(Judged {
        judged: rate(counts.judge_only_passed + counts.both_passed + counts.wrongly_passed, n),
        labelled: counts.labelled(),
        sensitivity: rate(counts.both_passed, counts.passed_by_people()),
        specificity: rate(counts.both_failed, counts.failed_by_people()),
        rogan_gladen: rogan_gladen(&counts),
        prediction_powered: prediction_powered(&counts),
    })
}

/// Returns why these labels are too few; `None` when they are enough.
fn too_few(counts: &Verdicts) -> Option<String> {
    let (n, passed, failed) = (counts.labelled(), counts.passed_by_people(), counts.failed_by_people());
    if n < ENOUGH_LABELLED {
        return Some(format!("{n} judged runs have a person's label as well; {ENOUGH_LABELLED} are needed"));
    }
    if passed < ENOUGH_OF_EACH || failed < ENOUGH_OF_EACH {
        let told = format!("people called {passed} of {n} runs a success and {failed} a failure");
        return Some(format!("{told}; {ENOUGH_OF_EACH} of each are needed to know how often the judge is wrong"));
    }
    None
}

/// Returns the success rate corrected by the judge's sensitivity and specificity.
///
/// `p = (q + Sp − 1) / (Se + Sp − 1)` with the judge's rate `q` over all judged runs (W. J. Rogan and B. Gladen,
/// *Estimating prevalence from the results of a screening test*, American Journal of Epidemiology 107(1), 1978). The
/// interval is the delta method's with the adjusted counts and the shift of Z. Lang and J. Reiczigel, *Confidence
/// limits for prevalence of disease adjusted for estimated sensitivity and specificity*, Preventive Veterinary
/// Medicine 113(1), 2014, which keeps its level with few labels.
pub fn rogan_gladen(counts: &Verdicts) -> Corrected {
    if let Some(why) = too_few(counts) {
        return Corrected::Refused { why };
    }
    let (n_passed, n_failed) = (float(counts.passed_by_people()), float(counts.failed_by_people()));
    let n = float(counts.judge_only + counts.labelled());
    let q = float(counts.judge_only_passed + counts.both_passed + counts.wrongly_passed) / n;
    let (se, sp) = (float(counts.both_passed) / n_passed, float(counts.both_failed) / n_failed);
    // The spread of Youden's index, to see whether the judge tells anything at all.
    let spread = (se * (1.0 - se) / n_passed + sp * (1.0 - sp) / n_failed).sqrt();
    if se + sp - 1.0 - Z * spread <= 0.0 {
        let (se, sp) = (se * 100.0, sp * 100.0);
        return Corrected::Refused {
            why: format!(
                "the judge may be no better than a coin: it recognises {se:.0} % of successes and {sp:.0} % of failures"
            ),
        };
    }
    let estimate = ((q + sp - 1.0) / (se + sp - 1.0)).clamp(0.0, 1.0);
    let adjusted = n + Z * Z;
    let q = (n * q + Z * Z / 2.0) / adjusted;
    let (n_passed, n_failed) = (n_passed + 2.0, n_failed + 2.0);
    let (se, sp) = ((float(counts.both_passed) + 1.0) / n_passed, (float(counts.both_failed) + 1.0) / n_failed);
    let index = se + sp - 1.0;
    let p = (q + sp - 1.0) / index;
    let (of_passed, of_failed) = (se * (1.0 - se) / n_passed, sp * (1.0 - sp) / n_failed);
    let error = (q * (1.0 - q) / adjusted + p * p * of_passed + (1.0 - p).powi(2) * of_failed).sqrt() / index;
    let shift = 2.0 * Z * Z * (p * of_passed - (1.0 - p) * of_failed);
    known(estimate, p + shift - Z * error, p + shift + Z * error, Method::RoganGladen)
}

/// Returns the success rate by prediction-powered inference.
///
/// The judge's rate on runs without a label, plus the mean difference between people and the judge on those with one;
/// the judge counts with the weight λ that makes the interval narrowest, and with λ = 0 this is the mean of the labels
/// (A. N. Angelopoulos, J. C. Duchi and T. Zrnic, *PPI++: Efficient prediction-powered inference*, arXiv:2311.01453).
pub fn prediction_powered(counts: &Verdicts) -> Corrected {
    if let Some(why) = too_few(counts) {
        return Corrected::Refused { why };
    }
    let n = float(counts.labelled());
    let Some(alone) = share(counts.judge_only_passed, counts.judge_only) else {
        return Corrected::Refused { why: "every judged run has a person's label: use those".to_owned() };
    };
    let others = float(counts.judge_only);
    let human = float(counts.passed_by_people()) / n;
    let judge = float(counts.both_passed + counts.wrongly_passed) / n;
    let covariance = float(counts.both_passed) / n - human * judge;
    let all = n + others;
    let pooled = (n * judge + others * alone) / all;
    let variance = pooled * (1.0 - pooled) * all / (all - 1.0);
    let weight = if variance > 0.0 { (covariance / ((1.0 + n / others) * variance)).clamp(0.0, 1.0) } else { 0.0 };
    let estimate = weight * alone + human - weight * judge;
    // Of `label − λ · judge`, whose parts are shares.
    let differences = human * (1.0 - human) + weight * weight * judge * (1.0 - judge) - 2.0 * weight * covariance;
    let error = (weight * weight * alone * (1.0 - alone) / others + differences.max(0.0) / n).sqrt();
    known(estimate.clamp(0.0, 1.0), estimate - Z * error, estimate + Z * error, Method::PredictionPowered)
}

const fn known(estimate: f64, low: f64, high: f64, method: Method) -> Corrected {
    let interval = Interval { low: low.clamp(0.0, 1.0), high: high.clamp(0.0, 1.0), method };
    Corrected::Known { estimate, interval }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SplitMix64;

    fn counts(judge_only: u64, judge_only_passed: u64, table: [u64; 4]) -> Verdicts {
        let [both_passed, missed, wrongly_passed, both_failed] = table;
        Verdicts { judge_only, judge_only_passed, both_passed, missed, wrongly_passed, both_failed }
    }

    fn refused(corrected: &Corrected) -> &str {
        match corrected {
            Corrected::Refused { why } => why,
            Corrected::Known { .. } => panic!("{corrected:?}"),
        }
    }

    #[test]
    fn a_judge_without_errors_is_taken_at_its_word() {
        let Corrected::Known { estimate, .. } = rogan_gladen(&counts(900, 720, [80, 0, 0, 20])) else { panic!() };
        assert!((estimate - 0.8).abs() < 1e-12);
        let Corrected::Known { estimate, .. } = prediction_powered(&counts(900, 720, [80, 0, 0, 20])) else { panic!() };
        assert!((estimate - 0.8).abs() < 1e-12);
    }

    #[test]
    fn too_few_labels_are_refused_with_what_is_missing() {
        let few = counts(900, 720, [10, 0, 0, 10]);
        assert_eq!(refused(&rogan_gladen(&few)), "20 judged runs have a person's label as well; 30 are needed");
        let one_sided = counts(900, 720, [40, 0, 0, 3]);
        assert!(refused(&prediction_powered(&one_sided)).starts_with("people called 40 of 43 runs a success and 3 a"));
    }

    #[test]
    fn a_judge_that_may_be_a_coin_is_refused() {
        let why = rogan_gladen(&counts(100, 50, [10, 10, 10, 10]));
        assert!(refused(&why).starts_with("the judge may be no better than a coin"), "{why:?}");
        // People's labels alone still tell something, and the judge gets no weight.
        let Corrected::Known { estimate, .. } = prediction_powered(&counts(100, 50, [10, 10, 10, 10])) else {
            panic!()
        };
        assert!((estimate - 0.5).abs() < 1e-12);
    }

    /// A judge that passes 85 % of successes and 30 % of failures, where 60 % succeed: it says 63 %.
    #[test]
    fn the_intervals_cover_the_true_rate_about_as_often_as_they_say() {
        let mut random = SplitMix64(7);
        let mut chance = |per_mille: usize| random.below(1000) < per_mille;
        let (mut rogan, mut ppi, rounds) = (0, 0, 400);
        for _ in 0..rounds {
            let mut found = Verdicts::default();
            for run in 0..500 {
                let succeeded = chance(600);
                let passed = chance(if succeeded { 850 } else { 300 });
                match (run < 100, succeeded, passed) {
                    (false, _, passed) => {
                        found.judge_only += 1;
                        found.judge_only_passed += u64::from(passed);
                    }
                    (true, true, true) => found.both_passed += 1,
                    (true, true, false) => found.missed += 1,
                    (true, false, true) => found.wrongly_passed += 1,
                    (true, false, false) => found.both_failed += 1,
                }
            }
            let covers = |corrected: Corrected| match corrected {
                Corrected::Known { interval, .. } => u32::from((interval.low..=interval.high).contains(&0.6)),
                Corrected::Refused { why } => panic!("{why}"),
            };
            rogan += covers(rogan_gladen(&found));
            ppi += covers(prediction_powered(&found));
        }
        assert!((370..=rounds).contains(&rogan) && (366..rounds).contains(&ppi), "{rogan} and {ppi} of {rounds}");
    }
}
