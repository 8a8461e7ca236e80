//! Which segments may still be referred to anew, so that the others can be compacted.
//!
//! Spans that are appended refer to bodies their program stored lately, which its window remembers; nobody refers anew
//! to what another program stored. So a program may take away what nobody refers to from segments that it wrote itself,
//! once it has forgotten them ([`Rounds::begin`]), and from those of others when these must have forgotten them: windows are
//! forgotten after [`FORGOTTEN_AFTER`], and segments are [`OLD`] long after that.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{RwLock, RwLockReadGuard};

use crate::segment::Window;

/// How long a program remembers where bodies are.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(10);

/// The age, in seconds, from which on only its own spans refer to a segment of another program: time to forget it, and
/// for an insert to become visible, several times over.
pub(super) const OLD: u64 = 30 * 60;

/// The window of this program, and the segments it wrote.
pub(super) struct Rounds {
    pub(super) window: Arc<Window>,
    /// The round of compacting, and when it began.
    round: RwLock<(i64, Instant)>,
    blocks: Mutex<Vec<Range<i64>>>,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { window: Arc::default(), round: RwLock::new((0, Instant::now())), blocks: Mutex::default() }
    }
}

/// Keeps a round from ending.
pub(super) struct Held<'a>(RwLockReadGuard<'a, (i64, Instant)>);

impl Held<'_> {
    pub(super) fn round(&self) -> i64 {
        self.0.0
    }
}

impl Rounds {
    /// Returns the round, which does not end before this is dropped.
    pub(super) async fn hold(&self) -> Held<'_> {
        let held = self.round.read().await;
        if held.1.elapsed() < FORGOTTEN_AFTER {
            return Held(held);
        }
        drop(held);
        self.begin().await;
        Held(self.round.read().await)
    }

    /// Begins a round, waiting for what is being appended: nothing appended later refers to what is stored now.
    pub(super) async fn begin(&self) {
        let mut round = self.round.write().await;
        *round = (round.0 + 1, Instant::now());
        self.window.enter(round.0);
    }

    /// Notes that this program writes the segments of a block.
    pub(super) fn own(&self, block: Range<i64>) {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).push(block);
    }

    /// Treats what this program wrote as what another one did, after an insert of which it is not known whether it arrives:
    /// it may refer to what only this program would think forgotten.
    pub(super) async fn disown(&self) {
        self.begin().await;
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Returns whether this program wrote a segment.
    pub(super) fn is_own(&self, segment: i64) -> bool {
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.iter().any(|block| block.contains(&segment))
    }
}
