//! How a run, and how its cost divides, are written in a row: as JSON, compressed against a sample of it.
//!
//! Both are made of the same names again and again, which a sample takes out; a run of eight spans takes a fifth of
//! its JSON. Rows from before hold their JSON as text.

use std::sync::{LazyLock, Mutex, PoisonError};

use arc_store::StoreError;
use rusqlite::types::Value;
use serde::{Serialize, de::DeserializeOwned};
use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
};

use super::error::damaged;
use crate::segment::from_json;

const LEVEL: i32 = 3;

/// Most bytes of JSON of one row; more is damage.
const MOST_BYTES: usize = 64 << 20;

/// Invariant: what a sample holds never changes, because rows can only be read with the sample they were written with.
/// Another sample is another column.
pub(super) struct Sample {
    write: EncoderDictionary<'static>,
    read: DecoderDictionary<'static>,
    /// The writer's compressor, and what readers read with, kept because making one costs as much as a row.
    compressor: Mutex<Option<Compressor<'static>>>,
    decompressors: Mutex<Vec<Decompressor<'static>>>,
}

/// What runs look like.
pub(super) static RUN: LazyLock<Sample> = LazyLock::new(|| Sample::new(include_bytes!("samples/run.json")));

/// What their divisions of cost look like.
pub(super) static COSTS: LazyLock<Sample> = LazyLock::new(|| Sample::new(include_bytes!("samples/costs.json")));

impl Sample {
    fn new(json: &'static [u8]) -> Self {
        let (write, read) = (EncoderDictionary::copy(json, LEVEL), DecoderDictionary::copy(json));
        Self { write, read, compressor: Mutex::default(), decompressors: Mutex::default() }
    }

    pub(super) fn pack(&'static self, value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
        let json = serde_json::to_vec(value)
            .map_err(|error| StoreError::Invalid(format!("a run cannot be written as JSON: {error}")))?;
        let mut kept = self.compressor.lock().unwrap_or_else(PoisonError::into_inner);
        let packed = match kept.as_mut() {
            Some(compressor) => compressor.compress(&json),
            None => {
                Compressor::with_prepared_dictionary(&self.write).and_then(|made| kept.insert(made).compress(&json))
            }
        };
        packed.map_err(|source| StoreError::Unavailable { attempted: "compress a run", source: Box::new(source) })
    }

    pub(super) fn unpack<T: DeserializeOwned>(&'static self, packed: &[u8]) -> Result<T, StoreError> {
        let failed = |why: String| damaged("read a stored row", why);
        let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MOST_BYTES);
        let size = size.ok_or_else(|| failed("its size is not written".to_owned()))?;
        let kept = || self.decompressors.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept().pop();
        let mut from = match known {
            Some(known) => known,
            None => Decompressor::with_prepared_dictionary(&self.read).map_err(|error| failed(error.to_string()))?,
        };
        let json = from.decompress(packed, size);
        // As many as there are readers.
        kept().push(from);
        let json = json.map_err(|error| failed(error.to_string()))?;
        from_json(&json).map_err(|error| failed(error.to_string()))
    }

    /// Reads what a row holds of either kind.
    pub(super) fn read<T: DeserializeOwned>(&'static self, stored: &Value) -> Result<T, StoreError> {
        match stored {
            Value::Blob(packed) => self.unpack(packed),
            other => json(other),
        }
    }
}

/// Reads what a row holds as JSON.
pub(super) fn json<T: DeserializeOwned>(stored: &Value) -> Result<T, StoreError> {
    let Value::Text(text) = stored else { return Err(damaged("read a stored row", "it is no text")) };
    from_json(text.as_bytes()).map_err(|error| damaged("read a stored row", error))
}

#[cfg(test)]
mod tests {
    use arc_model::Run;
    use arc_store::conformance::Generator;

    use super::*;

    #[test]
    fn a_run_comes_back_and_takes_a_fraction_of_its_json() {
        let mut random = Generator::new(1);
        for _ in 0..50 {
            let trace = random.trace_id();
            let (run, _) = random.run(trace);
            let packed = RUN.pack(&run).unwrap();
            assert_eq!(RUN.unpack::<Run>(&packed).unwrap(), run);
            assert_eq!(RUN.read::<Run>(&Value::Text(serde_json::to_string(&run).unwrap())).unwrap(), run);
        }
    }

    #[test]
    fn damage_is_an_error() {
        let mut random = Generator::new(1);
        let trace = random.trace_id();
        let packed = RUN.pack(&random.run(trace).0).unwrap();
        for end in [0, 1, packed.len() / 2, packed.len() - 1] {
            assert!(RUN.unpack::<Run>(&packed[..end]).is_err(), "{end}");
        }
        assert!(COSTS.unpack::<Run>(b"{}").is_err());
    }
}
