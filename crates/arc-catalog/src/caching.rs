//! Which prompts providers keep in a cache, and for how long.

use serde::Deserialize;

pub(crate) const FILE: &str = "caching.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) cache: Vec<CacheRule>,
}

/// When the beginning of a prompt is read from a provider's cache.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheRule {
    /// The price rows it holds for; `*` stands for anything.
    pub rows: Vec<String>,
    /// Whether the caller has to mark what is to be kept.
    pub marked: bool,
    /// Tokens a prefix needs to be kept.
    pub minimum: u64,
    /// Prefixes are kept in multiples of so many tokens.
    pub step: u64,
    /// Seconds after its last use for which a prefix is kept.
    pub lifetime: u64,
    /// Where the provider says so.
    pub source: String,
}

impl CacheRule {
    /// Returns how many of so many shared tokens can be read from the cache.
    pub fn readable(&self, shared: u64) -> u64 {
        if shared < self.minimum {
            return 0;
        }
        shared - shared % self.step.max(1)
    }

    pub(crate) fn fits(&self, row: &str) -> bool {
        self.rows.iter().any(|pattern| fits(pattern, row))
    }

    pub(crate) fn problem(&self) -> Option<String> {
        if self.rows.is_empty() || self.step == 0 || self.lifetime == 0 {
            return Some("needs rows, a step and a lifetime".to_owned());
        }
        (!self.source.starts_with("https://")).then(|| "needs the page it was read from".to_owned())
    }
}

/// Returns whether a text is what the pattern describes, in which `*` stands for anything.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|start| text.strip_prefix(start)) else { return false };
    let Some(end) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text, expected) in [
            ("openai/*", "openai/gpt-4o", true),
            ("openai/*", "azure/gpt-4o", false),
            ("*claude-3-haiku*", "aws/anthropic.claude-3-haiku-v1", true),
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("a*b*b", "ab", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_prefix_is_kept_from_its_minimum_on_in_steps() {
        let rule = CacheRule {
            rows: vec!["openai/*".to_owned()],
            marked: false,
            minimum: 1024,
            step: 128,
            lifetime: 300,
            source: String::new(),
        };
        assert_eq!([1023, 1024, 1151, 1152, 3000].map(|tokens| rule.readable(tokens)), [0, 1024, 1024, 1152, 2944]);
    }
}
