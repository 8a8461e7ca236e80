//! Compressed bodies, unpacked within limits: a few hundred bytes can unpack to gigabytes.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::Problem;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
}

/// Most that a body may unpack to for each of its bytes. Histories that agents send again with every
/// call pack well, but not like this.
const MOST_RATIO: usize = 1_000;
/// A body that unpacks to no more than this may have any ratio.
const SMALL_BYTES: usize = 1024 * 1024;

impl Packing {
    /// Every name, for an answer to whom sent another one.
    pub(super) const NAMES: &'static str = "gzip, zstd";

    /// Returns the packing of this name; `None` for one that is not read.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::None),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Returns how many bytes a packed body may be expected to unpack to.
pub(super) fn expected(packed: usize) -> usize {
    packed.saturating_mul(8)
}

/// Unpacks a body of at most `limit` bytes.
pub(super) fn unpack(packed: &[u8], packing: Packing, limit: usize) -> Result<Vec<u8>, Problem> {
    let by_ratio = packed.len().saturating_mul(MOST_RATIO).max(SMALL_BYTES);
    let most = limit.min(by_ratio);
    let (unpacked, name) = match packing {
        Packing::None => return Ok(packed.to_vec()),
        Packing::Gzip => (read(MultiGzDecoder::new(packed), most), "gzip"),
        Packing::Zstd => (zstd::Decoder::with_buffer(packed).and_then(|decoder| read(decoder, most)), "zstd"),
    };
    match unpacked {
        Ok(bytes) if bytes.len() <= most => Ok(bytes),
        Ok(_) => Err(Problem::too_large(most)),
        Err(error) => Err(Problem::invalid(format!("the body is not {name} as announced: {error}"))),
    }
}

fn read(from: impl Read, most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more tells a body of exactly the limit from a larger one.
    from.take((most as u64).saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_unpacks_to_far_more_than_it_is_is_refused_below_the_limit_too() {
        let megabytes = |count: usize| zstd::encode_all(vec![0_u8; count << 20].as_slice(), 1).unwrap();
        assert_eq!(unpack(&megabytes(1), Packing::Zstd, 64 << 20).unwrap().len(), 1 << 20);
        assert_eq!(unpack(&megabytes(32), Packing::Zstd, 64 << 20).unwrap_err().status(), 413);
        assert_eq!(unpack(b"not zstd", Packing::Zstd, 64 << 20).unwrap_err().status(), 400);
    }
}
