//! What stays the same of an error message: its words, without the values in them.
//!
//! Drain (He et al., *Drain: An Online Log Parsing Approach with Fixed Depth Tree*, ICWS 2017) masks values by rules
//! before it mines templates; this is that step, and it depends on the text alone.

/// Stands for a value.
pub(super) const VALUE: &str = "<*>";

/// Tokens of a template; what follows is cut, because excerpts are cut as well.
const LONGEST: usize = 20;
/// Characters between two quotes that are still taken for a quoted value.
const QUOTED: usize = 300;

/// Returns the template of an error: numbers, ids, hashes, times, paths, addresses and quoted values masked.
///
/// A status of HTTP (`404`, `503`) behind a word that announces one stays: it is what went wrong.
pub fn mask(text: &str) -> String {
    let is_cut = text.trim_end().ends_with('…');
    let text = without_quoted(text);
    let mut words: Vec<String> = Vec::new();
    let mut before = "";
    for word in text.split_whitespace() {
        let masked = mask_word(word, announces_status(before));
        before = word;
        if masked.is_empty() {
            continue;
        }
        // A list of values is one value, however long.
        if is_value(&masked) && words.last().is_some_and(|before| is_value(before)) {
            continue;
        }
        words.push(masked);
    }
    if is_cut {
        words.pop();
    }
    words.truncate(LONGEST);
    words.join(" ")
}

/// Returns a name of a tool or a step without the numbers and hashes in it.
pub fn mask_name(name: &str) -> String {
    let mut masked = String::with_capacity(name.len());
    let mut part = String::new();
    for letter in name.chars().take(200).chain(['\n']) {
        if letter.is_alphanumeric() {
            part.push(letter);
            continue;
        }
        let is_number = !part.is_empty() && part.chars().all(char::is_numeric);
        masked.push_str(if is_number || is_hash(&part) { VALUE } else { &part });
        part.clear();
        if letter != '\n' {
            masked.push(letter);
        }
    }
    masked
}

/// Replaces what stands in quotes, or is a JSON object or list, by a value.
fn without_quoted(text: &str) -> String {
    let letters: Vec<char> = text.chars().take(4_000).collect();
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        let before = at.checked_sub(1).and_then(|before| letters.get(before)).copied();
        let opens = !before.is_some_and(char::is_alphanumeric);
        let end = match letter {
            '\'' | '"' | '`' if opens => closing_quote(&letters, at, letter),
            '“' => closing_quote(&letters, at, '”'),
            '«' => closing_quote(&letters, at, '»'),
            '{' => closing_bracket(&letters, at, '{', '}'),
            '[' => closing_bracket(&letters, at, '[', ']'),
            _ => None,
        };
        if let Some(end) = end {
            masked.push_str(VALUE);
            at = end + 1;
        } else {
            masked.push(letter);
            at += 1;
        }
    }
    masked
}

fn closing_quote(letters: &[char], open: usize, quote: char) -> Option<usize> {
    let closes = |at: &usize| {
        letters.get(*at) == Some(&quote) && !letters.get(at + 1).copied().is_some_and(char::is_alphanumeric)
    };
    (open + 1..letters.len().min(open + QUOTED)).find(closes)
}

fn closing_bracket(letters: &[char], start: usize, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, letter) in letters.iter().enumerate().skip(start) {
        if *letter == open {
            depth += 1;
        } else if *letter == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Some(at);
            }
        }
    }
    // The excerpt was cut within it.
    letters.last().filter(|last| **last == '…').map(|_| letters.len() - 1)
}

/// Masks one word, which may hold several parts with punctuation between them.
fn mask_word(word: &str, is_announced: bool) -> String {
    let inner = word.trim_matches(|c: char| c.is_ascii_punctuation() && !"<*>/\\_".contains(c));
    if is_address(inner) {
        return VALUE.to_owned();
    }
    let mut masked = String::with_capacity(word.len());
    let mut part = String::new();
    let mut is_named = false;
    let mut letters = word.chars().chain(['\n']).peekable();
    while let Some(letter) = letters.next() {
        // As in "can't".
        let is_within = letter == '\'' && !part.is_empty() && letters.peek().is_some_and(|next| next.is_alphabetic());
        if is_within || !"()[]:=,;|\"'`…\n".contains(letter) {
            part.push(letter);
            continue;
        }
        let core = part.trim_matches(|c: char| ".!?".contains(c));
        let status = is_announced && is_status(core);
        masked.push_str(if !status && (is_variable(core) || (is_named && !core.is_empty())) { VALUE } else { core });
        is_named = letter == '=';
        part.clear();
        if "=:".contains(letter) {
            masked.push(letter);
        }
    }
    let masked = masked.trim_end_matches(':');
    // What is left of a value between punctuation is a value.
    if masked.contains(VALUE) && masked.replace(VALUE, "").chars().all(|c| c.is_ascii_punctuation()) {
        return VALUE.to_owned();
    }
    masked.to_owned()
}

fn is_value(word: &str) -> bool {
    word == VALUE
}

fn announces_status(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["status", "code", "http", "error", "response"].iter().any(|name| word.trim_end_matches(':').ends_with(name))
        || word.starts_with("http/")
}

fn is_status(part: &str) -> bool {
    part.len() == 3 && part.starts_with(['4', '5']) && part.chars().all(|c| c.is_ascii_digit())
}

/// Returns whether a part changes from one time to the next.
fn is_variable(part: &str) -> bool {
    part.contains(VALUE) || part.chars().any(char::is_numeric) || is_hash(part) || is_address(part)
}

fn is_hash(part: &str) -> bool {
    part.len() >= 8 && part.chars().all(|c| c.is_ascii_hexdigit()) && part.chars().any(|c| c.is_ascii_digit())
}

/// Returns whether a word is a path, a URL, a host or an e-mail address.
fn is_address(word: &str) -> bool {
    let slashes = word.matches(['/', '\\']).count();
    let is_path = slashes > 0 && (word.starts_with(['/', '~', '.', '\\']) || word.contains(":\\"));
    is_path || slashes >= 2 || (word.contains('@') && word.contains('.')) || is_host(word)
}

fn is_host(word: &str) -> bool {
    let labels: Vec<&str> = word.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    labels.len() >= 2 && labels.iter().all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_time_to_time_is_masked() {
        for (text, template) in [
            ("no such user", "no such user"),
            ("Error: flight HAT030 not available", "Error flight <*> not available"),
            ("KeyError: 'order_id'", "KeyError <*>"),
            ("timeout after 500 ms", "timeout after <*> ms"),
            ("timeout after 30.5s (attempt 3/5)", "timeout after <*> attempt <*>"),
            ("cannot open /var/lib/x.db: No such file", "cannot open <*> No such file"),
            ("can't connect to db-7.internal:5432", "can't connect to <*>"),
            ("user=alice id=42 rejected", "user=<*> id=<*> rejected"),
            ("run 3f2b8c1d9e0a at 2026-03-02T12:00:00Z failed", "run <*> at <*> failed"),
            ("see https://example.com/a?b=1 or mail a@b.org", "see <*> or mail <*>"),
            ("bad ids 1, 2, 3 given", "bad ids <*> given"),
            ("bad ids 1, 2 given", "bad ids <*> given"),
            ("HTTP status 503 from upstream", "HTTP status 503 from upstream"),
            ("HTTP/1.1 404 Not Found", "<*> 404 Not Found"),
            ("request failed with code: 429", "request failed with code 429"),
            ("invalid value {\"a\": [1, 2]} for field", "invalid value <*> for field"),
            ("json.decoder.JSONDecodeError: Expecting value", "json.decoder.JSONDecodeError Expecting value"),
            ("", ""),
            ("…", ""),
        ] {
            assert_eq!(mask(text), template, "{text}");
        }
    }

    #[test]
    fn a_cut_excerpt_has_the_template_of_the_whole_one() {
        let whole = mask(&("word ".repeat(40) + "end"));
        assert_eq!(mask(&("word ".repeat(30) + "wo…")), whole);
        assert_eq!(mask("bad value {\"a\": [1, 2…"), "bad value");
    }

    #[test]
    fn names_lose_numbers_and_hashes_and_keep_the_rest() {
        assert_eq!(mask_name("search_flights"), "search_flights");
        assert_eq!(mask_name("task-1234/step 4"), "task-<*>/step <*>");
        assert_eq!(mask_name("chat gpt-4o"), "chat gpt-4o");
        assert_eq!(mask_name("job 0a1b2c3d4e"), "job <*>");
    }
}
