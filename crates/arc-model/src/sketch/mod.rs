//! The sketch notation: a trace as text, one span per line, indentation is parentage.
//!
//! ```
//! use arc_model::{SpanKind, sketch};
//!
//! let trace = sketch::parse(
//!     r#"
//! agent planner
//!   llm gpt-4o in=1200 out=80 -> search{q: "x"}#call_1
//!   tool search {q: "x"} #call_1 !timeout "no answer after 30 s"
//! "#,
//! )?;
//! assert_eq!(trace.spans().len(), 3);
//! assert_eq!(trace.spans()[2].kind, SpanKind::Tool);
//! assert!(trace.spans()[2].status.is_error());
//! # Ok::<(), sketch::SketchError>(())
//! ```
//!
//! Tests, documentation, the command line and bug reports share it. It is not a storage format: it
//! leaves out span ids (a parsed span's id is its position), revisions and links. Everything it
//! covers survives `parse(print(trace))`; the whole grammar is in `docs/sketch.md`, whose examples
//! are executed by this module's tests.
//!
//! Reading order: `read` (lines to spans), `message` (what is said to and by a model), `offer`
//! (tools on offer), `print` (the way back); all stand on `cursor`.

mod cursor;
mod message;
mod offer;
mod print;
mod read;
#[cfg(test)]
mod tests;

pub use print::{outline, print};
pub use read::parse;

/// Why a text is not a sketch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SketchError {
    /// The line, counted from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub message: String,
}
