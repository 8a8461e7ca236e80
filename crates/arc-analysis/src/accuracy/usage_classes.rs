//! Our usage classes by the names that genai-prices has for them.

use std::collections::BTreeMap;

use arc_model::Usage;

/// Classes there that are none of ours: text is what is left of the whole, and how much of the cached tokens was of
/// which kind nobody bills by but for audio.
const NOT_OURS: [&str; 7] = [
    "input_text_tokens",
    "output_text_tokens",
    "input_text_tool_tokens",
    "cache_text_read_tokens",
    "cache_image_read_tokens",
    "cache_video_read_tokens",
    "output_citation_tokens",
];

/// Returns the classes of a usage; what is zero is left out.
pub(super) fn of(usage: &Usage) -> BTreeMap<String, u64> {
    let minutes = usage.cache_write_1h.and_then(|hour| usage.cache_write?.checked_sub(hour));
    [
        ("input_tokens", usage.input),
        ("output_tokens", usage.output),
        ("cache_read_tokens", usage.cache_read),
        ("cache_audio_read_tokens", usage.cache_read_audio),
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
        ("web_searches", usage.web_searches),
    ]
    .into_iter()
    .filter_map(|(name, count)| Some((name.to_owned(), count.filter(|count| *count > 0)?)))
    .collect()
}

/// Returns what of another's classes is ours; what is zero is left out.
pub(super) fn ours(classes: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let is_ours = |name: &str, count: u64| count > 0 && !NOT_OURS.contains(&name);
    classes.iter().filter(|(name, count)| is_ours(name, **count)).map(|(name, count)| (name.clone(), *count)).collect()
}

/// Returns the usage that has these classes.
pub(super) fn usage(classes: &BTreeMap<String, u64>) -> Usage {
    let count = |name: &str| classes.get(name).copied();
    let audio = count("cache_audio_read_tokens");
    Usage {
        input: count("input_tokens"),
        output: Some(count("output_tokens").unwrap_or(0)),
        cache_read: count("cache_read_tokens"),
        cache_read_audio: Some(audio.unwrap_or(0)).filter(|_| count("cache_read_tokens").is_some()),
        cache_write: count("cache_write_tokens"),
        cache_write_1h: count("cache_write_1h_tokens"),
        reasoning: count("output_reasoning_tokens"),
        audio_input: count("input_audio_tokens"),
        audio_output: count("output_audio_tokens"),
        image_input: count("input_image_tokens"),
        image_output: count("output_image_tokens"),
        video_input: count("input_video_tokens"),
        tool_input: count("input_tool_tokens"),
        web_searches: count("web_searches"),
        ..Usage::default()
    }
}

/// Returns whether one of several readings is ours. Several providers read one body; the one that reads most of it is
/// whose body it is.
pub(super) fn agrees(found: &Usage, readings: &[BTreeMap<String, u64>]) -> bool {
    let found = of(found);
    let readings: Vec<_> = readings.iter().map(ours).collect();
    let most = readings.iter().map(BTreeMap::len).max().unwrap_or(0);
    readings.iter().any(|reading| reading.len() == most && *reading == found)
}

/// Returns classes in words.
pub(super) fn shown(classes: &BTreeMap<String, u64>) -> String {
    let words = classes.iter().map(|(name, count)| format!("{name} {count}"));
    if classes.is_empty() { "no counts".to_owned() } else { words.collect::<Vec<_>>().join(", ") }
}
