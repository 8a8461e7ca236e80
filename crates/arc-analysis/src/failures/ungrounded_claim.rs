//! The answer names something that is nowhere in the run.
//!
//! # What
//! The last answer of a run that called tools holds an address (of a page, of a mailbox) or a code (capital letters and
//! digits, at least six of them) that neither the user nor the instructions, a call or a result had mentioned.
//!
//! # Why it matters
//! Whoever clicks on it or types it in finds nothing, or something else.
//!
//! # Example
//! ```text
//! agent a "Book me a seat"
//!   tool book {flight: "HAT001"} -> {confirmation: "ZFA04Y"}
//!   llm m -> "Booked. Your confirmation is ZFB04Y."
//! ```
//!
//! # When it is wrong
//! An agent may know an address without having looked it up. Numbers, dates and names are not looked at: they can be
//! worked out, or be worded otherwise. Answers with code are passed over.

use arc_model::{Evidence, Field, Message, Payload, Span, SpanKind};

use super::{Detector, Sighting, View};

/// Finds addresses and codes from nowhere; the module says when it is wrong.
pub(super) struct UngroundedClaim;

/// Most of an answer that is read, in bytes.
const ANSWER: usize = 20_000;
/// Most that is searched for what an answer names, in bytes.
const SEARCHED: usize = 4_000_000;

impl Detector for UngroundedClaim {
    fn leaf(&self) -> &'static str {
        "ungrounded-claim"
    }

    fn version(&self) -> u32 {
        1
    }

    // The agent may know it from elsewhere.
    fn is_certain(&self) -> bool {
        false
    }

    fn detect(&self, view: &View<'_>) -> Vec<Sighting> {
        sighting(view).into_iter().collect()
    }
}

fn sighting(view: &View<'_>) -> Option<Sighting> {
    if !view.calls().iter().any(|call| call.result.is_some()) {
        return None;
    }
    let last = view.models().last()?;
    let answer = said(last);
    if answer.len() > ANSWER || answer.contains("```") {
        return None;
    }
    let named = specific(&answer);
    if named.is_empty() {
        return None;
    }
    let known = known(view, last)?;
    let unknown: Vec<String> = named.into_iter().filter(|value| !known.contains(&value.to_lowercase())).collect();
    let first = unknown.first()?;
    Some(Sighting {
        title: format!("the answer names {first}, which nothing in the run had mentioned"),
        first: Evidence::new(last.span_id, Field::Output, &around(&answer, first)),
        more: unknown.iter().skip(1).take(4).map(|value| Evidence::new(last.span_id, Field::Output, value)).collect(),
    })
}

fn said(span: &Span) -> String {
    span.messages_out.iter().map(|message| message.joined_text()).collect::<Vec<_>>().join("\n")
}

/// Returns everything an answer could have got its values from, in lower case; `None` when that is too much to look at.
fn known(view: &View<'_>, last: &Span) -> Option<String> {
    let roots = view.trace().roots();
    let sent = roots.flat_map(|root| &root.messages_in).chain(&last.messages_in).map(|message| whole(message));
    let calls = view.calls().iter().flat_map(|call| [call.arguments, call.result]).flatten().map(Payload::to_text);
    let spans = view.trace().spans().iter().flat_map(|span| {
        // What a model or the whole run answered is what is looked into.
        let output = span.output.as_ref().filter(|_| span.kind != SpanKind::Llm && span.parent_id.is_some());
        [span.input.as_ref(), output].into_iter().flatten().map(Payload::to_text)
    });
    let mut known = String::new();
    for text in sent.chain(calls).chain(spans) {
        known.push_str(&text.to_lowercase());
        known.push('\n');
        if known.len() > SEARCHED {
            return None;
        }
    }
    Some(known)
}

fn whole(message: &Message) -> String {
    let parts = message.parts.iter().map(|part| serde_json::to_string(part).unwrap_or_default());
    parts.collect::<Vec<_>>().join(" ")
}

/// Returns the addresses and codes in a text.
fn specific(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in text
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '<' | '>' | '"' | '`' | '*' | '|'))
    {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
        if (is_address(bare) || is_code(bare)) && !found.iter().any(|known| known == bare) {
            found.push(bare.to_owned());
        }
    }
    found
}

fn is_address(word: &str) -> bool {
    if let Some((scheme, rest)) = word.split_once("://") {
        return matches!(scheme, "http" | "https") && rest.contains('.');
    }
    word.split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@') && host.is_ascii())
}

fn is_code(word: &str) -> bool {
    let letters = word.bytes().filter(u8::is_ascii_uppercase).count();
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    (6..=32).contains(&word.len()) && letters >= 2 && digits >= 2 && letters + digits == word.len()
}

/// Returns the sentence around a value.
fn around(text: &str, value: &str) -> String {
    let Some(at) = text.find(value) else { return value.to_owned() };
    let start = text.floor_char_boundary(at.saturating_sub(80));
    let end = text.ceil_char_boundary((at + value.len() + 80).min(text.len()));
    text.get(start..end).unwrap_or(value).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::check;

    const LEAF: &str = "ungrounded-claim";

    #[test]
    fn a_code_that_no_result_held_is_found() {
        check(
            LEAF,
            r#"
agent a "Book me a seat"
  tool book {flight: "HAT001"} -> {confirmation: "ZFA04Y"}
  llm m -> "Booked. Your confirmation is ZFB04Y, see https://fly.example/zfb."
"#,
            expect![[r"
                high the answer names ZFB04Y, which nothing in the run had mentioned
                  span 3 output `Booked. Your confirmation is ZFB04Y, see https://fly.example/zfb.`
                  span 3 output `https://fly.example/zfb`
            "]],
        );
    }

    #[test]
    fn what_a_result_the_user_or_the_instructions_held_is_grounded() {
        check(
            LEAF,
            r#"
agent a "Is HAT001 late? Write to ann@b.example"
  tool status {} -> "see https://fly.example/late for ZFA04Y"
  llm m
    <- system "Say that you are BOT1000."
    -> "HAT001 is late (https://fly.example/late), ZFA04Y holds, ann@b.example knows. BOT1000"
"#,
            expect![[""]],
        );
    }

    #[test]
    fn numbers_code_and_runs_without_tools_are_not_looked_at() {
        check(LEAF, "llm m -> \"See https://a.example\"", expect![[""]]);
        check(LEAF, "tool a {} -> 1\nllm m -> \"It is 1234567 in COVID-19 times.\"", expect![[""]]);
        check(LEAF, "tool a {} -> 1\nllm m -> \"```\\nABC1234\\n```\"", expect![[""]]);
    }
}
