//! The small fields of a span as they are written: JSON, with the number of a body in place of it.
//!
//! Invariant: this form is what content hashes are computed over. A new field must be left out while
//! it is empty; renaming one, or moving a value between "small" and "body", would make spans that
//! are stored already look new.

use std::{borrow::Cow, collections::BTreeMap};

use arc_model::{
    Attributes, FinishReason, Json, ModelRef, Payload, RunFacts, Scope, SpanId, SpanKind, SpanLink, Status, Usage,
};
use serde::{Deserialize, Serialize};

/// The number of a body among those of its record.
pub(super) type Slot = u32;

/// A value that is written here, or stands in a body.
#[derive(Serialize, Deserialize)]
pub(super) enum Held<'a> {
    #[serde(rename = "v")]
    Here(Cow<'a, Payload>),
    #[serde(rename = "b")]
    Body(Slot),
}

/// A span without its identity, its revision and its bodies.
#[derive(Serialize, Deserialize)]
pub(super) struct Record<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent_id: Option<SpanId>,
    pub(super) kind: SpanKind,
    pub(super) name: Cow<'a, str>,
    /// Nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<i64>,
    /// Nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<i64>,
    pub(super) sequence: u32,
    pub(super) status: Cow<'a, Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<Cow<'a, ModelRef>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) messages_in: Option<Slot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) messages_out: Option<Slot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<Held<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<Held<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tool: Option<Tool<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tools_offered: Option<Slot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Cow<'a, Usage>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reported_cost: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) finish_reason: Option<Cow<'a, FinishReason>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) time_to_first_token_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) parameters: Map<'a>,
    #[serde(default, skip_serializing_if = "is_silent")]
    pub(super) facts: Cow<'a, RunFacts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<Event<'a>>,
    #[serde(default, skip_serializing_if = "is_empty")]
    pub(super) links: Cow<'a, [SpanLink]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<Cow<'a, Scope>>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) attributes: Map<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<Slot>,
}

fn is_silent(facts: &RunFacts) -> bool {
    facts.is_empty()
}

fn is_empty(links: &[SpanLink]) -> bool {
    links.is_empty()
}

#[derive(Serialize, Deserialize)]
pub(super) struct Tool<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) arguments: Option<Held<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<Held<'a>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Event<'a> {
    /// Nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<i64>,
    pub(super) name: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) attributes: Map<'a>,
}

/// Attributes, the long ones apart.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Map<'a> {
    #[serde(default, rename = "v", skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) here: BTreeMap<Cow<'a, str>, Cow<'a, Json>>,
    #[serde(default, rename = "b", skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) bodies: BTreeMap<Cow<'a, str>, Slot>,
}

impl Map<'_> {
    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.bodies.is_empty()
    }

    /// Returns the short attributes, to which the long ones are yet to be added.
    pub(super) fn into_short(self) -> (Attributes, BTreeMap<String, Slot>) {
        let here = self.here.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        let bodies = self.bodies.into_iter().map(|(name, slot)| (name.into_owned(), slot)).collect();
        (here, bodies)
    }
}
