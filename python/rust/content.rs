//! Which attributes are content, and what becomes of it before it is written.

use arc_redact::{Redactor, Treatment};
use pyo3::{
    exceptions::{PyException, PyValueError},
    prelude::*,
    types::{PyDict, PyString},
};

/// What a tracer does with content.
pub(crate) enum Policy {
    Keep,
    Remove,
    Hash,
    Patterns(Redactor),
    Function(Py<PyAny>),
}

/// What kind of text an attribute holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It says what the step is; never content.
    Fact,
    /// One text, or JSON of the host's own.
    Own,
    /// JSON of messages.
    Messages,
    /// The body of an exchange with a provider.
    Body,
}

/// In place of a text that the host's own function could not redact.
const FAILED: &str = "<redaction failed>";
/// A body up to this size is taken as it is.
const BODY_AS_IT_IS: usize = 1 << 20;
/// No body is larger than this, whatever its texts.
pub(crate) const MAX_BODY: usize = 4 << 20;
/// Longest text in a body that is larger than [`BODY_AS_IT_IS`], in characters.
const MAX_TEXT_IN_BODY: usize = 64 << 10;

/// Prefixes of the names whose texts are facts. What is not named is content: a name that nobody foresaw must not let
/// anything out.
const FACTS: &[&str] = &[
    "agent.name",
    "arc_eval.",
    "code.",
    "error.",
    "gen_ai.",
    "http.",
    "llm.model_name",
    "llm.provider",
    "llm.system",
    "mcp.",
    "network.",
    "openinference.",
    "otel.scope.",
    "process.",
    "rpc.",
    "server.",
    "service.",
    "session.",
    "telemetry.",
    "tool.name",
    "tool_call.id",
    "traceloop.span.kind",
    "url.",
    "user.id",
];

/// The exceptions to [`FACTS`].
const CONTENT: &[(&str, Kind)] = &[
    ("arc_eval.http.request.body", Kind::Body),
    ("arc_eval.http.response.body", Kind::Body),
    ("arc_eval.input", Kind::Own),
    ("arc_eval.outcome.reason", Kind::Own),
    ("arc_eval.output", Kind::Own),
    ("arc_eval.state", Kind::Own),
    ("gen_ai.completion", Kind::Own),
    ("gen_ai.input.messages", Kind::Messages),
    ("gen_ai.output.messages", Kind::Messages),
    ("gen_ai.prompt", Kind::Own),
    ("gen_ai.retrieval", Kind::Own),
    ("gen_ai.system_instructions", Kind::Messages),
    ("gen_ai.tool.call.arguments", Kind::Own),
    ("gen_ai.tool.call.result", Kind::Own),
    ("mcp.request.argument", Kind::Own),
];

/// Returns what kind of text an attribute of a name holds.
pub(crate) fn kind_of(name: &str) -> Kind {
    let starts = |prefix: &str| name == prefix || name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
    if let Some((_, kind)) = CONTENT.iter().find(|(prefix, _)| starts(prefix)) {
        return *kind;
    }
    if name == "exception.type" || FACTS.iter().any(|prefix| name.starts_with(prefix)) { Kind::Fact } else { Kind::Own }
}

impl Policy {
    /// Reads the options `capture_content` and `redact` of a tracer.
    pub(crate) fn new(capture: &Bound<'_, PyAny>, redact: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        if let Ok(text) = capture.cast::<PyString>() {
            return match text.to_str()? {
                "hashed" => Ok(Self::Hash),
                _ => Err(PyValueError::new_err("capture_content is True, False or \"hashed\"")),
            };
        }
        if !capture.is_truthy()? {
            return Ok(Self::Remove);
        }
        let Some(redact) = redact else { return Ok(Self::Keep) };
        if redact.is_callable() {
            return Ok(Self::Function(redact.clone().unbind()));
        }
        let names: Vec<String> =
            if redact.is_instance_of::<PyString>() { vec![redact.extract()?] } else { redact.extract()? };
        Redactor::new(names.iter().map(String::as_str)).map(Self::Patterns).map_err(|unknown| {
            let known: Vec<_> = arc_redact::patterns::PATTERNS.iter().map(|pattern| pattern.name).collect();
            PyValueError::new_err(format!("redact: \"{unknown}\" is none of {}", known.join(", ")))
        })
    }

    pub(crate) fn keeps(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Runs an action with the treatment that this policy is. What a host's function raises, other than an error, is
    /// handed on: it is on its way to the host.
    pub(crate) fn with<T>(&self, py: Python<'_>, action: impl FnOnce(&mut Treatment<'_>) -> T) -> PyResult<T> {
        let mut raised: Option<PyErr> = None;
        let result = match self {
            Self::Keep => action(&mut Treatment::Replace(&mut |_| None)),
            Self::Remove => action(&mut Treatment::Remove),
            Self::Hash => action(&mut Treatment::Hash),
            Self::Patterns(redactor) => action(&mut Treatment::Replace(&mut |text| redactor.redact(text))),
            Self::Function(function) => action(&mut Treatment::Replace(&mut |text| {
                let answer = function.bind(py).call1((text,));
                Some(match answer {
                    Ok(answer) => match answer.cast::<PyString>() {
                        Ok(answer) => crate::values::utf8(answer).into_owned(),
                        Err(_) => FAILED.to_owned(),
                    },
                    Err(error) => {
                        if !error.is_instance_of::<PyException>(py) {
                            raised = Some(error);
                        }
                        FAILED.to_owned()
                    }
                })
            })),
        };
        raised.map_or(Ok(result), Err)
    }

    /// Returns a text as it may be written, `None` when nothing of it may.
    pub(crate) fn text(&self, py: Python<'_>, kind: Kind, text: &str) -> PyResult<Option<String>> {
        self.with(py, |treatment| match kind {
            Kind::Messages => arc_redact::payload(text, false, treatment).map(std::borrow::Cow::into_owned),
            _ => arc_redact::payload(text, true, treatment).map(std::borrow::Cow::into_owned),
        })
    }

    /// Returns a body as it may be written; the flag says that a part of it is missing for its size.
    pub(crate) fn body(&self, py: Python<'_>, body: &[u8], content_type: &str) -> PyResult<(Option<Vec<u8>>, bool)> {
        let treated = if self.keeps() {
            None
        } else {
            Some(self.with(py, |treatment| arc_redact::body(body, content_type, treatment))?)
        };
        let current = treated.as_deref().unwrap_or(body);
        if current.len() <= BODY_AS_IT_IS {
            return Ok((treated, false));
        }
        let mut short = arc_redact::body(current, content_type, &mut Treatment::Cut(MAX_TEXT_IN_BODY));
        let is_cut = short.len() > MAX_BODY;
        short.truncate(MAX_BODY);
        Ok((Some(short), is_cut))
    }
}

/// Returns the content type of the body that an attribute holds.
pub(crate) fn content_type_of(name: &str, attributes: &Bound<'_, PyDict>) -> String {
    if name == "arc_eval.http.request.body" {
        return "application/json".to_owned();
    }
    let found =
        attributes.get_item(pyo3::intern!(attributes.py(), "arc_eval.http.response.content_type")).ok().flatten();
    found
        .and_then(|found| found.cast_into::<PyString>().ok())
        .map(|text| crate::values::utf8(&text).into_owned())
        .unwrap_or_default()
}
