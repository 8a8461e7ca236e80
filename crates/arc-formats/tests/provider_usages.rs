//! The usage of recorded answers of providers, against what pydantic's genai-prices extracts from the same bodies.
//! Where the folder of public data is absent the test says so and passes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, path::PathBuf};

use arc_formats::provider::usage;
use arc_model::Usage;
use serde_json::Value;

#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
#[expect(clippy::disallowed_methods, reason = "only these tests read the folder's place")]
fn data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var("ARC_EVAL_DATA")
        .map_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")), PathBuf::from);
    let path = folder.join(path);
    if !path.exists() {
        eprintln!("SKIPPED: {} is absent; set ARC_EVAL_DATA to the folder of real traces", path.display());
        return None;
    }
    Some(path)
}

/// Our classes by the names they have there. What is zero there is left out.
fn classes(usage: &Usage) -> BTreeMap<&'static str, u64> {
    let minutes = usage.cache_write_1h.and_then(|hour| usage.cache_write?.checked_sub(hour));
    [
        ("input_tokens", usage.input),
        ("output_tokens", usage.output),
        ("cache_read_tokens", usage.cache_read),
        ("cache_write_tokens", usage.cache_write),
        ("cache_write_5m_tokens", minutes),
        ("cache_write_1h_tokens", usage.cache_write_1h),
        ("output_reasoning_tokens", usage.reasoning),
        ("input_audio_tokens", usage.audio_input),
        ("output_audio_tokens", usage.audio_output),
        ("input_image_tokens", usage.image_input),
        ("output_image_tokens", usage.image_output),
        ("input_video_tokens", usage.video_input),
        ("input_tool_tokens", usage.tool_input),
    ]
    .into_iter()
    .filter_map(|(name, count)| Some((name, count.filter(|count| *count > 0)?)))
    .collect()
}

/// Classes there that are no tokens of ours: text is what is left of the whole, a search is no token, and how much of
/// the cached tokens was of which kind nobody bills otherwise than by the kind.
const NOT_OURS: [&str; 7] = [
    "input_text_tokens",
    "output_text_tokens",
    "input_text_tool_tokens",
    "web_searches",
    "cache_text_read_tokens",
    "cache_image_read_tokens",
    "cache_video_read_tokens",
];

fn expected(extracted: &Value) -> BTreeMap<&str, u64> {
    let all = extracted["usage"].as_object().unwrap().iter();
    let ours = all.filter(|(name, _)| !NOT_OURS.contains(&name.as_str()) && *name != "cache_audio_read_tokens");
    ours.map(|(name, count)| (name.as_str(), count.as_u64().unwrap())).filter(|(_, count)| *count > 0).collect()
}

#[test]
#[expect(clippy::print_stderr, reason = "what was compared is part of the result")]
fn the_usage_of_every_recorded_answer_is_what_its_provider_counts() {
    let Some(path) = data("provider-usages/usages.json") else { return };
    let records: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut equal, mut differing) = (0, Vec::new());
    for record in &records {
        let body = &record["body"];
        let counts = ["usage", "usageMetadata", "meta"].iter().find_map(|name| body.get(*name)).unwrap();
        let found = usage::of(counts).unwrap_or_default();
        let found = classes(&found);
        // Several providers read one body; the one that reads most of it is whose body it is. Cohere's own default is
        // what it bills.
        let all = record["extracted"].as_array().unwrap();
        let is_billed = |one: &&Value| {
            let mut by = one["extractors"].as_array().unwrap().iter();
            by.any(|by| by["provider_id"] == "cohere" && by["api_flavor"] == "default")
        };
        let readings: Vec<_> = match all.iter().find(is_billed) {
            Some(billed) => vec![expected(billed)],
            None => all.iter().map(expected).collect(),
        };
        let most = readings.iter().map(BTreeMap::len).max().unwrap_or(0);
        if readings.iter().any(|reading| reading.len() == most && *reading == found) {
            equal += 1;
        } else {
            differing.push(format!("{} {counts}\n    found {found:?}\n    there {readings:?}", body["file"]));
        }
    }
    eprintln!("{equal} of {} bodies have equal usage\n{}", records.len(), differing.join("\n"));
    assert_eq!(differing.len(), 0);
}
