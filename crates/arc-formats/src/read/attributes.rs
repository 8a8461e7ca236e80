//! Looking things up among attributes, remembering which attribute said it.

use std::{borrow::Cow, ops::Bound, sync::Arc};

use arc_model::{Attributes, Json, Payload};
use smallvec::{SmallVec, smallvec};

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
    pub from: Names,
}

/// Names of attributes: mostly one, of those that a dialect knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names(SmallVec<[Cow<'static, str>; 1]>);

impl Names {
    /// Adds a name.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>) {
        self.0.push(name.into());
    }

    /// Adds several.
    pub fn extend(&mut self, names: impl IntoIterator<Item = impl Into<Cow<'static, str>>>) {
        self.0.extend(names.into_iter().map(Into::into));
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Names {
    type Item = Cow<'static, str>;
    type IntoIter = smallvec::IntoIter<[Cow<'static, str>; 1]>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T> Found<T> {
    /// Returns a value that came from one attribute.
    pub fn new(value: T, from: impl Into<Cow<'static, str>>) -> Self {
        Self { value, from: Names(smallvec![from.into()]) }
    }

    /// Returns a value whose attributes hold more than it and are kept.
    pub fn kept(value: T) -> Self {
        Self { value, from: Names::default() }
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
    /// A bit for the shape of each name that is there.
    shapes: u64,
}

/// Returns a bit for the shape of a name: most names that are asked for and not there have another shape than all that
/// are, which is told without comparing them.
fn shape(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let at = |index: usize| usize::from(bytes.get(index).copied().unwrap_or_default());
    1 << ((bytes.len() * 7 + at(bytes.len() / 2) * 3 + at(bytes.len().wrapping_sub(1))) % 64)
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(attributes: &'a Attributes) -> Self {
        Self { attributes, shapes: u64::MAX }
    }

    /// Returns a reader for whom many names will be looked up.
    pub(crate) fn of_many(attributes: &'a Attributes) -> Self {
        Self { attributes, shapes: attributes.keys().fold(0, |shapes, name| shapes | shape(name)) }
    }

    pub(crate) fn get(self, name: &str) -> Option<&'a Json> {
        if self.shapes & shape(name) == 0 { None } else { self.attributes.get(name) }
    }

    /// Returns the value of the first name that can be read, and every name that says the same.
    pub(crate) fn first<T: PartialEq>(
        self,
        names: &[&'static str],
        read: impl Fn(&Json) -> Option<T>,
    ) -> Option<Found<T>> {
        let mut found: Option<Found<T>> = None;
        for name in names {
            let Some(value) = self.get(name).and_then(&read) else { continue };
            match &mut found {
                None => found = Some(Found::new(value, *name)),
                Some(first) if first.value == value => first.from.push(*name),
                Some(_) => {}
            }
        }
        found
    }

    pub(crate) fn name(self, names: &[&'static str]) -> Option<Found<String>> {
        self.first(names, value::name)
    }

    pub(crate) fn count(self, names: &[&str]) -> Option<u64> {
        names.iter().find_map(|name| self.get(name).and_then(value::count))
    }

    pub(crate) fn number(self, names: &[&str]) -> Option<f64> {
        names.iter().find_map(|name| self.get(name).and_then(value::number))
    }

    /// Returns a payload; a text is taken for what it holds.
    pub(crate) fn payload(self, names: &[&'static str]) -> Option<Found<Payload>> {
        self.first(names, |value| (!value.is_null()).then(|| Payload::from_json(value.clone())))
    }

    /// Returns the attributes whose name begins with `prefix`, by what follows it.
    pub(crate) fn under(self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Json)> {
        let range = self.attributes.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        range.map_while(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
    }

    /// Returns whether some attribute's name begins with one of the prefixes.
    pub(crate) fn speaks(self, prefixes: &'a [&'a str]) -> bool {
        // Names are in order, so most prefixes of others lie before the first or behind the last.
        let (Some((first, _)), Some((last, _))) = (self.attributes.first_key_value(), self.attributes.last_key_value())
        else {
            return false;
        };
        let letters = first.bytes().next()..=last.bytes().next();
        let may_be = |prefix: &str| {
            letters.contains(&prefix.bytes().next())
                && prefix <= last.as_str()
                && (prefix >= first.as_str() || first.starts_with(prefix))
        };
        prefixes.iter().any(|prefix| may_be(prefix) && self.under(prefix).next().is_some())
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
        assert_eq!(
            (found.value.as_str(), found.from.into_iter().collect::<Vec<_>>()),
            ("a", vec!["new".into(), "old".into()])
        );
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
