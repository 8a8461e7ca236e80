//! Types of the standard library that have a text of their own, and how to read objects without running their code.

use pyo3::{
    ffi,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyList, PyString, PyType},
};

use crate::values::utf8;

/// A type of the standard library.
#[derive(Clone, Copy)]
pub(crate) enum Known {
    /// `enum.Enum`
    Enum,
    /// `datetime.datetime`
    DateTime,
    /// `datetime.date`
    Date,
    /// `datetime.time`
    Time,
    /// `uuid.UUID`
    Uuid,
    /// `decimal.Decimal`
    Decimal,
}

const COUNT: usize = 6;
static TYPES: [PyOnceLock<Py<PyType>>; COUNT] = [const { PyOnceLock::new() }; COUNT];

impl Known {
    const fn path(self) -> (&'static str, &'static str) {
        match self {
            Self::Enum => ("enum", "Enum"),
            Self::DateTime => ("datetime", "datetime"),
            Self::Date => ("datetime", "date"),
            Self::Time => ("datetime", "time"),
            Self::Uuid => ("uuid", "UUID"),
            Self::Decimal => ("decimal", "Decimal"),
        }
    }

    /// Returns the type. Before its module is imported there can be no value of it.
    fn get(self, py: Python<'_>) -> Option<&'static Py<PyType>> {
        let cell = TYPES.get(self as usize)?;
        if let Some(known) = cell.get(py) {
            return Some(known);
        }
        let (module, name) = self.path();
        let found = imported(py, module)?.getattr(name).ok()?.cast_into::<PyType>().ok()?;
        Some(cell.get_or_init(py, || found.unbind()))
    }
}

/// Returns a module if it is imported.
pub(crate) fn imported<'py>(py: Python<'py>, name: &str) -> Option<Bound<'py, PyAny>> {
    let modules = py.import("sys").ok()?.getattr("modules").ok()?.cast_into::<PyDict>().ok()?;
    modules.get_item(name).ok()?
}

/// Returns whether a value is of a type, by its class: `__class__` is not asked.
pub(crate) fn is(value: &Bound<'_, PyAny>, known: Known) -> bool {
    let Some(kind) = known.get(value.py()) else { return false };
    // SAFETY: both are live type objects.
    unsafe { ffi::PyType_IsSubtype(ffi::Py_TYPE(value.as_ptr()), kind.as_ptr().cast()) != 0 }
}

/// Returns the `__dict__` that an object has, as it is stored.
pub(crate) fn fields<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    // SAFETY: a live object; a new reference comes back, or null with an exception.
    let found = unsafe {
        Bound::from_owned_ptr_or_opt(value.py(), ffi::PyObject_GenericGetDict(value.as_ptr(), std::ptr::null_mut()))
    };
    if found.is_none() {
        drop(PyErr::take(value.py()));
    }
    found?.cast_into::<PyDict>().ok()
}

/// Returns the size of a binary value.
pub(crate) fn binary_size(value: &Bound<'_, PyAny>) -> Option<ffi::Py_ssize_t> {
    let at = value.as_ptr();
    // SAFETY: a live object of the type that was checked; a `memoryview` cannot be subclassed.
    let size = unsafe {
        if ffi::PyBytes_Check(at) != 0 {
            ffi::PyBytes_Size(at)
        } else if ffi::PyByteArray_Check(at) != 0 {
            ffi::PyByteArray_Size(at)
        } else if ffi::PyMemoryView_Check(at) != 0 {
            ffi::PyObject_Size(at)
        } else {
            return None;
        }
    };
    if size < 0 {
        drop(PyErr::take(value.py()));
    }
    Some(size.max(0))
}

/// Returns the text of a date, an id, a number or a path of the standard library.
pub(crate) fn known_text(value: &Bound<'_, PyAny>) -> Option<String> {
    let py = value.py();
    for known in [Known::DateTime, Known::Date, Known::Time] {
        if is(value, known) {
            return Some(
                date_text(value, known).unwrap_or_else(|| format!("<{}>", name_of(value.get_type().as_any()))),
            );
        }
    }
    if is(value, Known::Uuid) {
        let number = stored(Known::Uuid.get(py)?.bind(py), "int", value)?.extract::<u128>().ok()?;
        let hex = format!("{number:032x}");
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| hex.get(from..to).unwrap_or(""));
        return Some(parts.join("-"));
    }
    if is(value, Known::Decimal) {
        return text_by(Known::Decimal.get(py)?.bind(py), "__str__", value);
    }
    path_text(value)
}

/// A path, unless the host has made a class of its own of it.
fn path_text(value: &Bound<'_, PyAny>) -> Option<String> {
    let kind = value.get_type();
    let module = module_of(kind.as_any())?;
    if module != "pathlib" && !module.starts_with("pathlib.") {
        return None;
    }
    let base = imported(value.py(), "pathlib")?.getattr("PurePath").ok()?.cast_into::<PyType>().ok()?;
    // SAFETY: both are live type objects.
    let is_path = unsafe { ffi::PyType_IsSubtype(kind.as_type_ptr(), base.as_type_ptr()) } != 0;
    if is_path { text_by(&base, "__str__", value) } else { None }
}

fn date_text(value: &Bound<'_, PyAny>, known: Known) -> Option<String> {
    let py = value.py();
    let base = known.get(py)?.bind(py);
    if !matches!(known, Known::Date) {
        let zone = stored(base, "tzinfo", value)?;
        // A zone of the host's own would be asked for its offset.
        let trusted =
            zone.is_none() || matches!(module_of(zone.get_type().as_any()).as_deref(), Some("datetime" | "zoneinfo"));
        if !trusted {
            return None;
        }
    }
    text_by(base, "isoformat", value)
}

/// Calls a method of a type of the standard library itself, not the one a subclass has.
fn text_by(base: &Bound<'_, PyType>, method: &str, value: &Bound<'_, PyAny>) -> Option<String> {
    let text = base.getattr(method).ok()?.call1((value,)).ok()?;
    Some(utf8(text.cast::<PyString>().ok()?).into_owned())
}

/// Reads a field by the descriptor of a type of the standard library itself.
fn stored<'py>(base: &Bound<'py, PyType>, field: &str, value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    base.getattr(field).ok()?.call_method1("__get__", (value, value.get_type())).ok()
}

/// Returns the members of a set, `None` for what is none.
pub(crate) fn members_of_set<'py>(value: &Bound<'py, PyAny>) -> Option<Bound<'py, PyList>> {
    let at = value.as_ptr();
    let base = if is_subtype(at, &raw mut ffi::PySet_Type) {
        "set"
    } else if is_subtype(at, &raw mut ffi::PyFrozenSet_Type) {
        "frozenset"
    } else {
        return None;
    };
    let py = value.py();
    let kind = py.import("builtins").ok()?.getattr(base).ok()?;
    // The iterator of the built-in type: the one of the class itself is not asked.
    let members = kind.getattr("__iter__").ok()?.call1((value,)).ok()?;
    PyList::new(py, members.try_iter().ok()?.filter_map(Result::ok).collect::<Vec<_>>()).ok()
}

fn is_subtype(value: *mut ffi::PyObject, kind: *mut ffi::PyTypeObject) -> bool {
    // SAFETY: a live object and a static type.
    unsafe { ffi::PyType_IsSubtype(ffi::Py_TYPE(value), kind) != 0 }
}

/// Returns the decimal digits of a large integer; Python refuses very large ones.
pub(crate) fn digits(value: &Bound<'_, PyAny>) -> Option<String> {
    let kind = value.py().import("builtins").ok()?.getattr("int").ok()?;
    let text = kind.getattr("__repr__").ok()?.call1((value,)).ok()?;
    Some(utf8(text.cast::<PyString>().ok()?).into_owned())
}

/// Returns a type's name with its module, without it for built-in ones.
pub(crate) fn name_of(kind: &Bound<'_, PyAny>) -> String {
    let name = type_field(kind, "__qualname__").unwrap_or_else(|| "object".to_owned());
    match module_of(kind).as_deref() {
        None | Some("builtins" | "__main__") => name,
        Some(module) => format!("{module}.{name}"),
    }
}

fn module_of(kind: &Bound<'_, PyAny>) -> Option<String> {
    type_field(kind, "__module__")
}

/// Reads a field of a class by the descriptor of `type`: its metaclass is not asked.
fn type_field(kind: &Bound<'_, PyAny>, field: &str) -> Option<String> {
    static QUALNAME: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static MODULE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = kind.py();
    let cell = if field == "__module__" { &MODULE } else { &QUALNAME };
    let get = cell
        .get_or_try_init(py, || {
            let own = py.import("builtins")?.getattr("type")?.getattr("__dict__")?.get_item(field)?;
            own.getattr("__get__").map(Bound::unbind)
        })
        .ok()?;
    let found = get.bind(py).call1((kind, kind.get_type())).ok()?;
    Some(utf8(found.cast::<PyString>().ok()?).into_owned())
}
