//! Who ran: the agent, and what spans say about the run they belong to.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Evidence, OutcomeClaim, SessionId, TaskId, Termination, UserId, id::text_id};

text_id!(AgentName, "Names an agent within its project; stable across processes and versions.");

/// An agent at a version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AgentRef {
    /// The agent's name.
    pub name: AgentName,
    /// The version that ran, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a span says about the whole run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RunFacts {
    /// The agent's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// The agent's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// The conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The task that is tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// Which trial of the task it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<u32>,
    /// The domain the host declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// The framework the host or its instrumentation declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub framework: Option<String>,
    /// That framework's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framework_version: Option<String>,
    /// The highest number of steps the run may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_limit: Option<u32>,
    /// How the run came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination: Option<Termination>,
    /// The code with which its process exited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u32>,
    /// The signal that ended its process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_signal: Option<u32>,
    /// The last step that was completed before its process died.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_step: Option<String>,
    /// Claims about whether the run succeeded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<OutcomeClaim>,
}

impl RunFacts {
    /// Returns whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes from `other` what is not said here; claims about the outcome are all kept.
    pub fn fill_from(&mut self, other: &Self) {
        fn fill<T: Clone>(known: &mut Option<T>, other: Option<&T>) {
            if known.is_none() {
                *known = other.cloned();
            }
        }
        fill(&mut self.agent, other.agent.as_ref());
        fill(&mut self.agent_version, other.agent_version.as_ref());
        fill(&mut self.session, other.session.as_ref());
        fill(&mut self.user, other.user.as_ref());
        fill(&mut self.task, other.task.as_ref());
        fill(&mut self.trial, other.trial.as_ref());
        fill(&mut self.domain, other.domain.as_ref());
        fill(&mut self.framework, other.framework.as_ref());
        fill(&mut self.framework_version, other.framework_version.as_ref());
        fill(&mut self.step_limit, other.step_limit.as_ref());
        fill(&mut self.termination, other.termination.as_ref());
        fill(&mut self.exit_code, other.exit_code.as_ref());
        fill(&mut self.exit_signal, other.exit_signal.as_ref());
        fill(&mut self.last_step, other.last_step.as_ref());
        self.outcomes.extend(other.outcomes.iter().cloned());
    }
}

/// What something was recognised as, and by what.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Detection {
    /// The stable id of what was recognised; `None` is "unknown".
    pub id: Option<String>,
    /// Its version, where one was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The share of the evidence's weight that speaks for it, in 0..=1; `None` when unknown.
    pub confidence: Option<f64>,
    /// What it was recognised by.
    pub evidence: Vec<Evidence>,
}

impl fmt::Display for Detection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.id, self.confidence) {
            (Some(id), Some(confidence)) => write!(f, "{id} ({:.0} %)", confidence * 100.0),
            (Some(id), None) => f.write_str(id),
            (None, _) => f.write_str("unknown"),
        }
    }
}
