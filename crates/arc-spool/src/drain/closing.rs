//! The last part of a span: which version it is, and, when its process died, how it ended.

use super::state::Known;
use crate::{exit::Death, merge};

/// How an open span of a dead process ends.
#[derive(Debug)]
pub(super) struct Ending<'a> {
    pub(super) death: &'a Death,
    /// When the process was last seen alive.
    pub(super) at_unix_ns: u64,
    pub(super) last_step: Option<String>,
    /// What the process could not write: an end may be among it.
    pub(super) records_dropped: u64,
}

/// Merges a span's parts, with what is only known here.
pub(super) fn finish(mut parts: Vec<Vec<u8>>, known: &Known, ending: Option<&Ending<'_>>) -> Vec<u8> {
    let said = parts.iter().rev().find_map(|part| merge::integer_attribute(part, "arc_eval.revision"));
    let revision = said.unwrap_or(0) + known.records + u64::from(ending.is_some());
    let mut last = Vec::new();
    merge::put_integer("arc_eval.revision", i64::try_from(revision).unwrap_or(i64::MAX), &mut last);
    if known.lost_content {
        merge::put_true("arc_eval.capture.content_dropped", &mut last);
    }
    if let Some(ending) = ending {
        put_ending(ending, known.is_root, &mut last);
    }
    parts.push(last);
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    merge::merge(&parts)
}

fn put_ending(ending: &Ending<'_>, is_root: bool, out: &mut Vec<u8>) {
    let Ending { death, at_unix_ns, last_step, records_dropped } = ending;
    merge::put_end(*at_unix_ns, out);
    merge::put_error(&death.message, out);
    if *records_dropped > 0 {
        let dropped = i64::try_from(*records_dropped).unwrap_or(i64::MAX);
        merge::put_integer("arc_eval.capture.records_dropped", dropped, out);
    }
    if !is_root {
        // In a run of several processes the root may end at another time, by another's word.
        merge::put_true("arc_eval.cut_short", out);
        return;
    }
    merge::put_text("arc_eval.termination", death.termination, out);
    if let Some(code) = death.code {
        merge::put_integer("arc_eval.exit.code", code.into(), out);
    }
    if let Some(signal) = death.signal {
        merge::put_integer("arc_eval.exit.signal", signal.into(), out);
    }
    if let Some(step) = last_step {
        merge::put_text("arc_eval.last_step", step, out);
    }
}
