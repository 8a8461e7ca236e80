//! pass^k and pass@k: whether all, or any, of k tries at a task succeed. Averages over tasks.
//!
//! Both are the unbiased estimators from `c` successes in `n` trials: of all ways to pick k of the
//! n trials, the share in which all (any) succeeded. pass^k: S. Yao et al., *τ-bench*,
//! arXiv:2406.12045; pass@k: M. Chen et al., *Evaluating large language models trained on
//! code*, arXiv:2107.03374.

use serde::{Deserialize, Serialize};

use super::interval::float;

/// The figure for one k.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PassAtK {
    /// Tries.
    pub k: u64,
    /// Mean over `tasks`.
    pub value: f64,
    /// Tasks with at least k trials of known outcome; the others say nothing about k tries.
    pub tasks: u64,
}

/// Trials of one task with a known outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trials {
    /// Trials that succeeded.
    pub successes: u64,
    /// All trials with a known outcome.
    pub n: u64,
}

/// Returns the mean chance that k tries of a task all succeed; `None` when no task has k trials.
pub fn pass_hat_k(tasks: &[Trials], k: u64) -> Option<PassAtK> {
    mean(tasks, k, |task| all_picked(task.successes, task.n, k))
}

/// Returns the mean chance that at least one of k tries of a task succeeds; `None` when no task has
/// k trials.
pub fn pass_at_k(tasks: &[Trials], k: u64) -> Option<PassAtK> {
    mean(tasks, k, |task| 1.0 - all_picked(task.n.saturating_sub(task.successes), task.n, k))
}

/// Returns `C(marked, k) / C(n, k)`: the chance that k picks out of n are all among the marked ones.
///
/// A product of k factors of at most one, so it neither overflows nor cancels; with fewer than k
/// marked one factor is zero.
fn all_picked(marked: u64, n: u64, k: u64) -> f64 {
    (0..k).map(|picked| float(marked.saturating_sub(picked)) / float(n - picked)).product()
}

fn mean(tasks: &[Trials], k: u64, value: impl Fn(&Trials) -> f64) -> Option<PassAtK> {
    if k == 0 {
        return None;
    }
    let (mut sum, mut count) = (0.0, 0);
    for task in tasks.iter().filter(|task| task.n >= k) {
        sum += value(task);
        count += 1;
    }
    (count > 0).then(|| PassAtK { k, value: sum / float(count), tasks: count })
}
