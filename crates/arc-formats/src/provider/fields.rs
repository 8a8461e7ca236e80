//! Taking fields out of the objects of a body.

use arc_model::Json;

use crate::read::value::{count, is_blank, take_text};

/// An object of a body.
pub(super) type Map = serde_json::Map<String, Json>;

/// Returns the object a value is, else an empty one.
pub(super) fn object(value: Option<Json>) -> Map {
    match value {
        Some(Json::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// Takes a list out of an object; an empty one when there is none.
pub(super) fn list(fields: &mut Map, name: &str) -> Vec<Json> {
    match fields.get(name) {
        Some(Json::Array(_)) => match fields.remove(name) {
            Some(Json::Array(items)) => items,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Takes the objects of a list out of an object.
pub(super) fn objects(fields: &mut Map, name: &str) -> impl Iterator<Item = Map> + use<> {
    list(fields, name).into_iter().filter_map(|item| match item {
        Json::Object(fields) => Some(fields),
        _ => None,
    })
}

/// Takes an object out of an object.
pub(super) fn inner(fields: &mut Map, name: &str) -> Option<Map> {
    match fields.get(name) {
        Some(Json::Object(_)) => Some(object(fields.remove(name))),
        _ => None,
    }
}

/// Takes a text that is not empty.
pub(super) fn text(fields: &mut Map, name: &str) -> Option<String> {
    take_text(fields, &[name])
}

/// Returns a text without taking it.
pub(super) fn peek<'a>(fields: &'a Map, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Json::as_str)
}

/// Returns whether a field is the text.
pub(super) fn is(fields: &Map, name: &str, text: &str) -> bool {
    peek(fields, name) == Some(text)
}

/// Returns whether a field is a list.
pub(super) fn has_list(fields: &Map, name: &str) -> bool {
    fields.get(name).is_some_and(Json::is_array)
}

/// Returns whether a field is an object.
pub(super) fn has_object(fields: &Map, name: &str) -> bool {
    fields.get(name).is_some_and(Json::is_object)
}

/// Returns the index an event names, else zero: bounded, because what it leads to is allocated.
pub(super) fn index(fields: &Map, name: &str) -> u64 {
    fields.get(name).and_then(count).unwrap_or(0)
}

/// Adds to the text of a field.
pub(super) fn append(fields: &mut Map, name: &str, more: &str) {
    match fields.get_mut(name) {
        Some(Json::String(text)) => text.push_str(more),
        _ => {
            fields.insert(name.to_owned(), Json::from(more));
        }
    }
}

/// Puts the fields of an event that say something over those that are known.
pub(super) fn overwrite(fields: &mut Map, later: Map) {
    for (name, value) in later {
        if !is_blank(&value) || !fields.contains_key(&name) {
            fields.insert(name, value);
        }
    }
}
