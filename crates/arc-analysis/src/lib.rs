//! The engines: pure functions from traces and counts to outcomes, findings, costs and reports.

pub mod accuracy;
mod analyse;
pub mod checks;
pub mod compare;
pub mod connect;
pub mod cost;
mod death;
pub mod detection;
pub mod failures;
pub mod frameworks;
pub mod gate;
pub mod issues;
pub mod judges;
pub mod learning;
pub mod localisation;
pub mod outcome;
mod progress;
mod random;
pub mod reliability;
pub mod replay;
mod report;
mod window;

pub use analyse::{Analysis, Context, analyse, input as input_of};
pub use cost::{billed_spans, price_span, price_trace};
pub use outcome::{LABEL, settle_outcome};
pub use report::{Issue, Recommendation, Report, ReportedAgent, report};
