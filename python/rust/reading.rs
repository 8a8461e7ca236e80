//! Reading a spool as it stands, for tests and for a look at what is there.

use arc_spool::{Spool, SpoolError};
use pyo3::{exceptions::PyOSError, prelude::*, types::PyBytes};

/// Returns everything that is in a spool as OTLP protobuf requests. Takes nothing out of it.
#[pyfunction]
pub(crate) fn read_spool(py: Python<'_>, spool: std::path::PathBuf) -> PyResult<Vec<Bound<'_, PyBytes>>> {
    let requests = py.detach(|| read(spool)).map_err(|error| PyOSError::new_err(error.to_string()))?;
    Ok(requests.iter().map(|request| PyBytes::new(py, request)).collect())
}

fn read(spool: std::path::PathBuf) -> Result<Vec<Vec<u8>>, SpoolError> {
    let spool = Spool::open(spool);
    let mut requests = Vec::new();
    for process in spool.processes()? {
        let Some(drain) = spool.drain(&process.id)? else { continue };
        let mut drain = drain.with_grace(std::time::Duration::ZERO);
        // Without a commit nothing is taken.
        while let Some(batch) = drain.next(usize::MAX)? {
            requests.push(batch.to_otlp());
        }
    }
    Ok(requests)
}
