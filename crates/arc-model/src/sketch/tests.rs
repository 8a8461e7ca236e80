use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    AgentName, Attributes, FinishReason, InputRule, Json, Message, ModelRef, NanoUsd, OutcomeClaim, OutcomeSource,
    Part, Payload, Role, Scope, Span, SpanEvent, SpanId, SpanKind, Status, TaskId, Termination, Timestamp, ToolCall,
    ToolDefinition, Trace, TraceId, Usage, UsageSource, Verdict, shared,
};

fn first(text: &str) -> Span {
    parse(text).unwrap().spans()[0].clone()
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn indentation_is_parentage() {
    let trace = parse("agent a\n  step b\n    tool c\n  step d\nagent e\n").unwrap();
    let depths: Vec<_> = trace.walk().map(|(depth, span)| format!("{depth}{}", span.name)).collect();
    assert_eq!(depths, ["0a", "1b", "2c", "1d", "0e"]);
    assert_eq!(trace.spans()[2].span_id.to_string(), "0000000000000003");
}

#[test]
fn a_tool_line_holds_its_call() {
    let span = first(r#"tool search {q: "x", "odd key": [1, true]} #call_1 !timeout "after 30 s" -> []"#);
    let call = span.tool.unwrap();
    assert_eq!(call.name, "search");
    assert_eq!(call.id.as_deref(), Some("call_1"));
    assert_eq!(call.arguments, Some(Payload::Json(serde_json::json!({"q": "x", "odd key": [1, true]}))));
    assert_eq!(call.result, Some(Payload::Json(serde_json::json!([]))));
    assert_eq!(span.status, Status::Error { kind: Some("timeout".into()), message: "after 30 s".into() });
}

#[test]
fn a_model_line_holds_tokens_messages_and_calls() {
    let text = r#"
llm gpt-4o in=12 out=3 cache=4 $0.01 finish=max_tokens offers=[search(q: string!, n: integer) "Searches."]
  <- system "Be kind."
  <- user:bob "hi"
  -> "well" a/b{q: 1}#c1 broken("{")
"#;
    let span = first(text);
    assert_eq!(span.model.unwrap().name(), Some("gpt-4o"));
    assert_eq!(span.reported_cost, Some(NanoUsd(10_000_000)));
    assert_eq!(span.finish_reason, Some(FinishReason::Length));
    assert_eq!(span.usage.unwrap().cache_read, Some(4));
    assert_eq!(span.messages_in[1].name.as_deref(), Some("bob"));
    let [Part::Text { .. }, Part::ToolCall { id: Some(id), name, .. }, Part::ToolCall { arguments, .. }] =
        span.messages_out[0].parts.as_slice()
    else {
        panic!("{:?}", span.messages_out)
    };
    assert_eq!((id.as_str(), name.as_str(), arguments), ("c1", "a/b", &Payload::Text("{".into())));
    let schema = span.tools_offered[0].parameters.clone().unwrap();
    assert_eq!(schema["required"], serde_json::json!(["q"]));
    assert_eq!(schema["properties"]["n"]["type"], "integer");
}

#[test]
fn facts_of_the_run_stand_on_any_line() {
    let facts =
        first("agent a agent=planner task=t/1 trial=2 steps<=30 end=step_limit failed by check score=0.5").facts;
    assert_eq!(facts.agent, Some(AgentName::new("planner")));
    assert_eq!(facts.task, Some(TaskId::new("t/1")));
    assert_eq!((facts.trial, facts.step_limit, facts.termination), (Some(2), Some(30), Some(Termination::StepLimit)));
    assert_eq!((facts.outcomes[0].verdict, facts.outcomes[0].score), (Verdict::Failed, Some(0.5)));
    let facts = first("agent a end=exited exit=3 signal=9 last_step=\"book a flight\"").facts;
    assert_eq!((facts.exit_code, facts.exit_signal, facts.termination), (Some(3), Some(9), Some(Termination::Exited)));
    assert_eq!(facts.last_step.as_deref(), Some("book a flight"));
}

#[test]
fn a_span_without_a_duration_is_running() {
    assert!(first("agent a @1s").is_running());
    assert!(first("agent a running").is_running());
    assert!(!first("agent a").is_running());
    assert_eq!(first("agent a @1s +20ms").duration_ns(), Some(20_000_000));
}

#[test]
fn an_error_names_the_line_and_what_was_expected() {
    assert!(error("agent a\n\nrobot b").starts_with("line 3: expected a kind of span (agent, llm,"));
    assert_eq!(error("tool a {q: x}"), "line 1: expected a JSON value (texts need quotes), found `x}`");
    assert_eq!(error("tool a {q: 1"), "line 1: expected `}`, found the end of the line");
    assert_eq!(
        error("tool a colour=red"),
        "line 1: expected a field of a span (see docs/sketch.md), found `colour=red`"
    );
    assert!(error("agent a end=tired").contains("step_limit"));
    assert!(error(&format!("tool a {}", "[".repeat(100_000))).contains("less nesting"));
}

#[test]
fn an_outline_cuts_long_texts_and_leaves_out_what_was_sent() {
    let trace = parse("llm m in=3\n  <- user \"question\"\n  -> \"a long answer\"\n").unwrap();
    assert_eq!(outline(&trace, 6), "llm m in=3 -> \"a long…\"\n");
}

#[test]
fn the_examples_of_the_documentation_print_as_they_are_written() {
    let guide = include_str!("../../../../docs/sketch.md");
    let examples: Vec<&str> =
        guide.split("```sketch\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 5, "found {} examples", examples.len());
    for example in examples {
        let trace = parse(example).unwrap_or_else(|error| panic!("{error} in\n{example}"));
        assert_eq!(trace.to_string(), example);
    }
}

fn a_name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z][a-z0-9_./:-]{0,6}", 1 => "\\PC{0,4}", 1 => "[ \"#={}!<>\\\\\n-]{0,3}"]
}

fn a_text() -> impl Strategy<Value = String> {
    prop_oneof![2 => "[a-z ]{0,9}", 1 => "\\PC{0,6}", 1 => "[\"{}\\[\\]\\\\\r\n\t:]{0,5}"]
}

fn json() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e9..1e9f64).prop_map(Json::from),
        a_text().prop_map(Json::from),
    ];
    scalar.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Json::Array),
            vec((a_text(), inner), 0..3).prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

/// A JSON payload that is a text prints as text: the notation knows no difference.
fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        a_text().prop_map(Payload::Text),
        json().prop_filter("a text", |value| !value.is_string()).prop_map(Payload::Json)
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    vec((a_text(), json()), 0..3).prop_map(|fields| fields.into_iter().collect())
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        a_text().prop_map(|text| Part::Text { text }),
        a_text().prop_map(|text| Part::Reasoning { text }),
        json().prop_map(|value| Part::Other { value }),
        (option::of(a_text()), a_text()).prop_map(|(mime_type, reference)| Part::Media { mime_type, reference }),
        (option::of(a_name()), a_name(), payload()).prop_map(|(id, name, arguments)| Part::ToolCall {
            id,
            name,
            arguments
        }),
        (option::of(a_name()), payload()).prop_map(|(id, result)| Part::ToolResult { id, result }),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![
        Just(Role::User),
        Just(Role::Assistant),
        Just(Role::Tool),
        "[A-Z][ a-z:]{0,5}".prop_map(Role::Other)
    ];
    (role, option::of(a_name()), vec(part(), 0..3)).prop_map(|(role, name, parts)| Message { role, name, parts })
}

fn tool_definition() -> impl Strategy<Value = ToolDefinition> {
    let schema = prop_oneof![
        Just(serde_json::json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]})),
        attributes().prop_map(|fields| Json::Object(fields.into_iter().collect())),
    ];
    (a_name(), option::of(a_text()), option::of(schema)).prop_map(|(name, description, parameters)| ToolDefinition {
        name,
        description,
        parameters,
    })
}

fn usage() -> impl Strategy<Value = Usage> {
    (option::of(any::<u64>()), option::of(any::<u64>()), option::of(any::<u64>()), any::<bool>()).prop_map(
        |(input, output, cache_read, guessed)| Usage {
            input,
            output,
            cache_read,
            source: if guessed { UsageSource::Estimated } else { UsageSource::Reported },
            input_rule: if guessed { InputRule::ExclusiveByEmitter } else { InputRule::Inclusive },
            ..Usage::default()
        },
    )
}

fn claim() -> impl Strategy<Value = OutcomeClaim> {
    (any::<bool>(), option::of(-1e3..1e3f64), option::of(a_text())).prop_map(|(good, score, reason)| OutcomeClaim {
        verdict: if good { Verdict::Succeeded } else { Verdict::Unknown },
        source: if good { OutcomeSource::HostDeclared } else { OutcomeSource::Check },
        score,
        reason,
        span_id: None,
    })
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Unset),
        Just(Status::Ok),
        (option::of(a_name()), a_text()).prop_map(|(kind, message)| Status::Error { kind, message })
    ]
}

fn event() -> impl Strategy<Value = SpanEvent> {
    prop_oneof![
        (a_name(), attributes()).prop_map(|(name, attributes)| SpanEvent { at: None, name, attributes }),
        (a_name(), a_text()).prop_map(|(kind, message)| SpanEvent {
            at: None,
            name: "exception".into(),
            attributes: Attributes::from([
                ("exception.type".into(), Json::from(kind)),
                ("exception.message".into(), Json::from(message)),
            ]),
        })
    ]
}

prop_compose! {
    fn span_of_any_kind()(
        kind in proptest::sample::select(&SpanKind::ALL[..]),
        name in a_name(),
        status in status(),
        messages_in in vec(message(), 0..3),
        messages_out in vec(message(), 0..3),
        (input, output) in (option::of(payload()), option::of(payload())),
        call in option::of((option::of(a_name()), a_name(), option::of(payload()), option::of(payload()))),
        tools_offered in vec(tool_definition(), 0..3),
        usage in option::of(usage()),
        cost in option::of(any::<i32>()),
    ) -> Span {
        let mut span = Span::new(super::read::default_trace_id(), super::read::span_id(1), kind, name);
        span.status = status;
        (span.messages_in, span.messages_out) = (shared(messages_in), shared(messages_out));
        (span.input, span.output) = (input, output);
        // A model call that also is a tool call is not covered.
        span.tool = call.filter(|_| kind != SpanKind::Llm)
            .map(|(id, name, arguments, result)| ToolCall { id, name, arguments, result });
        (span.tools_offered, span.usage) = (shared(tools_offered), usage);
        span.reported_cost = cost.map(|nanos| NanoUsd(nanos.into()));
        span
    }
}

prop_compose! {
    fn span()(
        mut span in span_of_any_kind(),
        model in option::of((option::of(a_name()), option::of(a_name()), option::of(a_name()))),
        facts in (option::of(a_name()), option::of(a_name()), option::of(any::<u32>()), vec(claim(), 0..3)),
        events in vec(event(), 0..3),
        (parameters, attributes, resource) in (attributes(), attributes(), attributes()),
        scope in option::of((a_name(), option::of(a_name()))),
        duration in option::of(any::<i32>()),
        ttft in option::of(any::<u32>()),
    ) -> Span {
        span.model = model
            .map(|(provider, request, response)| ModelRef { provider, request, response, response_id: None });
        span.facts.agent = facts.0.map(AgentName::new);
        span.facts.domain = facts.1;
        (span.facts.trial, span.facts.step_limit, span.facts.outcomes) = (facts.2, facts.2, facts.3);
        (span.events, span.parameters, span.attributes, span.resource) = (events, parameters, attributes, resource.into());
        span.scope = scope.map(|(name, version)| Scope { name, version });
        span.end = duration.map(|nanos| super::read::BEGIN.plus_nanos(nanos.into()));
        span.time_to_first_token_ns = ttft.map(u64::from);
        span
    }
}

prop_compose! {
    /// Trees whose spans are numbered as a sketch numbers them; either all have a start or none.
    fn trace()(
        id in proptest::array::uniform16(1u8..),
        begin in option::of(0i64..4_000_000_000_000_000_000),
        spans in vec((0usize..4, span(), 0u32..), 0..6),
    ) -> Trace {
        let id = TraceId::from_bytes(id).unwrap();
        let mut above: Vec<SpanId> = Vec::new();
        let mut at = begin;
        let spans = spans.into_iter().zip(1u32..).map(|((depth, mut span, gap), position)| {
            above.truncate(depth);
            span.trace_id = id;
            span.span_id = super::read::span_id(position);
            span.sequence = position - 1;
            span.parent_id = above.last().copied();
            above.push(span.span_id);
            let duration = span.end.take().and_then(|end| end.as_nanos().checked_sub(super::read::BEGIN.as_nanos()));
            span.start = at.map(Timestamp::from_nanos);
            span.end = span.start.and_then(|start| Some(start.plus_nanos(duration?)));
            at = at.map(|at| at + i64::from(gap));
            span
        });
        Trace::new(id, spans.collect::<Vec<_>>())
    }
}

proptest! {
    #[test]
    fn reading_what_was_printed_gives_the_trace_back(trace in trace()) {
        let text = print(&trace);
        let read = parse(&text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
        prop_assert_eq!(read.spans(), trace.spans(), "\n{}", text);
        prop_assert_eq!(print(&read), text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(agent|tool|llm|  | a|->|<-|\\{|\"|!|#|=|[a-z@+$&?~(){}\\[\\]:.0-9]|\n){0,40}") {
        let _ = parse(&text);
    }
}
