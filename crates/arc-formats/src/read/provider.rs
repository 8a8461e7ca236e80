//! Names of model providers, in OpenTelemetry's spelling.

/// Other spellings, lower case, with the one OpenTelemetry uses.
const SPELLINGS: &[(&str, &str)] = &[
    ("az.ai.inference", "azure.ai.inference"),
    ("azure_ai_inference", "azure.ai.inference"),
    ("az.ai.openai", "azure.ai.openai"),
    ("azure", "azure.ai.openai"),
    ("azure_openai", "azure.ai.openai"),
    ("azureopenai", "azure.ai.openai"),
    ("amazon_bedrock", "aws.bedrock"),
    ("aws", "aws.bedrock"),
    ("aws_bedrock", "aws.bedrock"),
    ("bedrock", "aws.bedrock"),
    ("gemini", "gcp.gemini"),
    ("google", "gcp.gemini"),
    ("google_genai", "gcp.gen_ai"),
    ("google_vertexai", "gcp.vertex_ai"),
    ("vertex_ai", "gcp.vertex_ai"),
    ("vertexai", "gcp.vertex_ai"),
    ("ibm_watsonx", "ibm.watsonx.ai"),
    ("watsonx", "ibm.watsonx.ai"),
    ("mistral", "mistral_ai"),
    ("mistralai", "mistral_ai"),
    ("moonshot", "moonshot_ai"),
    ("moonshotai", "moonshot_ai"),
    ("xai", "x_ai"),
];

/// Returns a provider's name in OpenTelemetry's spelling; unknown names in lower case.
pub(crate) fn canonical(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    let known = SPELLINGS.iter().find(|(spelling, _)| *spelling == lower);
    known.map_or(lower, |(_, canonical)| (*canonical).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_provider_has_one_name() {
        for (given, expected) in
            [("MistralAI", "mistral_ai"), ("az.ai.openai", "azure.ai.openai"), ("OpenAI", "openai"), ("acme", "acme")]
        {
            assert_eq!(canonical(given), expected);
        }
    }

    #[test]
    fn no_spelling_leads_to_another_spelling() {
        for (_, canonical_name) in SPELLINGS {
            assert_eq!(canonical(canonical_name), *canonical_name);
        }
    }
}
