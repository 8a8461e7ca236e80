//! What an answer states about named fields, and what a run knows of numbers and codes.

use std::collections::BTreeSet;

/// A piece of a text, with where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A word without a digit, in lower case.
    Word(String),
    /// A number that stands alone.
    Number(f64),
    /// A word with digits and letters, in lower case.
    Code(String),
    /// Something else with digits in it: a date, a time, an amount in words.
    Other,
    /// The end of a clause or of a line.
    Break,
}

/// A value that a text gives a name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Code(String),
}

/// Returns the pieces of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for line in text.lines() {
        for raw in line.split_whitespace() {
            let ends = raw.trim_end_matches(['*', '_', '`', '"', '\'', ')', ']', '|']);
            let is_end = ends.ends_with(['.', ',', ';', '!', '?']);
            piece(raw, &mut found);
            if is_end {
                found.push(Token::Break);
            }
        }
        found.push(Token::Break);
    }
    found
}

fn piece(raw: &str, found: &mut Vec<Token>) {
    // `total:12` and `total=12` name what follows.
    if let Some((name, value)) = raw.split_once([':', '=']).filter(|(name, _)| is_name(name))
        && !value.starts_with("//")
    {
        piece(name, found);
        piece(value, found);
        return;
    }
    let bare = raw.trim_matches(|c: char| !c.is_alphanumeric() && c != '-');
    let bare = bare.trim_end_matches('-');
    if bare.trim_matches('-').is_empty() {
        return;
    }
    if !bare.bytes().any(|byte| byte.is_ascii_digit()) {
        found.extend(name_words(bare).into_iter().map(Token::Word));
    } else if let Some(number) = number(bare) {
        found.push(Token::Number(number));
    } else if is_code(bare) {
        found.push(Token::Code(bare.to_lowercase()));
    } else {
        found.push(Token::Other);
    }
}

fn is_name(text: &str) -> bool {
    text.chars().any(char::is_alphabetic) && !text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Returns the words of a name in snake case, kebab case or camel case, in lower case.
pub(super) fn name_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let begins = c.is_uppercase() && was_lower;
        was_lower = c.is_lowercase();
        if (!c.is_alphanumeric() || begins) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns the number that a text is, with or without thousands set apart.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim().trim_start_matches(['$', '€', '£']).trim_end_matches('%');
    let text = text.find('°').and_then(|at| text.get(..at)).unwrap_or(text);
    let (sign, digits) = text.strip_prefix('-').map_or((1.0, text), |digits| (-1.0, digits));
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == ',' || c == '.')
        && digits.matches('.').count() <= 1;
    let groups_fit = digits.split('.').next()?.split(',').skip(1).all(|group| group.len() == 3);
    let value: f64 = digits.replace(',', "").parse().ok().filter(|_| is_number && groups_fit)?;
    Some(sign * value)
}

/// Returns whether a text is a name made of digits and letters.
pub(super) fn is_code(text: &str) -> bool {
    let of = |test: fn(&u8) -> bool| text.bytes().any(|byte| test(&byte));
    (4..=40).contains(&text.len())
        && of(u8::is_ascii_digit)
        && of(u8::is_ascii_alphabetic)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The numbers and codes that stand somewhere in a run.
#[derive(Debug, Default)]
pub(super) struct Known {
    numbers: Vec<f64>,
    codes: BTreeSet<String>,
}

impl Known {
    /// Most numbers with which is reckoned; with more of them every number is the sum or the product of two.
    const MOST: usize = 300;
    /// Most codes that are kept.
    const CODES: usize = 20_000;

    /// Adds what a text holds: every group of digits, and every word with digits in it.
    pub(super) fn add(&mut self, text: &str) {
        for word in text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | ',')) {
            if !word.bytes().any(|byte| byte.is_ascii_digit()) {
                continue;
            }
            for group in word.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ',') {
                self.add_numbers(group.trim_matches(['.', ',']));
            }
            if self.codes.len() < Self::CODES {
                let parts = word.split(['.', ',']).filter(|part| !part.is_empty());
                self.codes.extend(parts.map(str::to_lowercase));
            }
        }
    }

    fn add_numbers(&mut self, group: &str) {
        let read = number(group).into_iter().chain(group.split([',', '.']).filter_map(number));
        for value in read {
            if self.numbers.len() <= Self::MOST && !self.numbers.iter().any(|known| is_same(*known, value)) {
                self.numbers.push(value);
            }
        }
    }

    /// Returns whether a value stands in the run, or can be reckoned from two numbers that do, or from one of them and a
    /// small one; also in another unit or rounded. It says yes when it cannot tell.
    pub(super) fn accounts_for(&self, value: &Value) -> bool {
        match value {
            Value::Code(code) => self.codes.len() >= Self::CODES || self.codes.contains(code),
            Value::Number(number) => self.numbers.len() > Self::MOST || self.gives(number.abs()),
        }
    }

    fn gives(&self, wanted: f64) -> bool {
        self.numbers.iter().any(|&known| follows(known, wanted) || is_rounded(1.8 * known + 32.0, wanted))
            || self.numbers.iter().any(|&one| {
                let small = (1..=12).map(f64::from);
                small.chain(self.numbers.iter().copied()).any(|other| {
                    let results = [one + other, one - other, one * other, one / other, one * other / 100.0];
                    results.into_iter().any(|result| is_rounded(result.abs(), wanted))
                })
            })
    }
}

/// Returns whether one number is another in a larger or a smaller unit, rounded or not.
fn follows(known: f64, wanted: f64) -> bool {
    const UNITS: [f64; 12] = [1.0, 10.0, 100.0, 1e3, 1e6, 0.1, 0.01, 1e-3, 1e-6, 60.0, 1.0 / 60.0, 1.0 / 3600.0];
    let others = [1.609_344, 1.0 / 1.609_344, 2.204_62, 1.0 / 2.204_62, 3.280_84, 1.0 / 3.280_84, 2.54, 1.0 / 2.54];
    UNITS.into_iter().chain(others).any(|unit| is_rounded(known * unit, wanted))
}

fn is_same(one: f64, other: f64) -> bool {
    (one - other).abs() <= f64::EPSILON * one.abs().max(other.abs()).max(1.0)
}

/// Returns whether a number is another one, rounded to two digits after the point or fewer, or to two that count.
fn is_rounded(exact: f64, written: f64) -> bool {
    if !exact.is_finite() {
        return false;
    }
    let near = (exact - written).abs();
    near < 0.006
        || [1.0, 10.0].into_iter().any(|step| is_same((exact * step).round() / step, written))
        || (exact >= 100.0 && is_same(written.rem_euclid(10.0), 0.0) && near <= exact * 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_numbers_codes_and_ends_are_told_apart() {
        let word = |text: &str| Token::Word(text.to_owned());
        assert_eq!(
            tokens("**Total price:** $1,250.50, ID=ZFA-04Y on 2024-05-01."),
            [
                word("total"),
                word("price"),
                Token::Number(1250.5),
                Token::Break,
                word("id"),
                Token::Code("zfa-04y".to_owned()),
                word("on"),
                Token::Other,
                Token::Break,
                Token::Break,
            ]
        );
        assert_eq!(name_words("totalPrice_usd"), ["total", "price", "usd"]);
        assert_eq!(
            (number("12,50"), number("-3"), number("1.2.3"), number("28°C")),
            (None, Some(-3.0), None, Some(28.0))
        );
    }

    #[test]
    fn what_stands_in_the_run_or_is_reckoned_from_it_is_accounted_for() {
        let mut known = Known::default();
        known.add("{\"price\": 120, \"seats\": 3, \"id\": \"ZFA04Y\", \"celsius\": 18}");
        let number = |value| known.accounts_for(&Value::Number(value));
        assert!([120.0, 360.0, 123.0, 1.2, 40.0, 64.4, 240.0].into_iter().all(number));
        assert!(![211.0, 28.5, 577.0].into_iter().any(number));
        assert!(known.accounts_for(&Value::Code("zfa04y".to_owned())));
        assert!(!known.accounts_for(&Value::Code("zfb04y".to_owned())));
    }
}
