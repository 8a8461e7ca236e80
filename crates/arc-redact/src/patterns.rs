//! Redaction by built-in patterns: e-mail addresses, phone numbers, payment cards, keys and tokens.

use std::borrow::Cow;

use regex::{Captures, Regex};

/// A kind of personal or secret text.
pub struct Pattern {
    /// What it is asked for by; what it finds is replaced by this in angle brackets.
    pub name: &'static str,
    expression: &'static str,
    is_real: fn(&str) -> bool,
}

/// All built-in patterns, in the order they are applied.
pub const PATTERNS: &[Pattern] = &[
    Pattern {
        name: "key",
        expression: concat!(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
            r"|\b(?:sk|pk|rk)[-_](?:[A-Za-z0-9]+[-_])*[A-Za-z0-9_-]{16,}",
            r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
            r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}|\bglpat-[A-Za-z0-9_-]{16,}",
            r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bAIza[A-Za-z0-9_-]{30,}|\bhf_[A-Za-z0-9]{20,}|\bgsk_[A-Za-z0-9]{20,}",
            r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
            r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/=-]{12,}",
        ),
        is_real: |_| true,
    },
    Pattern {
        name: "email",
        expression: r"[\p{L}\p{N}._%+'-]+@[\p{L}\p{N}](?:[\p{L}\p{N}-]*\.)+[\p{L}]{2,}",
        is_real: |_| true,
    },
    Pattern {
        name: "iban",
        expression: r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
        is_real: is_iban,
    },
    Pattern { name: "card", expression: r"\b\d(?:[ -]?\d){12,18}\b", is_real: is_card },
    Pattern {
        name: "phone",
        expression: r"(?:\+\d{1,3}[ .-]?)?(?:\(\d{1,5}\)[ .-]?)?\b\d{2,5}(?:[ .-]?\d{2,5}){1,4}\b",
        is_real: is_phone,
    },
    Pattern {
        name: "ip",
        expression: r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
        is_real: |text| text.parse::<std::net::Ipv4Addr>().is_ok(),
    },
];

/// Replaces what the chosen patterns find.
pub struct Redactor {
    chosen: Vec<(&'static Pattern, Regex)>,
}

impl Redactor {
    /// Returns a redactor for patterns by name.
    ///
    /// # Errors
    /// The name that is none of [`PATTERNS`].
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let names: Vec<&str> = names.into_iter().collect();
        if let Some(unknown) = names.iter().find(|name| PATTERNS.iter().all(|pattern| pattern.name != **name)) {
            return Err((*unknown).to_owned());
        }
        let chosen = PATTERNS
            .iter()
            .filter(|pattern| names.contains(&pattern.name))
            .map(|pattern| Ok((pattern, Regex::new(pattern.expression).map_err(|_| pattern.name.to_owned())?)))
            .collect::<Result<_, String>>()?;
        Ok(Self { chosen })
    }

    /// Returns the text with what was found replaced by the pattern's name, `None` when nothing was.
    pub fn redact(&self, text: &str) -> Option<String> {
        let mut changed: Option<String> = None;
        for (pattern, expression) in &self.chosen {
            let replaced = expression.replace_all(changed.as_deref().unwrap_or(text), |found: &Captures<'_>| {
                let found = found.get(0).map_or("", |found| found.as_str());
                if (pattern.is_real)(found) { format!("<{}>", pattern.name) } else { found.to_owned() }
            });
            if let Cow::Owned(other) = replaced {
                changed = Some(other);
            }
        }
        changed.filter(|changed| changed != text)
    }
}

fn digits(text: &str) -> impl DoubleEndedIterator<Item = u32> {
    text.chars().filter_map(|character| character.to_digit(10))
}

/// By Luhn's check digit.
fn is_card(text: &str) -> bool {
    let sum: u32 = digits(text)
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// By its check digits, modulo 97.
fn is_iban(text: &str) -> bool {
    let compact: Vec<char> = text.chars().filter(|character| !character.is_whitespace()).collect();
    if compact.len() < 15 {
        return false;
    }
    let (head, tail) = compact.split_at(4);
    let rest = tail.iter().chain(head).fold(0_u32, |rest, character| match character.to_digit(36) {
        Some(digit) if digit < 10 => (rest * 10 + digit) % 97,
        Some(letter) => (rest * 100 + letter) % 97,
        None => rest,
    });
    rest == 1
}

/// Numbers are written in many ways: with a country or area code, or in groups. Dates and plain numbers are not them.
fn is_phone(text: &str) -> bool {
    let count = digits(text).count();
    let groups = text.split(|character: char| !character.is_ascii_digit()).filter(|group| !group.is_empty()).count();
    let is_date = groups == 3 && !text.starts_with(['+', '(']) && {
        let sizes: Vec<usize> = text.split(['-', '.', ' ']).map(str::len).collect();
        matches!(sizes.as_slice(), [4, 2, 2] | [2, 2, 4])
    };
    let is_address = text.parse::<std::net::Ipv4Addr>().is_ok();
    (7..=15).contains(&count) && !is_date && !is_address && (text.starts_with(['+', '(', '0']) || groups >= 3)
}

#[cfg(test)]
mod tests {
    use super::Redactor;

    fn check(names: &[&str], text: &str, expected: &str) {
        let redacted = Redactor::new(names.iter().copied()).unwrap().redact(text);
        assert_eq!(redacted.as_deref().unwrap_or(text), expected);
    }

    #[test]
    fn each_pattern_finds_its_own_and_leaves_the_rest() {
        check(&["email"], "Ask ann.o'neil+x@mail.example.org.", "Ask <email>.");
        check(&["email"], "a @ b, x@y", "a @ b, x@y");
        check(
            &["card"],
            "card 4111 1111 1111 1111, order 4111 1111 1111 1112",
            "card <card>, order 4111 1111 1111 1112",
        );
        check(&["phone"], "+49 30 123456, (555) 123-4567 or 0171 2345678", "<phone>, <phone> or <phone>");
        check(&["phone"], "on 2026-01-02, 12500 units, 10.0.0.1", "on 2026-01-02, 12500 units, 10.0.0.1");
        check(&["iban"], "to DE89 3704 0044 0532 0130 00 please", "to <iban> please");
        check(&["ip"], "from 10.1.2.3, version 1.2.3.999", "from <ip>, version 1.2.3.999");
        check(&["key"], "key sk-proj-abcdefghijklmnop1234 and AKIAIOSFODNN7EXAMPLE", "key <key> and <key>");
        check(&["key"], "Authorization: Bearer abcdef1234567890", "Authorization: <key>");
    }

    #[test]
    fn all_patterns_together_do_not_disturb_each_other() {
        let all = ["email", "phone", "card", "key", "iban", "ip"];
        check(&all, "x@y.org 4111-1111-1111-1111 +1 555 123 4567", "<email> <card> <phone>");
    }

    #[test]
    fn a_name_that_is_none_is_refused() {
        assert_eq!(Redactor::new(["email", "shoe size"]).err().as_deref(), Some("shoe size"));
    }
}
