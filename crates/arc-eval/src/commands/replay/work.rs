//! Asks the calls of a plan: several at once, each once, and never beyond the spend cap.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError, atomic::AtomicBool},
    thread,
};

use arc_analysis::replay::{Agreement, Basis, Contrast, Pair, compare};
use arc_catalog::PriceOverride;
use arc_model::{Message, NanoUsd, Timestamp};

use super::{
    endpoint::Endpoint,
    journal::{Answer, Journal, State},
    opinion::{Case, Opinions},
    plan::{Call, Plan, Target},
    purse::{Bill, Purse, cost},
};
use crate::{failure::Failure, output};

/// What asking may cost and how it is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) cap: Option<NanoUsd>,
    pub(super) concurrency: usize,
    /// Calls that may have been paid for without an answer are asked again.
    pub(super) repeat_unanswered: bool,
    /// What counts under the cap besides: a judge's earlier answers.
    pub(super) paid: NanoUsd,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) pairs: Vec<Pair>,
    /// What a judge may be asked about.
    pub(super) in_other_words: Vec<Case>,
    /// Calls that were begun and of which no answer came.
    pub(super) unanswered: u64,
    /// Calls that the provider refused, by what it said.
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) bill: Bill,
}

/// Asks every call that was not asked before, and compares all answers there are.
pub(super) fn ask_all(
    plan: &Plan,
    endpoint: &Endpoint,
    journal: Journal,
    limits: Limits,
    (target, own): (&Target, &[PriceOverride]),
    stop: &AtomicBool,
    now: &(dyn Fn() -> Timestamp + Sync),
) -> Result<Done, Failure> {
    let mut open = Vec::new();
    let (mut spent, mut from_journal) = (NanoUsd::ZERO, 0);
    for call in &plan.calls {
        match journal.state(call.key) {
            None => open.push(call),
            Some(State::Answered(answer)) => {
                from_journal += 1;
                spent = spent + cost(answer, call.estimate, target, own).0;
            }
            Some(State::Refused(_)) => from_journal += 1,
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
    let purse = Purse::new(journal, spent + limits.paid, limits.cap, (target, own), stop, now);
    spread(limits.concurrency, open.into_iter(), &|call: &Call| {
        let Some(spent) = purse.ask((call.key, call.estimate), endpoint, &call.body) else { return false };
        progress.spent(spent);
        progress.done();
        true
    });
    progress.finish();
    let (bill, journal) = purse.close(from_journal)?;
    let mut done = Done { bill: Bill { spent: bill.spent - limits.paid, ..bill }, ..Done::default() };
    done.compare(plan, &journal, target, own);
    Ok(done)
}

/// Returns what a judge may have been asked about already: answers of earlier times in other words.
pub(super) fn known_cases(plan: &Plan, journal: &Journal, target: &Target, own: &[PriceOverride]) -> Vec<Case> {
    let mut known = Done::default();
    known.compare(plan, journal, target, own);
    known.in_other_words
}

impl Done {
    /// Takes over what a judge said of answers in other words.
    pub(super) fn decide(&mut self, opinions: Opinions) {
        for pair in self.pairs.iter_mut().filter(|pair| pair.contrast == Some(Contrast::OtherWords)) {
            opinions.decide(pair);
        }
        self.bill.go_on_with(opinions.bill);
    }

    /// Compares all answers there are.
    fn compare(&mut self, plan: &Plan, journal: &Journal, target: &Target, own: &[PriceOverride]) {
        for call in &plan.calls {
            match journal.state(call.key) {
                None => {}
                Some(State::Answered(answer)) => {
                    let pair = pair(call, answer, target, own);
                    // Of arguments of tools nobody but the tool can say whether they mean the same.
                    let is_prose =
                        |pair: &Pair| pair.basis != Basis::ToolCalls && pair.contrast == Some(Contrast::OtherWords);
                    if pair.as_ref().is_some_and(is_prose) {
                        self.in_other_words.push(Case {
                            trace_id: call.trace_id,
                            span_id: call.span_id,
                            recorded: words(&call.answer),
                            replayed: words(&answer.messages),
                        });
                    }
                    self.pairs.extend(pair);
                }
                Some(State::Refused(why)) => {
                    *self.refused.entry(why.clone()).or_default() += 1;
                    self.pairs.push(Pair {
                        agreement: Agreement::Undecided,
                        contrast: Some(Contrast::Refused),
                        ..unanswered(call)
                    });
                }
                Some(State::Unanswered(_)) => self.unanswered += 1,
            }
        }
    }
}

/// Works through these on so many threads, until none is left or `each` says that it is enough.
pub(super) fn spread<T: Send>(
    threads: usize,
    items: impl Iterator<Item = T> + Send,
    each: &(dyn Fn(T) -> bool + Sync),
) {
    let next = Mutex::new(items);
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| while take().is_some_and(each) {});
        }
    });
}

/// Returns what is said in an answer.
pub(super) fn words(answer: &[Message]) -> String {
    let texts: Vec<String> = answer.iter().map(Message::joined_text).collect();
    texts.join("\n")
}

fn pair(call: &Call, answer: &Answer, target: &Target, own: &[PriceOverride]) -> Option<Pair> {
    let compared = compare(&call.answer, &answer.messages, call.schema.as_ref())?;
    let (cost, is_known) = cost(answer, call.estimate, target, own);
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
