//! What asking may cost: the spend cap, what is under way, and the journal in which every request is written down before it
//! leaves. Workers share one.

use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use arc_analysis::replay::Stop;
use arc_catalog::PriceOverride;
use arc_model::{NanoUsd, Timestamp, TraceId};

use super::{
    endpoint::{Asked, Endpoint},
    journal::{Answer, Journal, State},
    plan::{self, Target},
};
use crate::failure::Failure;

/// What asking came to.
#[derive(Debug, Default)]
pub(super) struct Bill {
    pub(super) asked_now: u64,
    pub(super) from_journal: u64,
    /// Everything that was asked so far, earlier attempts included.
    pub(super) spent: NanoUsd,
    /// Why it ended before everything was asked.
    pub(super) stop: Option<Stop>,
    /// What stopped it, in words, where somebody has to put something right.
    pub(super) trouble: Option<String>,
}

impl Bill {
    /// Adds what was asked after it, of which the sum includes what was spent before.
    pub(super) fn go_on_with(&mut self, later: Self) {
        self.asked_now += later.asked_now;
        self.from_journal += later.from_journal;
        self.spent = later.spent;
        self.stop = self.stop.or(later.stop);
        self.trouble = self.trouble.take().or(later.trouble);
    }
}

/// The purse.
pub(super) struct Purse<'a> {
    kept: Mutex<Kept>,
    room: Condvar,
    cap: Option<NanoUsd>,
    pub(super) target: &'a Target,
    own: &'a [PriceOverride],
    stop: &'a AtomicBool,
    now: &'a (dyn Fn() -> Timestamp + Sync),
}

/// What it holds.
struct Kept {
    journal: Journal,
    /// Everything that was asked so far, earlier attempts included.
    spent: NanoUsd,
    /// Estimates of what is under way.
    reserved: NanoUsd,
    /// Whether a request waits for room under the cap: none goes before it.
    has_waiting: bool,
    /// Requests of this time.
    asked: u64,
    stop: Option<Stop>,
    trouble: Option<String>,
    failure: Option<Failure>,
}

impl<'a> Purse<'a> {
    /// Makes a purse; `spent` is what earlier attempts cost.
    pub(super) fn new(
        journal: Journal,
        spent: NanoUsd,
        cap: Option<NanoUsd>,
        (target, own): (&'a Target, &'a [PriceOverride]),
        stop: &'a AtomicBool,
        now: &'a (dyn Fn() -> Timestamp + Sync),
    ) -> Self {
        let kept = Kept {
            journal,
            spent,
            reserved: NanoUsd::ZERO,
            has_waiting: false,
            asked: 0,
            stop: None,
            trouble: None,
            failure: None,
        };
        Self { kept: Mutex::new(kept), room: Condvar::new(), cap, target, own, stop, now }
    }

    /// Asks, as soon as there is room under the cap, and returns what was spent so far; `None` when nothing may be asked any
    /// more.
    pub(super) fn ask(&self, (key, estimate): (TraceId, NanoUsd), endpoint: &Endpoint, body: &str) -> Option<NanoUsd> {
        self.begin(key, estimate).then(|| self.settle(key, estimate, endpoint.ask(body, self.stop)))
    }

    /// Says that a request is about to leave, and waits for room under the cap; `false` when it may not be asked.
    fn begin(&self, key: TraceId, estimate: NanoUsd) -> bool {
        let mut kept = self.lock();
        let mut is_waiting = false;
        loop {
            if kept.stop.is_some() || kept.failure.is_some() {
                return false;
            }
            if self.stop.load(Ordering::Relaxed) {
                kept.stop = Some(Stop::Interrupted);
                return false;
            }
            let would_be = kept.spent + kept.reserved + estimate;
            let is_first = is_waiting || !kept.has_waiting;
            if is_first && self.cap.is_none_or(|cap| would_be <= cap) {
                kept.has_waiting &= !is_waiting;
                if let Err(failure) = kept.journal.begin(key, (self.now)(), estimate) {
                    kept.failure = Some(failure);
                    return false;
                }
                kept.reserved = kept.reserved + estimate;
                kept.asked += 1;
                return true;
            }
            if is_first && kept.reserved == NanoUsd::ZERO {
                kept.stop = Some(Stop::SpendCap);
                self.room.notify_all();
                return false;
            }
            // What is under way may cost less than was reserved for it.
            is_waiting |= is_first;
            kept.has_waiting |= is_first;
            kept = self.room.wait(kept).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes down what became of a request, and returns what was spent so far.
    fn settle(&self, key: TraceId, estimate: NanoUsd, asked: Asked) -> NanoUsd {
        let mut kept = self.lock();
        kept.reserved = kept.reserved - estimate;
        let written = match asked {
            Asked::Answered(answer) => {
                kept.spent = kept.spent + self.cost(&answer, estimate).0;
                kept.journal.answer(key, answer)
            }
            Asked::Refused(why) => kept.journal.refuse(key, why),
            Asked::Unanswered(why) => {
                tracing::warn!("no answer came to a replayed call: {why}");
                kept.spent = kept.spent + estimate;
                kept.journal.unanswered(key)
            }
            Asked::Closed(why) => {
                kept.asked -= 1;
                if kept.stop.is_none() {
                    kept.stop = Some(Stop::Refused);
                    kept.trouble = Some(why);
                }
                kept.journal.release(key)
            }
        };
        if let Err(failure) = written {
            kept.failure.get_or_insert(failure);
        }
        self.room.notify_all();
        kept.spent
    }

    /// Returns how far a request is.
    pub(super) fn state(&self, key: TraceId) -> Option<State> {
        self.lock().journal.state(key).cloned()
    }

    /// Returns what an answer cost, and whether that is known: without counts or a price it is the estimate.
    pub(super) fn cost(&self, answer: &Answer, estimate: NanoUsd) -> (NanoUsd, bool) {
        cost(answer, estimate, self.target, self.own)
    }

    /// Returns the bill, on which `from_journal` answers of earlier attempts stand, and the journal.
    pub(super) fn close(self, from_journal: u64) -> Result<(Bill, Journal), Failure> {
        let kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Kept { journal, spent, asked, stop, trouble, failure, .. } = kept;
        failure.map_or(Ok((Bill { asked_now: asked, from_journal, spent, stop, trouble }, journal)), Err)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns what an answer cost, and whether that is known: without counts or a price it is the estimate.
pub(super) fn cost(answer: &Answer, estimate: NanoUsd, target: &Target, own: &[PriceOverride]) -> (NanoUsd, bool) {
    let usage = answer.usage.as_ref();
    let known = usage.and_then(|usage| plan::price(target, answer.model.as_deref(), usage, own));
    known.map_or((estimate, false), |cost| (cost, true))
}
