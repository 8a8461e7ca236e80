//! Tools that have to be called, in an order.
//!
//! A call counts whether or not it succeeded; searches of a knowledge base are calls. A run that shows neither model
//! calls nor tool calls is one of which only the frame was recorded, so it is unknown.

use arc_model::{CallCounts, CheckState};

use super::{Declaration, Order, Pattern, Problem, Rule, Seen, declaration::shown, seen::arguments_of};

pub(super) const KEYS: &[&str] = &["expect", "order"];

#[derive(Debug)]
struct Tools {
    expect: Vec<Pattern>,
    order: Order,
}

pub(super) fn make(declaration: &Declaration) -> Result<Box<dyn Rule>, Problem> {
    let order = declaration.order.unwrap_or_default();
    if declaration.expect.is_empty() {
        return Err(Problem::missing("`expect` is missing: the tools that have to be called"));
    }
    Ok(Box::new(Tools { expect: declaration.expect.iter().map(|name| Pattern::new(name)).collect(), order }))
}

impl Rule for Tools {
    fn check(&self, seen: &Seen<'_>) -> CheckState {
        if !seen.shows_steps() {
            return CheckState::Unknown { why: "neither model calls nor tool calls were recorded".to_owned() };
        }
        let calls = seen.calls();
        let fits = |index: usize, pattern: &Pattern| calls.get(index).is_some_and(|call| pattern.matches(call.name));
        let (missing, at) = match self.order {
            Order::Any => {
                let places = self.places(seen);
                (self.expect.iter().zip(places).find(|(_, place)| place.is_none()).map(|(pattern, _)| pattern), None)
            }
            Order::InOrder => {
                let mut from = 0;
                let missing = self.expect.iter().find(|pattern| {
                    match (from..calls.len()).find(|index| fits(*index, pattern)) {
                        Some(index) => from = index + 1,
                        None => return true,
                    }
                    false
                });
                (missing, from.checked_sub(1))
            }
            Order::Exact => {
                let odd = (0..calls.len()).find(|index| !self.expect.get(*index).is_some_and(|one| fits(*index, one)));
                match (odd, self.expect.get(calls.len())) {
                    (Some(odd), _) => return self.odd(seen, odd),
                    (None, missing) => (missing, calls.len().checked_sub(1)),
                }
            }
        };
        let Some(missing) = missing else { return CheckState::Passed };
        let after = at.and_then(|index| calls.get(index));
        let place = after.map(|call| format!(" after `{}`", shown(call.name))).unwrap_or_default();
        let evidence = match after.or(calls.last()) {
            Some(call) => vec![arguments_of(call)],
            None => seen.whole("no tool was called"),
        };
        let why = format!("`{}` was not called{place}; called: {}", shown(missing.as_str()), called(seen));
        CheckState::Failed { why, evidence }
    }

    fn calls(&self, seen: &Seen<'_>) -> CallCounts {
        if !seen.shows_steps() {
            return CallCounts::default();
        }
        let matched = self.places(seen).into_iter().flatten().count();
        let ordered = if self.order == Order::Any { 0 } else { matched };
        CallCounts {
            expected: self.expect.len() as u64,
            made: seen.calls().len() as u64,
            matched: matched as u64,
            ordered: ordered as u64,
            in_order: if ordered == 0 { 0 } else { self.longest_row(seen) as u64 },
            ..CallCounts::default()
        }
    }
}

impl Tools {
    /// Returns the length of the longest row of calls in the expected order, in which others may stand between: a longest
    /// common subsequence.
    fn longest_row(&self, seen: &Seen<'_>) -> usize {
        // The longest row that ends before each call, of the tools expected so far.
        let mut rows = vec![0_usize; seen.calls().len() + 1];
        for pattern in &self.expect {
            let (mut before, mut best) = (0, 0);
            for (row, call) in rows.iter_mut().skip(1).zip(seen.calls()) {
                let without = *row;
                best = best.max(without).max(if pattern.matches(call.name) { before + 1 } else { 0 });
                (before, *row) = (without, best);
            }
        }
        rows.last().copied().unwrap_or_default()
    }

    /// Returns which call each expected one is, whatever the order; no call is two of them.
    fn places(&self, seen: &Seen<'_>) -> Vec<Option<usize>> {
        let mut left: Vec<usize> = (0..seen.calls().len()).collect();
        let mut places = vec![None; self.expect.len()];
        // Names before patterns, lest a pattern takes the call that a name needs.
        for is_pattern in [false, true] {
            for (pattern, place) in self.expect.iter().zip(&mut places) {
                if pattern.as_str().contains('*') == is_pattern {
                    let fits = |index: &usize| seen.calls().get(*index).is_some_and(|call| pattern.matches(call.name));
                    *place = left.iter().position(fits).map(|found| left.remove(found));
                }
            }
        }
        places
    }

    /// Says which call is not the one that is due.
    fn odd(&self, seen: &Seen<'_>, index: usize) -> CheckState {
        let due = self.expect.get(index).map_or("no further call", Pattern::as_str);
        let call = seen.calls().get(index);
        let name = call.map_or("", |call| call.name);
        let why = format!("call {} is `{}`, expected: {}", index + 1, shown(name), shown(due));
        CheckState::Failed { why, evidence: call.map(arguments_of).into_iter().collect() }
    }
}

fn called(seen: &Seen<'_>) -> String {
    let names: Vec<&str> = seen.calls().iter().map(|call| call.name).collect();
    if names.is_empty() { "nothing".to_owned() } else { shown(&names.join(", ")) }
}
