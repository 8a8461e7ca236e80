//! Money as integers, and a cost that is either known with its parts or unknown with its reason.

use std::{fmt, iter::Sum, ops::Add, ops::Sub};

use serde::{Deserialize, Serialize};

/// An amount in nano-dollars (10⁻⁹ USD).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct NanoUsd(pub i64);

impl NanoUsd {
    /// Nothing. A cost that is not known is [`Cost::Unknown`], never this.
    pub const ZERO: Self = Self(0);

    /// Returns the nearest nano-dollar amount; `None` for what is not a finite amount in range.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let nanos = (usd * 1e9).round();
        // 2^53: beyond it an f64 no longer counts single nano-dollars.
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked in the condition")]
        (nanos.is_finite() && nanos.abs() < 9_007_199_254_740_992.0).then_some(Self(nanos as i64))
    }

    /// Returns dollars, for display and for ratios only.
    #[expect(clippy::cast_precision_loss, reason = "display and ratios tolerate rounding in the 16th digit")]
    pub fn as_usd(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add for NanoUsd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for NanoUsd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Prints dollars with every digit that is not a trailing zero: `$0.013`, `$2`, `-$0.000000001`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (dollars, nanos) = (self.0.unsigned_abs() / 1_000_000_000, self.0.unsigned_abs() % 1_000_000_000);
        let fraction = format!("{nanos:09}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{sign}${dollars}"),
            digits => write!(f, "{sign}${dollars}.{digits}"),
        }
    }
}

/// What a span or a run cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Cost {
    /// Every part was priced; the total is the sum of the lines.
    Known {
        /// Sum of `lines`.
        total: NanoUsd,
        /// One line per usage class and price row.
        lines: Vec<CostLine>,
    },
    /// At least one part could not be priced.
    Unknown {
        /// The first reason met.
        why: UnknownCost,
        /// Sum of what could be priced; the true cost is at least this.
        at_least: NanoUsd,
    },
}

impl Cost {
    /// Returns the cost made of these lines.
    pub fn from_lines(lines: Vec<CostLine>) -> Self {
        Self::Known { total: lines.iter().map(|line| line.amount).sum(), lines }
    }

    /// Returns a cost of which nothing is known but the reason.
    pub fn unknown(why: UnknownCost) -> Self {
        Self::Unknown { why, at_least: NanoUsd::ZERO }
    }

    /// Returns the total if every part is known.
    pub fn known(&self) -> Option<NanoUsd> {
        match self {
            Self::Known { total, .. } => Some(*total),
            Self::Unknown { .. } => None,
        }
    }
}

/// A part of a cost: so many tokens of one class at one price row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CostLine {
    /// The model's id in the price table, with its provider: `openai/gpt-4o`.
    pub price_row: String,
    /// `input`, `output`, `cache_read`, `cache_write` …
    pub class: String,
    /// Tokens billed in this class.
    pub tokens: u64,
    /// Rounded once, to the nearest nano-dollar.
    pub amount: NanoUsd,
}

/// Why a cost is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum UnknownCost {
    /// The run has no LLM span, so nothing about its cost was recorded.
    NoLlmCalls,
    /// A model call recorded no model name.
    NoModel,
    /// A model call recorded no token counts.
    NoUsage,
    /// The price table has no row for this model.
    Unpriced {
        /// The model as recorded.
        model: String,
    },
    /// Token counts contradict each other, or overlap in a way that was not recorded.
    UnclearUsage,
    /// The run goes on, or a model call has no end.
    Running,
}

impl fmt::Display for UnknownCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLlmCalls => f.write_str("no model calls were recorded"),
            Self::NoModel => f.write_str("the model's name was not recorded"),
            Self::NoUsage => f.write_str("token counts were not recorded"),
            Self::Unpriced { model } => write!(f, "no price for model `{model}`"),
            Self::UnclearUsage => f.write_str("the token counts do not add up"),
            Self::Running => f.write_str("it, or a model call in it, has not ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_print_without_trailing_zeros() {
        for (nanos, text) in [(13_000_000, "$0.013"), (2_000_000_000, "$2"), (-1, "-$0.000000001"), (0, "$0")] {
            assert_eq!(NanoUsd(nanos).to_string(), text);
        }
    }

    #[test]
    fn amounts_that_are_not_numbers_are_refused() {
        assert_eq!(NanoUsd::from_usd(f64::NAN), None);
        assert_eq!(NanoUsd::from_usd(1e30), None);
        assert_eq!(NanoUsd::from_usd(0.000_001_234_6), Some(NanoUsd(1235)));
    }
}
