//! What is told to the models about each step: numbers with names, nothing else.
//!
//! The one implementation: training reads what [`of`] prints. A feature says something about any run (where the
//! step stands, whose it is, what it says, what follows), never a name, an id or a place in a data set. To add one:
//! a line here; then train again (`crates/arc-analysis/models/README.md`).

use std::collections::{BTreeMap, BTreeSet};

use arc_model::{Part, Payload, Span, SpanKind, Status, Trace};

use super::{
    change::Changes,
    steps::{speaker_of, steps_of},
    text::{Text, beginning, ratio},
};

/// Named numbers about one step; what is not named is 0.
pub type Features = Vec<(&'static str, f32)>;

/// A step as the models see it.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// The step.
    pub span: &'a Span,
    /// Whose it is.
    pub speaker: String,
    /// What is told about it.
    pub features: Features,
}

/// How the agents of a run work together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One agent calls a model and tools.
    One,
    /// One agent directs the others: it speaks about every other time.
    Hub,
    /// Agents speak in turns.
    Room,
}

impl Shape {
    /// Returns the shape's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Hub => "hub",
            Self::Room => "room",
        }
    }
}

/// Returns the steps of a run with what is told about each, and the run's shape.
pub fn of(trace: &Trace) -> (Shape, Vec<Step<'_>>) {
    let spans = steps_of(trace);
    let run = Run::read(trace, &spans);
    let shape = run.shape();
    let mut rows = Vec::with_capacity(spans.len());
    let mut seen = Seen::default();
    for index in 0..spans.len() {
        rows.push(run.row(index, shape, &mut seen));
    }
    rank(&mut rows);
    let steps = spans.iter().zip(run.speakers.iter().zip(rows));
    (shape, steps.map(|(span, (speaker, features))| Step { span, speaker: speaker.clone(), features }).collect())
}

/// A run, read once.
struct Run<'a> {
    trace: &'a Trace,
    spans: &'a [&'a Span],
    speakers: Vec<String>,
    /// Turns of each speaker, in order of the first.
    turns: Vec<(String, usize)>,
    said: Vec<String>,
    texts: Vec<Text>,
    /// The last message a model call was sent.
    asked: Vec<String>,
    /// Whether that message says that something failed.
    told_of_error: Vec<bool>,
    question: Text,
    first: Firsts,
    changes: Changes,
}

/// The first step at which something is so.
#[derive(Default)]
struct Firsts {
    error: Option<usize>,
    refusal: Option<usize>,
    code: Option<usize>,
    tool: Option<usize>,
    /// Turns of agents that are directed by another.
    directed: Vec<usize>,
    /// The last step of each speaker.
    last_of: BTreeMap<String, usize>,
}

/// What was seen before a step.
#[derive(Default)]
struct Seen {
    turns: BTreeMap<String, usize>,
    /// The last step that had a number.
    numbers: BTreeMap<u64, usize>,
    /// The latest steps of each speaker.
    by_speaker: BTreeMap<String, Vec<usize>>,
}

/// Steps back in which a speaker's repetition, or where a number came from, is looked for.
const REACH: usize = 8;

impl<'a> Run<'a> {
    fn read(trace: &'a Trace, spans: &'a [&'a Span]) -> Self {
        let speakers: Vec<String> = spans.iter().map(|span| speaker_of(span)).collect();
        let said: Vec<String> = spans.iter().map(|span| said_in(span)).collect();
        let texts: Vec<Text> = said.iter().map(|text| Text::read(text)).collect();
        let asked: Vec<String> = spans.iter().map(|span| asked_in(span)).collect();
        let told_of_error = asked.iter().map(|asked| Text::read(beginning(asked, 3_000)).errors > 0).collect();
        let question = trace.roots().next().and_then(|root| root.input.as_ref()).map(Payload::to_text);
        let mut turns: Vec<(String, usize)> = Vec::new();
        for speaker in &speakers {
            let known = turns.iter().position(|(known, _)| known == speaker).unwrap_or(turns.len());
            if let Some((_, count)) = turns.get_mut(known) {
                *count += 1;
            } else if known < 64 {
                // A run of hundreds of tools has no use for the turns of each.
                turns.push((speaker.clone(), 1));
            }
        }
        let question = Text::read(&question.unwrap_or_default());
        let mut run = Self {
            trace,
            spans,
            speakers,
            turns,
            said,
            texts,
            asked,
            told_of_error,
            question,
            first: Firsts::default(),
            changes: Changes::of(spans),
        };
        run.first = run.firsts();
        run
    }

    /// Returns the agent that speaks most.
    fn most(&self) -> Option<(&str, usize)> {
        let agents: BTreeSet<&str> = self
            .spans
            .iter()
            .zip(&self.speakers)
            .filter(|(span, _)| span.kind != SpanKind::Tool)
            .map(|(_, speaker)| speaker.as_str())
            .collect();
        let mut turns = self.turns.iter().filter(|(speaker, _)| agents.contains(speaker.as_str()));
        let first = turns.next()?;
        let most = turns.fold(first, |most, next| if next.1 > most.1 { next } else { most });
        Some((most.0.as_str(), most.1))
    }

    fn shape(&self) -> Shape {
        if self.spans.iter().any(|span| span.kind == SpanKind::Llm) {
            return Shape::One;
        }
        let most = self.most().map_or(0, |(_, count)| count);
        if self.turns.len() >= 3 && ratio(most, self.spans.len()) >= 0.45 { Shape::Hub } else { Shape::Room }
    }

    fn firsts(&self) -> Firsts {
        let first = |is: &dyn Fn(usize) -> bool| (0..self.spans.len()).find(|index| is(*index));
        let most = self.most().map(|(speaker, _)| speaker);
        let directed = |index: &usize| {
            let speaker = self.speakers.get(*index).map(String::as_str);
            speaker != most && self.spans.get(*index).is_some_and(|span| span.kind != SpanKind::Step)
        };
        Firsts {
            error: first(&|index| self.text(index).is_some_and(|text| text.errors > 0) || self.failed(index)),
            refusal: first(&|index| self.text(index).is_some_and(|text| text.refusals > 0)),
            code: first(&|index| self.said.get(index).is_some_and(|said| has_code(said))),
            tool: first(&|index| self.is_tool(index)),
            directed: (0..self.spans.len()).filter(directed).collect(),
            last_of: self.speakers.iter().enumerate().map(|(index, speaker)| (speaker.clone(), index)).collect(),
        }
    }

    fn text(&self, index: usize) -> Option<&Text> {
        self.texts.get(index)
    }

    fn failed(&self, index: usize) -> bool {
        self.spans.get(index).is_some_and(|span| matches!(span.status, Status::Error { .. }))
    }

    fn is_tool(&self, index: usize) -> bool {
        self.spans.get(index).is_some_and(|span| span.kind == SpanKind::Tool)
    }

    fn row(&self, index: usize, shape: Shape, seen: &mut Seen) -> Features {
        let mut row = Row(Vec::with_capacity(64));
        let Some((span, speaker)) = self.spans.get(index).zip(self.speakers.get(index)) else { return row.0 };
        self.add_place(&mut row, index);
        self.add_speaker(&mut row, index, speaker, seen);
        self.add_text(&mut row, index);
        self.add_neighbours(&mut row, index);
        self.add_history(&mut row, index, speaker, seen);
        self.add_events(&mut row, index, speaker, shape);
        row.flag(kind_name(span.kind), true);
        if span.kind == SpanKind::Llm {
            self.add_call(&mut row, index, span);
            row.0.extend(self.changes.tell(index));
        }
        row.0
    }

    fn add_place(&self, row: &mut Row, index: usize) {
        const FROM_START: [&str; 10] = ["i=0", "i=1", "i=2", "i=3", "i=4", "i=5", "i=6", "i=7", "i=8", "i>8"];
        const FROM_END: [&str; 6] = ["r=0", "r=1", "r=2", "r=3", "r=4", "r>4"];
        let n = self.spans.len();
        row.flag(FROM_START.get(index.min(9)).copied().unwrap_or("i>8"), true);
        row.flag(FROM_END.get((n - 1 - index).min(5)).copied().unwrap_or("r>4"), true);
        let place = ratio(index, n.saturating_sub(1));
        row.add("relative place", place);
        row.add("relative place, squared", place * place);
        row.add("steps", ratio(n, 1).ln_1p());
        row.add("1/(i+1)", ratio(1, index + 1));
    }

    fn add_speaker(&self, row: &mut Row, index: usize, speaker: &str, seen: &mut Seen) {
        const RANK: [&str; 4] = ["speaker 1", "speaker 2", "speaker 3", "speaker >3"];
        let turns = seen.turns.entry(speaker.to_owned()).or_default();
        row.flag("first turn", *turns == 0);
        row.add("turns before", ratio((*turns).min(5), 5));
        *turns += 1;
        let rank = self.turns.iter().position(|(known, _)| known == speaker);
        let count = rank.and_then(|rank| self.turns.get(rank)).map_or(0, |(_, count)| *count);
        row.add("share of turns", ratio(count, self.spans.len()));
        row.flag(RANK.get(rank.unwrap_or(3).min(3)).copied().unwrap_or("speaker >3"), true);
        row.flag("speaker changes", index > 0 && self.speakers.get(index - 1).is_some_and(|before| before != speaker));
    }

    fn add_text(&self, row: &mut Row, index: usize) {
        let (Some(text), Some(said)) = (self.text(index), self.said.get(index)) else { return };
        row.add("length", ratio(text.length, 1).ln_1p() / 8.0);
        row.flag("short", text.length < 80);
        row.flag("empty", text.length < 3);
        row.flag("code", has_code(said));
        row.flag("link", said.contains("http"));
        row.flag("json", said.trim_start().starts_with(['{', '[']));
        row.flag("says error", text.errors > 0);
        row.add("assumes", few(text.hedges, 3));
        row.add("gives up", few(text.refusals, 3));
        row.add("checks", few(text.checks, 3));
        row.flag("says final", text.is_final);
        row.add("code fences", few(count(said, "```"), 4));
        row.add("lines", ratio(said.bytes().filter(|byte| *byte == b'\n').count(), 1).ln_1p() / 4.0);
        row.flag("headings", said.contains("###"));
        row.add("bullets", few(count(said, "\n-") + count(said, "\n*"), 20));
        row.flag("prints", said.contains("print("));
        row.flag("answers by a call", said.contains("final_answer("));
        row.flag("calls an agent", said.contains("agent("));
        row.flag("begins with a thought", begins(said, "thought"));
        row.flag("begins with the answer", begins(said, "final answer"));
        row.flag("begins with a list", said.trim_start().starts_with("1."));
        row.flag("ends as a plan", said.trim_end().ends_with("<end_plan>"));
        row.flag("no end mark", !said.contains("<end"));
        row.flag("ends code", said.contains("<end_code>"));
        row.add("words of the question", text.covers(&self.question));
    }

    fn add_neighbours(&self, row: &mut Row, index: usize) {
        let next = self.text(index + 1);
        row.flag("next says error", next.is_some_and(|next| next.errors > 0));
        row.flag("next failed", self.failed(index + 1));
        row.flag("next gives up", next.is_some_and(|next| next.refusals > 0));
        row.flag("next is a tool", self.is_tool(index + 1));
        row.flag("failed", self.failed(index));
        let Some(before) = index.checked_sub(1) else { return };
        row.flag("before is a tool", self.is_tool(before));
        row.flag("before failed", self.failed(before) || self.text(before).is_some_and(|text| text.errors > 0));
        if let Some((text, before)) = self.text(index).zip(self.text(before)) {
            row.add("words of the step before", before.covers(text));
        }
    }

    fn add_history(&self, row: &mut Row, index: usize, speaker: &str, seen: &mut Seen) {
        let Some(text) = self.text(index) else { return };
        let earlier = seen.by_speaker.entry(speaker.to_owned()).or_default();
        let near = earlier.iter().rev().take(REACH).filter(|before| **before + 12 >= index);
        let likeness = near.filter_map(|before| self.text(*before)).map(|before| text.likeness(before));
        row.add("repeats itself", likeness.fold(0.0, f32::max));
        earlier.push(index);
        let is_new = |number: &&u64| {
            let near = seen.numbers.get(number).is_some_and(|last| last + REACH >= index);
            !near && !self.question.numbers.contains(number)
        };
        let new = text.numbers.iter().filter(is_new).count();
        row.add("numbers from nowhere", ratio(new.min(5), 5));
        for number in &text.numbers {
            seen.numbers.insert(*number, index);
        }
    }

    fn add_events(&self, row: &mut Row, index: usize, speaker: &str, shape: Shape) {
        let first = &self.first;
        let is = |event: Option<usize>| event == Some(index);
        row.flag("first error", is(first.error));
        row.flag("before the first error", first.error == Some(index + 1));
        row.flag("after the first error", first.error.is_some_and(|error| index > error));
        row.flag("first to give up", is(first.refusal));
        row.flag("first code", is(first.code));
        row.flag("after the first code", first.code.is_some_and(|code| index > code));
        row.flag("before the first tool", first.tool == Some(index + 1));
        row.flag("after the first tool", first.tool.is_some_and(|tool| tool + 1 == index));
        row.flag("last turn", first.last_of.get(speaker) == Some(&index));
        row.flag("speaks most", self.most_is(speaker));
        let Some(span) = self.spans.get(index) else { return };
        row.flag("thinks", span.name.contains("(thought"));
        row.flag("directs", span.name.contains("(->"));
        row.flag("stops", span.name.contains("(terminat"));
        if shape == Shape::Hub {
            row.flag("last of the directed", is(first.directed.last().copied()));
            row.flag("first of the directed", is(first.directed.first().copied()));
            row.flag("second of the directed", is(first.directed.get(1).copied()));
            row.flag("directed", first.directed.binary_search(&index).is_ok());
            let said = self.said.get(index).map_or("", String::as_str);
            row.flag("sees a loop", answers(said, "\"is_in_loop\"", "true"));
            row.flag("sees no progress", answers(said, "\"is_progress_being_made\"", "false"));
        }
    }

    fn most_is(&self, speaker: &str) -> bool {
        self.turns.iter().map(|(_, count)| count).max()
            == self.turns.iter().find(|(known, _)| known == speaker).map(|(_, count)| count)
    }

    fn add_call(&self, row: &mut Row, index: usize, span: &Span) {
        let asked = self.asked.get(index).map_or("", String::as_str);
        let early = beginning(asked, 400).to_lowercase();
        let sent: usize = span.messages_in.iter().flat_map(|message| &message.parts).map(size).sum();
        let calls = span.messages_out.iter().flat_map(|message| &message.parts);
        row.flag("asks for a tool", calls.into_iter().any(|part| matches!(part, Part::ToolCall { .. })));
        row.add("messages sent", ratio(span.messages_in.len(), 1).ln_1p() / 4.0);
        row.add("bytes sent", ratio(sent, 1).ln_1p() / 12.0);
        row.flag("told of an error", self.told_of_error.get(index) == Some(&true));
        row.flag("asked for a plan", early.contains("plan"));
        row.flag("asked for facts", early.contains("fact"));
        row.flag("asked for a task", beginning(&early, 200).contains("task"));
        row.flag("asked by a manager", early.contains("manager"));
        row.flag("told of an observation", beginning(&early, 100).contains("observation"));
        row.flag("told of calls", beginning(&early, 80).contains("call"));
        row.flag("told of bad code", asked.contains("code parsing") || asked.contains("regex pattern"));
        let next = (index + 1..self.spans.len().min(index + 6))
            .find(|next| self.spans.get(*next).is_some_and(|span| span.kind == SpanKind::Llm));
        if let Some((told, of_error)) = next.and_then(|next| self.asked.get(next).zip(self.told_of_error.get(next))) {
            row.flag("then told of an error", *of_error);
            row.flag("then told little", told.len() < 200);
        }
        let above = self.trace.parent(span.span_id);
        let above_that = above.and_then(|above| self.trace.parent(above.span_id));
        row.flag("below an agent", above.is_some_and(|above| above.kind == SpanKind::Agent));
        row.flag("below a step of an agent", above_that.is_some_and(|above| above.kind == SpanKind::Agent));
        row.flag("below a called agent", above_that.is_some_and(|above| self.is_called(above)));
    }

    /// Returns whether an agent runs below another one.
    fn is_called(&self, agent: &Span) -> bool {
        let mut at = self.trace.parent(agent.span_id);
        for _ in 0..6 {
            let Some(above) = at else { return false };
            if above.kind == SpanKind::Agent {
                return true;
            }
            at = self.trace.parent(above.span_id);
        }
        false
    }
}

/// Adds how far steps are from the run's mean in what they say.
fn rank(rows: &mut [Features]) {
    const RANKED: [(&str, &str); 7] = [
        ("length", "rank: length"),
        ("repeats itself", "rank: repeats itself"),
        ("assumes", "rank: assumes"),
        ("numbers from nowhere", "rank: numbers from nowhere"),
        ("gives up", "rank: gives up"),
        ("checks", "rank: checks"),
        ("words of the question", "rank: words of the question"),
    ];
    for (name, ranked) in RANKED {
        let values: Vec<f32> = rows.iter().map(|row| value(row, name)).collect();
        let mean = values.iter().sum::<f32>() / ratio(values.len(), 1);
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / ratio(values.len(), 1);
        if variance > 1e-9 {
            for (row, value) in rows.iter_mut().zip(values) {
                row.push((ranked, ((value - mean) / variance.sqrt()).clamp(-2.0, 2.0) / 2.0));
            }
        }
    }
}

struct Row(Features);

impl Row {
    fn add(&mut self, name: &'static str, value: f32) {
        if value != 0.0 {
            self.0.push((name, value));
        }
    }

    fn flag(&mut self, name: &'static str, is_so: bool) {
        if is_so {
            self.0.push((name, 1.0));
        }
    }
}

fn value(row: &Features, name: &str) -> f32 {
    row.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, value)| *value)
}

fn kind_name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Llm => "kind: model call",
        SpanKind::Tool | SpanKind::Retrieval => "kind: tool",
        SpanKind::Agent => "kind: turn",
        _ => "kind: other",
    }
}

/// Returns what a step says: its answer, with the calls it asks for; of a tool, what it returned and was given.
fn said_in(span: &Span) -> String {
    if let Some(tool) = &span.tool {
        let texts = [tool.result.as_ref().or(span.output.as_ref()), tool.arguments.as_ref()];
        return texts.into_iter().flatten().map(Payload::to_text).collect::<Vec<_>>().join(" ");
    }
    let messages = if span.messages_out.is_empty() { &span.messages_in } else { &span.messages_out };
    let texts = messages.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::Text { text } => Some(text.clone()),
        Part::ToolCall { name, arguments, .. } => Some(format!("{name}({})", arguments.to_text())),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// Returns the last message that a model call was sent.
fn asked_in(span: &Span) -> String {
    if span.kind != SpanKind::Llm {
        return String::new();
    }
    let last = span.messages_in.last().into_iter().flat_map(|message| &message.parts);
    let texts = last.filter_map(|part| match part {
        Part::Text { text } => Some(beginning(text, 6_000).to_owned()),
        Part::ToolResult { result, .. } => Some(beginning(&result.to_text(), 6_000).to_owned()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn size(part: &Part) -> usize {
    match part {
        Part::Text { text } | Part::Reasoning { text } | Part::ToolResult { result: Payload::Text(text), .. } => {
            text.len()
        }
        _ => 64,
    }
}

fn has_code(said: &str) -> bool {
    said.contains("```") || said.contains("Code:")
}

fn begins(said: &str, with: &str) -> bool {
    said.trim_start().get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

fn count(said: &str, what: &str) -> u32 {
    u32::try_from(said.matches(what).count()).unwrap_or(u32::MAX)
}

/// Returns a count as a share of `most`, which more do not exceed.
fn few(count: u32, most: u32) -> f32 {
    ratio(count.min(most) as usize, most as usize)
}

/// Returns whether a ledger gives this answer to a question of its own.
fn answers(said: &str, question: &str, answer: &str) -> bool {
    let Some((_, rest)) = said.split_once(question) else { return false };
    let entry = rest.split('}').next().unwrap_or_default();
    let Some((_, given)) = entry.split_once("\"answer\"") else { return false };
    given.trim_start_matches([':', ' ']).starts_with(answer)
}
