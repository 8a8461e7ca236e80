//! The class `Spans`: takes the records of the spans of one trace. What they share is looked up once, and what differs
//! comes by position, so that a record costs little more than its `write(2)`.

use arc_spool::Context;
use pyo3::{
    prelude::*,
    types::{PyAny, PyString},
};

use crate::{
    ids, process,
    recorder::{ERROR, Recorder, Said},
};

/// Takes the records of the spans of one trace and one tracer.
#[pyclass(frozen, module = "agent_eval._core")]
pub(crate) struct Spans {
    recorder: Py<Recorder>,
    trace_id: [u8; 16],
    resource: Py<PyAny>,
    is_sampled: bool,
    /// Whose spans they are, in the process that began.
    context: Context,
    process: u32,
}

impl Spans {
    pub(crate) fn new(
        recorder: &Bound<'_, Recorder>,
        trace_id: [u8; 16],
        resource: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let known = recorder.get();
        Ok(Self {
            recorder: recorder.clone().unbind(),
            trace_id,
            resource: resource.clone().unbind(),
            is_sampled: known.is_sampled(trace_id),
            context: known.context(resource)?,
            process: process::id(),
        })
    }

    fn append<'py>(&self, py: Python<'py>, said: impl FnOnce() -> PyResult<Said<'py>>) -> PyResult<bool> {
        let recorder = self.recorder.get();
        recorder.guarded(py, |message| {
            let said = said()?;
            // A forked child says of itself which process it is.
            if self.process == process::id() {
                return recorder.append(py, &self.context, &said, message);
            }
            let context = recorder.context(self.resource.bind(py))?;
            recorder.append(py, &context, &said, message)
        })
    }
}

#[pymethods]
impl Spans {
    /// Records that a span starts; without an id it gets one. A span without a parent is a run. Returns the id.
    #[pyo3(signature = (span_id, parent_id, name, kind, start_ns, attributes, /))]
    #[expect(clippy::too_many_arguments, reason = "arguments of Python")]
    fn start<'py>(
        &self,
        py: Python<'py>,
        span_id: Option<Bound<'py, PyString>>,
        parent_id: Option<&Bound<'py, PyAny>>,
        name: Bound<'py, PyAny>,
        kind: Bound<'py, PyAny>,
        start_ns: u64,
        attributes: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyString>> {
        let (span_id, number) = if let Some(given) = span_id {
            (given, None)
        } else {
            let number = ids::new_span();
            (ids::hex(py, &number), Some(number))
        };
        if !self.is_sampled {
            if parent_id.is_none() {
                self.recorder.get().count_unsampled();
            }
            return Ok(span_id);
        }
        self.append(py, || {
            Ok(Said {
                trace_id: self.trace_id,
                span_id: number.map_or_else(|| ids::parse_given(span_id.as_any()), Ok)?,
                root: parent_id.is_none(),
                parent: parent_id.map(ids::parse_given).transpose()?,
                name: Some(name),
                kind: Some(kind),
                start: Some(start_ns),
                end: None,
                revision: Some(0),
                attributes: Some(attributes),
                events: None,
                status: 0,
                status_message: None,
            })
        })?;
        Ok(span_id)
    }

    /// Records that a span ended, with what is new; `error` is the message of what it failed with. Returns whether that is
    /// in the spool.
    #[pyo3(signature = (span_id, end_ns, attributes, name = None, error = None, events = None, is_run = false, revision = 1, /))]
    #[expect(clippy::too_many_arguments, reason = "arguments of Python")]
    fn end<'py>(
        &self,
        py: Python<'py>,
        span_id: &Bound<'py, PyAny>,
        end_ns: u64,
        attributes: Bound<'py, PyAny>,
        name: Option<Bound<'py, PyAny>>,
        error: Option<Bound<'py, PyAny>>,
        events: Option<Bound<'py, PyAny>>,
        is_run: bool,
        revision: i64,
    ) -> PyResult<bool> {
        if !self.is_sampled {
            return Ok(false);
        }
        self.append(py, || {
            Ok(Said {
                trace_id: self.trace_id,
                span_id: ids::parse_given(span_id)?,
                parent: None,
                root: is_run,
                name,
                kind: None,
                start: None,
                end: Some(end_ns),
                revision: Some(revision),
                attributes: Some(attributes),
                events,
                status: if error.is_some() { ERROR } else { 0 },
                status_message: error,
            })
        })
    }
}
