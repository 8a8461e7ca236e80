//! Follows the prompts of a run and says which of a prompt's tool results an answer used, and which of its lines it
//! copied. Words and lines are kept as hashes, for one run at a time.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use arc_model::{Json, Message, Part, Payload, Span};

/// Bytes below which a line is no copy: braces, headings, common phrases.
const LEAST_LINE: usize = 24;

/// A tool result in a prompt.
#[derive(Debug, Clone, Copy)]
pub(super) struct SeenResult {
    /// Calls that had sent it before.
    pub(super) age: u32,
    /// Bytes of its text.
    pub(super) length: u64,
}

/// An answer against its prompt.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answer {
    /// Bytes of its text and of the arguments in it.
    pub(super) length: u64,
    /// Bytes of lines that stand in the prompt, or earlier in the answer.
    pub(super) copied: u64,
}

/// What an answer did with its prompt.
#[derive(Default)]
pub(super) struct Reread {
    pub(super) results: Vec<SeenResult>,
    /// The age of the oldest result of which something was used.
    pub(super) oldest_use: u32,
    pub(super) answer: Answer,
}

/// The prompts of a run so far.
#[derive(Default)]
pub(super) struct Prompts<'a> {
    messages: &'a [Arc<Message>],
    /// In how many messages a word stands, and the last of them.
    words: HashMap<u64, (u32, usize)>,
    lines: HashSet<u64>,
    /// How often each result was sent.
    sent: BTreeMap<u64, u32>,
}

impl<'a> Prompts<'a> {
    /// Reads the next call of the run.
    pub(super) fn next(&mut self, span: &'a Span) -> Reread {
        let same = span.messages_in.iter().zip(self.messages).take_while(|(one, other)| one == other).count();
        let first = if same < self.messages.len() {
            self.words.clear();
            self.lines.clear();
            0
        } else {
            same
        };
        self.messages = &span.messages_in;
        for (place, message) in span.messages_in.iter().enumerate().skip(first) {
            self.take(place, message);
        }
        let mut ages: BTreeMap<usize, u32> = BTreeMap::new();
        let mut results = Vec::new();
        for (place, message) in span.messages_in.iter().enumerate() {
            for (text, id) in results_in(message) {
                let times = self.sent.entry(hash(&(id, &text))).or_default();
                ages.insert(place, *times);
                results.push(SeenResult { age: *times, length: super::counted(text.len()) });
                *times += 1;
            }
        }
        let mut oldest_use = 0;
        let mut answer = Answer::default();
        let mut written = HashSet::new();
        for text in span.messages_out.iter().flat_map(|message| texts(message)) {
            for word in words(&text) {
                if let Some((1, place)) = self.words.get(&word)
                    && let Some(age) = ages.get(place)
                {
                    oldest_use = oldest_use.max(*age);
                }
            }
            answer.length += super::counted(text.len());
            for line in text.lines().map(str::trim).filter(|line| line.len() >= LEAST_LINE) {
                let line_hash = hash(&line);
                if self.lines.contains(&line_hash) || !written.insert(line_hash) {
                    answer.copied += super::counted(line.len());
                }
            }
        }
        Reread { results, oldest_use, answer }
    }

    fn take(&mut self, place: usize, message: &Message) {
        let mut seen = HashSet::new();
        for text in texts(message) {
            for word in words(&text).filter(|word| seen.insert(*word)) {
                let known = self.words.entry(word).or_insert((0, place));
                *known = (known.0 + 1, place);
            }
            let lines = text.lines().map(str::trim).filter(|line| line.len() >= LEAST_LINE);
            self.lines.extend(lines.map(|line| hash(&line)));
        }
    }
}

/// Returns the texts in a message: what is said, and the strings among arguments and results.
fn texts(message: &Message) -> Vec<String> {
    let mut found = Vec::new();
    for part in &message.parts {
        match part {
            Part::Text { text } => found.push(text.clone()),
            Part::ToolCall { arguments: payload, .. } | Part::ToolResult { result: payload, .. } => {
                strings(payload, &mut found);
            }
            Part::Reasoning { .. } | Part::Media { .. } | Part::Other { .. } => {}
        }
    }
    found
}

fn strings(payload: &Payload, found: &mut Vec<String>) {
    let mut open = match payload {
        Payload::Text(text) => return found.push(text.clone()),
        Payload::Json(value) => vec![value],
    };
    while let Some(value) = open.pop() {
        match value {
            Json::String(text) => found.push(text.clone()),
            Json::Number(number) => found.push(number.to_string()),
            Json::Array(items) => open.extend(items),
            Json::Object(fields) => open.extend(fields.values()),
            Json::Null | Json::Bool(_) => {}
        }
    }
}

fn results_in(message: &Message) -> impl Iterator<Item = (String, Option<&str>)> {
    message.parts.iter().filter_map(|part| match part {
        Part::ToolResult { id, result } => Some((result.to_text(), id.as_deref())),
        _ => None,
    })
}

/// Returns the words of a text, without case.
fn words(text: &str) -> impl Iterator<Item = u64> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.len() >= 2)
        .map(|word| hash(&word.to_lowercase()))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
