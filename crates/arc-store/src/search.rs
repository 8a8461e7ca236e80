//! Searching the text of messages: what a word is, which texts of a run can be found, and what a hit shows.
//!
//! Every store indexes [`documents`] and asks for [`words`], so that a search finds the same everywhere whatever the
//! index is made of. A hit's excerpt is cut from the span itself ([`excerpt`]), so an index need not hold texts.
//!
//! Bounds, all of them deliberate: of each text the first [`TEXT_BYTES`] are searchable, of a run the first
//! [`RUN_BYTES`]; of a word longer than [`WORD_BYTES`] the beginning; a query has at most [`QUERY_WORDS`] words.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
};

use arc_model::{
    AgentName, Json, Message, Part, Payload, ProjectId, Span, SpanId, Status, Timestamp, Trace, TraceId, supplement,
};
use serde::Serialize;

use crate::{Cursor, StoreError};

/// Searchable bytes of one text.
pub const TEXT_BYTES: usize = 16 * 1024;

/// Searchable bytes of one run.
pub const RUN_BYTES: usize = 1024 * 1024;

/// Bytes by which words are told apart.
pub const WORD_BYTES: usize = 64;

/// Most words of a query.
pub const QUERY_WORDS: usize = 16;

/// Characters an excerpt shows on each side of its first match.
const AROUND: usize = 80;

/// What to search for, newest run first; of runs that began in one millisecond any first, but always the same;
/// within a run in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchQuery {
    /// Words, all of which a span has to contain in its own texts. Case and what stands between words does not count.
    pub text: String,
    /// Only runs of this agent.
    pub agent: Option<AgentName>,
    /// Only runs at or after this time, to the millisecond.
    pub since: Option<Timestamp>,
    /// Only runs before this time, to the millisecond.
    pub until: Option<Timestamp>,
    /// Continue here.
    pub after: Option<Cursor>,
    /// At most this many, at least one; a store MAY return fewer only at the end, or where a run changed since its
    /// text was indexed.
    pub limit: u32,
}

impl SearchQuery {
    /// Returns the words to look for, each once.
    pub fn words(&self) -> Result<Vec<String>, StoreError> {
        let distinct: BTreeSet<String> = words(&self.text).map(Cow::into_owned).collect();
        match distinct.len() {
            0 => Err(StoreError::Invalid("a search needs at least one word of letters or digits".to_owned())),
            1..=QUERY_WORDS => Ok(distinct.into_iter().collect()),
            count => Err(StoreError::Invalid(format!("a search has at most {QUERY_WORDS} words, not {count}"))),
        }
    }
}

/// A span that contains what was searched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SearchHit {
    /// Its run.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The agent that ran.
    pub agent: AgentName,
    /// When the run began.
    pub at: Timestamp,
    /// Where and what it says.
    pub excerpt: Excerpt,
}

/// A piece of a text with the places that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// Which text: the role of a message, or `input`, `output`, `arguments`, `result`, `error`; [`UNREADABLE`].
    pub field: String,
    /// The piece in order, cut where it begins or ceases to match.
    pub pieces: Vec<Piece>,
}

/// The field of a span that contains what was searched for and whose text cannot be read: there is nothing to show of it.
pub const UNREADABLE: &str = "unreadable";

impl Excerpt {
    /// Returns what is shown of a text that cannot be read.
    pub fn unreadable() -> Self {
        Self { field: UNREADABLE.to_owned(), pieces: Vec::new() }
    }
}

/// What [`TraceStore::index_text`](crate::TraceStore::index_text) did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Indexed {
    /// Runs that wait no longer.
    pub runs: u64,
    /// Those of them whose text cannot be read, so that nothing in it can be found.
    pub unreadable: Vec<(ProjectId, TraceId)>,
}

/// A part of an excerpt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Piece {
    /// The text as it was written.
    pub text: String,
    /// Whether it is a word that was searched for.
    pub is_match: bool,
}

/// The searchable words of a span that no earlier span of its run has said already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The span.
    pub span_id: SpanId,
    /// Its words, each once, in order of the alphabet.
    pub words: Vec<String>,
}

/// Returns what can be found of a run, in its order: each text at the span that has it first.
///
/// An agent that resends its history at every turn is found where it said something, and takes room once. What arrived apart
/// from its span, as log records do, is found at the span it belongs to: that is the one people are shown.
pub fn documents(trace: &Trace) -> Vec<Document> {
    if supplement::is_in(trace) { documents_of(&supplement::whole(trace.clone())) } else { documents_of(trace) }
}

fn documents_of(trace: &Trace) -> Vec<Document> {
    let mut seen: HashSet<String> = HashSet::new();
    let mut left = RUN_BYTES;
    let mut documents = Vec::new();
    for span in trace.spans() {
        let mut found: BTreeSet<String> = BTreeSet::new();
        for (_, text) in texts(span) {
            let text = start(&text, TEXT_BYTES.min(left));
            if text.is_empty() || seen.contains(text) {
                continue;
            }
            left -= text.len();
            found.extend(words(text).map(Cow::into_owned));
            seen.insert(text.to_owned());
        }
        if !found.is_empty() {
            documents.push(Document { span_id: span.span_id, words: found.into_iter().collect() });
        }
    }
    documents
}

/// Returns the words of a text in order, in lower case: runs of letters and digits, and each character by itself of
/// scripts that are written without spaces.
pub fn words(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    Words { text, at: 0 }.map(|(start, end)| folded(text.get(start..end).unwrap_or_default()))
}

/// Returns the piece of a span's text that shows what was searched for, like [`excerpt`], with what arrived apart from it.
pub fn excerpt_in(trace: Trace, span: SpanId, wanted: &[String]) -> Option<Excerpt> {
    supplement::whole(trace).span(span).and_then(|span| excerpt(span, wanted))
}

/// Returns the piece of a span's text that shows what was searched for, given in the form of [`words`].
///
/// The text with the most of the words is shown, the last one of several: a model call has the history first, and
/// what is new last. `None` when the span has none of them.
pub fn excerpt(span: &Span, wanted: &[String]) -> Option<Excerpt> {
    let mut best: Option<(usize, Cow<'static, str>, String)> = None;
    for (field, text) in texts(span) {
        let text = start(&text, TEXT_BYTES);
        let found: BTreeSet<Cow<'_, str>> = words(text).filter(|word| is_wanted(wanted, word)).collect();
        let count = found.len();
        if count > 0 && best.as_ref().is_none_or(|(most, ..)| count >= *most) {
            best = Some((count, field.into_owned().into(), text.to_owned()));
        }
    }
    let (_, field, text) = best?;
    Some(Excerpt { field: field.into_owned(), pieces: pieces(&text, wanted) })
}

fn is_wanted(wanted: &[String], word: &str) -> bool {
    wanted.iter().any(|wanted| wanted == word)
}

fn pieces(text: &str, wanted: &[String]) -> Vec<Piece> {
    let places: Vec<(usize, usize)> = Words { text, at: 0 }
        .filter(|&(start, end)| is_wanted(wanted, &folded(text.get(start..end).unwrap_or_default())))
        .collect();
    let Some(&(first, _)) = places.first() else { return Vec::new() };
    let from = text.get(..first).unwrap_or_default().char_indices().rev().take(AROUND).last();
    let from = from.map_or(first, |(at, _)| at);
    let to = text.get(first..).unwrap_or_default().char_indices().nth(2 * AROUND);
    let to = to.map_or(text.len(), |(at, _)| first + at);
    let mut pieces = Vec::new();
    let mut push = |range: std::ops::Range<usize>, is_match| {
        if let Some(text) = text.get(range).filter(|text| !text.is_empty()) {
            pieces.push(Piece { text: text.to_owned(), is_match });
        }
    };
    let mut at = from;
    for (start, end) in places {
        if start >= to {
            break;
        }
        push(at..start, false);
        at = end.min(to);
        push(start..at, true);
    }
    push(at..to, false);
    pieces
}

/// Finds the places of words.
struct Words<'t> {
    text: &'t str,
    at: usize,
}

impl Iterator for Words<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let rest = self.text.get(self.at..)?;
        let (begin, first) = rest.char_indices().find(|(_, letter)| letter.is_alphanumeric())?;
        let start = self.at + begin;
        let length = if stands_alone(first) {
            first.len_utf8()
        } else {
            let word = rest.get(begin..).unwrap_or_default();
            word.find(|letter: char| !letter.is_alphanumeric() || stands_alone(letter)).unwrap_or(word.len())
        };
        self.at = start + length;
        Some((start, self.at))
    }
}

/// Whether a character is of a script without spaces between words: kana and Han.
const fn stands_alone(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

fn folded(word: &str) -> Cow<'_, str> {
    let word = start(word, WORD_BYTES);
    if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
        return Cow::Borrowed(word);
    }
    // Lower case may be longer, and may have marks that are no letters.
    let lower: String = word.chars().flat_map(char::to_lowercase).filter(|letter| letter.is_alphanumeric()).collect();
    Cow::Owned(start(&lower, WORD_BYTES).to_owned())
}

/// Returns the beginning of a text that has at most so many bytes.
fn start(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Returns the texts of a span with what they are.
fn texts(span: &Span) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let mut texts: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for message in span.messages_in.iter().chain(&span.messages_out) {
        message_texts(message, &mut texts);
    }
    let payloads = [("input", span.input.as_ref()), ("output", span.output.as_ref())];
    let tool = span.tool.as_ref();
    let of_tool = [
        ("arguments", tool.and_then(|tool| tool.arguments.as_ref())),
        ("result", tool.and_then(|tool| tool.result.as_ref())),
    ];
    for (field, payload) in payloads.into_iter().chain(of_tool) {
        texts.extend(payload.map(|payload| (Cow::Borrowed(field), payload_text(payload))));
    }
    if let Status::Error { message, .. } = &span.status {
        texts.push((Cow::Borrowed("error"), Cow::Borrowed(message)));
    }
    texts
}

fn message_texts<'s>(message: &'s Message, texts: &mut Vec<(Cow<'s, str>, Cow<'s, str>)>) {
    let role = message.role.as_str();
    for part in &message.parts {
        let text = match part {
            Part::Text { text } | Part::Reasoning { text } => Cow::Borrowed(text.as_str()),
            Part::ToolCall { arguments, .. } => payload_text(arguments),
            Part::ToolResult { result, .. } => payload_text(result),
            Part::Media { .. } => continue,
            Part::Other { value } => Cow::Owned(json_text(value)),
        };
        texts.push((Cow::Borrowed(role), text));
    }
}

fn payload_text(payload: &Payload) -> Cow<'_, str> {
    match payload {
        Payload::Text(text) => Cow::Borrowed(text),
        Payload::Json(value) => Cow::Owned(json_text(value)),
    }
}

/// Returns names and values of structured data in order, as far as they can be searched.
fn json_text(value: &Json) -> String {
    enum Step<'v> {
        Value(&'v Json),
        Name(&'v str),
    }
    let mut text = String::new();
    // A stack of its own: depth is not limited.
    let mut steps = vec![Step::Value(value)];
    while let Some(step) = steps.pop() {
        if text.len() > TEXT_BYTES {
            break;
        }
        match step {
            Step::Name(name) => text.extend([name, ": "]),
            Step::Value(Json::Null) => {}
            Step::Value(Json::Bool(value)) => text.push_str(if *value { "true " } else { "false " }),
            Step::Value(Json::Number(number)) => text.extend([&number.to_string(), " "]),
            Step::Value(Json::String(value)) => text.extend([value, " "]),
            Step::Value(Json::Array(items)) => steps.extend(items.iter().rev().map(Step::Value)),
            Step::Value(Json::Object(fields)) => {
                for (name, value) in fields.iter().rev() {
                    steps.extend([Step::Value(value), Step::Name(name)]);
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use arc_model::{Role, SpanKind};

    use super::*;

    fn check_words(text: &str, expected: &[&str]) {
        assert_eq!(words(text).collect::<Vec<_>>(), expected);
    }

    fn span(number: u8, messages: &[&str]) -> Span {
        let id = TraceId::derive(&[b"trace"]);
        let mut span = Span::new(id, SpanId::derive(&[&[number]]), SpanKind::Llm, "call");
        span.sequence = number.into();
        span.messages_in = messages.iter().map(|text| Message::text(Role::User, *text).into()).collect();
        span
    }

    fn shown(span: &Span, query: &str) -> String {
        let wanted: Vec<String> = words(query).map(Cow::into_owned).collect();
        let excerpt = excerpt(span, &wanted).unwrap();
        let pieces = excerpt.pieces.iter().map(
            |Piece { text, is_match }| {
                if *is_match { format!("[{text}]") } else { text.clone() }
            },
        );
        format!("{}: {}", excerpt.field, pieces.collect::<String>())
    }

    #[test]
    fn words_are_letters_and_digits_in_lower_case() {
        check_words("Refund_order(id=42), Straße ÉTÉ", &["refund", "order", "id", "42", "straße", "été"]);
        check_words("返金する", &["返", "金", "す", "る"]);
        check_words("", &[]);
        check_words("… \0 --", &[]);
        let long = "a".repeat(1000);
        check_words(&long, &[&long[..WORD_BYTES]]);
    }

    #[test]
    fn a_resent_history_is_found_where_it_was_said_first() {
        let trace = Trace::new(TraceId::derive(&[b"trace"]), [span(1, &["one"]), span(2, &["one", "two"])]);
        let found: Vec<_> = documents(&trace).into_iter().map(|document| document.words).collect();
        assert_eq!(found, [["one"], ["two"]]);
    }

    #[test]
    fn an_excerpt_shows_the_text_with_most_words_and_marks_them() {
        let span = span(1, &["please refund", "Refund my ORDER, please", "order"]);
        assert_eq!(shown(&span, "order refund"), "user: [Refund] my [ORDER], please");
        let far = format!("{}needle{}", "x ".repeat(500), " y".repeat(500));
        let text = shown(&self::span(1, &[&far]), "needle");
        assert!(text.contains("x [needle] y") && text.len() < 300, "{text}");
    }

    #[test]
    fn structured_data_is_searched_by_names_and_values() {
        let mut span = span(1, &[]);
        span.input = Some(Payload::from_text(r#"{"city": "São\nPaulo", "days": [3, true]}"#.to_owned()));
        assert_eq!(shown(&span, "paulo 3"), "input: city: São\n[Paulo] days: [3] true ");
    }

    #[test]
    fn a_run_is_searchable_up_to_a_bound() {
        let long = "word ".repeat(TEXT_BYTES);
        let texts: Vec<String> = (0..100).map(|number| format!("start{number} {long} end{number}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let trace = Trace::new(TraceId::derive(&[b"trace"]), [span(1, &texts)]);
        let found = &documents(&trace)[0].words;
        assert!(found.contains(&"start0".to_owned()) && !found.iter().any(|word| word.starts_with("end")));
        assert!(found.contains(&"start63".to_owned()) && !found.contains(&"start70".to_owned()));
    }

    #[test]
    fn a_query_without_words_or_with_too_many_is_refused() {
        let words = |text: &str| SearchQuery { text: text.to_owned(), ..SearchQuery::default() }.words();
        assert!(words("?!").is_err());
        let many: Vec<String> = (0..17).map(|number| format!("w{number}")).collect();
        assert!(words(&many.join(" ")).is_err() && words(&many[..16].join(" ")).is_ok());
        assert_eq!(words("b A b").unwrap(), ["a", "b"]);
    }
}
