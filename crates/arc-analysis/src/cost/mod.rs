//! What runs cost. Integer money, one line per price, and a reason where a cost is not known.
//!
//! [`price_span`] prices one model call from its token counts, [`price_trace`] a whole run,
//! [`figures`] what the report says about many, [`attribute`] how a run's cost
//! and time divide, [`timing`] what it waited for, [`savings`] what could be saved. [`estimate`] says what calls
//! without token counts would have cost, beside what is known. Prices come from the `genai-prices` table
//! (`prices.rs` is the only file that knows it). A cost that an emitter reports is not used here:
//! it stays on the span, beside what we compute.

mod attribution;
mod budgets;
mod cached_answer;
mod critical_path;
mod estimate;
mod figures;
pub(crate) mod library;
mod priced_as;
mod prices;
mod reconcile;
mod report;
pub mod savings;
mod span;
mod terms;
mod trace;

#[cfg(test)]
mod tests;

pub use attribution::attribute;
pub(crate) use attribution::attribute_priced;
pub use budgets::{BudgetLevel, BudgetState, budget_state, period};
pub use critical_path::{PathStep, RunTiming, timing};
pub use estimate::{Estimated, estimate};
pub use figures::{CostFigures, MonthProjection, WeeklyChange, figures};
pub use priced_as::priced_as;
pub use prices::{PRICE_TABLE_URL, models_in_table, use_price_table};
pub use reconcile::{Account, Bill, Compared, Reconciliation, Recorded, read_bill, reconcile};
pub use report::{CostRatios, CostReport, cost_report};
pub use span::{price_span, price_span_with};
pub use trace::{billed_spans, price_trace, price_trace_with};
pub(crate) use trace::{priced_spans, sum};
