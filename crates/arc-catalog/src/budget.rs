//! Budgets that users set themselves: how much may be spent in a day, a week or a month.

use serde::{Deserialize, Serialize};

use crate::{CatalogError, caching};

/// The file's name in the data directory.
pub const FILE: &str = "budgets.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    budget: Vec<Budget>,
}

/// How much may be spent on some runs in a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Its name, which alerts carry.
    pub name: String,
    /// Dollars.
    pub amount: f64,
    /// In what time.
    pub per: Period,
    /// Only in this project; in each of them when not given.
    #[serde(default)]
    pub project: Option<String>,
    /// Only runs of this agent.
    #[serde(default)]
    pub agent: Option<String>,
    /// Only calls of models with such a name; `*` stands for anything.
    #[serde(default)]
    pub model: Option<String>,
    /// Only runs for this user.
    #[serde(default)]
    pub user: Option<String>,
    /// The share of the amount at which a first alert is raised.
    #[serde(default = "most")]
    pub warn_at: f64,
}

/// A time that begins at midnight, UTC: a day, a week from Monday on, a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

impl Period {
    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

const fn most() -> f64 {
    0.8
}

impl Budget {
    /// Reads a file of budgets.
    pub fn read(text: &str) -> Result<Vec<Self>, CatalogError> {
        let file: File =
            toml::from_str(text).map_err(|source| CatalogError::Unreadable { file: FILE, source: Box::new(source) })?;
        for (index, budget) in file.budget.iter().enumerate() {
            let is_twice = file.budget.iter().take(index).any(|other| other.name == budget.name);
            let twice = is_twice.then(|| "is there twice".to_owned());
            if let Some(problem) = twice.or_else(|| budget.problem()) {
                return Err(CatalogError::Invalid { file: FILE, id: budget.name.clone(), problem });
            }
        }
        Ok(file.budget)
    }

    /// Returns whether calls of this model count.
    pub fn fits_model(&self, name: Option<&str>) -> bool {
        match (&self.model, name) {
            (None, _) => true,
            (Some(pattern), Some(name)) => caching::fits(pattern, name),
            (Some(_), None) => false,
        }
    }

    fn problem(&self) -> Option<String> {
        if self.name.trim().is_empty() {
            return Some("has no name".to_owned());
        }
        if !(self.amount > 0.0 && self.amount <= 1e9) {
            return Some("has an amount that is not between 0 and a billion dollars".to_owned());
        }
        if !(self.warn_at > 0.0 && self.warn_at <= 1.0) {
            return Some("warns at a share that is not between 0 and 1".to_owned());
        }
        let is_both = self.model.is_some() && self.user.is_some();
        is_both.then(|| "is for a model and for a user: cost is not kept by both".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_names_its_amount_its_time_and_what_it_is_for() {
        let text = "[[budget]]\nname = \"shop\"\namount = 20\nper = \"day\"\nagent = \"shop\"\nmodel = \"gpt-*\"";
        let budgets = Budget::read(text).unwrap();
        assert_eq!((budgets[0].amount, budgets[0].per, budgets[0].warn_at), (20.0, Period::Day, 0.8));
        assert!(budgets[0].fits_model(Some("gpt-4o")) && !budgets[0].fits_model(Some("claude")));
        assert!(!budgets[0].fits_model(None));
    }

    #[test]
    fn a_budget_that_cannot_be_is_refused_by_name() {
        let refused = |text: &str| Budget::read(text).unwrap_err().to_string();
        let of = |rest: &str| format!("[[budget]]\nname = \"b\"\nper = \"day\"\n{rest}\n");
        assert!(refused(&of("amount = 0")).contains("the entry `b` has an amount"));
        assert!(refused(&of("amount = 1\nwarn_at = 2")).contains("warns at a share"));
        assert!(refused(&of("amount = 1\nmodel = \"m\"\nuser = \"u\"")).contains("for a model and for a user"));
        let one = of("amount = 1");
        assert!(refused(&format!("{one}{one}")).contains("is there twice"));
        assert!(Budget::read(&of("amount = 1\nper_hour = 2")).is_err());
    }
}
