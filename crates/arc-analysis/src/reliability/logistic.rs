//! Logistic regression with a penalty on the weights, fitted by Newton's method.
//!
//! Features are standardised first, so that one penalty suits all; the intercept is not penalised. Few features, so the
//! linear system of each step is solved directly. Source: T. Hastie, R. Tibshirani, J. Friedman, *The Elements of
//! Statistical Learning*, 2nd ed., 2009, §4.4.

/// The penalty on the squared weights of standardised features.
const PENALTY: f64 = 1.0;

/// Most steps; it converges in a handful.
const STEPS: usize = 50;

/// A fitted model of `N` features.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Logistic<const N: usize> {
    means: [f64; N],
    scales: [f64; N],
    weights: [f64; N],
    intercept: f64,
}

impl<const N: usize> Default for Logistic<N> {
    fn default() -> Self {
        Self { means: [0.0; N], scales: [1.0; N], weights: [0.0; N], intercept: 0.0 }
    }
}

impl<const N: usize> Logistic<N> {
    /// Fits rows of features, whether it happened, and how much the row counts; `None` when that does not converge.
    pub(super) fn fit(rows: &[([f64; N], bool, f64)]) -> Option<Self> {
        let total: f64 = rows.iter().map(|row| row.2).sum();
        if total <= 0.0 {
            return None;
        }
        let mut model = Self::default();
        for feature in 0..N {
            let of = |row: &([f64; N], bool, f64)| row.0.get(feature).copied().unwrap_or(0.0);
            let mean = rows.iter().map(|row| row.2 * of(row)).sum::<f64>() / total;
            let variance = rows.iter().map(|row| row.2 * (of(row) - mean).powi(2)).sum::<f64>() / total;
            *model.means.get_mut(feature)? = mean;
            // A feature that never changes says nothing.
            *model.scales.get_mut(feature)? = if variance > 1e-12 { variance.sqrt() } else { f64::INFINITY };
        }
        for _ in 0..STEPS {
            let step = model.newton_step(rows)?;
            model.intercept += step.first()?;
            for (weight, change) in model.weights.iter_mut().zip(step.iter().skip(1)) {
                *weight += change;
            }
            if step.iter().all(|change| change.abs() < 1e-9) {
                return Some(model);
            }
        }
        None
    }

    /// Returns how likely it is with these features.
    pub(super) fn chance(&self, features: &[f64; N]) -> f64 {
        let standard = self.standardised(features);
        let sum: f64 = standard.iter().zip(&self.weights).map(|(value, weight)| value * weight).sum();
        1.0 / (1.0 + (-(self.intercept + sum)).exp())
    }

    fn standardised(&self, features: &[f64; N]) -> Vec<f64> {
        let scaled = features.iter().zip(&self.means).zip(&self.scales);
        scaled.map(|((value, mean), scale)| (value - mean) / scale).collect()
    }

    /// Returns the change of intercept and weights.
    fn newton_step(&self, rows: &[([f64; N], bool, f64)]) -> Option<Vec<f64>> {
        let size = N + 1;
        let mut gradient = vec![0.0; size];
        let mut curvature = vec![vec![0.0; size]; size];
        for (place, weight) in self.weights.iter().enumerate() {
            *gradient.get_mut(place + 1)? -= PENALTY * weight;
            *curvature.get_mut(place + 1)?.get_mut(place + 1)? += PENALTY;
        }
        for (features, happened, counts) in rows {
            let chance = self.chance(features);
            let row: Vec<f64> = std::iter::once(1.0).chain(self.standardised(features)).collect();
            let (miss, spread) = (f64::from(u8::from(*happened)) - chance, (chance * (1.0 - chance)).max(1e-9));
            for (place, value) in row.iter().enumerate() {
                *gradient.get_mut(place)? += counts * miss * value;
                for (sum, other) in curvature.get_mut(place)?.iter_mut().zip(&row) {
                    *sum += counts * spread * value * other;
                }
            }
        }
        solve(curvature, gradient)
    }
}

/// Solves a symmetric positive definite system by elimination.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for pivot in 0..size {
        let lead = *matrix.get(pivot)?.get(pivot)?;
        if !(lead.is_finite() && lead > 1e-12) {
            return None;
        }
        let (above, below) = matrix.split_at_mut(pivot + 1);
        let own = above.last()?;
        for (offset, row) in below.iter_mut().enumerate() {
            let factor = row.get(pivot)? / lead;
            for (value, base) in row.iter_mut().zip(own) {
                *value -= factor * base;
            }
            let base = *right.get(pivot)?;
            *right.get_mut(pivot + 1 + offset)? -= factor * base;
        }
    }
    for pivot in (0..size).rev() {
        let row = matrix.get(pivot)?;
        let known: f64 = row.iter().zip(&right).skip(pivot + 1).map(|(value, known)| value * known).sum();
        let value = (right.get(pivot)? - known) / row.get(pivot)?;
        *right.get_mut(pivot)? = value;
    }
    right.iter().all(|value| value.is_finite()).then_some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_signal_the_chance_is_the_share() {
        let rows: Vec<([f64; 1], bool, f64)> = (0..100).map(|i| ([f64::from(i % 2)], i % 4 < 2, 1.0)).collect();
        let model = Logistic::fit(&rows).unwrap();
        assert!((model.chance(&[0.0]) - 0.5).abs() < 1e-6 && (model.chance(&[1.0]) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_feature_that_never_changes_is_left_out_and_one_that_tells_everything_stays_finite() {
        let rows: Vec<([f64; 2], bool, f64)> = (0..100).map(|i| ([7.0, f64::from(i)], i >= 50, 1.0)).collect();
        let model = Logistic::fit(&rows).unwrap();
        assert!(model.chance(&[7.0, 5.0]) < 0.1 && model.chance(&[7.0, 95.0]) > 0.9);
        assert_eq!(Logistic::<1>::fit(&[]), None);
    }

    /// `sklearn.linear_model.LogisticRegression(C=1.0)` on the standardised feature of these rows gives this.
    #[test]
    fn the_fit_is_that_of_scikit_learn() {
        let x = [0.5, 1.5, 2.0, 3.0, 3.5, 4.0, 5.0, 6.0];
        let y = [false, false, true, false, true, false, true, true];
        let rows: Vec<([f64; 1], bool, f64)> = x.iter().zip(y).map(|(x, y)| ([*x], y, 1.0)).collect();
        let model = Logistic::fit(&rows).unwrap();
        for (x, chance) in REFERENCE {
            assert!((model.chance(&[x]) - chance).abs() < 1e-4, "{x}: {} is not {chance}", model.chance(&[x]));
        }
    }

    const REFERENCE: [(f64, f64); 3] = [(1.0, 0.271_521_3), (3.0, 0.479_417_9), (5.5, 0.740_449_0)];
}
