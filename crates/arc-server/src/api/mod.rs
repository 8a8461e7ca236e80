//! One file per resource. A handler extracts, calls the application once, and replies.

pub(crate) mod agents;
pub(crate) mod alerts;
pub(crate) mod budgets;
pub(crate) mod capture;
pub(crate) mod costs;
pub(crate) mod events;
pub(crate) mod findings;
pub(crate) mod frameworks;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod issues;
pub(crate) mod labels;
pub(crate) mod openapi;
pub(crate) mod runs;
pub(crate) mod runtime_analysis;
pub(crate) mod scenarios;
pub(crate) mod search;
pub(crate) mod warnings;
