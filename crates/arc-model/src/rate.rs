//! Shares, which never travel without their n and their interval.

use serde::{Deserialize, Serialize};

/// A range that covers the true value with 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How it was computed.
    pub method: Method,
}

/// How an interval was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Wilson's score interval; assumes independent trials.
    Wilson,
    /// Student's t over task means, for trials that repeat tasks.
    TaskClusteredT,
    /// Jeffreys' interval: the middle 95 % of the Beta(½, ½) posterior.
    Jeffreys,
    /// Newcombe's interval of a difference of two shares, from their Wilson intervals.
    Newcombe,
    /// Percentiles of the mean over resampled tasks, widened for few tasks; the generator is seeded.
    ClusterBootstrap,
    /// Welch's t interval of a difference of two means.
    WelchT,
    /// Student's t interval of a mean.
    StudentT,
    /// Order statistics of the sample, for a quantile of any distribution.
    OrderStatistics,
    /// Rogan and Gladen's correction for a judge's measured errors, with the delta method.
    RoganGladen,
    /// Prediction-powered inference with a tuned weight of the judge (PPI++).
    PredictionPowered,
}

/// A share of trials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rate {
    /// Trials that count.
    pub successes: u64,
    /// All trials with a known result.
    pub n: u64,
    /// `successes / n`; `None` when `n` is zero.
    pub estimate: Option<f64>,
    /// Where the true share lies; `None` when that cannot be computed.
    pub interval: Option<Interval>,
}
