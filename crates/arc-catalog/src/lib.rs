//! Knowledge as data files: the failure taxonomy, frameworks and domains.
//!
//! `taxonomy.toml`, `frameworks.toml` and `domains.toml` beside this crate's `Cargo.toml` are the
//! sources; each opens with a description of its entries. Whoever adds an entry edits only the file.
//! How the entries are matched against a trace is code and lives in `arc-analysis`.

mod catalog;
mod domain;
mod error;
mod framework;
mod taxonomy;
#[cfg(test)]
mod tests;

pub use catalog::Catalog;
pub use domain::Domain;
pub use error::CatalogError;
pub use framework::{Framework, Level, SourceSigns};
pub use taxonomy::Leaf;
