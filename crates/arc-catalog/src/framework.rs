//! Agent frameworks and how their spans are recognised.

use serde::Deserialize;

pub(crate) const FILE: &str = "frameworks.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) framework: Vec<Framework>,
}

/// A framework and what gives it away.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// Its stable id.
    pub id: String,
    /// Its name, as it writes itself.
    pub title: String,
    /// Whether it runs agents or only calls models.
    #[serde(default)]
    pub level: Level,
    /// Other names it is declared by.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Frameworks whose traces it also leaves; theirs count as its own.
    #[serde(default)]
    pub built_on: Vec<String>,
    /// Instrumentation scopes: whole names, or their beginning up to a dot, slash or the like.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Names of attributes; with `*` at the end, their beginning.
    #[serde(default)]
    pub attributes: Vec<String>,
    /// Names of spans; with `*` at the end, their beginning.
    #[serde(default)]
    pub span_names: Vec<String>,
    /// Attributes of the process as `name=value`; with `*` at the end, the value's beginning.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Names it gives as the provider of a model.
    #[serde(default)]
    pub providers: Vec<String>,
    /// Field names that only its own objects have together, in inputs and outputs.
    #[serde(default)]
    pub shapes: Vec<Vec<String>>,
    /// What it looks like in the source of a Python program.
    #[serde(default)]
    pub source: SourceSigns,
}

/// What a framework looks like in Python source: dotted paths in which `*` stands for any number of names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSigns {
    /// What makes an agent.
    #[serde(default)]
    pub makes: Vec<String>,
    /// What runs the agent that is its first argument.
    #[serde(default)]
    pub starts: Vec<String>,
    /// What calls a model.
    #[serde(default)]
    pub calls: Vec<String>,
}

/// What a framework does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// It runs agents.
    #[default]
    Agent,
    /// It calls models; agent frameworks use it, so it counts only where none of them shows.
    Client,
}

impl Framework {
    pub(crate) fn problem(&self) -> Option<String> {
        let lists = [&self.scopes, &self.attributes, &self.span_names, &self.resources, &self.providers];
        if lists.iter().all(|list| list.is_empty()) && self.shapes.is_empty() {
            return Some("has nothing to recognise it by".to_owned());
        }
        let vague = lists.into_iter().flatten().find(|sign| sign.trim_end_matches('*').len() < 2);
        let vague = vague.map(|sign| format!("has the sign `{sign}`, which fits almost everything"));
        let one_sided = self.resources.iter().find(|sign| !sign.contains('='));
        let one_sided = one_sided.map(|sign| format!("has the resource `{sign}`, which is not `name=value`"));
        let loose = self.shapes.iter().find(|shape| shape.len() < 2);
        vague.or(one_sided).or_else(|| loose.map(|_| "has a shape of fewer than two fields".to_owned()))
    }
}
