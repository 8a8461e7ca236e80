//! Reading the pieces that several wires and dialects share: numbers, messages, tools, token counts.

pub(crate) mod attributes;
pub(crate) mod bodies;
pub(crate) mod halves;
pub(crate) mod items;
pub(crate) mod messages;
pub(crate) mod parts;
pub(crate) mod plain;
pub(crate) mod provider;
pub(crate) mod seen;
pub(crate) mod tools;
pub(crate) mod usage;
pub(crate) mod value;
