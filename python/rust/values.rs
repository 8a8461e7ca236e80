//! Values of the host as JSON text, cut to limits. Runs no code of the host: fields are read as they are stored, no
//! `repr`, `str`, property or iterator of a class of the host is asked.
//!
//! Start at [`json_text`].

use std::{
    borrow::Cow,
    panic::{AssertUnwindSafe, catch_unwind},
};

use pyo3::{exceptions::PyRuntimeError, ffi, prelude::*, types::PyString};

use crate::host_types::{self, Known};

/// Longest single text, in characters.
pub(crate) const MAX_TEXT: usize = 64 * 1024;
/// Most characters of all texts of a value together.
pub(crate) const MAX_TOTAL: usize = 512 * 1024;
const MAX_NODES: usize = 20_000;
const MAX_DEPTH: usize = 12;
const CUT: &str = "<cut>";

/// Appends a value of the host to `out` as JSON.
pub(crate) fn json_text(py: Python<'_>, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) {
    Writer { py, out, text_left: MAX_TOTAL, nodes_left: MAX_NODES }.value(value, 0);
}

/// Returns a text of the host, cut to the limits above.
pub(crate) fn cut_text<'a>(text: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    cut(text, MAX_TEXT.min(MAX_TOTAL)).0
}

/// Returns a text that is a whole payload, cut.
pub(crate) fn cut_total<'a>(text: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    cut(text, 2 * MAX_TOTAL).0
}

/// Returns a value of the host as JSON, cut to the limits. Runs no code of the host.
#[pyfunction]
#[pyo3(name = "json_text")]
pub(crate) fn json_text_py(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let mut out = Vec::new();
    catch_unwind(AssertUnwindSafe(|| json_text(py, value, &mut out)))
        .map_err(|_| PyRuntimeError::new_err("a value could not be read"))?;
    String::from_utf8(out).map_err(|_| PyRuntimeError::new_err("a value is no text"))
}

/// Returns a value of the host as text, cut to the limits: a text as it is, anything else as JSON.
#[pyfunction]
pub(crate) fn payload_text<'py>(py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    // SAFETY: looks at a flag of the type; checked in the same expression.
    if unsafe { ffi::PyUnicode_Check(value.as_ptr()) } == 0 {
        return json_text_py(py, value).map(|json| PyString::new(py, &json));
    }
    // SAFETY: it is a `str`.
    let text = unsafe { value.cast_unchecked::<PyString>() };
    // SAFETY: a live `str`. One that fits is handed back, if its class is no one else's.
    let is_fit = unsafe {
        ffi::PyUnicode_CheckExact(text.as_ptr()) != 0
            && usize::try_from(ffi::PyUnicode_GetLength(text.as_ptr())).is_ok_and(|length| length <= MAX_TEXT)
    };
    Ok(if is_fit { text.clone() } else { PyString::new(py, &cut_text(text)) })
}

/// Returns the first `room` characters with a note on what was cut, and the length of the whole.
fn cut<'a>(text: &'a Bound<'_, PyString>, room: usize) -> (Cow<'a, str>, usize) {
    // SAFETY: `text` is a live `str`, or of a subclass of it.
    let length = usize::try_from(unsafe { ffi::PyUnicode_GetLength(text.as_ptr()) }).unwrap_or(0);
    if length <= room {
        return (utf8(text), length);
    }
    let room_size = ffi::Py_ssize_t::try_from(room).unwrap_or(ffi::Py_ssize_t::MAX);
    // SAFETY: as above; the result is a new reference or null with an exception set.
    let start =
        unsafe { Bound::from_owned_ptr_or_opt(text.py(), ffi::PyUnicode_Substring(text.as_ptr(), 0, room_size)) };
    let start = start.and_then(|start| start.cast_into::<PyString>().ok());
    let mut kept = start.map(|start| utf8(&start).into_owned()).unwrap_or_default();
    kept.push_str("…[");
    kept.push_str(&(length - room).to_string());
    kept.push_str(" characters cut]");
    (Cow::Owned(kept), length)
}

/// Returns a text as UTF-8. Lone surrogates, which no reader takes, become question marks.
pub(crate) fn utf8<'a>(text: &'a Bound<'_, PyString>) -> Cow<'a, str> {
    let mut size: ffi::Py_ssize_t = 0;
    // SAFETY: `text` is a live `str`; the bytes live as long as it.
    let start = unsafe { ffi::PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut size) };
    if !start.is_null() {
        let size = usize::try_from(size).unwrap_or(0);
        // SAFETY: CPython hands out `size` bytes of valid UTF-8 that it keeps with the object.
        return Cow::Borrowed(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(start.cast(), size)) });
    }
    let py = text.py();
    drop(PyErr::take(py));
    // SAFETY: as above; the names are C strings.
    let replaced = unsafe {
        Bound::from_owned_ptr_or_opt(
            py,
            ffi::PyUnicode_AsEncodedString(text.as_ptr(), c"utf-8".as_ptr(), c"replace".as_ptr()),
        )
    };
    let Some(bytes) = replaced.as_ref().and_then(|bytes| bytes.extract::<&[u8]>().ok()) else {
        drop(PyErr::take(py));
        return Cow::Borrowed("");
    };
    Cow::Owned(String::from_utf8_lossy(bytes).into_owned())
}

/// Appends a text in quotes.
pub(crate) fn quoted(text: &str, out: &mut Vec<u8>) {
    arc_redact::json::quote(text, out);
}

struct Writer<'py, 'o> {
    py: Python<'py>,
    out: &'o mut Vec<u8>,
    text_left: usize,
    nodes_left: usize,
}

impl Writer<'_, '_> {
    fn value(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        self.nodes_left = self.nodes_left.saturating_sub(1);
        let at = value.as_ptr();
        // SAFETY: `at` is a live object as long as `value` is, and we are attached; the checks
        // look at flags of the type, the accessors are used on what they are for.
        unsafe {
            if at == ffi::Py_None() {
                self.out.extend_from_slice(b"null");
            } else if at == ffi::Py_True() {
                self.out.extend_from_slice(b"true");
            } else if at == ffi::Py_False() {
                self.out.extend_from_slice(b"false");
            } else if ffi::PyUnicode_Check(at) != 0 {
                self.text(value.cast_unchecked::<PyString>());
            } else if ffi::PyLong_CheckExact(at) != 0
                || (ffi::PyLong_Check(at) != 0 && !host_types::is(value, Known::Enum))
            {
                self.integer(value);
            } else if ffi::PyFloat_CheckExact(at) != 0
                || (ffi::PyFloat_Check(at) != 0 && !host_types::is(value, Known::Enum))
            {
                self.float(ffi::PyFloat_AsDouble(at));
            } else if ffi::PyDict_CheckExact(at) != 0 || ffi::PyList_CheckExact(at) != 0 {
                self.compound(value, depth);
            } else {
                self.other(value, depth);
            }
        }
    }

    fn other(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        if host_types::is(value, Known::Enum) {
            match host_types::fields(value).and_then(|fields| fields.get_item("_value_").ok().flatten()) {
                Some(inner) if depth < MAX_DEPTH => self.value(&inner, depth + 1),
                _ => self.note(CUT),
            }
            return;
        }
        if let Some(size) = host_types::binary_size(value) {
            return self.note(&format!("<{size} bytes>"));
        }
        if let Some(text) = host_types::known_text(value) {
            return self.string(&text);
        }
        // SAFETY: `value` is a live object.
        if unsafe { ffi::PyType_Check(value.as_ptr()) } != 0 {
            return self.note(&format!("<class {}>", host_types::name_of(value)));
        }
        self.compound(value, depth);
    }

    fn compound(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        if depth >= MAX_DEPTH || self.spent() {
            return self.note(CUT);
        }
        let at = value.as_ptr();
        // SAFETY: `at` is a live object; only flags of its type are looked at.
        unsafe {
            if ffi::PyDict_Check(at) != 0 {
                self.out.push(b'{');
                self.fields(value, depth, false, true);
                self.out.push(b'}');
            } else if ffi::PyList_Check(at) != 0 {
                self.items(depth, |index| {
                    (index < ffi::PyList_Size(at))
                        .then(|| ffi::PyList_GetItem(at, index))
                        .filter(|item| !item.is_null())
                });
            } else if ffi::PyTuple_Check(at) != 0 {
                self.items(depth, |index| {
                    (index < ffi::PyTuple_Size(at))
                        .then(|| ffi::PyTuple_GetItem(at, index))
                        .filter(|item| !item.is_null())
                });
            } else if let Some(items) = host_types::members_of_set(value) {
                let list = items.as_ptr();
                self.items(depth, |index| {
                    (index < ffi::PyList_Size(list))
                        .then(|| ffi::PyList_GetItem(list, index))
                        .filter(|item| !item.is_null())
                });
            } else {
                self.object(value, depth);
            }
        }
    }

    fn object(&mut self, value: &Bound<'_, PyAny>, depth: usize) {
        let name = host_types::name_of(value.get_type().as_any());
        // SAFETY: `value` is a live object; looks at a slot of its type.
        let is_callable = unsafe { ffi::PyCallable_Check(value.as_ptr()) } != 0;
        let Some(fields) = (if is_callable { None } else { host_types::fields(value) }) else {
            return self.note(&format!("<{name}>"));
        };
        self.out.extend_from_slice(b"{\"__type__\":");
        self.note(&name);
        self.fields(fields.as_any(), depth, true, false);
        self.out.push(b'}');
    }

    fn items(&mut self, depth: usize, item: impl Fn(ffi::Py_ssize_t) -> Option<*mut ffi::PyObject>) {
        self.out.push(b'[');
        let mut index = 0;
        while let Some(at) = item(index) {
            if index > 0 {
                self.out.push(b',');
            }
            if self.spent() {
                self.note(CUT);
                break;
            }
            // SAFETY: a borrowed reference to a live item; kept while it is read.
            let item = unsafe { Bound::from_borrowed_ptr(self.py, at) };
            self.value(&item, depth + 1);
            index += 1;
        }
        self.out.push(b']');
    }

    fn fields(&mut self, dict: &Bound<'_, PyAny>, depth: usize, public_only: bool, mut first: bool) {
        let mut position: ffi::Py_ssize_t = 0;
        let mut key: *mut ffi::PyObject = std::ptr::null_mut();
        let mut item: *mut ffi::PyObject = std::ptr::null_mut();
        // SAFETY: `dict` is a dictionary. `PyDict_Next` stays within it even if it is changed in the meantime; the
        // references it hands out are kept while they are read.
        while unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, &raw mut item) } != 0 {
            // SAFETY: borrowed references to live objects.
            let (key, item) =
                unsafe { (Bound::from_borrowed_ptr(self.py, key), Bound::from_borrowed_ptr(self.py, item)) };
            // SAFETY: looks at a flag of the type.
            let is_text = unsafe { ffi::PyUnicode_Check(key.as_ptr()) } != 0;
            // SAFETY: looked at only if it is a `str`.
            if public_only && (!is_text || utf8(unsafe { key.cast_unchecked() }).starts_with('_')) {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            if self.spent() {
                self.out.extend_from_slice("\"…\":\"<cut>\"".as_bytes());
                break;
            }
            if is_text {
                // SAFETY: checked above.
                let (text, length) = cut(unsafe { key.cast_unchecked() }, MAX_TEXT.min(self.text_left));
                self.text_left = self.text_left.saturating_sub(length);
                quoted(&text, self.out);
            } else {
                self.key(&key);
            }
            self.out.push(b':');
            self.value(&item, depth + 1);
        }
    }

    /// A key that is not a text: the JSON of a scalar, in quotes.
    fn key(&mut self, key: &Bound<'_, PyAny>) {
        let start = self.out.len();
        self.value(key, MAX_DEPTH);
        if self.out.get(start) != Some(&b'"') {
            let scalar = self.out.split_off(start);
            quoted(&String::from_utf8_lossy(&scalar), self.out);
        }
    }

    fn text(&mut self, text: &Bound<'_, PyString>) {
        let (kept, length) = cut(text, MAX_TEXT.min(self.text_left));
        self.text_left = self.text_left.saturating_sub(length);
        quoted(&kept, self.out);
    }

    fn string(&mut self, text: &str) {
        self.text_left = self.text_left.saturating_sub(text.len());
        quoted(text, self.out);
    }

    fn integer(&mut self, value: &Bound<'_, PyAny>) {
        let mut overflow = 0;
        // SAFETY: `value` is an `int`, or of a subclass of it.
        let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(value.as_ptr(), &raw mut overflow) };
        let digits = if overflow == 0 { Some(small.to_string()) } else { host_types::digits(value) };
        match digits {
            Some(digits) => self.out.extend_from_slice(digits.as_bytes()),
            None => self.note("<int>"),
        }
    }

    fn float(&mut self, value: f64) {
        if value.is_finite() {
            self.out.extend_from_slice(format!("{value:?}").as_bytes());
        } else {
            self.note(if value.is_nan() {
                "nan"
            } else if value > 0.0 {
                "inf"
            } else {
                "-inf"
            });
        }
    }

    /// Words of ours.
    fn note(&mut self, text: &str) {
        quoted(text, self.out);
    }

    fn spent(&self) -> bool {
        self.nodes_left == 0 || self.text_left == 0
    }
}
