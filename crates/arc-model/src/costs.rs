//! How cost and time divide: by model, tool, step, agent and so on. Parts of one division sum to the whole.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{AgentName, NanoUsd};

/// By what cost and time are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CostDimension {
    /// The model that answered.
    Model,
    /// The tool that a model call asked for; a call that asked for several is divided among them.
    Tool,
    /// The name of the step or agent around a model call.
    Step,
    /// The agent.
    Agent,
    /// The agent's version.
    Version,
    /// The end user.
    User,
    /// The conversation.
    Session,
    /// Whether the run succeeded.
    Outcome,
    /// The UTC day on which the run began.
    Day,
}

impl CostDimension {
    /// Every dimension, in the order of declaration.
    pub const ALL: [Self; 9] = [
        Self::Model,
        Self::Tool,
        Self::Step,
        Self::Agent,
        Self::Version,
        Self::User,
        Self::Session,
        Self::Outcome,
        Self::Day,
    ];

    /// Returns the dimension's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Step => "step",
            Self::Agent => "agent",
            Self::Version => "version",
            Self::User => "user",
            Self::Session => "session",
            Self::Outcome => "outcome",
            Self::Day => "day",
        }
    }

    /// Returns whether only sums over all time are kept: there can be as many as there are runs.
    pub const fn is_all_time(self) -> bool {
        matches!(self, Self::User | Self::Session)
    }
}

impl fmt::Display for CostDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CostDimension {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|dimension| dimension.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is none of {}", known()))
    }
}

/// Makes the struct of sums, so that its fields, their order as numbers and their names stay together.
macro_rules! sums {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Sums over model calls, tool calls or runs. A count that is not known is in none of the sums, and beside
        /// them stands how many were not known.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(default)]
        pub struct CostSums {
            $($(#[$doc])* #[serde(skip_serializing_if = "is_zero")] #[cfg_attr(feature = "openapi", schema(required = false))] pub $name: u64,)*
        }

        impl CostSums {
            /// The names of the numbers, in the order of [`CostSums::numbers`].
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            /// Returns the numbers in a fixed order; each at most 2⁶³ - 1.
            pub fn numbers(&self) -> Vec<i64> {
                vec![$(i64::try_from(self.$name).unwrap_or(i64::MAX)),*]
            }

            /// Returns the sums that have these numbers; what is missing or negative is nothing.
            pub fn from_numbers(numbers: &[i64]) -> Self {
                let mut numbers = numbers.iter();
                let mut next = || numbers.next().and_then(|&number| u64::try_from(number).ok()).unwrap_or(0);
                Self { $($name: next()),* }
            }

            /// Adds others; a sum stops at 2⁶³ - 1.
            pub fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name).min(i64::MAX.unsigned_abs());)*
            }
        }
    };
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

sums! {
    /// Runs with such a part.
    runs,
    /// Those that succeeded.
    succeeded,
    /// Those that failed.
    failed,
    /// Those whose whole cost is known.
    priced_runs,
    /// Model calls; one that asked for several tools counts for the first of them.
    calls,
    /// Calls that failed.
    failed_calls,
    /// Input tokens, cached ones included.
    input_tokens,
    /// Output tokens.
    output_tokens,
    /// Input tokens that came from the provider's cache.
    cached_tokens,
    /// Calls of which a token count is not known.
    uncounted_calls,
    /// What was paid, in nano-dollars; where `unpriced_calls` is not 0, at least this.
    cost,
    /// Calls whose cost is not known.
    unpriced_calls,
    /// Model calls that sent what the run had sent before: retries and duplicates.
    repeated_calls,
    /// What these cost, in nano-dollars.
    repeated_cost,
    /// What emitters say the calls cost, in nano-dollars, where they say it.
    reported_cost,
    /// What the same calls cost by the prices here.
    reported_cost_here,
    /// Calls of which both are known.
    reported_calls,
    /// How long calls or runs took, in nanoseconds.
    time_ns,
    /// Calls or runs of which that is known.
    timed,
    /// Of the time of runs, what passed while the run waited for a model.
    model_ns,
    /// Of the time of runs, what passed while the run waited for a tool or a search.
    tool_ns,
    /// From the request to the first token, summed over calls.
    first_token_ns,
    /// Calls of which that is known.
    first_token_calls,
}

impl CostSums {
    /// Returns what was paid, when every call has a known cost.
    pub fn known_cost(&self) -> Option<NanoUsd> {
        (self.unpriced_calls == 0).then(|| self.at_least())
    }

    /// Returns what was paid at least.
    pub fn at_least(&self) -> NanoUsd {
        NanoUsd(i64::try_from(self.cost).unwrap_or(i64::MAX))
    }
}

/// How the cost and the time of one run divide.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunCosts {
    /// The whole run.
    pub whole: CostSums,
    /// Its parts by model, tool and step, each dimension in order of its names.
    pub parts: Vec<CostPart>,
}

/// A part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostPart {
    /// What it is a part by: model, tool or step.
    pub by: CostDimension,
    /// The model, tool or step; `None` where there is none.
    pub name: Option<String>,
    /// Its sums.
    pub sums: CostSums,
}

/// A line of a division.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CostTally {
    /// The model, tool, user and so on; `null` gathers what has none.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub name: Option<String>,
    /// The agent, where the division is by user or session; else `null`.
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub agent: Option<AgentName>,
    /// Its sums.
    #[serde(flatten)]
    pub sums: CostSums,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_they_were() {
        let sums = CostSums { runs: 1, cost: 7, first_token_calls: 3, ..CostSums::default() };
        assert_eq!(CostSums::from_numbers(&sums.numbers()), sums);
        assert_eq!(sums.numbers().len(), CostSums::NAMES.len());
    }

    #[test]
    fn a_cost_of_which_a_part_is_not_known_is_a_lower_bound() {
        let sums = CostSums { cost: 5, unpriced_calls: 1, ..CostSums::default() };
        assert_eq!((sums.known_cost(), sums.at_least()), (None, NanoUsd(5)));
    }

    #[test]
    fn every_dimension_reads_its_name() {
        for dimension in CostDimension::ALL {
            assert_eq!(dimension.as_str().parse(), Ok(dimension));
        }
        assert!("moon".parse::<CostDimension>().unwrap_err().contains("model, tool"));
    }
}
