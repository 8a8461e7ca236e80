//! Knowledge as data files: the failure taxonomy, frameworks and domains.

/// Everything the analysis knows that is not code.
#[derive(Debug, Clone, Default)]
pub struct Catalog {}

impl Catalog {
    /// Returns the catalogue built into the program.
    pub fn builtin() -> &'static Self {
        static CATALOG: std::sync::LazyLock<Catalog> = std::sync::LazyLock::new(Catalog::default);
        &CATALOG
    }
}
