//! Token counts of a model call.

use serde::{Deserialize, Serialize};

/// Tokens a model call used. `None` means the count was not reported, which is not zero.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input: Option<u64>,
    /// All output tokens, reasoning included.
    pub output: Option<u64>,
    /// Input tokens read from the provider's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Input tokens written to the provider's cache, all lifetimes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// Of `cache_write`, those kept for one hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// Output tokens spent on reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
    /// Audio tokens among the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<u64>,
    /// Audio tokens among the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<u64>,
    /// Tokens of images and documents among the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_input: Option<u64>,
    /// Tokens of images among the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_output: Option<u64>,
    /// Video tokens among the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_input: Option<u64>,
    /// Of the input, what tools that the provider runs itself put into the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_input: Option<u64>,
    /// Of `cache_read`, audio tokens; zero where the provider names the kinds and audio is none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read_audio: Option<u64>,
    /// Searches of the web that the provider made for the call and bills by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub web_searches: Option<u64>,
    /// Who counted.
    pub source: UsageSource,
    /// How the reported input count was read; the raw counts stay in the span's attributes.
    pub input_rule: InputRule,
}

impl Usage {
    /// Returns whether neither input nor output was counted.
    pub fn is_empty(&self) -> bool {
        self.input.is_none() && self.output.is_none()
    }
}

/// Who counted the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The provider.
    #[default]
    Reported,
    /// We did, from the text.
    Estimated,
}

/// How a reported input count relates to the cached tokens reported beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum InputRule {
    /// The count includes cached tokens (OpenTelemetry's rule, and the default).
    #[default]
    Inclusive,
    /// The count excludes cached tokens because the emitter is known to do so; they were added.
    ExclusiveByEmitter,
    /// The count is smaller than the cached tokens beside it, so it excludes them; they were added.
    ExclusiveByArithmetic,
}
