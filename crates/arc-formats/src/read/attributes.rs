//! Looking things up among attributes, remembering which attribute said it.

use std::{ops::Bound, sync::Arc};

use arc_model::{Attributes, Json, Payload};

use super::value;

/// A value with the attributes it was read from.
///
/// Naming an attribute here says that the value holds all of it: the attribute is then removed from
/// the span's raw attributes. An attribute of which only a part was understood is not named.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Names of the attributes that hold nothing more than the value.
    pub from: Vec<String>,
}

impl<T> Found<T> {
    /// Returns a value that came from one attribute.
    pub fn new(value: T, from: &str) -> Self {
        Self { value, from: vec![from.to_owned()] }
    }

    /// Returns a value whose attributes hold more than it and are kept.
    pub const fn kept(value: T) -> Self {
        Self { value, from: Vec::new() }
    }

    /// Adds to this value's attributes those of a part of it, and returns the part.
    pub(crate) fn keep<U>(&mut self, part: Option<Found<U>>) -> Option<U> {
        let part = part?;
        self.from.extend(part.from);
        Some(part.value)
    }

    /// Returns several values as ones that spans can share.
    pub fn shared<U>(self) -> Found<Vec<Arc<U>>>
    where
        T: IntoIterator<Item = U>,
    {
        self.map(arc_model::shared)
    }

    /// Applies a function to the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        Found { value: change(self.value), from: self.from }
    }
}

/// Looks attributes up by name.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    attributes: &'a Attributes,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(attributes: &'a Attributes) -> Self {
        Self { attributes }
    }

    pub(crate) fn get(self, name: &str) -> Option<&'a Json> {
        self.attributes.get(name)
    }

    /// Returns the value of the first name that can be read, and every name that says the same.
    pub(crate) fn first<T: PartialEq>(self, names: &[&str], read: impl Fn(&Json) -> Option<T>) -> Option<Found<T>> {
        let mut found: Option<Found<T>> = None;
        for name in names {
            let Some(value) = self.get(name).and_then(&read) else { continue };
            match &mut found {
                None => found = Some(Found::new(value, name)),
                Some(first) if first.value == value => first.from.push((*name).to_owned()),
                Some(_) => {}
            }
        }
        found
    }

    pub(crate) fn name(self, names: &[&str]) -> Option<Found<String>> {
        self.first(names, value::name)
    }

    pub(crate) fn count(self, names: &[&str]) -> Option<u64> {
        names.iter().find_map(|name| self.get(name).and_then(value::count))
    }

    pub(crate) fn number(self, names: &[&str]) -> Option<f64> {
        names.iter().find_map(|name| self.get(name).and_then(value::number))
    }

    /// Returns a payload; a text is taken for what it holds.
    pub(crate) fn payload(self, names: &[&str]) -> Option<Found<Payload>> {
        self.first(names, |value| (!value.is_null()).then(|| Payload::from_json(value.clone())))
    }

    /// Returns the attributes whose name begins with `prefix`, by what follows it.
    pub(crate) fn under(self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Json)> {
        let range = self.attributes.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        range.map_while(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
    }

    /// Returns whether some attribute's name begins with one of the prefixes.
    pub(crate) fn speaks(self, prefixes: &'a [&'a str]) -> bool {
        prefixes.iter().any(|prefix| self.under(prefix).next().is_some())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_older_name_that_says_the_same_is_consumed_and_one_that_differs_is_kept() {
        let attributes: Attributes =
            [("new", json!("a")), ("old", json!("a")), ("odd", json!("b"))].map(|(k, v)| (k.to_owned(), v)).into();
        let found = Reader::new(&attributes).name(&["new", "old", "odd"]).unwrap();
        assert_eq!((found.value.as_str(), found.from), ("a", vec!["new".to_owned(), "old".to_owned()]));
    }

    #[test]
    fn a_prefix_finds_only_its_own_names() {
        let attributes: Attributes =
            [("llm.tools", 0), ("llm.tools.0.tool.json_schema", 1), ("llm.toolset", 2), ("z", 3)]
                .map(|(k, v)| (k.to_owned(), json!(v)))
                .into();
        let names: Vec<_> = Reader::new(&attributes).under("llm.tools.").map(|(name, _)| name).collect();
        assert_eq!(names, ["0.tool.json_schema"]);
    }
}
