//! Issues: findings that are the same failure, counted over runs.
//!
//! Start at [`sightings`]: what the findings of one run say, each under a [`Fingerprint`] (leaf, place, masked error,
//! framework) that depends on nothing but the finding. [`Family`] joins fingerprints whose errors differ in a word or
//! two, as a log miner does. An [`Issue`] counts what runs contribute, and knows how to take a contribution back:
//! a run that settles again replaces what it said before.
//!
//! Not here: where issues are kept, and who is told (`arc-app`).

mod family;
mod fingerprint;
mod issue;
mod mask;
#[cfg(test)]
mod tests;

pub use family::{Family, merged_template};
pub(crate) use fingerprint::hash;
pub use fingerprint::{Contribution, Effect, Fingerprint, Sighting, Step, TrialOf, sightings};
pub use issue::{
    AgentShare, AgentTally, DayTally, Fix, Issue, IssueDetail, IssueState, LATEST, Member, Occurrence, Part,
    VersionTally,
};
pub use mask::{mask, mask_name};
