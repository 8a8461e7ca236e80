//! The class `Recorder`: takes the records of a tracer's spans and appends them to the spool.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_spool::{Appended, Context, Kind, Record};
use pyo3::{
    exceptions::{PyException, PyRuntimeError, PyTypeError, PyValueError},
    ffi, intern,
    prelude::*,
    types::{PyBytes, PyDict, PyFloat, PyInt, PyList, PyString},
};

use crate::{
    content::{self, Policy},
    ids,
    otlp::Message,
    process::{self, Spooling},
    sampling,
    spans::Spans,
    values,
};

// Field numbers of `Span`.
const TRACE_ID: u8 = 1;
const SPAN_ID: u8 = 2;
const PARENT_ID: u8 = 4;
const NAME: u8 = 5;
const KIND: u8 = 6;
const START: u8 = 7;
const END: u8 = 8;
const ATTRIBUTES: u8 = 9;
const EVENTS: u8 = 11;
const STATUS: u8 = 15;
// Of its `Event`, its `Status`, and of `Resource`.
const EVENT_TIME: u8 = 1;
const EVENT_NAME: u8 = 2;
const EVENT_ATTRIBUTES: u8 = 3;
const STATUS_MESSAGE: u8 = 2;
const STATUS_CODE: u8 = 3;
const RESOURCE_ATTRIBUTES: u8 = 1;
/// The code of a `Status`.
pub(crate) const ERROR: u64 = 2;

/// A larger record is written while other threads of the host go on.
const LARGE: usize = 64 * 1024;

/// So many contexts are remembered.
const MOST_CONTEXTS: usize = 64;

thread_local! {
    /// The last record's memory. Taken out while in use: a host's function may record while we record.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What one record says of a span; `None` where it says nothing.
pub(crate) struct Said<'py> {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) parent: Option<[u8; 8]>,
    pub(crate) root: bool,
    pub(crate) name: Option<Bound<'py, PyAny>>,
    pub(crate) kind: Option<Bound<'py, PyAny>>,
    pub(crate) start: Option<u64>,
    pub(crate) end: Option<u64>,
    pub(crate) revision: Option<i64>,
    pub(crate) attributes: Option<Bound<'py, PyAny>>,
    pub(crate) events: Option<Bound<'py, PyAny>>,
    /// 0 says nothing.
    pub(crate) status: u64,
    pub(crate) status_message: Option<Bound<'py, PyAny>>,
}

/// The address of a mapping, and the process.
type ContextKey = (usize, u32);

/// Takes records of spans.
#[pyclass(frozen, module = "agent_eval._core")]
pub(crate) struct Recorder {
    spooling: Arc<Spooling>,
    policy: Policy,
    /// Runs whose id is below it are recorded; `None`: all.
    sampled_below: Option<u64>,
    scope: Vec<u8>,
    /// By the identity of the host's mapping, which is kept alive, and by process.
    contexts: Mutex<Vec<(ContextKey, Py<PyAny>, Context)>>,
    closed: AtomicBool,
    failed: AtomicU64,
    on_error: Option<Py<PyAny>>,
}

#[pymethods]
impl Recorder {
    /// Makes a recorder. Opens nothing yet.
    #[new]
    #[pyo3(signature = (spool, *, version, program = "", endpoint = None, api_key = None, limit_bytes = None,
        capture_content = None, redact = None, sample = 1.0, on_error = None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn new(
        py: Python<'_>,
        spool: PathBuf,
        version: &str,
        program: &str,
        endpoint: Option<String>,
        api_key: Option<String>,
        limit_bytes: Option<u64>,
        capture_content: Option<&Bound<'_, PyAny>>,
        redact: Option<&Bound<'_, PyAny>>,
        sample: f64,
        on_error: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        if !(0.0..=1.0).contains(&sample) {
            return Err(PyValueError::new_err("sample is a share from 0 to 1"));
        }
        let everything = true.into_pyobject(py)?.to_owned().into_any();
        let policy = Policy::new(capture_content.unwrap_or(&everything), redact)?;
        let mut scope = Message::default();
        scope.bytes(1, b"arc-eval");
        scope.bytes(2, version.as_bytes());
        Ok(Self {
            spooling: process::shared(spool, endpoint, api_key, limit_bytes, program.to_owned()),
            policy,
            sampled_below: (sample < 1.0).then(|| sampling::share_of(sample)),
            scope: scope.bytes,
            contexts: Mutex::default(),
            closed: AtomicBool::new(false),
            failed: AtomicU64::new(0),
            on_error,
        })
    }

    /// Takes the record of a span, or of a part of one; returns whether it is in the spool. What is no record is told to
    /// `on_error`, and counted; nothing of it is written.
    fn record(&self, span: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.guarded(span.py(), |message| self.take(span.cast()?, message))
    }

    /// Returns what takes the records of the spans of one trace and one tracer; `resource` says whose they are.
    fn spans(this: &Bound<'_, Self>, trace_id: &Bound<'_, PyAny>, resource: &Bound<'_, PyAny>) -> PyResult<Spans> {
        Spans::new(this, ids::parse_given(trace_id)?, resource)
    }

    /// Opens the spool now, so that the first record costs no more than the others.
    fn prepare(&self) -> bool {
        self.spooling.writer.prepare(process::now_ns())
    }

    /// Waits until what is recorded is delivered, where this process delivers it; returns whether it is.
    fn flush(&self, py: Python<'_>, timeout: f64) -> bool {
        let spooling = Arc::clone(&self.spooling);
        py.detach(move || spooling.flush(process::seconds(timeout)))
    }

    /// Flushes, then takes no more.
    fn close(&self, py: Python<'_>, timeout: f64) -> bool {
        let delivered = self.flush(py, timeout);
        self.closed.store(true, Ordering::Relaxed);
        delivered
    }

    /// Returns what became of this process's records so far.
    fn counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = self.spooling.writer.counts();
        let all = PyDict::new(py);
        all.set_item("runs_started", counts.runs_started)?;
        all.set_item("runs_dropped", counts.runs_dropped)?;
        all.set_item("runs_unsampled", counts.runs_unsampled)?;
        all.set_item("records_written", counts.records_written)?;
        all.set_item("records_dropped", counts.records_dropped + self.failed.load(Ordering::Relaxed))?;
        all.set_item("bytes_dropped", counts.bytes_dropped)?;
        Ok(all)
    }
}

impl Recorder {
    /// Runs an action that takes a record; what fails in it is told to `on_error`, and counted.
    pub(crate) fn guarded(
        &self,
        py: Python<'_>,
        action: impl FnOnce(&mut Message) -> PyResult<bool>,
    ) -> PyResult<bool> {
        if self.closed.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let mut message = Message { bytes: SCRATCH.take() };
        message.clear();
        let taken = catch_unwind(AssertUnwindSafe(|| action(&mut message)));
        if message.bytes.capacity() <= LARGE {
            SCRATCH.set(message.bytes);
        }
        let error = match taken.unwrap_or_else(|_| Err(PyRuntimeError::new_err("a record could not be encoded"))) {
            Ok(written) => return Ok(written),
            Err(error) => error,
        };
        self.failed.fetch_add(1, Ordering::Relaxed);
        // What is no error but on its way to the host (an interrupt) goes there.
        if !error.is_instance_of::<PyException>(py) {
            return Err(error);
        }
        if let Some(on_error) = &self.on_error {
            on_error.call1(py, (error.into_value(py),))?;
        }
        Ok(false)
    }

    /// Returns whether the run of a trace is recorded.
    pub(crate) fn is_sampled(&self, trace_id: [u8; 16]) -> bool {
        self.sampled_below.is_none_or(|below| sampling::sample_of(trace_id) < below)
    }

    /// Counts a run that is not recorded.
    pub(crate) fn count_unsampled(&self) {
        self.spooling.writer.leave_out_run(process::id(), process::now_ns());
    }

    fn take(&self, span: &Bound<'_, PyDict>, message: &mut Message) -> PyResult<bool> {
        let py = span.py();
        let trace_id: [u8; 16] = id_of(span, intern!(py, "trace_id"))?;
        let span_id: [u8; 8] = id_of(span, intern!(py, "span_id"))?;
        let start = number_of(span, intern!(py, "start_ns"))?;
        let end = number_of(span, intern!(py, "end_ns"))?;
        let parent = item(span, intern!(py, "parent_id"));
        let root = parent.as_ref().is_some_and(Bound::is_none);
        if !self.is_sampled(trace_id) {
            if root && start.is_some() && end.is_none() {
                self.count_unsampled();
            }
            return Ok(false);
        }
        let resource =
            item(span, intern!(py, "resource")).ok_or_else(|| PyTypeError::new_err("a record has a resource"))?;
        let context = self.context(&resource)?;
        let said = Said {
            trace_id,
            span_id,
            parent: parent.filter(|parent| !parent.is_none()).map(|parent| ids::parse_given(&parent)).transpose()?,
            root,
            name: item(span, intern!(py, "name")),
            kind: item(span, intern!(py, "kind")),
            start,
            end,
            revision: None,
            attributes: item(span, intern!(py, "attributes")),
            events: item(span, intern!(py, "events")),
            status: item(span, intern!(py, "status")).map(|status| status_code(&status)).transpose()?.unwrap_or(0),
            status_message: item(span, intern!(py, "status_message")),
        };
        self.append(py, &context, &said, message)
    }

    /// Encodes a record and appends it to the spool; returns whether it is there.
    pub(crate) fn append(
        &self,
        py: Python<'_>,
        context: &Context,
        said: &Said<'_>,
        message: &mut Message,
    ) -> PyResult<bool> {
        self.encode(said, message)?;
        let kind = match (said.start, said.end) {
            (Some(_), _) => Kind::SpanStart,
            (None, Some(_)) => Kind::SpanEnd,
            (None, None) => Kind::SpanPart,
        };
        let payload = message.bytes.as_slice();
        let record = Record {
            kind,
            root: said.root,
            context,
            trace_id: said.trace_id,
            span_id: said.span_id,
            time_unix_ns: process::now_ns(),
            payload,
        };
        let (writer, process) = (&self.spooling.writer, process::id());
        let mut appended = if payload.len() > LARGE {
            py.detach(|| writer.append_in(process, &record))
        } else {
            writer.append_in(process, &record)
        };
        if kind == Kind::SpanStart && said.end.is_some() {
            // The whole of a span at once: what ends it says nothing new.
            let ended = writer.append_in(process, &Record { kind: Kind::SpanEnd, payload: &[], ..record });
            appended = if appended == Appended::Written { ended } else { appended };
        }
        if let Appended::Dropped(reason) = appended {
            self.spooling.say_lost(reason);
        }
        self.spooling.ship(process);
        Ok(appended == Appended::Written)
    }

    fn encode(&self, said: &Said<'_>, message: &mut Message) -> PyResult<()> {
        message.bytes(TRACE_ID, &said.trace_id);
        message.bytes(SPAN_ID, &said.span_id);
        if let Some(parent) = &said.parent {
            message.bytes(PARENT_ID, parent);
        }
        if let Some(name) = &said.name {
            message.bytes(NAME, values::cut_text(name.cast()?).as_bytes());
        }
        if let Some(kind) = &said.kind {
            let is_client = kind.cast::<PyString>()?.to_str()? == "client";
            message.number(KIND, if is_client { 3 } else { 1 });
        }
        if let Some(start) = said.start {
            message.fixed64(START, start);
        }
        if let Some(end) = said.end {
            message.fixed64(END, end);
        }
        if let Some(revision) = said.revision {
            // Before the others: the last value of a name counts.
            message.int_attribute(ATTRIBUTES, "arc_eval.revision", revision);
        }
        if let Some(attributes) = &said.attributes {
            self.attributes(ATTRIBUTES, attributes.cast()?, message)?;
        }
        if let Some(events) = &said.events {
            for event in events.cast::<PyList>()?.iter() {
                self.event(event.cast()?, message)?;
            }
        }
        if said.status == 0 { Ok(()) } else { self.status(said, message) }
    }

    fn status(&self, said: &Said<'_>, message: &mut Message) -> PyResult<()> {
        let nested = message.open(STATUS);
        if let Some(text) = &said.status_message {
            let py = text.py();
            let text = values::cut_text(text.cast()?).into_owned();
            let text =
                if self.policy.keeps() { Some(text) } else { self.policy.text(py, content::Kind::Own, &text)? };
            message.bytes(STATUS_MESSAGE, text.unwrap_or_default().as_bytes());
        }
        message.number(STATUS_CODE, said.status);
        message.close(&nested);
        Ok(())
    }

    fn event(&self, event: &Bound<'_, PyDict>, message: &mut Message) -> PyResult<()> {
        let py = event.py();
        let nested = message.open(EVENTS);
        message.fixed64(EVENT_TIME, number_of(event, intern!(py, "time_ns"))?.unwrap_or_default());
        if let Some(name) = item(event, intern!(py, "name")) {
            message.bytes(EVENT_NAME, values::cut_text(name.cast()?).as_bytes());
        }
        if let Some(attributes) = item(event, intern!(py, "attributes")) {
            self.attributes(EVENT_ATTRIBUTES, attributes.cast()?, message)?;
        }
        message.close(&nested);
        Ok(())
    }

    fn attributes(&self, field: u8, attributes: &Bound<'_, PyDict>, message: &mut Message) -> PyResult<()> {
        let py = attributes.py();
        let mut position: ffi::Py_ssize_t = 0;
        let mut key: *mut ffi::PyObject = std::ptr::null_mut();
        let mut value: *mut ffi::PyObject = std::ptr::null_mut();
        // SAFETY: `attributes` is a dictionary; `PyDict_Next` stays within it even if it is changed in the meantime.
        while unsafe { ffi::PyDict_Next(attributes.as_ptr(), &raw mut position, &raw mut key, &raw mut value) } != 0 {
            // SAFETY: borrowed references to live objects, kept while they are read.
            let (key, value) = unsafe { (Bound::from_borrowed_ptr(py, key), Bound::from_borrowed_ptr(py, value)) };
            let key = values::utf8(key.cast::<PyString>()?);
            if let Ok(text) = value.cast::<PyString>() {
                self.text_attribute(field, &key, text, message)?;
            } else if let Ok(bytes) = value.cast::<PyBytes>() {
                self.bytes_attribute(field, &key, bytes.as_bytes(), attributes, message)?;
            } else if value.is_instance_of::<pyo3::types::PyBool>() {
                message.bool_attribute(field, &key, value.is_truthy()?);
            } else if value.is_instance_of::<PyInt>() {
                match value.extract::<i64>() {
                    Ok(number) => message.int_attribute(field, &key, number),
                    Err(_) => self.json_attribute(field, &key, &value, message)?,
                }
            } else if let Ok(number) = value.cast::<PyFloat>() {
                let number = number.value();
                if number.is_finite() {
                    message.double_attribute(field, &key, number);
                } else {
                    message.text_attribute(field, &key, &number.to_string().to_lowercase());
                }
            } else if !value.is_none() {
                self.other_attribute(field, &key, &value, message)?;
            }
        }
        Ok(())
    }

    fn text_attribute(&self, field: u8, key: &str, text: &Bound<'_, PyString>, message: &mut Message) -> PyResult<()> {
        let text_py = text.py();
        let text = values::cut_total(text);
        let kind = if self.policy.keeps() { content::Kind::Fact } else { content::kind_of(key) };
        if kind == content::Kind::Fact {
            message.text_attribute(field, key, &text);
        } else if let Some(text) = self.policy.text(text_py, kind, &text)? {
            message.text_attribute(field, key, &text);
        }
        Ok(())
    }

    fn bytes_attribute(
        &self,
        field: u8,
        key: &str,
        bytes: &[u8],
        attributes: &Bound<'_, PyDict>,
        message: &mut Message,
    ) -> PyResult<()> {
        let content_type = content::content_type_of(key, attributes);
        let (treated, is_cut) = self.policy.body(attributes.py(), bytes, &content_type)?;
        message.bytes_attribute(field, key, treated.as_deref().unwrap_or(bytes));
        if is_cut {
            message.bool_attribute(field, "arc_eval.http.truncated", true);
        }
        Ok(())
    }

    /// A list of texts is one; other lists and objects are JSON.
    fn other_attribute(&self, field: u8, key: &str, value: &Bound<'_, PyAny>, message: &mut Message) -> PyResult<()> {
        let Ok(list) = value.cast::<PyList>() else { return self.json_attribute(field, key, value, message) };
        let is_fact = self.policy.keeps() || content::kind_of(key) == content::Kind::Fact;
        let items: Vec<Bound<'_, PyAny>> = list.iter().collect();
        let texts: Vec<_> =
            items.iter().filter_map(|item| item.cast::<PyString>().ok()).map(values::cut_text).collect();
        if texts.len() < items.len() || !is_fact {
            return self.json_attribute(field, key, value, message);
        }
        message.texts_attribute(field, key, texts.iter().map(AsRef::as_ref));
        Ok(())
    }

    fn json_attribute(&self, field: u8, key: &str, value: &Bound<'_, PyAny>, message: &mut Message) -> PyResult<()> {
        let mut json = Vec::new();
        values::json_text(value.py(), value, &mut json);
        let json = String::from_utf8(json).map_err(|_| PyValueError::new_err("a value is no text"))?;
        let kind = if self.policy.keeps() { content::Kind::Fact } else { content::kind_of(key) };
        let json = if kind == content::Kind::Fact { Some(json) } else { self.policy.text(value.py(), kind, &json)? };
        if let Some(json) = json {
            message.text_attribute(field, key, &json);
        }
        Ok(())
    }

    /// Returns whose spans these are. A tracer hands out one mapping for all of them.
    pub(crate) fn context(&self, resource: &Bound<'_, PyAny>) -> PyResult<Context> {
        let key = (resource.as_ptr() as usize, process::id());
        let mut contexts = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, context)) = contexts.iter().find(|(known, _, _)| *known == key) {
            return Ok(context.clone());
        }
        let mut message = Message::default();
        for (name, value) in resource.cast::<PyDict>()?.iter() {
            message.text_attribute(
                RESOURCE_ATTRIBUTES,
                name.cast::<PyString>()?.to_str()?,
                &values::cut_text(value.cast()?),
            );
        }
        message.text_attribute(RESOURCE_ATTRIBUTES, "process.pid", &process::id().to_string());
        let context = Context::new(message.bytes, self.scope.clone());
        // A host that hands out a new mapping each time must not fill the memory.
        if contexts.len() >= MOST_CONTEXTS {
            contexts.remove(0);
        }
        contexts.push((key, resource.clone().unbind(), context.clone()));
        Ok(context)
    }
}

fn item<'py>(dict: &Bound<'py, PyDict>, key: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: a dictionary and a text; a borrowed reference comes back, or null.
    unsafe { Bound::from_borrowed_ptr_or_opt(dict.py(), ffi::PyDict_GetItem(dict.as_ptr(), key.as_ptr())) }
}

fn number_of(dict: &Bound<'_, PyDict>, key: &Bound<'_, PyString>) -> PyResult<Option<u64>> {
    item(dict, key).filter(|value| !value.is_none()).map(|value| value.extract()).transpose()
}

fn id_of<const N: usize>(span: &Bound<'_, PyDict>, key: &Bound<'_, PyString>) -> PyResult<[u8; N]> {
    ids::parse_given(
        &item(span, key).ok_or_else(|| PyTypeError::new_err("a record has the ids of its trace and span"))?,
    )
}

/// The number of a status in `Status`.
fn status_code(status: &Bound<'_, PyAny>) -> PyResult<u64> {
    Ok(match status.cast::<PyString>()?.to_str()? {
        "error" => ERROR,
        "ok" => 1,
        _ => 0,
    })
}
