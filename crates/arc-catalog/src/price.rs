//! Prices that users set themselves: contract prices, and models they serve.

use serde::Deserialize;

use arc_model::{ModelRef, Timestamp};

use crate::{CatalogError, caching};

/// The file's name in the data directory.
pub const FILE: &str = "prices.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    price: Vec<PriceOverride>,
}

/// What a model costs, whatever the price table says. Prices are dollars per million tokens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceOverride {
    /// The model as it is recorded; `*` stands for anything.
    pub model: String,
    /// Only of this provider, as it is recorded.
    #[serde(default)]
    pub provider: Option<String>,
    /// A million tokens of input.
    pub input: f64,
    /// A million tokens of output.
    pub output: f64,
    /// A million tokens read from the cache; as input when not given.
    #[serde(default)]
    pub cache_read: Option<f64>,
    /// A million tokens written to the cache; as input when not given.
    #[serde(default)]
    pub cache_write: Option<f64>,
    /// A million tokens written to the cache for an hour; as `cache_write` when not given.
    #[serde(default)]
    pub cache_write_1h: Option<f64>,
    /// The price holds from this time on.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// The price holds before this time.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

impl PriceOverride {
    /// Reads a file of prices; the first that fits a call decides.
    pub fn read(text: &str) -> Result<Vec<Self>, CatalogError> {
        let file: File =
            toml::from_str(text).map_err(|source| CatalogError::Unreadable { file: FILE, source: Box::new(source) })?;
        for price in &file.price {
            if let Some(problem) = price.problem() {
                return Err(CatalogError::Invalid { file: FILE, id: price.model.clone(), problem });
            }
        }
        Ok(file.price)
    }

    /// Returns whether it is the price of this model at this time; a call without a time has the latest price.
    pub fn fits(&self, model: &ModelRef, at: Option<Timestamp>) -> bool {
        let is_it = model.name().is_some_and(|name| caching::fits(&self.model, name));
        let provider = self.provider.as_deref();
        let is_there = provider.is_none_or(|provider| model.provider.as_deref() == Some(provider));
        let is_then = match at {
            Some(at) => self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until),
            None => self.until.is_none(),
        };
        is_it && is_there && is_then
    }

    fn problem(&self) -> Option<String> {
        let prices = [Some(self.input), Some(self.output), self.cache_read, self.cache_write, self.cache_write_1h];
        if prices.into_iter().flatten().any(|price| !(0.0..=1e6).contains(&price)) {
            return Some("has a price that is no amount of dollars per million tokens".to_owned());
        }
        let is_empty = self.from.zip(self.until).is_some_and(|(from, until)| from >= until);
        is_empty.then(|| "ends before it begins".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(provider: Option<&str>, name: &str) -> ModelRef {
        ModelRef { provider: provider.map(str::to_owned), request: Some(name.to_owned()), ..ModelRef::default() }
    }

    #[test]
    fn a_price_holds_for_its_model_its_provider_and_its_time() {
        let text = r#"
            [[price]]
            model = "llama-*"
            provider = "vllm"
            input = 0
            output = 0
            [[price]]
            model = "gpt-4o"
            input = 2.0
            output = 8.5
            from = "2026-01-01T00:00:00Z"
            until = "2026-02-01T00:00:00Z"
        "#;
        let prices = PriceOverride::read(text).unwrap();
        let (own, contract) = (&prices[0], &prices[1]);
        assert!(own.fits(&model(Some("vllm"), "llama-3"), None));
        assert!(!own.fits(&model(None, "llama-3"), None));
        let at = |text| Timestamp::parse(text);
        assert!(contract.fits(&model(None, "gpt-4o"), at("2026-01-31T00:00:00Z")));
        assert!(!contract.fits(&model(None, "gpt-4o"), at("2026-02-01T00:00:00Z")));
        assert!(!contract.fits(&model(None, "gpt-4o"), None));
    }

    #[test]
    fn a_price_that_cannot_be_is_refused() {
        let error = PriceOverride::read("[[price]]\nmodel = \"m\"\ninput = -1\noutput = 1").unwrap_err();
        assert!(error.to_string().contains("the entry `m` has a price that is no amount"), "{error}");
        assert!(PriceOverride::read("[[price]]\nmodel = \"m\"\ninput = nan\noutput = 1").is_err());
        assert!(PriceOverride::read("[[prize]]").is_err());
        assert_eq!(PriceOverride::read("").unwrap(), []);
    }
}
