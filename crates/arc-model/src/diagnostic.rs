//! What decoding noticed about its input; decoding itself never fails.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something noticed while decoding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diagnostic {
    /// What became of the thing concerned.
    pub severity: Severity,
    /// The file or request, where it has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where in it.
    pub place: Place,
    /// What was found, what was expected, and what to do.
    pub message: String,
}

/// What became of the thing a diagnostic is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Taken in; worth knowing.
    Note,
    /// Taken in after a repair.
    Repaired,
    /// Not taken in.
    Rejected,
}

/// Where in its input something was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Place {
    /// Line, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// JSON pointer (RFC 6901) within the line or file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The span, as its id was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(f, "{source}")?;
            if let Some(line) = self.place.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        } else if let Some(line) = self.place.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(pointer) = &self.place.pointer {
            write!(f, "at {pointer}: ")?;
        }
        if let Some(span) = &self.place.span {
            write!(f, "span {span}: ")?;
        }
        f.write_str(&self.message)
    }
}
