//! A model was to write JSON, and what it wrote is none.
//!
//! # What
//! The arguments of a call that a model asked for are a text that is not JSON; or the request demanded an answer in JSON
//! (`response_format`, `format`, `response_mime_type`) and the answer cannot be read, even without a code fence around it.
//!
//! # Why it matters
//! The program behind it stops or guesses.
//!
//! # Example
//! ```text
//! llm gpt-4o -> search("{\"q\": \"ship")#c1
//! ```
//!
//! # When it is wrong
//! Some runtimes mend broken JSON before they use it. An answer that was cut off is told as its effect. Answers whose
//! request does not say what form it wants are not looked at.

use arc_model::{Evidence, Field, FinishReason, Json, Payload, Span};

use super::{Detector, Sighting, View};

/// Finds JSON that cannot be read; the module says when it is wrong.
pub(super) struct ModelJsonMalformed;

impl Detector for ModelJsonMalformed {
    fn leaf(&self) -> &'static str {
        "model-json-malformed"
    }

    fn version(&self) -> u32 {
        1
    }

    // Programs often ask once more.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        let broken = view.requests().iter().filter_map(|request| match request.arguments {
            Payload::Text(text) if !text.trim().is_empty() => Some(Sighting {
                title: format!("the arguments for {} are not JSON{}", request.name, place(text)?),
                first: Evidence::new(request.span.span_id, Field::Output, text),
                more: Vec::new(),
            }),
            _ => None,
        });
        broken.chain(view.models().iter().filter_map(|span| answer(span))).collect()
    }
}

/// Returns where reading fails; `None` when it does not.
fn place(text: &str) -> Option<String> {
    let error = serde_json::from_str::<Json>(text.trim()).err()?;
    Some(format!(" (line {}, column {})", error.line(), error.column()))
}

fn answer(span: &Span) -> Option<Sighting> {
    let demanded = demanded(span)?;
    if span.finish_reason == Some(FinishReason::ToolCall) {
        return None;
    }
    let text = span.messages_out.iter().map(|message| message.joined_text()).collect::<Vec<_>>().join("\n");
    let bare = text.trim();
    let bare = bare.strip_prefix("```json").or_else(|| bare.strip_prefix("```")).unwrap_or(bare);
    let bare = bare.trim_end().strip_suffix("```").unwrap_or(bare).trim();
    if bare.is_empty() {
        return None;
    }
    Some(Sighting {
        title: format!("the answer was to be JSON and cannot be read{}", place(bare)?),
        first: Evidence::new(span.span_id, Field::Output, &text),
        more: vec![Evidence::new(span.span_id, Field::Attribute(demanded.0.to_owned()), &demanded.1)],
    })
}

/// Returns the parameter by which a request demanded JSON.
fn demanded(span: &Span) -> Option<(&'static str, String)> {
    ["response_format", "format", "response_mime_type", "responseMimeType"].into_iter().find_map(|name| {
        let value = span.parameters.get(name)?;
        let kind = value.get("type").unwrap_or(value).as_str()?;
        matches!(kind, "json_object" | "json_schema" | "json" | "application/json").then(|| (name, value.to_string()))
    })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "model-json-malformed";

    #[test]
    fn arguments_and_answers_that_are_no_json_are_found() {
        check(
            LEAF,
            r#"
llm m -> search("{\"q\": \"ship")#c1
llm m params={response_format: {type: "json_object"}} -> "{\"a\": 1,}"
"#,
            expect![[r#"
                medium the arguments for search are not JSON (line 1, column 11)
                  span 1 output `{"q": "ship`
                medium the answer was to be JSON and cannot be read (line 1, column 9)
                  span 2 output `{"a": 1,}`
                  span 2 response_format `{"type":"json_object"}`
            "#]],
        );
    }

    #[test]
    fn readable_json_and_prose_that_nobody_wanted_as_json_are_not() {
        check(
            LEAF,
            r#"
llm m params={response_format: {type: "json_object"}} -> "```json\n{\"a\": 1}\n```"
llm m -> "{not json}"
llm m -> search{q: "x"}#c1
"#,
            expect![[""]],
        );
    }
}
