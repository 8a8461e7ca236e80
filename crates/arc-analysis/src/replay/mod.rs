//! Whether another model (or other instructions) would do as well: recorded calls beside the same calls asked again.
//!
//! [`compare`] says of one call how the new answer stands to the recorded one, [`judge`] decides over many whether the
//! new one is worse by no more than a margin, and [`Proof`] is what is kept of that. The statistics are in `paired`.
//! [`Walk`] goes through a whole run instead of single calls.
//!
//! What this is not: it asks nobody (`arc-eval replay` does), and it invents no quality. The measure is agreement with
//! the recorded answer: the same tool calls, the same JSON, the same text. An answer in other words may be as good, so
//! it counts as *undecided*: against the new model where it has to be shown good enough, for it where it would be
//! called worse. A program that checked a recorded run cannot check an answer it never saw.

mod agree;
mod checked;
mod judge;
mod paired;
mod whole;

#[cfg(test)]
mod tests;

use arc_model::{AgentName, NanoUsd, SpanId, Timestamp, TraceId};
use serde::{Deserialize, Serialize};

pub use agree::{Comparison, basis, compare};
pub use checked::passes_checks;
pub use judge::{Stop, judge};
pub use paired::{Cluster, Estimate, calls_needed, difference, mean};
pub use whole::{Divergence, End, RecordedCall, Recording, Walk};

/// What two answers are compared by: what the recorded one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// It asks for tools: their names, and their arguments as JSON, in any order.
    ToolCalls,
    /// It is JSON, or was demanded to be.
    Json,
    /// It is a text: equal but for case, white space and marks at the ends.
    Text,
    /// It passes the run's own checks of the output.
    Checks,
    /// A model that was asked to judge says that it means the same. How often that errs is not known.
    Judge,
}

impl Basis {
    /// Every basis.
    pub const ALL: [Self; 5] = [Self::ToolCalls, Self::Json, Self::Text, Self::Checks, Self::Judge];

    /// Returns the words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::ToolCalls => "tool calls: names and arguments equal",
            Self::Json => "JSON answers: equal values",
            Self::Text => "texts: equal but for case and white space",
            Self::Checks => "the declared checks of the output: passed",
            Self::Judge => "other words: the same in the judge's view, whose error is not known",
        }
    }
}

/// How a new answer stands to the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// They are equal.
    Same,
    /// They say different things.
    Different,
    /// They use other words, or there is no new answer: nobody can tell whether it is worse.
    Undecided,
}

/// What tells two answers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contrast {
    /// It asks for no tool where the recorded answer does.
    NoToolCall,
    /// It asks for a tool where the recorded answer does not.
    NeedlessToolCall,
    /// It asks for other tools.
    OtherTools,
    /// It asks for the same tools with other arguments.
    OtherArguments,
    /// It is no JSON, or not of the schema that was demanded.
    BrokenJson,
    /// It says something else.
    OtherAnswer,
    /// It says something in other words.
    OtherWords,
    /// It fails a check of the output that the recorded answer passes.
    FailsCheck,
    /// It asks for what was not recorded, so that nobody can tell how it would have ended.
    Diverged,
    /// The provider refused to answer.
    Refused,
}

impl Contrast {
    /// Returns the words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoToolCall => "asks for no tool",
            Self::NeedlessToolCall => "asks for a tool instead of answering",
            Self::OtherTools => "asks for other tools",
            Self::OtherArguments => "asks for the same tools with other arguments",
            Self::BrokenJson => "is not JSON of the demanded schema",
            Self::OtherAnswer => "is another answer",
            Self::OtherWords => "is in other words",
            Self::FailsCheck => "fails a check of the output",
            Self::Diverged => "left what was recorded",
            Self::Refused => "was refused by the provider",
        }
    }
}

/// A call as it was recorded, and asked again; or a whole run, which is named by its last call.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The run it belongs to.
    pub trace_id: TraceId,
    /// The recorded call.
    pub span_id: SpanId,
    /// What the answers are compared by.
    pub basis: Basis,
    /// How they stand to each other.
    pub agreement: Agreement,
    /// What tells them apart.
    pub contrast: Option<Contrast>,
    /// What the recorded call costs at the prices of the replay.
    pub recorded_cost: Option<NanoUsd>,
    /// What the replayed one cost.
    pub replayed_cost: Option<NanoUsd>,
    /// How long the recorded call took.
    pub recorded_ns: Option<u64>,
    /// How long the replayed one took.
    pub replayed_ns: Option<u64>,
}

/// What became of a recommendation that was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofVerdict {
    /// It holds: worse by no more than the margin.
    Measured,
    /// It does not.
    Withdrawn,
    /// Nobody can say: the test ended too early.
    Stopped,
}

impl ProofVerdict {
    /// Returns the verdict's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Withdrawn => "withdrawn",
            Self::Stopped => "stopped",
        }
    }
}

/// Why a verdict is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// The whole interval lies above minus the margin.
    NonInferior,
    /// The whole interval lies below minus the margin.
    Worse,
    /// As good, and shown to cost more.
    CostsMore,
    /// The next call could have exceeded the spend cap.
    SpendCap,
    /// Too few calls for this margin.
    TooFew {
        /// About how many calls, were each in a run of its own, would do.
        needed: u64,
    },
    /// The interval reaches to both sides of the margin, and more calls alone may not change that.
    Unclear,
    /// Somebody stopped it.
    Interrupted,
    /// The provider let nothing through.
    Refused,
}

/// Calls of one basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BasisCount {
    /// What they were compared by.
    pub basis: Basis,
    /// Equal answers.
    pub same: u64,
    /// Answers that say something else.
    pub different: u64,
    /// Answers of which nobody can tell.
    pub undecided: u64,
}

/// A quantity before and after, over the calls where both are known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Calls.
    pub n: u64,
    /// Mean per recorded call.
    pub recorded: f64,
    /// Mean per replayed call.
    pub replayed: f64,
    /// `replayed / recorded − 1`; `None` when the recorded calls come to nothing.
    pub ratio: Option<f64>,
    /// Mean paired difference per call with its interval; `None` when there are fewer than two runs.
    pub difference: Option<Estimate>,
}

/// A call that a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cited {
    /// The run.
    pub trace_id: TraceId,
    /// The call.
    pub span_id: SpanId,
    /// How the new answer stands to it.
    pub agreement: Agreement,
    /// What tells them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contrast: Option<Contrast>,
}

/// What a comparison of pairs came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: ProofVerdict,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
    /// How much worse was allowed: 0.05 is five percentage points.
    pub margin: f64,
    /// Calls compared.
    pub calls: u64,
    /// Runs they belong to.
    pub runs: u64,
    /// Answers equal to the recorded ones.
    pub same: u64,
    /// Answers that say something else.
    pub different: u64,
    /// Answers of which nobody can tell.
    pub undecided: u64,
    /// The share of equal answers minus 1, with undecided ones counted as different: what has to lie above minus the
    /// margin.
    pub at_worst: Option<Estimate>,
    /// The same with undecided ones counted as equal: what lies below minus the margin when it is worse.
    pub at_best: Option<Estimate>,
    /// By what the answers were compared.
    pub by_basis: Vec<BasisCount>,
    /// Dollars per call.
    pub cost: Option<Change>,
    /// Milliseconds per call; recorded ones at their time and place.
    pub latency: Option<Change>,
    /// The calls it rests on: those that differ first, at most [`MOST_CITED`].
    pub cited: Vec<Cited>,
}

/// How intervals were computed, for whoever shows one.
pub const METHOD: &str = "non-inferiority of paired shares at one-sided 2.5 %: Tango's score interval (Statistics in \
                          Medicine 17, 1998, 891–908), counts divided by the design effect of calls within runs (Rao and \
                          Scott, Biometrics 48, 1992, 577–585)";

/// Calls that a judgement cites.
pub const MOST_CITED: usize = 50;

/// A recommendation that was tested by replay, with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// Whose calls were asked again.
    pub agent: AgentName,
    /// The models that were recorded.
    pub from: Vec<String>,
    /// Their rows in the price table.
    #[serde(default)]
    pub from_rows: Vec<String>,
    /// The model that was asked.
    pub to: String,
    /// Its row in the price table, where it has a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_row: Option<String>,
    /// Who serves it, where the address tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where it was asked.
    pub base_url: String,
    /// Whether whole runs were gone through, of which each counts as one call.
    #[serde(default)]
    pub whole_runs: bool,
    /// The model that said of answers in other words whether they mean the same; `None` where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<String>,
    /// A hash of the instructions that stood in for the recorded ones; `None` when those were sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What all attempts together cost, estimates for calls without counts included.
    pub spent: NanoUsd,
    /// What came of it.
    #[serde(flatten)]
    pub judgement: Judgement,
}

impl Proof {
    /// Returns whether it is about the same change as another one, which it then replaces.
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        (&self.agent, &self.from, &self.to, &self.base_url, &self.prompt, self.whole_runs)
            == (&other.agent, &other.from, &other.to, &other.base_url, &other.prompt, other.whole_runs)
    }

    /// Returns what is known of a switch of its agent from one price row to another: of several tests one that found it
    /// worse, else one that found it as good, the latest.
    pub fn of_switch<'a>(proofs: &'a [Self], from_row: &str, to_row: &str) -> Option<&'a Self> {
        let about = proofs.iter().filter(|proof| proof.is_of_switch(&proof.agent, from_row, to_row));
        about.max_by_key(|proof| match proof.judgement.verdict {
            ProofVerdict::Stopped => 0,
            ProofVerdict::Measured => 1,
            ProofVerdict::Withdrawn => 2,
        })
    }

    /// Returns whether it is about a switch of this agent from one price row to another, prompts left alone.
    pub fn is_of_switch(&self, agent: &AgentName, from_row: &str, to_row: &str) -> bool {
        self.agent == *agent
            && self.prompt.is_none()
            && self.to_row.as_deref() == Some(to_row)
            && self.from_rows.iter().any(|row| row == from_row)
    }
}
