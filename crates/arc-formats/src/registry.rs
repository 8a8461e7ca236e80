//! Every format there is. Adding one is a file and a line here.

use crate::{
    dialect::{self, Dialect},
    wire::{self, Wire},
};

/// The containers, in the order in which ties of detection are decided.
pub const WIRES: &[&dyn Wire] = &[
    &wire::otlp_json::OtlpJson,
    &wire::otlp_protobuf::OtlpProtobuf,
    &wire::openinference_export::OpenInferenceExport,
    &wire::tau_bench::TauBench,
    &wire::tau2::Tau2,
    &wire::agentdojo::AgentDojo,
    &wire::claude_code::ClaudeCode,
    &wire::codex::Codex,
    &wire::atif::Atif,
    &wire::inspect_ai::InspectAi,
    &wire::langfuse_export::LangfuseExport,
    &wire::langsmith_export::LangsmithExport,
    &wire::mlflow_export::MlflowExport,
    &wire::http_recording::HttpRecording,
    &wire::provider_response::ProviderResponse,
    &wire::swe_agent::SweAgent,
    &wire::crewai::Crewai,
    &wire::autogen::Autogen,
    &wire::google_adk_events::GoogleAdkEvents,
    &wire::pydantic_ai_messages::PydanticAiMessages,
    &wire::smolagents::Smolagents,
    &wire::agno::Agno,
    &wire::mcp_transcript::McpTranscript,
    &wire::group_chat::GroupChat,
    &wire::langchain_messages::LangchainMessages,
    &wire::chat::Chat,
    &wire::steps::Steps,
];

/// The attribute dialects, in order of precedence: where two say different things, the first wins.
///
/// Those that say what a span is more exactly than OpenTelemetry's names do go before these.
pub const DIALECTS: &[&dyn Dialect] = &[
    &dialect::arc_eval::ArcEval,
    &dialect::openllmetry::OpenLlmetry,
    &dialect::vercel_ai::VercelAi,
    &dialect::google_adk::GoogleAdk,
    &dialect::langsmith::Langsmith,
    &dialect::otel_genai::OtelGenAi,
    &dialect::openinference::OpenInference,
    &dialect::mcp::Mcp,
    &dialect::laminar::Laminar,
    &dialect::langfuse::Langfuse,
    &dialect::pydantic_ai::PydanticAi,
    &dialect::mlflow::Mlflow,
];

/// Returns the wire with this id.
pub fn wire(id: &str) -> Option<&'static dyn Wire> {
    WIRES.iter().copied().find(|wire| wire.id() == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn is_kebab_case(id: &str) -> bool {
        !id.is_empty() && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    }

    #[test]
    fn every_id_is_unique_kebab_case_and_has_a_file_of_its_name() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let wires = WIRES.iter().map(|wire| ("wire", wire.id(), wire.name()));
        let dialects = DIALECTS.iter().map(|dialect| ("dialect", dialect.id(), dialect.name()));
        let mut seen = BTreeSet::new();
        for (folder, id, name) in wires.chain(dialects) {
            assert!(seen.insert(id), "{id} is registered twice");
            assert!(is_kebab_case(id), "{id} is not kebab-case");
            assert!(!name.is_empty(), "{id} has no name");
            let file = source.join(folder).join(format!("{}.rs", id.replace('-', "_")));
            assert!(file.is_file(), "{} does not exist", file.display());
        }
    }

    #[test]
    fn every_file_of_a_wire_or_dialect_is_registered() {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut unregistered = Vec::new();
        for (folder, ids) in [
            ("wire", WIRES.iter().map(|wire| wire.id()).collect::<Vec<_>>()),
            ("dialect", DIALECTS.iter().map(|dialect| dialect.id()).collect()),
        ] {
            for entry in std::fs::read_dir(source.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let stem = path.file_stem().unwrap().to_string_lossy().replace('_', "-");
                let implements = text.contains("\nimpl Wire for") || text.contains("\nimpl Dialect for");
                if implements && !ids.contains(&stem.as_str()) {
                    unregistered.push(path);
                }
            }
        }
        assert_eq!(unregistered, Vec::<std::path::PathBuf>::new());
    }
}
