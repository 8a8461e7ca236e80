//! Values that careless storage changes: long, repeated, odd, deep, extreme.

use arc_model::{AgentName, Json, Message, Payload, ProjectId, Role, Span, Timestamp, Trace, TraceId, shared};

use super::{
    Backend, Generator,
    make::{at, project, run, settled, span, trace_id},
};
use crate::RunQuery;

/// Message bodies are stored once however often spans repeat them.
pub async fn a_resent_history_comes_back_exactly(backend: &Backend) {
    let store = backend.open().await;
    let mut random = Generator::new(3);
    let mut history = shared([Message::text(Role::System, random.words(300))]);
    let mut spans: Vec<Span> = Vec::new();
    for turn in 0..40 {
        history.push(random.message().into());
        let mut call = span(1, turn);
        call.messages_in.clone_from(&history);
        call.messages_out = vec![random.message().into()];
        history.extend(call.messages_out.iter().cloned());
        if turn % 10 == 9 {
            // A shortened history shares no beginning with the long one.
            history.remove(1);
        }
        spans.push(call);
    }
    let (one_by_one, at_once) = spans.split_at(25);
    for call in one_by_one {
        store.append(std::slice::from_ref(call), at(10)).await;
    }
    store.append(at_once, at(11)).await;
    store.expect(trace_id(1), &spans).await;
}

/// Large values are stored.
pub async fn large_bodies_come_back_exactly(backend: &Backend) {
    let store = backend.open().await;
    let mut random = Generator::new(4);
    let noise: String = (0..400_000).map(|_| char::from_u32(0x4e00 + random.small_below(20_000)).unwrap()).collect();
    let mut spans = [span(1, 1), span(1, 2), span(1, 3), span(1, 4)];
    spans[0].messages_in = shared([noise.clone(), noise.clone()].map(|text| Message::text(Role::User, text)));
    spans[1].input = Some(Payload::Text("x".repeat(3_000_000)));
    spans[2].attributes.insert("long".to_owned(), Json::String(noise.clone()));
    spans[3].name = noise;
    assert_eq!(store.append(&spans, at(10)).await, (4, 0, 0));
    store.expect(trace_id(1), &spans).await;
}

/// Text is data, whatever it says.
pub async fn any_text_comes_back_exactly(backend: &Backend) {
    let store = backend.open().await;
    let texts = ["", "\0", "a\0b", "'; DROP TABLE runs; --", "👩‍👩‍👧‍👦\u{202e}x", "\u{10ffff}", "%_*?", "{\"a\":1}", "İ ß ﬁ"];
    for (number, text) in texts.iter().enumerate() {
        let number = u8::try_from(number).unwrap();
        let project = ProjectId::new(*text);
        let mut spans = [span(number, 1), span(number, 2)];
        (*text).clone_into(&mut spans[0].name);
        spans[1].messages_in = vec![Message::text(Role::Other((*text).to_owned()), text.repeat(300)).into()];
        spans[1].attributes.insert((*text).to_owned(), Json::String((*text).to_owned()));
        store.traces.append(&project, &spans, at(10)).await.unwrap();
        let found = store.traces.trace(&project, trace_id(number)).await.unwrap();
        assert_eq!(found, Some(Trace::new(trace_id(number), spans)));
        let mut settled = settled(run(number, text, at(5)), Vec::new());
        settled.project = project.clone();
        settled.run.task = Some((*text).into());
        store.traces.settle(&[settled.clone()], at(20)).await.unwrap();
        let query = RunQuery {
            agent: Some(AgentName::new(*text)),
            task: Some((*text).into()),
            limit: 10,
            ..RunQuery::default()
        };
        let found = store.traces.runs(&project, &query).await.unwrap();
        assert_eq!(found.items, [settled.run]);
    }
}

/// What was taken in can be read again, however deep it is.
pub async fn deeply_nested_values_come_back_exactly(backend: &Backend) {
    let store = backend.open().await;
    let mut deep = Json::from(1);
    for level in 0..126 {
        deep = if level % 2 == 0 { Json::Array(vec![deep]) } else { serde_json::json!({ "inner": deep }) };
    }
    let mut spans = [span(1, 1), span(1, 2), span(1, 3)];
    spans[0].input = Some(Payload::Json(deep.clone()));
    spans[1].attributes.insert("deep".to_owned(), deep.clone());
    spans[2].messages_out = shared([Message {
        role: Role::Assistant,
        name: None,
        parts: vec![arc_model::Part::ToolCall { id: None, name: "t".to_owned(), arguments: Payload::Json(deep) }],
    }]);
    store.append(&spans, at(10)).await;
    store.expect(trace_id(1), &spans).await;
}

/// Numbers keep every bit.
pub async fn extreme_numbers_come_back_exactly(backend: &Backend) {
    let store = backend.open().await;
    let mut spans = [span(1, 1), span(1, 2)];
    (spans[0].start, spans[0].end) = (Some(Timestamp::from_nanos(i64::MIN)), Some(Timestamp::from_nanos(i64::MAX)));
    (spans[0].revision, spans[0].sequence) = (u64::MAX, u32::MAX);
    spans[0].time_to_first_token_ns = Some(u64::MAX);
    spans[1].time_to_first_token_ns = Some(0);
    for (name, value) in [("max", Json::from(u64::MAX)), ("min", Json::from(i64::MIN)), ("tiny", Json::from(5e-324))] {
        spans[1].attributes.insert(name.to_owned(), value);
    }
    store.append(&spans, at(10)).await;
    store.expect(trace_id(1), &spans).await;
    let mut extreme = run(1, "a", Timestamp::from_nanos(i64::MIN));
    extreme.tool_calls_judged = u64::MAX;
    store.settle(&[settled(extreme.clone(), Vec::new())]).await;
    assert_eq!(store.run(trace_id(1)).await, Some(extreme.clone()));
    store.expect_figures(&[settled(extreme, Vec::new())]).await;
}

/// A trace has no highest number of spans.
pub async fn many_spans_of_one_trace_come_back(backend: &Backend) {
    let store = backend.open().await;
    let trace: TraceId = trace_id(1);
    let mut random = Generator::new(5);
    let spans: Vec<Span> = (0..3000)
        .map(|number: u32| {
            let mut made = span(1, 0);
            made.span_id = random.span_id();
            made.sequence = number;
            made.output = Some(Payload::Text(random.words(40)));
            made
        })
        .collect();
    for batch in spans.chunks(700) {
        store.traces.append(&project(), batch, at(10)).await.unwrap();
    }
    store.expect(trace, &spans).await;
}
