//! On what terms a call was served, where providers bill it otherwise for that: in a batch, when there is room (flex),
//! before others (priority), or on capacity that is paid by the hour.

use arc_model::{Json, Span};

/// Attributes in which formats keep the tier that an answer says it was served in.
const TIERS: [&str; 6] = [
    "arc_eval.service_tier",
    "service_tier",
    "serviceTier",
    "gen_ai.openai.response.service_tier",
    "openai.response.service_tier",
    "gen_ai.response.service_tier",
];

/// How a call was served, as far as its price depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Terms {
    /// As calls are when nothing is said.
    #[default]
    Standard,
    /// With others, within a day.
    Batch,
    /// When there is room.
    Flex,
    /// Before others.
    Priority,
    /// By faster machines.
    Fast,
    /// On capacity that is paid by time, so that its tokens have no price.
    Reserved,
}

impl Terms {
    /// Returns the terms that a span's answer names. What was asked for decides only where it is granted or refused as
    /// a whole: a call that asked for priority may have been served as any other.
    pub(super) fn of(span: &Span) -> Self {
        let named = TIERS.iter().find_map(|name| span.attributes.get(*name));
        let named = named.and_then(|tier| tier.as_str().or_else(|| tier.get("type").and_then(Json::as_str)));
        if let Some(tier) = named {
            return Self::named(tier);
        }
        let asked = span.parameters.get("service_tier").and_then(Json::as_str).map(Self::named);
        asked.filter(|terms| *terms == Self::Flex).unwrap_or_default()
    }

    fn named(tier: &str) -> Self {
        let tier = tier.to_ascii_lowercase();
        match tier.rsplit(['_', '-']).next().unwrap_or(&tier) {
            "batch" => Self::Batch,
            "flex" => Self::Flex,
            "priority" => Self::Priority,
            "fast" => Self::Fast,
            "throughput" | "reserved" | "scale" => Self::Reserved,
            _ => Self::Standard,
        }
    }

    /// Returns what the price table calls them.
    pub(super) const fn context(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Batch => Some(("processing", "batch")),
            Self::Flex => Some(("service_tier", "flex")),
            Self::Priority => Some(("service_tier", "priority")),
            Self::Fast => Some(("service_tier", "fast")),
            Self::Standard | Self::Reserved => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use arc_model::{SpanId, SpanKind, TraceId};

    use super::*;

    fn span(name: &str, value: Json) -> Span {
        let (trace, id) = (TraceId::from_bytes([1; 16]).unwrap(), SpanId::from_bytes([1; 8]).unwrap());
        let mut span = Span::new(trace, id, SpanKind::Llm, "chat");
        span.attributes.insert(name.to_owned(), value);
        span
    }

    #[test]
    fn the_tier_of_the_answer_decides_in_every_spelling() {
        for (tier, terms) in [
            ("batch", Terms::Batch),
            ("flex", Terms::Flex),
            ("ON_DEMAND_FLEX", Terms::Flex),
            ("priority", Terms::Priority),
            ("PROVISIONED_THROUGHPUT", Terms::Reserved),
            ("ON_DEMAND", Terms::Standard),
            ("default", Terms::Standard),
            ("standard", Terms::Standard),
        ] {
            assert_eq!(Terms::of(&span("service_tier", tier.into())), terms, "{tier}");
        }
        assert_eq!(Terms::of(&span("arc_eval.service_tier", serde_json::json!({"type": "flex"}))), Terms::Flex);
        let mut asked = span("other", Json::Null);
        asked.parameters.insert("service_tier".to_owned(), "priority".into());
        assert_eq!(Terms::of(&asked), Terms::Standard);
        asked.parameters.insert("service_tier".to_owned(), "flex".into());
        assert_eq!(Terms::of(&asked), Terms::Flex);
    }
}
