//! Reads the pieces a line is made of: words, quoted texts, relaxed JSON, durations.

use super::SketchError;
use crate::{Json, Payload};

/// Deeper JSON is refused, so that no text can exhaust the stack.
const DEEPEST: usize = 160;

/// A position in a line.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str, line: usize) -> Self {
        Self { rest: text, line }
    }

    pub(super) fn fail<T>(&self, expected: &str) -> Result<T, SketchError> {
        let found: String = self.rest.chars().take(20).collect();
        let found = if found.is_empty() { "the end of the line".to_owned() } else { format!("`{found}`") };
        Err(SketchError { line: self.line, message: format!("expected {expected}, found {found}") })
    }

    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes everything up to the next space.
    pub(super) fn until_space(&mut self) -> &'a str {
        self.take_while(|c| !c.is_whitespace())
    }

    /// Takes a word: `gpt-4o`, `openai/gpt-4o`, `planner.v2`; empty when there is none.
    pub(super) fn word(&mut self) -> &'a str {
        if self.peek().is_some_and(starts_word) { self.take_while(|c| in_word(c) || in_name(c)) } else { "" }
    }

    /// Takes a word without `/`, `:` and `+`; empty when there is none.
    pub(super) fn plain_word(&mut self) -> &'a str {
        if self.peek().is_some_and(starts_word) { self.take_while(in_word) } else { "" }
    }

    /// Takes a word or a quoted text.
    pub(super) fn name(&mut self) -> Result<String, SketchError> {
        if self.peek() == Some('"') {
            return self.text();
        }
        match self.word() {
            "" => self.fail("a name"),
            word => Ok(word.to_owned()),
        }
    }

    /// Takes a quoted text with JSON's escapes.
    pub(super) fn text(&mut self) -> Result<String, SketchError> {
        if self.peek() != Some('"') {
            return self.fail("a quoted text");
        }
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find_map(|(at, c)| {
            let closes = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closes.then_some(at + 1)
        });
        let Some((quoted, rest)) = end.and_then(|end| self.rest.split_at_checked(end)) else {
            return self.fail("a closing quote");
        };
        match serde_json::from_str(quoted) {
            Ok(text) => {
                self.rest = rest;
                Ok(text)
            }
            Err(_) => self.fail("a text with JSON's escapes"),
        }
    }

    /// Takes a payload: a quoted text is text, everything else is JSON.
    pub(super) fn payload(&mut self) -> Result<Payload, SketchError> {
        if self.peek() == Some('"') { self.text().map(Payload::Text) } else { self.json().map(Payload::Json) }
    }

    /// Takes a JSON value whose keys need no quotes.
    pub(super) fn json(&mut self) -> Result<Json, SketchError> {
        self.json_at(0)
    }

    /// Takes a JSON object.
    pub(super) fn object(&mut self) -> Result<crate::Attributes, SketchError> {
        match self.peek() {
            Some('{') => match self.json()? {
                Json::Object(fields) => Ok(fields.into_iter().collect()),
                _ => self.fail("an object"),
            },
            _ => self.fail("an object: `{key: value}`"),
        }
    }

    fn json_at(&mut self, depth: usize) -> Result<Json, SketchError> {
        if depth > DEEPEST {
            return self.fail("less nesting");
        }
        self.skip_space();
        match self.peek() {
            Some('{') => {
                self.eat("{");
                let mut fields = serde_json::Map::new();
                while !self.closes('}')? {
                    let key = if self.peek() == Some('"') { self.text()? } else { self.plain_word().to_owned() };
                    self.skip_space();
                    if !self.eat(":") {
                        return self.fail("a key and a colon");
                    }
                    fields.insert(key, self.json_at(depth + 1)?);
                }
                Ok(Json::Object(fields))
            }
            Some('[') => {
                self.eat("[");
                let mut items = Vec::new();
                while !self.closes(']')? {
                    items.push(self.json_at(depth + 1)?);
                }
                Ok(Json::Array(items))
            }
            Some('"') => self.text().map(Json::String),
            _ => {
                let before = *self;
                let scalar = self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
                serde_json::from_str(scalar).or_else(|_| before.fail("a JSON value (texts need quotes)"))
            }
        }
    }

    /// Takes the closing bracket or the comma before the next item; true when the list is over.
    pub(super) fn closes(&mut self, bracket: char) -> Result<bool, SketchError> {
        self.skip_space();
        self.eat(",");
        self.skip_space();
        if self.is_at_end() {
            return self.fail(&format!("`{bracket}`"));
        }
        Ok(self.eat(bracket.encode_utf8(&mut [0; 4])))
    }

    /// Takes a whole number.
    pub(super) fn number<N: std::str::FromStr>(&mut self) -> Result<N, SketchError> {
        let before = *self;
        self.take_while(|c| c.is_ascii_digit()).parse().or_else(|_| before.fail("a whole number"))
    }

    /// Takes nanoseconds from `1.5s`, `20ms`, `7us` or `3ns`.
    pub(super) fn nanos(&mut self) -> Result<i64, SketchError> {
        let before = *self;
        let negative = self.eat("-");
        let number = self.take_while(|c| c.is_ascii_digit() || c == '.');
        let unit = self.take_while(|c| c.is_ascii_alphabetic());
        let digits = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, digits)| *digits);
        let nanos = digits.and_then(|digits| scale(number, digits));
        match nanos {
            Some(nanos) => Ok(if negative { -nanos } else { nanos }),
            None => before.fail("a time such as `1.5s`, `20ms`, `7us` or `3ns`"),
        }
    }

    /// Takes an amount such as `$0.01` as nano-dollars.
    pub(super) fn nano_dollars(&mut self) -> Result<i64, SketchError> {
        let before = *self;
        let negative = self.eat("-");
        self.eat("$");
        let number = self.take_while(|c| c.is_ascii_digit() || c == '.');
        match scale(number, 9) {
            Some(nanos) => Ok(if negative { -nanos } else { nanos }),
            None => before.fail("an amount such as `$0.01`"),
        }
    }
}

/// Units of time, with the digits that separate them from nanoseconds.
pub(super) const UNITS: [(&str, usize); 4] = [("s", 9), ("ms", 6), ("us", 3), ("ns", 0)];

/// Reads a decimal number as an integer of units `digits` places smaller; exact or nothing.
fn scale(number: &str, digits: usize) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > digits {
        return None;
    }
    format!("{whole}{fraction}{}", "0".repeat(digits - fraction.len())).parse().ok()
}

/// Returns whether a text can stand without quotes where [`Cursor::word`] reads it.
pub(super) fn is_word(text: &str) -> bool {
    text.starts_with(starts_word) && text.chars().all(|c| in_word(c) || in_name(c))
}

/// Returns whether a text can stand without quotes where [`Cursor::plain_word`] reads it.
pub(super) fn is_plain_word(text: &str) -> bool {
    text.starts_with(starts_word) && text.chars().all(in_word)
}

const fn starts_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

const fn in_word(c: char) -> bool {
    starts_word(c) || matches!(c, '-' | '.')
}

const fn in_name(c: char) -> bool {
    matches!(c, '/' | ':' | '+')
}
