//! From pairs to a verdict.

use std::collections::BTreeMap;

use arc_model::TraceId;

use super::{
    Agreement, Basis, BasisCount, Change, Cited, Cluster, Judgement, MOST_CITED, Pair, ProofVerdict, Reason,
    calls_needed, difference, mean,
};
use crate::reliability::float;

/// Why a comparison ended before all calls were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The next call could have exceeded the spend cap.
    SpendCap,
    /// Somebody stopped it.
    Interrupted,
    /// The provider let nothing through.
    Refused,
}

/// Decides over pairs whether the new answers are worse by no more than `margin`.
///
/// *Measured* when even with every undecided pair against it the lower end of the interval lies above `−margin`;
/// *withdrawn* when even with every undecided pair for it the upper end lies below, or when it is as good and shown to
/// cost more; else *stopped*. What ended the comparison early decides nothing: neither a spend cap nor a person looked
/// at the answers before.
pub fn judge(pairs: &[Pair], margin: f64, stop: Option<Stop>) -> Judgement {
    let count = |agreement| pairs.iter().filter(|pair| pair.agreement == agreement).count() as u64;
    let (same, different, undecided) =
        (count(Agreement::Same), count(Agreement::Different), count(Agreement::Undecided));
    let at_worst = difference(&clusters(pairs, true));
    let at_best = difference(&clusters(pairs, false));
    let cost = change(pairs, &|pair| Some((pair.recorded_cost?.as_usd(), pair.replayed_cost?.as_usd())));
    let latency = change(pairs, &|pair| Some((milliseconds(pair.recorded_ns?), milliseconds(pair.replayed_ns?))));
    let costs_more = cost.and_then(|cost| cost.difference).is_some_and(|difference| difference.low > 0.0);
    let (verdict, reason) = if at_worst.is_some_and(|at_worst| at_worst.low > -margin) {
        if costs_more {
            (ProofVerdict::Withdrawn, Reason::CostsMore)
        } else {
            (ProofVerdict::Measured, Reason::NonInferior)
        }
    } else if at_best.is_some_and(|at_best| at_best.high < -margin) {
        (ProofVerdict::Withdrawn, Reason::Worse)
    } else {
        let why = match stop {
            Some(Stop::SpendCap) => Reason::SpendCap,
            Some(Stop::Interrupted) => Reason::Interrupted,
            Some(Stop::Refused) => Reason::Refused,
            None => {
                let differing = at_worst.map_or(0.0, |at_worst| -at_worst.value);
                calls_needed(margin, differing).map_or(Reason::Unclear, |needed| Reason::TooFew { needed })
            }
        };
        (ProofVerdict::Stopped, why)
    };
    let by_basis = Basis::ALL.into_iter().filter_map(|basis| {
        let of = |agreement| pairs.iter().filter(|pair| pair.basis == basis && pair.agreement == agreement).count();
        let [same, different, undecided] =
            [Agreement::Same, Agreement::Different, Agreement::Undecided].map(|agreement| of(agreement) as u64);
        (same + different + undecided > 0).then_some(BasisCount { basis, same, different, undecided })
    });
    Judgement {
        verdict,
        reason,
        margin,
        calls: pairs.len() as u64,
        runs: runs(pairs, &Some).len() as u64,
        same,
        different,
        undecided,
        at_worst,
        at_best,
        by_basis: by_basis.collect(),
        cost,
        latency,
        cited: cited(pairs),
    }
}

/// Groups what is known of pairs by their run.
fn runs<'a, T>(pairs: &'a [Pair], of: &dyn Fn(&'a Pair) -> Option<T>) -> BTreeMap<TraceId, Vec<T>> {
    let mut runs: BTreeMap<TraceId, Vec<T>> = BTreeMap::new();
    for pair in pairs {
        if let Some(value) = of(pair) {
            runs.entry(pair.trace_id).or_default().push(value);
        }
    }
    runs
}

fn clusters(pairs: &[Pair], undecided_is_worse: bool) -> Vec<Cluster> {
    let is_worse = |pair: &Pair| match pair.agreement {
        Agreement::Same => false,
        Agreement::Different => true,
        Agreement::Undecided => undecided_is_worse,
    };
    let cluster = |pairs: Vec<bool>| Cluster {
        better: 0,
        worse: pairs.iter().filter(|is_worse| **is_worse).count() as u64,
        n: pairs.len() as u64,
    };
    runs(pairs, &|pair| Some(is_worse(pair))).into_values().map(cluster).collect()
}

fn change(pairs: &[Pair], of: &dyn Fn(&Pair) -> Option<(f64, f64)>) -> Option<Change> {
    let runs: Vec<Vec<(f64, f64)>> = runs(pairs, &|pair| of(pair)).into_values().collect();
    let values = || runs.iter().flatten();
    let n = values().count() as u64;
    if n == 0 {
        return None;
    }
    let recorded = values().map(|(recorded, _)| recorded).sum::<f64>() / float(n);
    let replayed = values().map(|(_, replayed)| replayed).sum::<f64>() / float(n);
    let differences: Vec<Vec<f64>> =
        runs.iter().map(|run| run.iter().map(|(recorded, replayed)| replayed - recorded).collect()).collect();
    let ratio = (recorded > 0.0).then(|| replayed / recorded - 1.0);
    Some(Change { n, recorded, replayed, ratio, difference: mean(&differences) })
}

#[expect(clippy::cast_precision_loss, reason = "durations in nanoseconds stay far below 2^53")]
fn milliseconds(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}

/// Returns the calls to look at, those that differ first, in the order of the comparison.
fn cited(pairs: &[Pair]) -> Vec<Cited> {
    let of = |wanted: Agreement| pairs.iter().filter(move |pair| pair.agreement == wanted);
    let ordered = of(Agreement::Different).chain(of(Agreement::Undecided)).chain(of(Agreement::Same));
    let cite = |pair: &Pair| Cited {
        trace_id: pair.trace_id,
        span_id: pair.span_id,
        agreement: pair.agreement,
        contrast: pair.contrast,
    };
    ordered.take(MOST_CITED).map(cite).collect()
}
