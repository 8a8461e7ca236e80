//! Answers that write out again what stands in the prompt, line by line.

use arc_catalog::Catalog;
use arc_model::Usage;

use super::{
    Basis, Change, Observed, Saving, Words,
    observed::{SeenCall, portion},
    of, saving,
};

/// Tokens of copied lines below which an answer may quote.
const LEAST_TOKENS: u64 = 50;

/// Finds answers with lines that stand in their prompt, or earlier in themselves, word for word: files that are written
/// back whole for a small change, documents that are repeated before a remark.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Option<Saving> {
    let changes: Vec<Change<'_>> =
        seen.calls().iter().filter(|call| !call.is_error).filter_map(without_copies).collect();
    let tokens: u64 = changes.iter().map(|change| change.tokens).sum();
    let words = Words {
        kind: "over-long-outputs",
        title: format!(
            "{} wrote out {} again that stood in the prompt",
            of(super::counted(changes.len()), "call"),
            of(tokens, "token")
        ),
        fix: "Ask for what changes only: an edit or a patch instead of the whole file, a reference instead of the text, and \
              no repetition of the question."
            .to_owned(),
        assumes: vec![
            "whoever reads the answer has the prompt, or can put the parts together".to_owned(),
            "a part of an answer has tokens in proportion to its length".to_owned(),
        ],
        basis: Basis::Estimated,
        time_ns: None,
    };
    saving(words, &changes, catalog)
}

fn without_copies(call: &SeenCall) -> Option<Change<'_>> {
    let usage = call.usage.as_ref()?;
    let output = usage.output?;
    let written = output.checked_sub(usage.reasoning.unwrap_or(0))?;
    let tokens = portion(written, call.answer.copied, call.answer.length).filter(|tokens| *tokens >= LEAST_TOKENS)?;
    let after = Usage { output: Some(output.checked_sub(tokens)?), ..usage.clone() };
    let shows = format!("{} of its {written} written tokens are lines of the prompt", of(tokens, "token"));
    Some(Change { call, after: Some(after), tokens, shows })
}
