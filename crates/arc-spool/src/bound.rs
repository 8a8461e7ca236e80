//! How much room the spool takes, and how much of it a writer may still use.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

/// A writer looks at the directory once in so many bytes of its own: with n processes the bound can be overrun by n times
/// this.
const GRANT_BYTES: u64 = 4 << 20;
/// While there is no room, the directory is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Returns the bytes of all spool files.
pub(crate) fn used_bytes(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let files = entries.flatten().filter(|entry| entry.path().extension().is_some_and(|end| end == "spool"));
    files.filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
}

/// What a writer may still use before it looks again.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    bytes: u64,
    looked_in_vain: Option<Instant>,
}

impl Allowance {
    /// Takes bytes out of the allowance; says whether there is room. For an end there is room a little longer: a run
    /// whose end is lost looks as if it had been killed.
    pub(crate) fn take(&mut self, bytes: u64, limit: u64, dir: &Path, is_end: bool) -> bool {
        if self.bytes < bytes && !self.refill(bytes, limit, dir) {
            return is_end && used_bytes(dir).saturating_add(bytes) <= limit.saturating_add(limit / 16);
        }
        self.bytes -= bytes;
        true
    }

    fn refill(&mut self, bytes: u64, limit: u64, dir: &Path) -> bool {
        if self.looked_in_vain.is_some_and(|at| at.elapsed() < LOOK_AGAIN) {
            return false;
        }
        let free = limit.saturating_sub(used_bytes(dir));
        let grant = GRANT_BYTES.min(limit / 8).max(bytes).min(free);
        let is_enough = grant >= bytes;
        self.looked_in_vain = (!is_enough).then(Instant::now);
        if is_enough {
            self.bytes = grant;
        }
        is_enough
    }
}
