//! A change to a text.

/// Puts a text in the place of a range of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The first byte that is replaced.
    pub start: usize,
    /// The byte after the last one that is replaced; `start` for an insertion.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
}

impl Edit {
    /// Returns the edit that puts a text before the byte at `start`.
    pub fn insertion(start: usize, text: String) -> Self {
        Self { start, end: start, text }
    }

    /// Returns a text with edits made, whatever order they come in.
    ///
    /// Edits that overlap an earlier one or lie outside the text are left out.
    pub fn apply(edits: &[Self], text: &str) -> String {
        let mut ordered: Vec<&Self> = edits.iter().collect();
        ordered.sort_by_key(|edit| (edit.start, edit.end));
        let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>());
        let mut done = 0;
        for edit in ordered {
            let Some(kept) = text.get(done..edit.start) else { continue };
            if text.get(edit.start..edit.end).is_none() {
                continue;
            }
            out.push_str(kept);
            out.push_str(&edit.text);
            done = edit.end;
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_made_in_the_order_of_the_text() {
        let edits = [Edit::insertion(3, "]".to_owned()), Edit::insertion(0, "[".to_owned())];
        assert_eq!(Edit::apply(&edits, "abcd"), "[abc]d");
    }

    #[test]
    fn an_edit_that_does_not_fit_the_text_is_left_out() {
        let edits = [Edit::insertion(9, "x".to_owned()), Edit { start: 1, end: 2, text: "ß".to_owned() }];
        assert_eq!(Edit::apply(&edits, "abc"), "aßc");
        assert_eq!(Edit::apply(&[Edit::insertion(1, "x".to_owned())], "ß"), "ß");
    }
}
