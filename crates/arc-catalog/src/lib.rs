//! Knowledge as data files: the failure taxonomy, frameworks and domains.
//!
//! `taxonomy.toml`, `frameworks.toml` and `domains.toml` beside this crate's `Cargo.toml` are the
//! sources; each opens with a description of its entries. Whoever adds an entry edits only the file.
//! `caching.toml` says which prompts providers cache. [`PriceOverride`] is what users write into their own `prices.toml`,
//! [`Budget`] into `budgets.toml`.
//! How the entries are matched against a trace is code and lives in `arc-analysis`.

pub mod budget;
mod caching;
mod catalog;
mod domain;
mod error;
mod framework;
pub mod price;
mod taxonomy;
#[cfg(test)]
mod tests;

pub use budget::{Budget, Period};
pub use caching::CacheRule;
pub use catalog::Catalog;
pub use domain::{Domain, Term, Vocabulary};
pub use error::CatalogError;
pub use framework::{Framework, Level, SourceSigns};
pub use price::PriceOverride;
pub use taxonomy::Leaf;
