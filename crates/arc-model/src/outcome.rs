//! Whether a run succeeded, who says so, and how it ended.

use serde::{Deserialize, Serialize};

use crate::SpanId;

/// Whether a run succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It did what it was asked to do.
    Succeeded,
    /// It did not.
    Failed,
    /// Nobody has said.
    #[default]
    Unknown,
}

/// Who says whether a run succeeded. Declared in order of precedence: the first one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutcomeSource {
    /// A person looked at it.
    Human,
    /// A program checked the result: a test, a reward function.
    Check,
    /// The host program said so.
    HostDeclared,
    /// The process died, or an exception ended the run.
    ProcessDeath,
    /// A model judged it.
    Judge,
    /// A detector found a failure that ends a run: a step limit, a timeout.
    Detector,
}

/// One statement about whether a run succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OutcomeClaim {
    /// What is claimed.
    pub verdict: Verdict,
    /// By whom.
    pub source: OutcomeSource,
    /// The score behind it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Why, in a few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The span it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span_id: Option<SpanId>,
}

/// Whether a run succeeded, with every claim that was made.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Outcome {
    /// The verdict of the claim that wins.
    pub verdict: Verdict,
    /// The source of the claim that wins; `None` exactly when the verdict is unknown.
    pub source: Option<OutcomeSource>,
    /// Every claim, the winning one first.
    pub claims: Vec<OutcomeClaim>,
}

impl Outcome {
    /// Decides among claims: by source in order of precedence, and within a source the last one.
    /// Claims of "unknown" never win.
    pub fn from_claims(claims: impl IntoIterator<Item = OutcomeClaim>) -> Self {
        let mut claims: Vec<_> = claims.into_iter().collect();
        claims.reverse();
        claims.sort_by_key(|claim| (claim.verdict == Verdict::Unknown, claim.source));
        match claims.first() {
            Some(first) if first.verdict != Verdict::Unknown => {
                Self { verdict: first.verdict, source: Some(first.source), claims }
            }
            _ => Self { verdict: Verdict::Unknown, source: None, claims },
        }
    }
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Termination {
    /// It returned.
    Completed,
    /// It was stopped at its highest number of steps.
    StepLimit,
    /// It was stopped for taking too long.
    Timeout,
    /// An exception ended it.
    Exception,
    /// It was cancelled by its host.
    Cancelled,
    /// Its process was killed.
    Killed,
    /// Its process was killed because memory ran out.
    Oom,
    /// Its process exited before the run had ended.
    Exited,
}

impl Termination {
    /// Returns whether ending this way means the run failed, whatever else is known.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Completed | Self::Cancelled)
    }

    /// Returns whether the process ended and took the run with it.
    pub const fn is_process_death(self) -> bool {
        matches!(self, Self::Killed | Self::Oom | Self::Exited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(source: OutcomeSource, verdict: Verdict) -> OutcomeClaim {
        OutcomeClaim { verdict, source, score: None, reason: None, span_id: None }
    }

    #[test]
    fn a_person_outranks_a_check_and_a_check_outranks_a_detector() {
        let claims = [
            claim(OutcomeSource::Detector, Verdict::Failed),
            claim(OutcomeSource::Check, Verdict::Succeeded),
            claim(OutcomeSource::Human, Verdict::Failed),
        ];
        assert_eq!(Outcome::from_claims(claims[..2].to_vec()).verdict, Verdict::Succeeded);
        let all = Outcome::from_claims(claims);
        assert_eq!((all.verdict, all.source), (Verdict::Failed, Some(OutcomeSource::Human)));
        assert_eq!(all.claims.len(), 3);
    }

    #[test]
    fn without_a_claim_the_outcome_is_unknown() {
        assert_eq!(Outcome::from_claims([]).verdict, Verdict::Unknown);
        let unsure = Outcome::from_claims([claim(OutcomeSource::Human, Verdict::Unknown)]);
        assert_eq!((unsure.verdict, unsure.source), (Verdict::Unknown, None));
    }

    #[test]
    fn the_later_of_two_equal_sources_wins() {
        let changed = [claim(OutcomeSource::Human, Verdict::Failed), claim(OutcomeSource::Human, Verdict::Succeeded)];
        assert_eq!(Outcome::from_claims(changed).verdict, Verdict::Succeeded);
    }
}
