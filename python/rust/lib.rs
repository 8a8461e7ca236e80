//! `agent_eval._core`: the native part of the Python package. What a caller's thread does per record is here, and only
//! that: convert values, leave out what must not be written, encode, append to the spool.
//!
//! Not here: what a run, a step or a model call is. That is Python, in `src/agent_eval`; it decorates, this decides
//! nothing about agents. Start at [`recorder`]; a class or function more is one file and one line below.

mod content;
mod host_types;
mod ids;
mod otlp;
mod process;
mod reading;
mod recorder;
mod sampling;
mod spans;
mod values;

use pyo3::prelude::*;

/// Registers what `_core.pyi` declares.
#[pymodule]
mod _core {
    use pyo3::prelude::*;

    #[pymodule_init]
    #[expect(clippy::unnecessary_wraps, reason = "the macro wants a result")]
    fn init(_module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::process::watch_forks();
        Ok(())
    }

    #[pymodule_export]
    use super::ids::{new_span_id, new_trace_id, tool_span_id};
    #[pymodule_export]
    use super::process::{after_fork, end_process, now_ns_py, process_id};
    #[pymodule_export]
    use super::reading::read_spool;
    #[pymodule_export]
    use super::recorder::Recorder;
    #[pymodule_export]
    use super::spans::Spans;
    #[pymodule_export]
    use super::values::{json_text_py, payload_text};
}
