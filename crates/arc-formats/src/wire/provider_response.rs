//! Raw answers of model providers, in any shape that `provider` reads. One answer is one model call, a run of its own.
//!
//! Many providers serve one shape, so the provider stays unknown unless the answer's id names it.

use arc_model::{Json, ModelRef, NanoUsd, Span, SpanKind, Status, shared};

use super::{
    Match, RECORDS_LOOKED_AT, Wire, describe_json,
    identity::{Identities, span_id},
    json_documents, place,
};
use crate::{
    document::{Content, Document},
    output::Output,
    provider::{self, Call},
};

/// The wire.
pub struct ProviderResponse;

impl Wire for ProviderResponse {
    fn id(&self) -> &'static str {
        "provider-response"
    }

    fn name(&self) -> &'static str {
        "Raw answers of model providers"
    }

    fn expects(&self) -> &'static str {
        "a provider's answer, such as one with `choices` and messages, `object: \"response\"`, `type: \"message\"` or \
         `candidates`"
    }

    fn sniff(&self, content: &Content<'_>) -> Option<Match> {
        let Content::Json(value) = content else { return None };
        let of = provider::shape_of_answer;
        let shape = of(value).or_else(|| value.as_array()?.iter().take(RECORDS_LOOKED_AT).find_map(of))?;
        let because = match shape {
            "openai-chat" => "its `choices` hold messages",
            "openai-responses" => "its `object` is response and it has an `output`",
            "anthropic-messages" => "it is of the type `message` with a role, a model and a list of content",
            "gemini" => "its `candidates` hold content with parts",
            _ => "it has the fields of a provider's answer",
        };
        Some(Match { score: 85, because })
    }

    fn decode(&self, documents: Vec<Document<'_>>, out: &mut Output) {
        let mut identities = Identities::default();
        for (line, value) in json_documents(documents, out) {
            match value {
                Json::Array(answers) => {
                    for (index, answer) in answers.into_iter().enumerate() {
                        read_answer(answer, line, &format!("/{index}"), &mut identities, out);
                    }
                }
                answer => read_answer(answer, line, "", &mut identities, out),
            }
        }
    }
}

fn read_answer(answer: Json, line: Option<u64>, pointer: &str, identities: &mut Identities, out: &mut Output) {
    let found = describe_json(&answer);
    let trace_id = identities.of(ProviderResponse.id(), &answer);
    let Some(mut call) = provider::answer(answer) else {
        out.rejected(place(line, pointer), format!("expected {}, found {found}", ProviderResponse.expects()));
        return;
    };
    for remark in std::mem::take(&mut call.remarks) {
        out.note_once(place(line, pointer), remark);
    }
    let mut span = Span::new(trace_id, span_id(trace_id, 0), SpanKind::Llm, "chat");
    span.revision = 1;
    fill(&mut span, call);
    out.spans.push(span);
}

/// Moves what a call says into a span.
pub(super) fn fill(span: &mut Span, call: Call) {
    if let Some(operation) = call.operation {
        span.kind = operation.kind();
        operation.as_str().clone_into(&mut span.name);
    }
    let model = ModelRef {
        provider: call.provider,
        request: call.request_model,
        response: call.response_model,
        response_id: call.response_id,
    };
    span.model = (model != ModelRef::default()).then_some(model);
    span.messages_in = shared(call.messages_in);
    span.messages_out = shared(call.messages_out);
    span.input = call.input;
    span.output = call.output;
    span.tools_offered = shared(call.tools_offered);
    span.parameters = call.parameters;
    span.usage = call.usage;
    span.reported_cost = call.reported_cost_usd.and_then(NanoUsd::from_usd);
    span.finish_reason = call.finish_reasons.into_iter().next();
    if let Some(error) = call.error {
        span.status = Status::Error { kind: Some(error.class()), message: error.message };
    }
    span.attributes.extend(call.rest);
    span.attributes.extend(call.raw_usage.map(|counts| ("usage".to_owned(), counts)));
    span.attributes.extend(call.service_tier.map(|tier| ("service_tier".to_owned(), Json::from(tier))));
}
