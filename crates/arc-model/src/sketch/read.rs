//! Lines to spans.

use serde::de::DeserializeOwned;

use super::{SketchError, cursor::Cursor, message, offer};
use crate::{
    Attributes, FinishReason, Json, ModelRef, NanoUsd, OutcomeClaim, Payload, Scope, SessionId, Span, SpanEvent,
    SpanId, SpanKind, Status, TaskId, Timestamp, ToolCall, Trace, TraceId, Usage, UsageSource, UserId, Verdict, shared,
};

/// When a sketch begins that does not say: 2025-01-01T00:00:00Z.
pub(super) const BEGIN: Timestamp = Timestamp::from_millis(1_735_689_600_000);

/// The trace a sketch is of, when it does not say.
pub(super) fn default_trace_id() -> TraceId {
    let mut bytes = [0; TraceId::BYTES];
    bytes[TraceId::BYTES - 1] = 1;
    TraceId::from_bytes(bytes).unwrap_or_else(|_| TraceId::derive(&[]))
}

/// Returns the id of the span at this position, counted from 1.
pub(super) fn span_id(position: u32) -> SpanId {
    SpanId::from_bytes(u64::from(position).to_be_bytes()).unwrap_or_else(|_| SpanId::derive(&[]))
}

/// Reads a sketch; a span's id is its position among the span lines, counted from 1.
pub fn parse(text: &str) -> Result<Trace, SketchError> {
    let mut reader = Reader { trace_id: default_trace_id(), begin: BEGIN, spans: Vec::new(), open: Vec::new() };
    let mut draft: Option<Draft> = None;
    for (index, line) in text.lines().enumerate() {
        let body = line.trim_start();
        let mut cursor = Cursor::new(body, index + 1);
        if body.is_empty() || body.starts_with("# ") || body == "#" {
            continue;
        }
        if body.starts_with("<-") || body.starts_with("->") {
            match &mut draft {
                Some(draft) => draft.read_rest(&mut cursor, reader.begin)?,
                None => return cursor.fail("a span before its messages"),
            }
            continue;
        }
        if body.starts_with("trace ") && reader.spans.is_empty() && draft.is_none() {
            reader.read_header(&mut cursor)?;
            continue;
        }
        reader.spans.extend(draft.take().map(Draft::finish));
        let mut next = reader.begin_span(&mut cursor, line.len() - body.len())?;
        next.read_rest(&mut cursor, reader.begin)?;
        draft = Some(next);
    }
    reader.spans.extend(draft.map(Draft::finish));
    Ok(Trace::new(reader.trace_id, reader.spans))
}

struct Reader {
    trace_id: TraceId,
    begin: Timestamp,
    spans: Vec<Span>,
    /// The spans a following line may be a child of, with their indentation.
    open: Vec<(usize, SpanId)>,
}

impl Reader {
    /// Reads `trace <id> at <time>`, both optional.
    fn read_header(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SketchError> {
        cursor.eat("trace ");
        loop {
            cursor.skip_space();
            if cursor.is_at_end() {
                return Ok(());
            }
            let before = *cursor;
            if cursor.eat("at ") {
                cursor.skip_space();
                self.begin = Timestamp::parse(cursor.until_space()).map_or_else(|| before.fail("a time"), Ok)?;
            } else {
                self.trace_id = cursor.until_space().parse().or_else(|_| before.fail("a trace id or `at` a time"))?;
            }
        }
    }

    /// Reads the kind and the name.
    fn begin_span(&mut self, cursor: &mut Cursor<'_>, indent: usize) -> Result<Draft, SketchError> {
        let before = *cursor;
        let Ok(kind) = cursor.plain_word().parse::<SpanKind>() else {
            return before.fail(&format!("a kind of span ({})", SpanKind::ALL.map(SpanKind::as_str).join(", ")));
        };
        cursor.skip_space();
        let name = cursor.name()?;
        let sequence = u32::try_from(self.spans.len()).unwrap_or(u32::MAX);
        let mut span = Span::new(self.trace_id, span_id(sequence.saturating_add(1)), kind, name.clone());
        self.open.retain(|(open, _)| *open < indent);
        span.parent_id = self.open.last().map(|(_, id)| *id);
        self.open.push((indent, span.span_id));
        span.sequence = sequence;
        if kind == SpanKind::Llm {
            span.model = Some(ModelRef { request: Some(name.clone()), ..ModelRef::default() });
        }
        if kind == SpanKind::Tool {
            span.tool = Some(ToolCall { id: None, name, arguments: None, result: None });
        }
        Ok(Draft { span, input: None, output: None, call_id: None, duration: None })
    }
}

/// A span whose line is still being read.
struct Draft {
    span: Span,
    /// The arguments of a tool call, the input of everything else.
    input: Option<Payload>,
    /// The result of a tool call, the output of everything else.
    output: Option<Payload>,
    call_id: Option<String>,
    duration: Option<i64>,
}

impl Draft {
    fn finish(self) -> Span {
        let mut span = self.span;
        if let Some(call) = &mut span.tool {
            (call.id, call.arguments, call.result) = (self.call_id, self.input, self.output);
        } else {
            span.input = span.input.or(self.input);
            span.output = span.output.or(self.output);
        }
        if let Some(duration) = self.duration {
            let start = *span.start.get_or_insert(BEGIN);
            span.end = Some(start.plus_nanos(duration));
        }
        span
    }

    fn read_rest(&mut self, cursor: &mut Cursor<'_>, begin: Timestamp) -> Result<(), SketchError> {
        loop {
            cursor.skip_space();
            if cursor.is_at_end() {
                return Ok(());
            }
            self.read_piece(cursor, begin)?;
        }
    }

    fn read_piece(&mut self, cursor: &mut Cursor<'_>, begin: Timestamp) -> Result<(), SketchError> {
        if cursor.eat("<-") {
            self.span.messages_in.push(message::read(cursor, true)?.into());
        } else if cursor.eat("->") {
            self.read_answer(cursor)?;
        } else if cursor.eat("!") {
            let kind = if starts_name(cursor) { Some(cursor.name()?) } else { None };
            // `!"no answer"` has a message and no kind; `!"odd kind":` has a kind.
            let quoted_kind = kind.is_none() && cursor.peek() == Some('"');
            let first = if quoted_kind { Some(cursor.text()?) } else { None };
            let (kind, mut message) = if cursor.eat(":") { (first, None) } else { (kind, first) };
            if message.is_none() {
                cursor.skip_space();
                message = if cursor.peek() == Some('"') { Some(cursor.text()?) } else { None };
            }
            self.span.status = Status::Error { kind, message: message.unwrap_or_default() };
        } else if cursor.eat("#") {
            self.call_id = Some(cursor.name()?);
        } else if cursor.eat("@") {
            self.span.start = Some(begin.plus_nanos(cursor.nanos()?));
        } else if cursor.eat("+") {
            self.duration = Some(cursor.nanos()?);
            self.span.start.get_or_insert(begin);
        } else {
            match cursor.peek() {
                Some('"' | '{' | '[') => self.input = Some(cursor.payload()?),
                Some('$' | '-') => self.span.reported_cost = Some(NanoUsd(cursor.nano_dollars()?)),
                _ => self.read_word(cursor, begin)?,
            }
        }
        Ok(())
    }

    /// Reads what follows `->`: the answer of a model, the output or result of everything else.
    fn read_answer(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SketchError> {
        cursor.skip_space();
        if self.span.kind == SpanKind::Llm {
            if matches!(cursor.peek(), Some('{' | '[')) {
                return cursor.fail("an answer: a quoted text or a call such as `search{q: \"x\"}` (or write output=)");
            }
            self.span.messages_out.push(message::read(cursor, false)?.into());
            return Ok(());
        }
        let mut ahead = *cursor;
        let is_payload = match ahead.peek() {
            Some('{' | '[' | '-' | '0'..='9') => true,
            Some('"') => ahead.text().is_ok() && ahead.peek() != Some(':'),
            _ => matches!(ahead.word(), "true" | "false" | "null"),
        };
        if is_payload {
            self.output = Some(cursor.payload()?);
        } else {
            self.span.messages_out.push(message::read(cursor, true)?.into());
        }
        Ok(())
    }

    fn read_word(&mut self, cursor: &mut Cursor<'_>, begin: Timestamp) -> Result<(), SketchError> {
        let before = *cursor;
        let word = cursor.plain_word();
        if cursor.eat("=") {
            return self.read_field(word, cursor, before);
        }
        match word {
            "ok" | "failed" | "unknown" => self.read_verdict(word, cursor, before)?,
            "running" => {
                self.span.start.get_or_insert(begin);
            }
            "steps" if cursor.eat("<=") => self.span.facts.step_limit = Some(cursor.number()?),
            "estimated" => self.usage().source = UsageSource::Estimated,
            "raises" => {
                cursor.skip_space();
                let kind = cursor.name()?;
                let mut attributes = Attributes::from([("exception.type".to_owned(), Json::String(kind))]);
                cursor.skip_space();
                if cursor.peek() == Some('"') {
                    attributes.insert("exception.message".to_owned(), Json::String(cursor.text()?));
                }
                self.span.events.push(SpanEvent { at: None, name: "exception".to_owned(), attributes });
            }
            "event" => {
                cursor.skip_space();
                let name = cursor.name()?;
                let at = if cursor.eat("@") { Some(begin.plus_nanos(cursor.nanos()?)) } else { None };
                let attributes = if cursor.peek() == Some('{') { cursor.object()? } else { Attributes::new() };
                self.span.events.push(SpanEvent { at, name, attributes });
            }
            _ => return before.fail("a piece of a span line (see docs/sketch.md)"),
        }
        Ok(())
    }

    /// Reads `ok` (a status) or `failed by check score=0 because "…"` (a claim about the outcome).
    fn read_verdict(&mut self, word: &str, cursor: &mut Cursor<'_>, before: Cursor<'_>) -> Result<(), SketchError> {
        cursor.skip_space();
        if !cursor.eat("by ") {
            if word == "ok" {
                self.span.status = Status::Ok;
                return Ok(());
            }
            return cursor.fail("`by` and who says so: human, check, host_declared, process_death, judge, detector");
        }
        let verdict = match word {
            "ok" => Verdict::Succeeded,
            "failed" => Verdict::Failed,
            _ => Verdict::Unknown,
        };
        cursor.skip_space();
        let source = named(cursor, "who says so: human, check, host_declared, process_death, judge, detector")?;
        cursor.skip_space();
        let score = if cursor.eat("score=") {
            Some(cursor.until_space().parse().or_else(|_| before.fail("a score as a number"))?)
        } else {
            None
        };
        cursor.skip_space();
        let reason = if cursor.eat("because ") { Some(cursor.text()?) } else { None };
        self.span.facts.outcomes.push(OutcomeClaim { verdict, source, score, reason, span_id: None });
        Ok(())
    }

    fn read_field(&mut self, key: &str, cursor: &mut Cursor<'_>, before: Cursor<'_>) -> Result<(), SketchError> {
        match key {
            "model" | "provider" | "answered" | "response_id" => self.read_model(key, cursor)?,
            "tool" if cursor.eat("-") => self.span.tool = None,
            "tool" => self.span.tool = Some(ToolCall { id: None, name: cursor.name()?, arguments: None, result: None }),
            "arguments" => self.input = Some(cursor.payload()?),
            "input" => self.span.input = Some(cursor.payload()?),
            "output" => self.span.output = Some(cursor.payload()?),
            "finish" => self.span.finish_reason = Some(FinishReason::from_text(&cursor.name()?)),
            "ttft" => {
                let nanos = u64::try_from(cursor.nanos()?);
                self.span.time_to_first_token_ns = Some(nanos.or_else(|_| before.fail("a positive time"))?);
            }
            "offers" => self.span.tools_offered = shared(offer::read(cursor)?),
            "params" => self.span.parameters = cursor.object()?,
            "attributes" => self.span.attributes = cursor.object()?,
            "resource" => self.span.resource = cursor.object()?.into(),
            "scope" => {
                let name = cursor.name()?;
                let version = if cursor.eat("@") { Some(cursor.name()?) } else { None };
                self.span.scope = Some(Scope { name, version });
            }
            _ => return if self.read_fact(key, cursor)? { Ok(()) } else { self.read_usage(key, cursor, before) },
        }
        Ok(())
    }

    fn read_model(&mut self, key: &str, cursor: &mut Cursor<'_>) -> Result<(), SketchError> {
        if key == "model" && cursor.eat("-") {
            self.span.model = None;
            return Ok(());
        }
        // `model=?` is a model of which not even the name is known.
        let value = if cursor.eat("?") { None } else { Some(cursor.name()?) };
        let model = self.span.model.get_or_insert_default();
        match key {
            "model" => model.request = value,
            "provider" => model.provider = value,
            "answered" => model.response = value,
            _ => model.response_id = value,
        }
        Ok(())
    }

    /// Reads a fact about the run; false when `key` is none.
    fn read_fact(&mut self, key: &str, cursor: &mut Cursor<'_>) -> Result<bool, SketchError> {
        let facts = &mut self.span.facts;
        match key {
            "agent" => facts.agent = Some(crate::AgentName::new(cursor.name()?)),
            "version" => facts.agent_version = Some(cursor.name()?),
            "session" => facts.session = Some(SessionId::new(cursor.name()?)),
            "user" => facts.user = Some(UserId::new(cursor.name()?)),
            "task" => facts.task = Some(TaskId::new(cursor.name()?)),
            "trial" => facts.trial = Some(cursor.number()?),
            "domain" => facts.domain = Some(cursor.name()?),
            "framework" => facts.framework = Some(cursor.name()?),
            "end" => {
                let ways =
                    "how the run ended: completed, step_limit, timeout, exception, cancelled, killed, oom, exited";
                facts.termination = Some(named(cursor, ways)?);
            }
            "exit" => facts.exit_code = Some(cursor.number()?),
            "signal" => facts.exit_signal = Some(cursor.number()?),
            "last_step" => facts.last_step = Some(cursor.name()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_usage(&mut self, key: &str, cursor: &mut Cursor<'_>, before: Cursor<'_>) -> Result<(), SketchError> {
        if key == "rule" {
            let rules = "how input was counted: inclusive, exclusive_by_emitter, exclusive_by_arithmetic";
            self.usage().input_rule = named(cursor, rules)?;
            return Ok(());
        }
        let Some((_, field)) = USAGE.iter().find(|(name, _)| *name == key) else {
            return before.fail("a field of a span (see docs/sketch.md)");
        };
        let count = if cursor.eat("?") { None } else { Some(cursor.number()?) };
        *field(self.usage()) = count;
        Ok(())
    }

    fn usage(&mut self) -> &mut Usage {
        self.span.usage.get_or_insert_default()
    }
}

type UsageField = fn(&mut Usage) -> &mut Option<u64>;

/// Token counts by the name the notation has for them.
pub(super) const USAGE: [(&str, UsageField); 12] = [
    ("in", |usage| &mut usage.input),
    ("out", |usage| &mut usage.output),
    ("cache", |usage| &mut usage.cache_read),
    ("cache_write", |usage| &mut usage.cache_write),
    ("cache_write_1h", |usage| &mut usage.cache_write_1h),
    ("reasoning", |usage| &mut usage.reasoning),
    ("audio_in", |usage| &mut usage.audio_input),
    ("audio_out", |usage| &mut usage.audio_output),
    ("image_in", |usage| &mut usage.image_input),
    ("image_out", |usage| &mut usage.image_output),
    ("video_in", |usage| &mut usage.video_input),
    ("tool_in", |usage| &mut usage.tool_input),
];

/// Takes a word that serde knows as a value of `T`.
fn named<T: DeserializeOwned>(cursor: &mut Cursor<'_>, expected: &str) -> Result<T, SketchError> {
    let before = *cursor;
    let word = cursor.plain_word();
    serde_json::from_value(Json::from(word)).or_else(|_| before.fail(expected))
}

fn starts_name(cursor: &Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    !ahead.word().is_empty()
}
