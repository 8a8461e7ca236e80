//! Names with `*` for any text: of agents, tasks and tools.

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a whole name fits; in time about linear in its length for a pattern of one `*`.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            // The first place where a part fits leaves the most for those behind it.
            let Some((_, behind)) =
                rest.split_once(part).filter(|_| !part.is_empty()).or(Some(("", rest)).filter(|_| part.is_empty()))
            else {
                return false;
            };
            rest = behind;
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, fits) in [
            ("refund", "refund", true),
            ("refund", "refunds", false),
            ("refund-*", "refund-7", true),
            ("*-7", "refund-7", true),
            ("*", "", true),
            ("a*b*c", "a-b-c", true),
            ("a**c", "abc", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), fits, "{pattern} {name}");
        }
    }
}
