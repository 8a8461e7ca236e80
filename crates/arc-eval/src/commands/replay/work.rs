//! Asks the calls of a plan: several at once, each once, and never beyond the spend cap.

use std::{
    collections::BTreeMap,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use arc_analysis::replay::{Agreement, Contrast, Pair, Stop, compare};
use arc_catalog::PriceOverride;
use arc_model::{NanoUsd, Timestamp};

use super::{
    endpoint::{Asked, Endpoint},
    journal::{Answer, Journal, State},
    plan::{self, Call, Plan, Target},
};
use crate::{failure::Failure, output};

/// What asking may cost and how it is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) cap: Option<NanoUsd>,
    pub(super) concurrency: usize,
    /// Calls that may have been paid for without an answer are asked again.
    pub(super) repeat_unanswered: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) pairs: Vec<Pair>,
    pub(super) stop: Option<Stop>,
    /// What stopped it, in words, where somebody has to put something right.
    pub(super) trouble: Option<String>,
    pub(super) asked_now: u64,
    pub(super) from_journal: u64,
    /// Calls that were begun and of which no answer came.
    pub(super) unanswered: u64,
    /// Calls that the provider refused, by what it said.
    pub(super) refused: BTreeMap<String, u64>,
    /// Everything that was asked so far, earlier attempts included.
    pub(super) spent: NanoUsd,
}

/// What the workers share.
struct Shared<'a> {
    journal: Journal,
    /// Calls that are still to be asked, in order.
    next: std::vec::IntoIter<&'a Call>,
    /// The call that waits for room under the cap.
    waiting: Option<&'a Call>,
    spent: NanoUsd,
    /// Estimates of what is under way.
    reserved: NanoUsd,
    asked: u64,
    stop: Option<Stop>,
    trouble: Option<String>,
    failure: Option<Failure>,
}

/// Asks every call that was not asked before, and compares all answers there are.
pub(super) fn ask_all(
    plan: &Plan,
    endpoint: &Endpoint,
    journal: Journal,
    limits: Limits,
    target: (&Target, &[PriceOverride]),
    stop: &AtomicBool,
    now: &(dyn Fn() -> Timestamp + Sync),
) -> Result<Done, Failure> {
    let (target, own) = target;
    let mut done = Done::default();
    let mut open = Vec::new();
    let mut spent = NanoUsd::ZERO;
    for call in &plan.calls {
        match journal.state(call.key) {
            None => open.push(call),
            Some(State::Answered(answer)) => {
                done.from_journal += 1;
                spent = spent + cost(answer, call, target, own).0;
            }
            Some(State::Refused(_)) => done.from_journal += 1,
            Some(State::Unanswered(estimate)) => {
                spent = spent + *estimate;
                if limits.repeat_unanswered {
                    open.push(call);
                }
            }
        }
    }
    let progress = output::progress("asking", plan.calls.len());
    (0..plan.calls.len() - open.len()).for_each(|_| progress.done());
    let shared = Mutex::new(Shared {
        journal,
        next: open.into_iter(),
        waiting: None,
        spent,
        reserved: NanoUsd::ZERO,
        asked: 0,
        stop: None,
        trouble: None,
        failure: None,
    });
    let room = Condvar::new();
    thread::scope(|scope| {
        for _ in 0..limits.concurrency.max(1) {
            scope.spawn(|| {
                while let Some(call) = take(&shared, &room, limits, stop, now) {
                    let asked = endpoint.ask(&call.body, stop);
                    let spent = settle(&shared, call, asked, target, own);
                    room.notify_all();
                    progress.step(&format!("{} spent", output::number::dollars(spent)));
                    progress.done();
                }
                room.notify_all();
            });
        }
    });
    progress.finish();
    let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(failure) = shared.failure {
        return Err(failure);
    }
    (done.stop, done.trouble) = (shared.stop, shared.trouble);
    (done.asked_now, done.spent) = (shared.asked, shared.spent);
    for call in &plan.calls {
        match shared.journal.state(call.key) {
            None => {}
            Some(State::Answered(answer)) => done.pairs.extend(pair(call, answer, target, own)),
            Some(State::Refused(why)) => {
                *done.refused.entry(why.clone()).or_default() += 1;
                done.pairs.push(Pair {
                    agreement: Agreement::Undecided,
                    contrast: Some(Contrast::Refused),
                    ..unanswered(call)
                });
            }
            Some(State::Unanswered(_)) => done.unanswered += 1,
        }
    }
    Ok(done)
}

/// Takes the next call and begins it; `None` when there is none that may be asked.
fn take<'a>(
    shared: &Mutex<Shared<'a>>,
    room: &Condvar,
    limits: Limits,
    stop: &AtomicBool,
    now: &(dyn Fn() -> Timestamp + Sync),
) -> Option<&'a Call> {
    let mut state = lock(shared);
    loop {
        if state.stop.is_some() || state.failure.is_some() {
            return None;
        }
        if stop.load(Ordering::Relaxed) {
            state.stop = Some(Stop::Interrupted);
            return None;
        }
        let call = match state.waiting.take() {
            Some(call) => call,
            None => state.next.next()?,
        };
        let would_be = state.spent + state.reserved + call.estimate;
        if limits.cap.is_none_or(|cap| would_be <= cap) {
            if let Err(failure) = state.journal.begin(call.key, now(), call.estimate) {
                state.failure = Some(failure);
                return None;
            }
            state.reserved = state.reserved + call.estimate;
            state.asked += 1;
            return Some(call);
        }
        if state.reserved == NanoUsd::ZERO {
            state.stop = Some(Stop::SpendCap);
            return None;
        }
        // What is under way may cost less than was reserved for it.
        state.waiting = Some(call);
        state = room.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Writes down what became of a call, and returns what was spent so far.
fn settle(shared: &Mutex<Shared<'_>>, call: &Call, asked: Asked, target: &Target, own: &[PriceOverride]) -> NanoUsd {
    let mut state = lock(shared);
    state.reserved = state.reserved - call.estimate;
    let written = match asked {
        Asked::Answered(answer) => {
            state.spent = state.spent + cost(&answer, call, target, own).0;
            state.journal.answer(call.key, answer)
        }
        Asked::Refused(why) => state.journal.refuse(call.key, why),
        Asked::Unanswered(why) => {
            tracing::warn!(span.id = %call.span_id, "no answer came to a replayed call: {why}");
            state.spent = state.spent + call.estimate;
            state.journal.unanswered(call.key)
        }
        Asked::Closed(why) => {
            state.asked -= 1;
            if state.stop.is_none() {
                state.stop = Some(Stop::Refused);
                state.trouble = Some(why);
            }
            state.journal.release(call.key)
        }
    };
    if let Err(failure) = written {
        state.failure.get_or_insert(failure);
    }
    state.spent
}

/// Returns what an answer cost, and whether that is known: without counts or a price it is the estimate.
fn cost(answer: &Answer, call: &Call, target: &Target, own: &[PriceOverride]) -> (NanoUsd, bool) {
    let usage = answer.usage.as_ref();
    let known = usage.and_then(|usage| plan::price(target, answer.model.as_deref(), usage, own));
    known.map_or((call.estimate, false), |cost| (cost, true))
}

fn pair(call: &Call, answer: &Answer, target: &Target, own: &[PriceOverride]) -> Option<Pair> {
    let compared = compare(&call.answer, &answer.messages, call.schema.as_ref())?;
    let (cost, is_known) = cost(answer, call, target, own);
    Some(Pair {
        agreement: compared.agreement,
        contrast: compared.contrast,
        replayed_cost: is_known.then_some(cost),
        replayed_ns: Some(answer.latency_ns),
        ..unanswered(call)
    })
}

/// A pair of which only the recorded half is known.
fn unanswered(call: &Call) -> Pair {
    Pair {
        trace_id: call.trace_id,
        span_id: call.span_id,
        basis: call.basis,
        agreement: Agreement::Undecided,
        contrast: None,
        recorded_cost: call.cost,
        replayed_cost: None,
        recorded_ns: call.duration_ns,
        replayed_ns: None,
    }
}

fn lock<'a, 'b>(shared: &'a Mutex<Shared<'b>>) -> MutexGuard<'a, Shared<'b>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
