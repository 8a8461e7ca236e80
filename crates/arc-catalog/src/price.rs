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
    price: Vec<Written>,
}

/// A price as it is written: by tokens, or by the hours of machines.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    model: String,
    provider: Option<String>,
    input: Option<f64>,
    output: Option<f64>,
    cache_read: Option<f64>,
    cache_write: Option<f64>,
    cache_write_1h: Option<f64>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    gpu_hour: Option<f64>,
    gpus: Option<f64>,
    input_tokens_per_second: Option<f64>,
    output_tokens_per_second: Option<f64>,
}

impl Written {
    fn price(self) -> Result<PriceOverride, (String, String)> {
        let (input, output) = match self.rates() {
            Ok(rates) => rates,
            Err(problem) => return Err((self.model, problem.to_owned())),
        };
        Ok(PriceOverride {
            model: self.model,
            provider: self.provider,
            input,
            output,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            cache_write_1h: self.cache_write_1h,
            from: self.from,
            until: self.until,
        })
    }

    /// Returns dollars for a million tokens of input and of output.
    fn rates(&self) -> Result<(f64, f64), &'static str> {
        const MILLION_SECONDS_OF_AN_HOUR: f64 = 1e6 / 3600.0;
        if let (Some(input), Some(output), None) = (self.input, self.output, self.gpu_hour) {
            return Ok((input, output));
        }
        let Some(hour) = self.gpu_hour.filter(|_| self.input.is_none() && self.output.is_none()) else {
            return Err("needs input and output, in dollars for a million tokens, or gpu_hour and nothing of both");
        };
        let throughputs = (self.input_tokens_per_second, self.output_tokens_per_second);
        let (Some(input), Some(output)) = throughputs else {
            return Err(
                "has a gpu_hour and needs input_tokens_per_second and output_tokens_per_second beside it: what the \
                        machines do for all calls together, as you measured it",
            );
        };
        if input <= 0.0 || output <= 0.0 {
            return Err("has a throughput that is not above 0");
        }
        let machines = hour * self.gpus.unwrap_or(1.0) * MILLION_SECONDS_OF_AN_HOUR;
        Ok((machines / input, machines / output))
    }
}

/// What a model costs, whatever the price table says. Prices are dollars per million tokens.
///
/// A model that is served on own machines can be priced by their hours: `gpu_hour` in dollars, `gpus`, and how many
/// tokens a second they read and write for all calls together.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceOverride {
    /// The model as it is recorded; `*` stands for anything.
    pub model: String,
    /// Only of this provider, as it is recorded.
    pub provider: Option<String>,
    /// A million tokens of input.
    pub input: f64,
    /// A million tokens of output.
    pub output: f64,
    /// A million tokens read from the cache; as input when not given.
    pub cache_read: Option<f64>,
    /// A million tokens written to the cache; as input when not given.
    pub cache_write: Option<f64>,
    /// A million tokens written to the cache for an hour; as `cache_write` when not given.
    pub cache_write_1h: Option<f64>,
    /// The price holds from this time on.
    pub from: Option<Timestamp>,
    /// The price holds before this time.
    pub until: Option<Timestamp>,
}

impl PriceOverride {
    /// Reads a file of prices; the first that fits a call decides.
    pub fn read(text: &str) -> Result<Vec<Self>, CatalogError> {
        let file: File =
            toml::from_str(text).map_err(|source| CatalogError::Unreadable { file: FILE, source: Box::new(source) })?;
        let invalid = |(id, problem)| CatalogError::Invalid { file: FILE, id, problem };
        let prices: Vec<Self> =
            file.price.into_iter().map(Written::price).collect::<Result<_, _>>().map_err(invalid)?;
        for price in &prices {
            if let Some(problem) = price.problem() {
                return Err(CatalogError::Invalid { file: FILE, id: price.model.clone(), problem });
            }
        }
        Ok(prices)
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
    fn machines_are_priced_by_the_hour_and_by_what_they_do_in_it() {
        let text = "[[price]]\nmodel = \"llama\"\ngpu_hour = 3.6\ngpus = 2\ninput_tokens_per_second = 20000\noutput_tokens_per_second = 1000";
        let price = PriceOverride::read(text).unwrap().remove(0);
        // $7.20 an hour, 0.2 cents a second: a million tokens read in 50 seconds, written in 1,000.
        assert!((price.input - 0.1).abs() < 1e-12 && (price.output - 2.0).abs() < 1e-12, "{price:?}");
        let refused =
            |text: &str| PriceOverride::read(&format!("[[price]]\nmodel = \"m\"\n{text}")).unwrap_err().to_string();
        assert!(refused("gpu_hour = 1").contains("needs input_tokens_per_second"));
        assert!(refused("gpu_hour = 1\ninput = 1").contains("nothing of both"));
        assert!(refused("input = 1").contains("needs input and output"));
        assert!(
            refused("gpu_hour = 1\ninput_tokens_per_second = 0\noutput_tokens_per_second = 1").contains("not above 0")
        );
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
