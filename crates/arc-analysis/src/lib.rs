//! The engines: pure functions from traces and counts to outcomes, findings, costs and reports.
