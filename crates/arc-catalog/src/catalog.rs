//! The files, read and checked once.

use std::{collections::BTreeSet, sync::LazyLock};

use serde::de::DeserializeOwned;

use crate::{
    Budget, CacheRule, CatalogError, Domain, Framework, Leaf, PriceOverride, Vocabulary, caching, domain, framework,
    taxonomy,
};

/// Everything the analysis knows that is not code.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    leaves: Vec<Leaf>,
    frameworks: Vec<Framework>,
    domains: Vec<Domain>,
    vocabulary: Vocabulary,
    cache_rules: Vec<CacheRule>,
    prices: Vec<PriceOverride>,
    budgets: Vec<Budget>,
}

impl Catalog {
    /// Returns the catalogue built into the program.
    ///
    /// # Panics
    /// Never in a program whose tests passed: the files are part of it, and the tests read them.
    #[expect(clippy::panic, reason = "the files are compiled in, and the tests of this crate read them")]
    pub fn builtin() -> &'static Self {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
            let read = Catalog::read(
                include_str!("../taxonomy.toml"),
                include_str!("../frameworks.toml"),
                include_str!("../domains.toml"),
            );
            let read = read.and_then(|catalog| catalog.with_cache_rules(include_str!("../caching.toml")));
            read.unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
        });
        &CATALOG
    }

    /// Reads a catalogue from the texts of its three files.
    pub fn read(taxonomy: &str, frameworks: &str, domains: &str) -> Result<Self, CatalogError> {
        let leaves: taxonomy::File = read(taxonomy::FILE, taxonomy)?;
        let frameworks: framework::File = read(framework::FILE, frameworks)?;
        let domains: domain::File = read(domain::FILE, domains)?;
        let catalog = Self {
            leaves: leaves.leaf,
            frameworks: frameworks.framework,
            vocabulary: Vocabulary::of(&domains.domain),
            domains: domains.domain,
            ..Self::default()
        };
        catalog.check()?;
        Ok(catalog)
    }

    /// Returns the leaves of the failure taxonomy, in the order of the file.
    pub fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }

    /// Returns the leaf with this id.
    pub fn leaf(&self, id: &str) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.id.as_str() == id)
    }

    /// Returns the frameworks, in the order of the file.
    pub fn frameworks(&self) -> &[Framework] {
        &self.frameworks
    }

    /// Returns the framework with this id or alias, whatever its case.
    pub fn framework(&self, name: &str) -> Option<&Framework> {
        self.frameworks.iter().find(|framework| answers_to(&framework.id, &framework.aliases, name))
    }

    /// Returns the domains, in the order of the file.
    pub fn domains(&self) -> &[Domain] {
        &self.domains
    }

    /// Returns the terms of all domains by their first words.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Returns the domain with this id or alias, whatever its case.
    pub fn domain(&self, name: &str) -> Option<&Domain> {
        self.domains.iter().find(|domain| answers_to(&domain.id, &domain.aliases, name))
    }

    /// Returns this catalogue with the rules of providers' caches that a text describes.
    pub fn with_cache_rules(self, text: &str) -> Result<Self, CatalogError> {
        let read: caching::File = read(caching::FILE, text)?;
        for rule in &read.cache {
            if let Some(problem) = rule.problem() {
                let id = rule.rows.first().cloned().unwrap_or_default();
                return Err(CatalogError::Invalid { file: caching::FILE, id, problem });
            }
        }
        Ok(Self { cache_rules: read.cache, ..self })
    }

    /// Returns this catalogue with prices that outrank those of the price table.
    #[must_use]
    pub fn with_prices(self, prices: Vec<PriceOverride>) -> Self {
        Self { prices, ..self }
    }

    /// Returns this catalogue with budgets.
    #[must_use]
    pub fn with_budgets(self, budgets: Vec<Budget>) -> Self {
        Self { budgets, ..self }
    }

    /// Returns the budgets, in the order of the file.
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// Returns the prices that outrank those of the price table; the first that fits a call decides.
    pub fn prices(&self) -> &[PriceOverride] {
        &self.prices
    }

    /// Returns what the provider's cache does with calls at this price row; `None` when it is not known.
    pub fn cache_rule(&self, price_row: &str) -> Option<&CacheRule> {
        self.cache_rules.iter().find(|rule| rule.fits(price_row))
    }

    fn check(&self) -> Result<(), CatalogError> {
        unambiguous(taxonomy::FILE, self.leaves.iter().map(|leaf| leaf.id.as_str()))?;
        let frameworks = self.frameworks.iter();
        unambiguous(framework::FILE, frameworks.flat_map(|framework| names(&framework.id, &framework.aliases)))?;
        unambiguous(domain::FILE, self.domains.iter().flat_map(|domain| names(&domain.id, &domain.aliases)))?;
        for leaf in &self.leaves {
            invalid(taxonomy::FILE, leaf.id.as_str(), leaf.problem())?;
        }
        for framework in &self.frameworks {
            let missing = framework.built_on.iter().find(|base| !self.frameworks.iter().any(|f| f.id == **base));
            let missing = missing.map(|base| format!("is built on `{base}`, which is no entry"));
            invalid(framework::FILE, &framework.id, missing.or_else(|| framework.problem()))?;
        }
        for domain in &self.domains {
            invalid(domain::FILE, &domain.id, domain.problem())?;
        }
        Ok(())
    }
}

fn read<T: DeserializeOwned>(file: &'static str, text: &str) -> Result<T, CatalogError> {
    toml::from_str(text).map_err(|source| CatalogError::Unreadable { file, source: Box::new(source) })
}

fn names<'a>(id: &'a str, aliases: &'a [String]) -> impl Iterator<Item = &'a str> {
    std::iter::once(id).chain(aliases.iter().map(String::as_str))
}

/// Compares names without regard to case and to how their words are joined.
fn answers_to(id: &str, aliases: &[String], name: &str) -> bool {
    let plain = |text: &str| text.to_lowercase().replace([' ', '_', '-'], "");
    let name = plain(name);
    names(id, aliases).any(|known| plain(known) == name)
}

fn unambiguous<'a>(file: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), CatalogError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(CatalogError::Ambiguous { file, name: name.to_owned() });
        }
    }
    Ok(())
}

fn invalid(file: &'static str, id: &str, problem: Option<String>) -> Result<(), CatalogError> {
    match problem {
        Some(problem) => Err(CatalogError::Invalid { file, id: id.to_owned(), problem }),
        None if is_kebab(id) => Ok(()),
        None => Err(CatalogError::Invalid { file, id: id.to_owned(), problem: "needs an id in kebab-case".to_owned() }),
    }
}

fn is_kebab(id: &str) -> bool {
    id.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()))
}
