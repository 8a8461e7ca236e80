//! Ids of traces and spans: random bytes of the operating system, fetched many at a time. Not from `random`, which
//! hosts seed.

use std::sync::Mutex;

use pyo3::{exceptions::PyValueError, prelude::*, types::PyString};

const BATCH: usize = 4096;

struct Pool {
    bytes: [u8; BATCH],
    used: usize,
    process: u32,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { bytes: [0; BATCH], used: BATCH, process: 0 });

fn take<const N: usize>() -> [u8; N] {
    // A forked child has the parent's bytes: it must not hand out the same ids. One thread at a time is in here,
    // attached to the interpreter as the one that forks is, so the lock is free in the child.
    let mut pool = match POOL.lock() {
        Ok(pool) => pool,
        Err(poisoned) => poisoned.into_inner(),
    };
    let process = crate::process::id();
    if pool.used + N > BATCH || pool.process != process {
        if getrandom::fill(&mut pool.bytes).is_err() {
            return fallback();
        }
        pool.used = 0;
        pool.process = process;
    }
    let from = pool.used;
    pool.used += N;
    let mut id = [0; N];
    if let Some(bytes) = pool.bytes.get_mut(from..from + N) {
        id.copy_from_slice(bytes);
        bytes.fill(0);
    }
    if id.iter().all(|byte| *byte == 0) { fallback() } else { id }
}

/// Without random bytes: a hash of the time, the process and a counter.
fn fallback<const N: usize>() -> [u8; N] {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    let mut hash = blake3::Hasher::new();
    hash.update(&crate::process::now_ns().to_le_bytes());
    hash.update(&crate::process::id().to_le_bytes());
    hash.update(&COUNTER.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let mut id = [0; N];
    hash.finalize_xof().fill(&mut id);
    id
}

/// Returns a new span id.
pub(crate) fn new_span() -> [u8; 8] {
    take()
}

/// Returns a new trace id: 16 random bytes in hexadecimal.
#[pyfunction]
pub(crate) fn new_trace_id(py: Python<'_>) -> Bound<'_, pyo3::types::PyString> {
    hex(py, &take::<16>())
}

/// Returns a new span id: 8 random bytes in hexadecimal.
#[pyfunction]
pub(crate) fn new_span_id(py: Python<'_>) -> Bound<'_, pyo3::types::PyString> {
    hex(py, &take::<8>())
}

/// Returns the span id of a tool call that the provider gave an id: whoever records it uses the same.
#[pyfunction]
pub(crate) fn tool_span_id<'py>(
    py: Python<'py>,
    trace_id: &str,
    call_id: &str,
) -> PyResult<Bound<'py, pyo3::types::PyString>> {
    let Some(trace) = parse::<16>(trace_id) else {
        return Err(pyo3::exceptions::PyValueError::new_err("a trace id is 32 hexadecimal digits"));
    };
    let mut hash = blake3::Hasher::new();
    hash.update(b"arc-eval tool call");
    hash.update(&trace);
    hash.update(call_id.as_bytes());
    let mut id = [0; 8];
    hash.finalize_xof().fill(&mut id);
    Ok(hex(py, &id))
}

pub(crate) fn hex<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, pyo3::types::PyString> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            *high = DIGITS.get(usize::from(byte >> 4)).copied().unwrap_or(b'0');
            *low = DIGITS.get(usize::from(byte & 15)).copied().unwrap_or(b'0');
        }
    }
    let digits = text.get(..2 * bytes.len()).unwrap_or_default();
    pyo3::types::PyString::new(py, std::str::from_utf8(digits).unwrap_or_default())
}

/// The value of a hexadecimal digit, 255 for what is none.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of bounds")]
const VALUES: [u8; 256] = {
    let mut values = [255; 256];
    let mut digit = 0;
    while digit < 10 {
        values[b'0' as usize + digit as usize] = digit;
        digit += 1;
    }
    while digit < 16 {
        values[b'a' as usize + digit as usize - 10] = digit;
        values[b'A' as usize + digit as usize - 10] = digit;
        digit += 1;
    }
    values
};

/// Reads an id in hexadecimal.
pub(crate) fn parse<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let value = |digit: &u8| VALUES.get(usize::from(*digit)).copied().unwrap_or(255);
    let mut id = [0; N];
    let mut wrong = 0;
    for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let (high, low) = (value(high), value(low));
        wrong |= high | low;
        *byte = high << 4 | low;
    }
    (wrong < 16).then_some(id)
}

/// Returns the bytes of an id that Python gives.
pub(crate) fn parse_given<const N: usize>(id: &Bound<'_, PyAny>) -> PyResult<[u8; N]> {
    parse(id.cast::<PyString>()?.to_str()?).ok_or_else(|| PyValueError::new_err("an id is hexadecimal digits"))
}
