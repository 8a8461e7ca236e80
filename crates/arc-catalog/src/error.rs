//! Why a catalogue file cannot be used.

/// Why a catalogue file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// It is not TOML, or an entry has a field that is missing, unknown or of the wrong type.
    #[error("cannot read the catalogue file {file}")]
    Unreadable {
        /// The file's name.
        file: &'static str,
        /// Where and what.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// Two entries answer to the same name.
    #[error("the catalogue file {file} has two entries that are called `{name}`")]
    Ambiguous {
        /// The file's name.
        file: &'static str,
        /// The id or alias.
        name: String,
    },
    /// An entry breaks a rule of its file.
    #[error("in the catalogue file {file}, the entry `{id}` {problem}")]
    Invalid {
        /// The file's name.
        file: &'static str,
        /// The entry's id.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
}
