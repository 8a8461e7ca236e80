//! Random spans and runs with every field in use. Seeded, so a failure repeats.

use arc_model::{
    AgentName, AgentRef, Attributes, CallCounts, CheckId, CheckResult, CheckState, Cost, CostLine, CutShort, Detection,
    Evidence, Field, Finding, FinishReason, InputRule, Json, LeafCount, Message, ModelRef, NanoUsd, Outcome,
    OutcomeClaim, OutcomeSource, Part, Payload, Prefix, ProcessDeath, Role, Run, RunFacts, Scope, SessionId, Severity,
    Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, TaskId, Termination, Timestamp, ToolCall, ToolDefinition,
    TraceId, UnknownCost, Usage, UsageSource, UserId, Verdict, shared,
};

/// Makes random values, the same ones for the same seed.
pub struct Generator(u64);

/// Text that trips up careless storage.
const TEXTS: &[&str] = &[
    "",
    "plain words in a row",
    "\0",
    "a\0b\u{1}\u{7f}",
    "line\nbreak\r\n\ttab",
    "\"quoted\" 'quoted' \\ ; -- DROP TABLE spans",
    "naïve café Straße ﷽",
    "👩‍👩‍👧‍👦🇪🇺 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u{202e}right to left",
    "\u{feff}\u{ffff}\u{10ffff}",
    "{\"looks\": [\"like\", \"JSON\"]}",
];

const WORDS: &[&str] =
    &["flight", "booking", "refund", "cancel", "reservation", "the", "a", "policy", "customer", "not", "ünïcode"];

impl Generator {
    /// Returns a generator; every seed gives other values.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a random number (`SplitMix64`).
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `limit`.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.number() % limit
    }

    /// Returns a small number below `limit`.
    pub fn small_below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.below(limit.into())).unwrap_or(0)
    }

    /// Returns true one time in `times`.
    pub const fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Returns one of the items, which must not be empty.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        let index = self.below(items.len() as u64);
        items[usize::try_from(index).unwrap_or(0)].clone()
    }

    /// Shuffles the items.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = usize::try_from(self.below(end as u64 + 1)).unwrap_or(0);
            items.swap(end, other);
        }
    }

    /// Returns so many words.
    pub fn words(&mut self, count: u64) -> String {
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(self.pick(WORDS));
            text.push(' ');
        }
        text
    }

    /// Returns text: odd, short or long.
    pub fn text(&mut self) -> String {
        match self.below(3) {
            0 => self.pick(TEXTS).to_owned(),
            1 => self.words(3),
            _ => {
                let count = self.below(200);
                self.words(count)
            }
        }
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.one_in(3) { None } else { Some(make(self)) }
    }

    fn some<T>(&mut self, most: u64, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    /// Returns a trace id.
    pub fn trace_id(&mut self) -> TraceId {
        TraceId::derive(&[&self.number().to_le_bytes()])
    }

    /// Returns a span id.
    pub fn span_id(&mut self) -> SpanId {
        SpanId::derive(&[&self.number().to_le_bytes()])
    }

    /// Returns a time within a few years of 2025.
    pub fn time(&mut self) -> Timestamp {
        let nanos = i64::try_from(self.below(200_000_000_000_000_000)).unwrap_or(0);
        Timestamp::from_nanos(1_650_000_000_000_000_000 + nanos)
    }

    fn float(&mut self) -> f64 {
        self.pick(&[0.0, -0.0, 0.1, 1e-300, -2.5e17, f64::MAX, f64::MIN_POSITIVE, 1.0 / 3.0])
    }

    fn json(&mut self, depth: u64) -> Json {
        match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => Json::Null,
            1 => Json::Bool(self.one_in(2)),
            2 => Json::from(self.number()),
            3 => Json::from(self.number().cast_signed()),
            4 => Json::from(self.float()),
            5 => Json::String(self.text()),
            6 => Json::Array(self.some(3, |this| this.json(depth - 1))),
            _ => Json::Object(self.some(3, |this| (this.text(), this.json(depth - 1))).into_iter().collect()),
        }
    }

    fn attributes(&mut self) -> Attributes {
        self.some(4, |this| (this.text(), this.json(3))).into_iter().collect()
    }

    fn payload(&mut self) -> Payload {
        if self.one_in(2) { Payload::Text(self.text()) } else { Payload::Json(self.json(4)) }
    }

    /// Returns a message.
    pub fn message(&mut self) -> Message {
        let role = match self.below(5) {
            0 => Role::System,
            1 => Role::User,
            2 => Role::Assistant,
            3 => Role::Tool,
            _ => Role::Other("narrator".to_owned()),
        };
        Message { role, name: self.maybe(Self::text), parts: self.some(3, Self::part) }
    }

    fn part(&mut self) -> Part {
        match self.below(6) {
            0 => Part::Text { text: self.text() },
            1 => Part::ToolCall { id: self.maybe(Self::text), name: self.text(), arguments: self.payload() },
            2 => Part::ToolResult { id: self.maybe(Self::text), result: self.payload() },
            3 => Part::Reasoning { text: self.text() },
            4 => Part::Media { mime_type: self.maybe(Self::text), reference: self.text() },
            _ => Part::Other { value: self.json(3) },
        }
    }

    fn tool_definition(&mut self) -> ToolDefinition {
        let parameters = self.maybe(|this| Json::Object([(this.text(), this.json(3))].into_iter().collect()));
        ToolDefinition { name: self.text(), description: self.maybe(Self::text), parameters }
    }

    fn usage(&mut self) -> Usage {
        Usage {
            input: self.maybe(Self::number),
            output: self.maybe(Self::number),
            cache_read: self.maybe(Self::number),
            cache_write: self.maybe(Self::number),
            cache_write_1h: self.maybe(Self::number),
            reasoning: self.maybe(Self::number),
            audio_input: self.maybe(Self::number),
            audio_output: self.maybe(Self::number),
            image_input: self.maybe(Self::number),
            image_output: self.maybe(Self::number),
            video_input: self.maybe(Self::number),
            tool_input: self.maybe(Self::number),
            cache_read_audio: self.maybe(Self::number),
            web_searches: self.maybe(Self::number),
            source: self.pick(&[UsageSource::Reported, UsageSource::Estimated]),
            input_rule: self.pick(&[
                InputRule::Inclusive,
                InputRule::ExclusiveByEmitter,
                InputRule::ExclusiveByArithmetic,
            ]),
        }
    }

    fn termination(&mut self) -> Termination {
        self.pick(&[
            Termination::Completed,
            Termination::StepLimit,
            Termination::Timeout,
            Termination::Exception,
            Termination::Cancelled,
            Termination::Killed,
            Termination::Oom,
            Termination::Exited,
        ])
    }

    fn claim(&mut self) -> OutcomeClaim {
        OutcomeClaim {
            verdict: self.pick(&[Verdict::Succeeded, Verdict::Failed, Verdict::Unknown]),
            source: self.pick(&[OutcomeSource::Human, OutcomeSource::Check, OutcomeSource::Detector]),
            score: self.maybe(Self::float),
            reason: self.maybe(Self::text),
            span_id: self.maybe(Self::span_id),
        }
    }

    fn facts(&mut self) -> RunFacts {
        RunFacts {
            agent: self.maybe(|this| AgentName::new(this.text())),
            agent_version: self.maybe(Self::text),
            session: self.maybe(|this| SessionId::new(this.text())),
            user: self.maybe(|this| UserId::new(this.text())),
            task: self.maybe(|this| TaskId::new(this.text())),
            trial: self.maybe(Self::small),
            domain: self.maybe(Self::text),
            framework: self.maybe(Self::text),
            framework_version: self.maybe(Self::text),
            step_limit: self.maybe(Self::small),
            termination: self.maybe(Self::termination),
            exit_code: self.maybe(Self::small),
            exit_signal: self.maybe(Self::small),
            last_step: self.maybe(Self::text),
            outcomes: self.some(2, Self::claim),
        }
    }

    fn small(&mut self) -> u32 {
        self.small_below(u32::MAX)
    }

    /// Returns a span of a trace with most fields in use.
    pub fn span(&mut self, trace_id: TraceId) -> Span {
        Span {
            trace_id,
            span_id: self.span_id(),
            parent_id: self.maybe(Self::span_id),
            revision: self.number(),
            kind: self.pick(&SpanKind::ALL),
            name: self.text(),
            start: self.maybe(Self::time),
            end: self.maybe(Self::time),
            sequence: self.small(),
            status: match self.below(3) {
                0 => Status::Unset,
                1 => Status::Ok,
                _ => Status::Error { kind: self.maybe(Self::text), message: self.text() },
            },
            model: self.maybe(|this| ModelRef {
                provider: this.maybe(Self::text),
                request: this.maybe(Self::text),
                response: this.maybe(Self::text),
                response_id: this.maybe(Self::text),
            }),
            messages_in: shared(self.some(4, Self::message)),
            messages_out: shared(self.some(2, Self::message)),
            input: self.maybe(Self::payload),
            output: self.maybe(Self::payload),
            tool: self.maybe(|this| ToolCall {
                id: this.maybe(Self::text),
                name: this.text(),
                arguments: this.maybe(Self::payload),
                result: this.maybe(Self::payload),
            }),
            tools_offered: shared(self.some(3, Self::tool_definition)),
            usage: self.maybe(Self::usage),
            reported_cost: self.maybe(|this| NanoUsd(this.number().cast_signed())),
            finish_reason: self.maybe(|this| {
                let other = FinishReason::Other("overheated".to_owned());
                this.pick(&[FinishReason::Stop, FinishReason::Length, FinishReason::ToolCall, other])
            }),
            time_to_first_token_ns: self.maybe(Self::number),
            parameters: self.attributes(),
            facts: self.facts(),
            events: self.some(2, |this| SpanEvent {
                at: this.maybe(Self::time),
                name: this.text(),
                attributes: this.attributes(),
            }),
            links: self.some(2, |this| SpanLink {
                trace_id: this.trace_id(),
                span_id: this.span_id(),
                attributes: this.attributes(),
            }),
            scope: self.maybe(|this| Scope { name: this.text(), version: this.maybe(Self::text) }),
            attributes: self.attributes(),
            resource: self.attributes().into(),
        }
    }

    /// Returns a run that ended, with at least one finding.
    pub(super) fn run_with_findings(&mut self, trace_id: TraceId) -> (Run, Vec<Finding>) {
        loop {
            let (run, findings) = self.run(trace_id);
            if !run.is_running && !findings.is_empty() {
                return (run, findings);
            }
        }
    }

    /// Returns a settled run of a trace: few agents, tasks, leaves and days, so that they meet.
    ///
    /// Some are running; those have no findings.
    pub fn run(&mut self, trace_id: TraceId) -> (Run, Vec<Finding>) {
        let is_running = self.one_in(4);
        let leaves = ["tool-error", "retry-loop", "output-truncated"];
        let found = if is_running { 0 } else { 4 };
        let findings = self.some(found, |this| {
            let severity = this.pick(&[Severity::Low, Severity::Medium, Severity::High, Severity::Critical]);
            let evidence = Evidence::new(this.span_id(), Field::Status, &this.text());
            Finding::new(trace_id, this.pick(&leaves), severity, this.text(), "made-up@1", evidence, [])
        });
        let mut counts: Vec<LeafCount> = Vec::new();
        for finding in &findings {
            match counts.iter_mut().find(|count| &count.leaf == finding.leaf()) {
                Some(count) => count.count += 1,
                None => counts.push(LeafCount { leaf: finding.leaf().clone(), count: 1 }),
            }
        }
        // What runs came to hold later is drawn beside the rest, so that a seed goes on giving what old files hold.
        let mut later = Self::new(!self.0);
        let run = Run {
            trace_id,
            agent: AgentRef {
                name: self.pick(&["planner", "writer", "Ünïcode 🤖"]).into(),
                version: self.maybe(Self::text),
            },
            task: self.maybe(|this| TaskId::new(this.pick(&["", "0", "1", "10", "book a flight"]))),
            trial: self.maybe(Self::small),
            session: self.maybe(|this| SessionId::new(this.text())),
            user: self.maybe(|this| UserId::new(this.text())),
            started_at: self.maybe(Self::run_time),
            received_at: self.run_time(),
            duration_ms: self.maybe(Self::float),
            is_running,
            outcome: Outcome::from_claims(self.some(2, Self::claim)),
            termination: self.maybe(Self::termination),
            death: self.maybe(Self::death),
            error: self.maybe(Self::text),
            cost: self.cost(),
            input_tokens: self.maybe(Self::number),
            output_tokens: self.maybe(Self::number),
            span_count: self.below(50),
            llm_calls: self.below(50),
            tool_calls: self.below(50),
            tool_calls_judged: self.below(50),
            tool_calls_correct: self.below(50),
            models: self.some(2, Self::text),
            framework: self.detection(),
            domain: self.detection(),
            findings: counts,
            checks: later.some(2, Self::check_result),
            prefixes: later.some(3, Self::prefix),
            overhead_ms: later.maybe(Self::float),
            retries: later.below(9),
            input_preview: self.maybe(Self::text),
            output_preview: self.maybe(Self::text),
        };
        (run, findings)
    }

    fn prefix(&mut self) -> Prefix {
        Prefix {
            steps: self.small_below(9),
            elapsed_ms: self.maybe(Self::float),
            errors: self.small_below(9),
            repeated: self.small_below(9),
            tokens: self.maybe(Self::number),
        }
    }

    fn check_result(&mut self) -> CheckResult {
        let why = self.text();
        let evidence = Evidence::new(self.span_id(), Field::Output, &self.text());
        let state = match self.below(3) {
            0 => CheckState::Passed,
            1 => CheckState::Unknown { why },
            _ => CheckState::Failed { why, evidence: vec![evidence] },
        };
        let calls = CallCounts { expected: self.below(3), made: self.below(3), ..CallCounts::default() };
        CheckResult { check: CheckId::new(self.text()), kind: "tools".to_owned(), state, calls }
    }

    /// Returns one of few times on few days, on both sides of 1970.
    fn run_time(&mut self) -> Timestamp {
        let hours = i64::try_from(self.below(60)).unwrap_or(0) - 20;
        Timestamp::from_millis(hours * 3_600_000)
    }

    fn death(&mut self) -> ProcessDeath {
        let during = |this: &mut Self| CutShort { span_id: this.span_id(), kind: SpanKind::Tool, name: this.text() };
        ProcessDeath {
            during: self.maybe(during),
            after: self.maybe(Self::text),
            exit_code: self.maybe(Self::small),
            signal: self.maybe(Self::small),
        }
    }

    fn cost(&mut self) -> Cost {
        match self.below(4) {
            0 => Cost::unknown(UnknownCost::NoUsage),
            1 => Cost::unknown(UnknownCost::Unpriced { model: self.pick(&["a", "b", "ü\"\0"]).to_owned() }),
            _ => Cost::from_lines(self.some(3, |this| CostLine {
                price_row: this.text(),
                class: "input".to_owned(),
                tokens: this.below(1 << 20),
                amount: NanoUsd(i64::try_from(this.below(1 << 40)).unwrap_or(0)),
            })),
        }
    }

    fn detection(&mut self) -> Detection {
        let evidence = self.some(1, |this| Evidence::new(this.span_id(), Field::Scope, &this.text()));
        Detection {
            id: self.maybe(Self::text),
            version: self.maybe(Self::text),
            confidence: self.maybe(Self::float),
            evidence,
        }
    }
}
