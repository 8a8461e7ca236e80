//! What became of a check that the user declared, in one run.

use serde::{Deserialize, Serialize};

use crate::{Evidence, id::text_id};

text_id!(CheckId, "Names a check within a project, as the user declared it: `refund-is-booked`.");

/// What a declared check came to in a run it applies to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckResult {
    /// The check.
    pub check: CheckId,
    /// What sort of check it is: `tools`, `arguments`, `forbidden`, `output`, `state`, `budget`.
    pub kind: String,
    /// What it came to.
    #[serde(flatten)]
    pub state: CheckState,
    /// How the calls fit what it expects, of checks of the kinds `tools` and `arguments`.
    #[serde(default, skip_serializing_if = "CallCounts::is_nothing")]
    pub calls: CallCounts,
}

/// How the calls of tools in a run fit those that a check expects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CallCounts {
    /// Calls that are expected.
    pub expected: u64,
    /// Calls that were made.
    pub made: u64,
    /// Of both, those that are each other's.
    pub matched: u64,
    /// Of these, those whose order matters.
    pub ordered: u64,
    /// Of these, those in the expected order: the longest row.
    pub in_order: u64,
    /// Calls whose arguments were looked at.
    pub judged: u64,
    /// Of these, those whose arguments are as declared.
    pub fitting: u64,
}

impl CallCounts {
    /// Returns whether nothing was counted.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CheckState {
    /// What was asked for is so.
    Passed,
    /// It is not.
    Failed {
        /// What is not as asked for, in a sentence.
        why: String,
        /// What shows it; never empty.
        evidence: Vec<Evidence>,
    },
    /// The run does not show whether it is.
    Unknown {
        /// What is missing, in a sentence.
        why: String,
    },
}
