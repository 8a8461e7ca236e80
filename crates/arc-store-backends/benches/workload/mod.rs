//! What the benches of every backend store, so that their figures compare.

#![expect(clippy::unwrap_used, reason = "a program of its own that prints figures")]

use std::{sync::Arc, time::Duration};

use arc_model::{Message, Payload, Role, Span, SpanId, SpanKind, Timestamp, ToolCall, TraceId, Usage};
use arc_store::conformance::Generator;

/// Bytes of text in each body.
const BODY: usize = 1500;

/// Batches of 500 traces of 8 spans.
pub(crate) fn batches() -> Vec<Vec<Span>> {
    (0..24).map(|batch| (batch * 500..(batch + 1) * 500).flat_map(trace).collect()).collect()
}

pub(crate) async fn join_all(futures: Vec<impl Future<Output = ()>>) {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    std::future::poll_fn(|context| {
        for slot in &mut waiting {
            if slot.as_mut().is_some_and(|future| future.as_mut().poll(context).is_ready()) {
                *slot = None;
            }
        }
        if waiting.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

pub(crate) fn trace_id(number: u64) -> TraceId {
    TraceId::derive(&[&number.to_le_bytes()])
}

pub(crate) fn span(trace: u64, number: u64, kind: SpanKind) -> Span {
    let id = SpanId::derive(&[&trace.to_le_bytes(), &number.to_le_bytes()]);
    let mut span = Span::new(trace_id(trace), id, kind, format!("step {number}"));
    let at = i64::try_from(trace * 1_000_000 + number * 1000).unwrap();
    span.start = Some(Timestamp::from_nanos(1_750_000_000_000_000_000 + at));
    span.end = span.start.map(|at| at.plus_nanos(1_234_567));
    span.usage = Some(Usage { input: Some(1000 + number), output: Some(200), ..Usage::default() });
    span.resource = Arc::new([("service.name".to_owned(), "bench".into())].into());
    span
}

/// An agent that calls a model and a tool by turns; every body is another one.
pub(crate) fn trace(number: u64) -> Vec<Span> {
    let mut random = Generator::new(number);
    let mut spans = vec![span(number, 0, SpanKind::Agent)];
    for turn in 1..8 {
        let mut made = span(number, turn, if turn % 2 == 1 { SpanKind::Llm } else { SpanKind::Tool });
        made.parent_id = spans.first().map(|root| root.span_id);
        if turn % 2 == 1 {
            made.messages_in = vec![Message::text(Role::User, text(&mut random)).into()];
        } else {
            let result = Some(Payload::Text(text(&mut random)));
            made.tool = Some(ToolCall { id: None, name: "search".to_owned(), arguments: None, result });
        }
        spans.push(made);
    }
    spans
}

/// Text that compresses about as well as English: words from a long list, some more frequent.
pub(crate) fn text(random: &mut Generator) -> String {
    let mut text = String::with_capacity(BODY + 16);
    while text.len() < BODY {
        let most = 1 + random.below(8000);
        let rank = random.below(most);
        let mut letters = Generator::new(rank);
        for _ in 0..=2 + letters.below(6) {
            let letter = letters.small_below(26).min(letters.small_below(26));
            text.push(char::from_u32(u32::from(b'a') + letter).unwrap());
        }
        text.push(' ');
    }
    text
}

pub(crate) fn per_second(things: usize, took: Duration) -> f64 {
    count(things) / took.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "figures to print")]
pub(crate) fn count(things: usize) -> f64 {
    things as f64
}
