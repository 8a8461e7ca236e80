//! What savings are computed from: the model calls and tool calls of runs, with prompts as hashes.
//!
//! Prompts are compared, never kept. A prompt is a chain: the model with its tools, then message
//! after message; two calls share a prefix as far as their chains agree.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_catalog::PriceOverride;
use arc_model::{
    Cost, Json, Message, ModelRef, NanoUsd, Part, Payload, Span, SpanId, SpanKind, Status, Timestamp, ToolDefinition,
    Trace, TraceId, Usage, UsageSource, treated,
};

use super::reread::{Answer, Prompts, Reread, SeenResult};
use crate::cost::{
    Estimated, billed_spans,
    estimate::{Estimator, MOST_BYTES},
    price_span_with,
    terms::Terms,
};

/// Text of calls without token counts that is counted, over all runs.
const MOST_TEXT: usize = 4 * MOST_BYTES;

/// Runs of one agent, as far as savings need them.
#[derive(Debug, Default)]
pub struct Observed {
    runs: usize,
    began: Option<(Timestamp, Timestamp)>,
    calls: Vec<SeenCall>,
    tool_calls: Vec<SeenTool>,
    /// Definitions of tools, each once.
    tools: Vec<SeenDefinition>,
    known_tools: BTreeMap<Hash, usize>,
    /// What providers counted for whole prompts.
    counted: BTreeMap<Hash, u64>,
    /// Runs that a user or a conversation waits for.
    awaited: BTreeSet<usize>,
    /// The age of the oldest tool result of which something was used, in calls.
    oldest_use: u32,
    estimator: Option<Estimator>,
    estimated: Estimated,
}

/// The beginning of a BLAKE3 hash; two different prompts with one hash do not occur.
pub(super) type Hash = [u8; 16];

/// A model call.
#[derive(Debug)]
pub(super) struct SeenCall {
    pub(super) run: usize,
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) kind: SpanKind,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) model: Option<ModelRef>,
    pub(super) usage: Option<Usage>,
    /// On what terms it was served.
    pub(super) terms: Terms,
    /// What it cost; nothing where another record of the same call is billed, or the provider turned it away.
    pub(super) cost: Cost,
    /// The HTTP status of its error.
    pub(super) refused: Option<u16>,
    pub(super) is_error: bool,
    /// Temperature above zero was asked for, or the provider's default.
    pub(super) temperature: Option<f64>,
    /// What was sent, where it was recorded.
    pub(super) prompt: Option<Prompt>,
    pub(super) asked: Vec<Asked>,
    /// Whether the answer came in pieces, as for somebody who reads along.
    pub(super) is_streamed: bool,
    /// The reasoning that was asked for, as the provider names it.
    pub(super) effort: Option<String>,
    /// The tool results in what was sent.
    pub(super) results: Vec<SeenResult>,
    pub(super) answer: Answer,
}

/// What was sent to a model.
#[derive(Debug)]
pub(super) struct Prompt {
    /// The chain: model and tools, then one link per message.
    pub(super) chain: Vec<Link>,
    /// Everything that decides on the answer but the temperature.
    pub(super) whole: Hash,
    /// Tools on offer, as places in the list of definitions.
    pub(super) offered: Vec<usize>,
    /// Whether lengths are those of what was sent: no images, nothing hashed.
    pub(super) has_lengths: bool,
}

/// A prefix of a prompt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) hash: Hash,
    /// Bytes of text up to its end.
    pub(super) length: u64,
}

/// A tool call that a model asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: Option<String>,
    pub(super) name: String,
    /// The tool with its arguments.
    pub(super) call: Hash,
}

/// A tool call that was carried out.
#[derive(Debug)]
pub(super) struct SeenTool {
    pub(super) run: usize,
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) call: Option<Hash>,
    pub(super) start: Option<Timestamp>,
    pub(super) end: Option<Timestamp>,
    pub(super) refused: Option<u16>,
    pub(super) is_error: bool,
    /// Place among the spans of the run.
    pub(super) order: usize,
}

/// A tool as it was offered.
#[derive(Debug)]
pub(super) struct SeenDefinition {
    pub(super) name: String,
    pub(super) length: u64,
}

impl Observed {
    /// Adds a run. Prices that the user set outrank those of the table.
    pub fn add(&mut self, trace: &Trace, own: &[PriceOverride]) {
        let mut prompts = Prompts::default();
        self.read(trace, own, |span| prompts.next(span));
        let estimator = self.estimator.get_or_insert_with(|| Estimator::new(MOST_TEXT));
        estimator.add(trace, own, &mut self.estimated);
    }

    /// Adds a run as far as it is needed to say which calls repeat another one.
    pub(in crate::cost) fn add_prompts(&mut self, trace: &Trace, own: &[PriceOverride]) {
        self.read(trace, own, |_| Reread::default());
    }

    fn read<'a>(&mut self, trace: &'a Trace, own: &[PriceOverride], mut reread: impl FnMut(&'a Span) -> Reread) {
        let run = self.runs;
        self.runs += 1;
        if let Some(at) = trace.spans().iter().filter_map(|span| span.start).min() {
            let (first, last) = self.began.unwrap_or((at, at));
            self.began = Some((first.min(at), last.max(at)));
        }
        let billed: BTreeSet<SpanId> = billed_spans(trace).iter().map(|span| span.span_id).collect();
        if trace.spans().iter().any(|span| span.facts.user.is_some() || span.facts.session.is_some()) {
            self.awaited.insert(run);
        }
        let mut before = None;
        for span in trace.leaf_llm_spans() {
            let prompt = self.prompt(trace, span, before);
            let Reread { results, oldest_use, answer } = reread(span);
            self.oldest_use = self.oldest_use.max(oldest_use);
            let call = SeenCall { results, answer, ..call(span, prompt, run, billed.contains(&span.span_id), own) };
            self.note_count(&call);
            before = call.prompt.is_some().then_some((span, self.calls.len()));
            self.calls.push(call);
        }
        for (order, span) in trace.spans().iter().enumerate().filter(|(_, span)| span.kind == SpanKind::Tool) {
            let call = span.tool.as_ref();
            let name = call.map_or_else(|| span.name.clone(), |call| call.name.clone());
            self.tool_calls.push(SeenTool {
                run,
                id: call.and_then(|call| call.id.clone()),
                call: call.and_then(|call| Some(call_hash(&name, call.arguments.as_ref()?))),
                name,
                start: span.start,
                end: span.end,
                refused: http_status(span),
                is_error: span.status.is_error(),
                order,
            });
        }
    }

    /// Returns how many runs were added.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Returns the calls that sent what an earlier call of their run had sent.
    pub(in crate::cost) fn repeated(&self) -> BTreeSet<SpanId> {
        let mut sent = BTreeSet::new();
        let prompts = self.calls.iter().filter_map(|call| Some((call, call.prompt.as_ref()?)));
        prompts.filter(|(call, prompt)| !sent.insert((call.run, prompt.whole))).map(|(call, _)| call.span_id).collect()
    }

    /// Returns whether somebody waits for a run: a user, a conversation.
    pub(super) fn is_awaited(&self, run: usize) -> bool {
        self.awaited.contains(&run)
    }

    /// Returns the age of the oldest tool result of which something was used, in calls that sent it before.
    pub(super) fn oldest_use(&self) -> u32 {
        self.oldest_use
    }

    /// Returns what calls without token counts would have cost; `None` where there is none.
    pub(super) fn estimated(&self) -> Option<Estimated> {
        (self.estimated != Estimated::default()).then_some(self.estimated)
    }

    pub(super) fn began(&self) -> Option<(Timestamp, Timestamp)> {
        self.began
    }

    pub(super) fn calls(&self) -> &[SeenCall] {
        &self.calls
    }

    pub(super) fn tool_calls(&self) -> &[SeenTool] {
        &self.tool_calls
    }

    pub(super) fn tool(&self, index: usize) -> Option<&SeenDefinition> {
        self.tools.get(index)
    }

    /// Returns the tokens of a prefix of a call's prompt, and whether the provider counted these very
    /// tokens; `None` when it is not known.
    pub(super) fn tokens(&self, call: &SeenCall, link: usize) -> Option<(u64, bool)> {
        let usage = call.usage.as_ref()?;
        let input = usage.input?;
        let is_reported = usage.source == UsageSource::Reported;
        let prompt = call.prompt.as_ref()?;
        if link + 1 == prompt.chain.len() {
            return Some((input, is_reported));
        }
        let counted = |index: usize| {
            let tokens = *self.counted.get(&prompt.chain.get(index)?.hash)?;
            (tokens <= input).then_some((index, tokens))
        };
        let known = (0..=link).rev().find_map(counted);
        if let Some((index, tokens)) = known
            && index == link
        {
            return Some((tokens, is_reported));
        }
        if !prompt.has_lengths {
            return None;
        }
        let (start, before) =
            known.map_or((0, 0), |(index, tokens)| (prompt.chain.get(index).map_or(0, |link| link.length), tokens));
        let end = prompt.chain.get(link)?.length;
        let whole = prompt.chain.last()?.length;
        let rest = portion(input - before, end.checked_sub(start)?, whole.checked_sub(start)?)?;
        Some((before + rest, false))
    }

    fn note_count(&mut self, call: &SeenCall) {
        let reported = call.usage.as_ref().filter(|usage| usage.source == UsageSource::Reported && !call.is_error);
        let input = reported.and_then(|usage| usage.input);
        let last = call.prompt.as_ref().and_then(|prompt| prompt.chain.last());
        if let (Some(tokens), Some(link)) = (input, last) {
            // Of several counts for one prompt the least is a safe one.
            let known = self.counted.entry(link.hash).or_insert(tokens);
            *known = tokens.min(*known);
        }
    }

    /// Reads a prompt; `before` is the call before it with its place. What both share is compared, not hashed again:
    /// agents resend their history with every call.
    fn prompt(&mut self, trace: &Trace, span: &Span, before: Option<(&Span, usize)>) -> Option<Prompt> {
        if span.messages_in.is_empty() {
            return None;
        }
        let tools = offered_to(trace, span);
        let model = span.model.as_ref().and_then(ModelRef::name);
        let is_alike =
            |other: &Span| other.model.as_ref().and_then(ModelRef::name) == model && offered_to(trace, other) == tools;
        let known = before.filter(|(other, _)| is_alike(other));
        let known = known.and_then(|(other, place)| Some((other, self.calls.get(place)?.prompt.as_ref()?)));
        let (mut chain, mut has_lengths, offered) = if let Some((other, prompt)) = known {
            let same = span.messages_in.iter().zip(&other.messages_in).take_while(|(one, other)| one == other).count();
            let shared = prompt.chain.get(..=same).unwrap_or_default().to_vec();
            (shared, prompt.has_lengths, prompt.offered.clone())
        } else {
            let offered: Vec<usize> = tools.iter().map(|tool| self.definition(tool)).collect();
            let length = offered.iter().filter_map(|&tool| self.tools.get(tool)).map(|tool| tool.length).sum();
            (vec![Link { hash: hash(&[&json(&model), &json(&tools)]), length }], true, offered)
        };
        let mut link = *chain.last()?;
        let is_new = chain.len() - 1;
        for message in span.messages_in.iter().skip(is_new) {
            let length = length_of(message);
            has_lengths &= length.is_some();
            link = Link {
                hash: hash(&[&link.hash, &json(message)]),
                length: link.length.saturating_add(length.unwrap_or(0)),
            };
            chain.push(link);
        }
        // Neither of them decides what is answered.
        let aside = ["temperature", "stream"];
        let parameters: BTreeMap<_, _> =
            span.parameters.iter().filter(|(name, _)| !aside.contains(&name.as_str())).collect();
        let whole = hash(&[&link.hash, &json(&parameters)]);
        Some(Prompt { chain, whole, offered, has_lengths })
    }

    fn definition(&mut self, tool: &ToolDefinition) -> usize {
        let hash = hash(&[&json(tool)]);
        if let Some(&known) = self.known_tools.get(&hash) {
            return known;
        }
        let parameters = tool.parameters.as_ref().map_or(0, |schema| schema.to_string().len());
        let length = tool.name.len() + tool.description.as_ref().map_or(0, String::len) + parameters;
        self.known_tools.insert(hash, self.tools.len());
        self.tools.push(SeenDefinition { name: tool.name.clone(), length: super::counted(length) });
        self.tools.len() - 1
    }
}

fn call(span: &Span, prompt: Option<Prompt>, run: usize, is_billed: bool, own: &[PriceOverride]) -> SeenCall {
    let cost = if is_billed { price_span_with(span, own) } else { Cost::from_lines(Vec::new()) };
    let asked = span.messages_out.iter().flat_map(|message| &message.parts).filter_map(|part| match part {
        Part::ToolCall { id, name, arguments } => {
            Some(Asked { id: id.clone(), name: name.clone(), call: call_hash(name, arguments) })
        }
        _ => None,
    });
    SeenCall {
        run,
        trace_id: span.trace_id,
        span_id: span.span_id,
        kind: span.kind,
        start: span.start.or(span.end),
        end: span.end,
        model: span.model.clone(),
        usage: span.usage.clone(),
        terms: Terms::of(span),
        cost,
        refused: http_status(span),
        is_error: span.status.is_error(),
        temperature: span.parameters.get("temperature").and_then(Json::as_f64),
        prompt,
        asked: asked.collect(),
        is_streamed: span.time_to_first_token_ns.is_some()
            || span.parameters.get("stream").and_then(Json::as_bool) == Some(true),
        effort: effort(span),
        results: Vec::new(),
        answer: Answer::default(),
    }
}

fn effort(span: &Span) -> Option<String> {
    let parameter = |name: &str| span.parameters.get(name);
    let nested = parameter("reasoning").and_then(|reasoning| reasoning.get("effort"));
    let found = parameter("reasoning_effort").or(nested).or_else(|| parameter("effort"));
    found.and_then(Json::as_str).map(str::to_ascii_lowercase)
}

impl SeenCall {
    /// Returns how long it took.
    pub(super) fn duration_ns(&self) -> Option<u64> {
        self.end?.nanos_since(self.start?)
    }

    /// Returns all its tokens.
    pub(super) fn tokens(&self) -> u64 {
        let count = |of: fn(&Usage) -> Option<u64>| self.usage.as_ref().and_then(of).unwrap_or(0);
        count(|usage| usage.input).saturating_add(count(|usage| usage.output))
    }

    /// Returns the price row of its input.
    pub(super) fn price_row(&self) -> Option<&str> {
        match &self.cost {
            Cost::Known { lines, .. } => lines.first().map(|line| line.price_row.as_str()),
            Cost::Unknown { .. } => None,
        }
    }

    /// Returns whether it is known to have cost nothing.
    pub(super) fn is_free(&self) -> bool {
        self.cost.known() == Some(NanoUsd::ZERO)
    }

    /// Returns what it cost; `None` when that is not known, or nothing.
    pub(super) fn paid(&self) -> Option<NanoUsd> {
        self.cost.known().filter(|&cost| cost > NanoUsd::ZERO)
    }
}

/// Returns `whole * part / all`, rounded down; `None` when there is nothing to divide.
pub(super) fn portion(whole: u64, part: u64, all: u64) -> Option<u64> {
    let product = u128::from(whole) * u128::from(part);
    u64::try_from(product.checked_div(u128::from(all))?).ok()
}

/// Returns the tools a model call was offered; where it does not say, those of the nearest span above.
pub(in crate::cost) fn offered_to<'a>(trace: &'a Trace, span: &'a Span) -> &'a [Arc<ToolDefinition>] {
    let mut at = Some(span);
    while let Some(here) = at {
        if !here.tools_offered.is_empty() {
            return &here.tools_offered;
        }
        at = trace.parent(here.span_id);
    }
    &[]
}

/// Returns the HTTP status with which a call failed.
fn http_status(span: &Span) -> Option<u16> {
    let Status::Error { kind, .. } = &span.status else { return None };
    let written = kind.as_deref().and_then(|kind| kind.parse().ok());
    let recorded = || span.attributes.get("http.response.status_code").and_then(Json::as_u64);
    written.or_else(|| recorded().and_then(|status| u16::try_from(status).ok()))
}

fn call_hash(name: &str, arguments: &Payload) -> Hash {
    hash(&[name.as_bytes(), &json(&Payload::from_text(arguments.to_text()))])
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn hash(pieces: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for piece in pieces {
        hasher.update(&super::counted(piece.len()).to_le_bytes());
        hasher.update(piece);
    }
    let mut short = Hash::default();
    hasher.finalize_xof().fill(&mut short);
    short
}

/// Returns the bytes of text in a message; `None` when its tokens cannot be in proportion to them.
fn length_of(message: &Message) -> Option<u64> {
    let mut length = 0;
    for part in &message.parts {
        length += match part {
            Part::Text { text } | Part::Reasoning { text } if treated::is_treated(text) => return None,
            Part::Text { text } | Part::Reasoning { text } => text.len(),
            Part::ToolCall { name, arguments, .. } => name.len() + arguments.to_text().len(),
            Part::ToolResult { result, .. } => result.to_text().len(),
            Part::Media { .. } | Part::Other { .. } => return None,
        };
    }
    Some(super::counted(length))
}
