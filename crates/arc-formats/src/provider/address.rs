//! Where a request went: the path, and who listens at the host.

/// An address taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// The host in lower case, without a port.
    pub host: String,
    /// The path without query, percent-encoding undone.
    pub path: String,
}

/// Hosts whose owner is known: how the host ends, what the path holds, and the provider in OpenTelemetry's spelling.
///
/// A host that is not here names nobody: whoever speaks `OpenAI`'s language need not be `OpenAI`.
const HOSTS: &[(&str, &str, &str)] = &[
    ("api.openai.com", "", "openai"),
    ("openai.azure.com", "", "azure.ai.openai"),
    ("cognitiveservices.azure.com", "/openai/", "azure.ai.openai"),
    ("services.ai.azure.com", "/openai/", "azure.ai.openai"),
    ("services.ai.azure.com", "/anthropic/", "azure.ai.inference"),
    ("services.ai.azure.com", "", "azure.ai.inference"),
    ("models.ai.azure.com", "", "azure.ai.inference"),
    ("models.inference.ai.azure.com", "", "azure.ai.inference"),
    ("models.github.ai", "", "azure.ai.inference"),
    ("api.anthropic.com", "", "anthropic"),
    ("generativelanguage.googleapis.com", "", "gcp.gemini"),
    ("aiplatform.googleapis.com", "", "gcp.vertex_ai"),
    ("aiplatform.us.rep.googleapis.com", "", "gcp.vertex_ai"),
    ("aiplatform.eu.rep.googleapis.com", "", "gcp.vertex_ai"),
    ("api.mistral.ai", "", "mistral_ai"),
    ("codestral.mistral.ai", "", "mistral_ai"),
    ("api.groq.com", "", "groq"),
    ("openrouter.ai", "", "openrouter"),
    ("api.cohere.com", "", "cohere"),
    ("api.cohere.ai", "", "cohere"),
    ("api.deepseek.com", "", "deepseek"),
    ("api.perplexity.ai", "", "perplexity"),
    ("api.x.ai", "", "x_ai"),
    ("api.moonshot.ai", "", "moonshot_ai"),
    ("api.moonshot.cn", "", "moonshot_ai"),
    ("api.together.ai", "", "together"),
    ("api.together.xyz", "", "together"),
    ("api.fireworks.ai", "", "fireworks"),
    ("api.cerebras.ai", "", "cerebras"),
    ("router.huggingface.co", "", "huggingface"),
    ("api-inference.huggingface.co", "", "huggingface"),
    ("api.portkey.ai", "", "portkey"),
    ("api.sambanova.ai", "", "sambanova"),
    ("integrate.api.nvidia.com", "", "nvidia"),
    ("api.deepinfra.com", "", "deepinfra"),
    ("api.minimax.io", "", "minimax"),
    ("api.z.ai", "", "zai"),
    ("open.bigmodel.cn", "", "zhipuai"),
    ("dashscope.aliyuncs.com", "", "alibaba"),
    ("dashscope-intl.aliyuncs.com", "", "alibaba"),
    ("ml.cloud.ibm.com", "", "ibm.watsonx.ai"),
    ("api.ai21.com", "", "ai21"),
    ("api.voyageai.com", "", "voyageai"),
    ("ollama.com", "", "ollama"),
];

impl Address {
    /// Takes an address apart. What has no scheme is a path when it begins with a slash, else a host.
    pub fn parse(url: &str) -> Self {
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = if host.starts_with('[') { host } else { host.split(':').next().unwrap_or_default() };
        Self { host: host.trim_end_matches('.').to_ascii_lowercase(), path: decode_percent(path) }
    }

    /// Returns who listens at the host; `None` when nobody knows.
    pub fn provider(&self) -> Option<&'static str> {
        let is_at = |host: &str| {
            self.host.strip_suffix(host).is_some_and(|before| before.is_empty() || before.ends_with(['.', '-']))
        };
        let is_aws = self.host.ends_with(".amazonaws.com") || self.host.ends_with(".amazonaws.com.cn");
        if is_aws && self.host.starts_with("bedrock")
            || self.host.ends_with(".api.aws") && self.host.starts_with("bedrock")
        {
            return Some("aws.bedrock");
        }
        HOSTS.iter().find(|(host, path, _)| is_at(host) && self.path.contains(path)).map(|(_, _, name)| *name)
    }

    /// Returns what stands in the path between `before` and the next of `ends`.
    pub(super) fn between<'a>(path: &'a str, before: &str, ends: &[char]) -> Option<&'a str> {
        let (_, rest) = path.split_once(before)?;
        rest.split(ends).next().filter(|name| !name.is_empty())
    }
}

fn decode_percent(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let decoded = match (first, after) {
            (b'%', [high, low, ..]) => hex_digit(*high).zip(hex_digit(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_names_the_provider_and_an_unknown_host_names_nobody() {
        for (url, provider) in [
            ("https://api.openai.com/v1/chat/completions", Some("openai")),
            ("https://acme.openai.azure.com/openai/deployments/x/chat/completions", Some("azure.ai.openai")),
            ("https://bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse", Some("aws.bedrock")),
            ("https://us-central1-aiplatform.googleapis.com/v1/x", Some("gcp.vertex_ai")),
            ("https://API.Mistral.AI:443/v1/chat/completions", Some("mistral_ai")),
            ("https://key:secret@openrouter.ai/api/v1/chat/completions", Some("openrouter")),
            ("http://localhost:11434/v1/chat/completions", None),
            ("https://api.openai.com.evil.example/v1/chat/completions", None),
            ("https://notapi.openai.com.example/v1", None),
            ("https://myopenrouter.ai/api", None),
            ("/v1/chat/completions", None),
            ("", None),
        ] {
            assert_eq!(Address::parse(url).provider(), provider, "{url}");
        }
    }

    #[test]
    fn the_path_has_no_query_and_no_percent_encoding() {
        let address = Address::parse("https://h.example/model/a%3A0/converse%2?key=secret#x");
        assert_eq!((address.host.as_str(), address.path.as_str()), ("h.example", "/model/a:0/converse%2"));
        assert_eq!(Address::parse("https://[::1]:8000/x").host, "[::1]:8000");
    }
}
