//! Token counts as the providers write them, to our classes.
//!
//! Our input includes cached tokens and our output includes reasoning. Which of the providers' counts do is known by
//! the names of the fields, which are each API's own; arithmetic decides where one name is used both ways.

use arc_model::{InputRule, Json, Usage};

use crate::read::{usage::settle, value::count};

/// Reads an object of counts in any of the known shapes; `None` when it has no counts.
pub fn of(counts: &Json) -> Option<Usage> {
    let has = |name: &str| counts.get(name).is_some();
    let usage = if has("promptTokenCount") || has("candidatesTokenCount") || has("totalTokenCount") {
        of_gemini(counts)
    } else if ["prompt_token_count", "candidates_token_count", "total_token_count"].into_iter().any(has) {
        of_gemini(&camel_case(counts))
    } else if has("inputTokens") || has("outputTokens") {
        of_bedrock(counts)
    } else if ["billed_units", "tokens"].iter().any(|name| counts.get(*name).is_some_and(Json::is_object)) {
        of_cohere(counts)
    } else if has("total_input_tokens") || has("total_output_tokens") {
        of_interactions(counts)
    } else if has("prompt_eval_count") || has("eval_count") {
        Usage { input: at(counts, "prompt_eval_count"), output: at(counts, "eval_count"), ..Usage::default() }
    } else if has("cache_read_input_tokens") || has("cache_creation_input_tokens") || has("cache_creation") {
        of_anthropic(counts)
    } else {
        of_openai(counts)
    };
    Some(usage).filter(|usage| !usage.is_empty())
}

fn at(counts: &Json, name: &str) -> Option<u64> {
    counts.get(name).and_then(count)
}

fn any(counts: &Json, paths: &[&[&str]]) -> Option<u64> {
    let find = |path: &&[&str]| path.iter().try_fold(counts, |value, name| value.get(name)).and_then(count);
    paths.iter().find_map(find)
}

fn sum(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
    }
}

/// Adds cached tokens to an input that is known to leave them out.
fn with_cached(mut usage: Usage) -> Usage {
    let cached = usage.cache_read.unwrap_or(0).saturating_add(usage.cache_write.unwrap_or(0));
    if let Some(input) = usage.input.filter(|_| cached > 0) {
        usage.input = Some(input.saturating_add(cached));
        usage.input_rule = InputRule::ExclusiveByEmitter;
    }
    usage
}

/// Chat Completions, Responses, Embeddings, and what is compatible with them.
fn of_openai(counts: &Json) -> Usage {
    // The realtime API writes the details in the singular.
    let details = |names: [&'static str; 3], path: &[&str]| {
        names.iter().find_map(|name| {
            let found = path.iter().try_fold(counts.get(*name)?, |value, name| value.get(*name));
            found.and_then(count)
        })
    };
    let inputs = ["prompt_tokens_details", "input_tokens_details", "input_token_details"];
    let outputs = ["completion_tokens_details", "output_tokens_details", "output_token_details"];
    let input = |name: &'static str| details(inputs, &[name]);
    let output = |name: &'static str| details(outputs, &[name]);
    let mut usage = Usage {
        input: any(counts, &[&["prompt_tokens"], &["input_tokens"]]),
        output: any(counts, &[&["completion_tokens"], &["output_tokens"]]),
        // DeepSeek and Moonshot count it beside the details. Mistral's `num_cached_tokens` is not documented and not
        // billed: it stays among the raw counts.
        cache_read: input("cached_tokens").or_else(|| input("cache_read_input_tokens")).or_else(|| {
            any(counts, &[&["prompt_cache_hit_tokens"], &["cached_tokens"], &["cached_prompt_text_tokens"]])
        }),
        cache_read_audio: details(inputs, &["cached_tokens_details", "audio_tokens"]),
        cache_write: input("cache_write_tokens"),
        reasoning: output("reasoning_tokens").or_else(|| output("thinking_tokens")),
        audio_input: input("audio_tokens"),
        audio_output: output("audio_tokens"),
        image_input: input("image_tokens"),
        image_output: output("image_tokens"),
        video_input: input("video_tokens"),
        web_searches: any(
            counts,
            &[
                &["num_search_queries"],
                &["tool_calls_details", "search_web", "invocation"],
                &["server_tool_use", "web_search_requests"],
            ],
        )
        .filter(|searches| *searches > 0),
        ..Usage::default()
    };
    // Perplexity counts what it thought and what it cited beside the completion, and bills both as output.
    if ["citation_tokens", "num_search_queries"].iter().any(|name| counts.get(*name).is_some()) {
        let beside = sum(at(counts, "reasoning_tokens"), at(counts, "citation_tokens"));
        usage.output = usage.output.map(|output| output.saturating_add(beside.unwrap_or(0)));
        usage.reasoning = usage.reasoning.or_else(|| at(counts, "reasoning_tokens"));
        return usage;
    }
    usage.reasoning = usage.reasoning.or_else(|| at(counts, "reasoning_tokens"));
    // xAI counts reasoning beside the completion; its total tells.
    if let (Some(input), Some(output), Some(reasoning)) =
        (usage.input, usage.output, usage.reasoning.filter(|n| *n > 0))
    {
        let with = input.saturating_add(output).saturating_add(reasoning);
        if at(counts, "total_tokens") == Some(with) {
            usage.output = Some(output.saturating_add(reasoning));
        }
    }
    settle(usage, None, None)
}

/// Anthropic's input leaves cached tokens out.
fn of_anthropic(counts: &Json) -> Usage {
    let written = |name: &'static str| any(counts, &[&["cache_creation", name]]);
    let (minutes, hour) = (written("ephemeral_5m_input_tokens"), written("ephemeral_1h_input_tokens"));
    with_cached(Usage {
        input: at(counts, "input_tokens"),
        output: at(counts, "output_tokens"),
        cache_read: at(counts, "cache_read_input_tokens"),
        cache_write: at(counts, "cache_creation_input_tokens").or_else(|| sum(minutes, hour)),
        cache_write_1h: hour,
        reasoning: any(counts, &[&["output_tokens_details", "thinking_tokens"]]),
        web_searches: any(counts, &[&["server_tool_use", "web_search_requests"]]).filter(|searches| *searches > 0),
        ..Usage::default()
    })
}

/// Gives the counts that Gemini's library for Python writes the names of the API.
fn camel_case(counts: &Json) -> Json {
    match counts {
        Json::Object(fields) => {
            let renamed = |name: &str| {
                let mut words = name.split('_');
                let first = words.next().unwrap_or_default().to_owned();
                words.fold(first, |name, word| {
                    let (initial, rest) = word.split_at_checked(1).unwrap_or((word, ""));
                    name + &initial.to_ascii_uppercase() + rest
                })
            };
            Json::Object(fields.iter().map(|(name, value)| (renamed(name), camel_case(value))).collect())
        }
        Json::Array(items) => items.iter().map(camel_case).collect(),
        other => other.clone(),
    }
}

/// Gemini counts thoughts outside of the candidates and bills them as output; what its own tools read it counts
/// outside of the prompt.
fn of_gemini(counts: &Json) -> Usage {
    let tokens = |names: &[&str], modalities: &[&str]| {
        let details = names.iter().find_map(|name| counts.get(name)?.as_array())?;
        let is_one = |detail: &&Json| detail.get("modality").is_some_and(|found| is_modality(found, modalities));
        details.iter().filter(is_one).map(|detail| detail.get("tokenCount").and_then(count)).fold(None, sum)
    };
    let prompt = ["promptTokensDetails", "promptTokenDetails"];
    let audio = ["AUDIO"];
    Usage {
        input: sum(at(counts, "promptTokenCount"), at(counts, "toolUsePromptTokenCount")),
        output: sum(
            at(counts, "candidatesTokenCount").or_else(|| at(counts, "responseTokenCount")),
            at(counts, "thoughtsTokenCount"),
        ),
        cache_read: at(counts, "cachedContentTokenCount"),
        cache_read_audio: counts
            .get("cacheTokensDetails")
            .and_then(Json::as_array)
            .filter(|details| !details.is_empty())
            .map(|_| tokens(&["cacheTokensDetails"], &audio).unwrap_or(0)),
        reasoning: at(counts, "thoughtsTokenCount"),
        audio_input: tokens(&prompt, &audio),
        audio_output: tokens(&["candidatesTokensDetails"], &audio),
        // Pages of documents are read, and billed, as images.
        image_input: tokens(&prompt, &["IMAGE", "DOCUMENT"]),
        image_output: tokens(&["candidatesTokensDetails"], &["IMAGE"]),
        video_input: tokens(&prompt, &["VIDEO"]),
        tool_input: at(counts, "toolUsePromptTokenCount"),
        input_rule: InputRule::Inclusive,
        ..Usage::default()
    }
}

/// A modality's name, or its number where enums are written as such.
fn is_modality(found: &Json, names: &[&str]) -> bool {
    const NUMBERS: [&str; 6] = ["MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"];
    let name = match found {
        Json::String(name) => Some(name.as_str()),
        number => count(number).and_then(|at| NUMBERS.get(usize::try_from(at).ok()?).copied()),
    };
    name.is_some_and(|name| names.contains(&name))
}

/// Gemini's Interactions.
fn of_interactions(counts: &Json) -> Usage {
    Usage {
        input: sum(at(counts, "total_input_tokens"), at(counts, "total_tool_use_tokens")),
        output: sum(
            at(counts, "total_output_tokens"),
            any(counts, &[&["total_thought_tokens"], &["total_reasoning_tokens"]]),
        ),
        cache_read: at(counts, "total_cached_tokens"),
        reasoning: any(counts, &[&["total_thought_tokens"], &["total_reasoning_tokens"]]),
        ..Usage::default()
    }
}

/// Bedrock's input leaves cached tokens out, for every model.
fn of_bedrock(counts: &Json) -> Usage {
    let details = counts.get("cacheDetails").and_then(Json::as_array).into_iter().flatten();
    let hour = details.filter(|detail| detail.get("ttl").and_then(Json::as_str) == Some("1h"));
    with_cached(Usage {
        input: at(counts, "inputTokens"),
        output: at(counts, "outputTokens"),
        cache_read: any(counts, &[&["cacheReadInputTokens"], &["cacheReadInputTokenCount"]]),
        cache_write: any(counts, &[&["cacheWriteInputTokens"], &["cacheWriteInputTokenCount"]]),
        cache_write_1h: hour.map(|detail| at(detail, "inputTokens")).fold(None, sum),
        ..Usage::default()
    })
}

/// Cohere counts what it read and what it bills, which leaves out what it wrote around the prompt and what was cached.
/// The counts are what is billed; of an answer without them, what was read.
fn of_cohere(counts: &Json) -> Usage {
    if let Some(billed) = counts.get("billed_units") {
        let images = at(billed, "image_tokens");
        return Usage {
            input: sum(at(billed, "input_tokens"), images),
            output: at(billed, "output_tokens"),
            image_input: images,
            ..Usage::default()
        };
    }
    Usage {
        input: any(counts, &[&["tokens", "input_tokens"]]),
        output: any(counts, &[&["tokens", "output_tokens"]]),
        cache_read: at(counts, "cached_tokens"),
        ..Usage::default()
    }
}
