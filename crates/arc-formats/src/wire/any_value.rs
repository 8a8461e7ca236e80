//! Attributes of OTLP in JSON: lists of keys with typed values.

use arc_model::{Attributes, Json, Place};

use super::describe_json;
use crate::{
    output::Output,
    read::value::{self, take},
};

/// Returns attributes, from OTLP's list of keys and values or from a plain object.
pub(super) fn attributes(written: Option<Json>, at: &dyn Fn() -> Place, out: &mut Output) -> Attributes {
    let items = match written {
        Some(Json::Object(fields)) => {
            return fields.into_iter().map(|(name, value)| (name, any_value(value))).collect();
        }
        None | Some(Json::Null) => return Attributes::new(),
        Some(Json::Array(items)) => items,
        Some(other) => {
            let found = describe_json(&other);
            out.repaired(at(), format!("expected a list of attributes, found {found}; there are none now"));
            return Attributes::new();
        }
    };
    let mut attributes = Attributes::new();
    for item in items {
        let Json::Object(mut pair) = item else {
            out.repaired(at(), format!("expected an attribute, found {}; it is left out", describe_json(&item)));
            continue;
        };
        let Some(Json::String(key)) = pair.remove("key") else {
            out.repaired(at(), "an attribute has no `key`; it is left out");
            continue;
        };
        let value = any_value(pair.remove("value").unwrap_or(Json::Null));
        if attributes.get(&key).is_some_and(|known| *known != value) {
            out.repaired(at(), format!("the attribute `{key}` is there twice; the later one is kept"));
        }
        attributes.insert(key, value);
    }
    attributes
}

/// Returns the value of an `AnyValue`; what is not one is taken as it is.
pub(super) fn any_value(value: Json) -> Json {
    let Json::Object(mut fields) = value else { return value };
    if let Some(text) =
        take(&mut fields, &["stringValue", "string_value", "bytesValue", "bytes_value", "boolValue", "bool_value"])
    {
        return text;
    }
    if let Some(number) = take(&mut fields, &["intValue", "int_value"]) {
        return match number.as_str().and_then(|text| text.trim().parse::<i64>().ok()) {
            Some(integer) => Json::from(integer),
            None => number,
        };
    }
    if let Some(number) = take(&mut fields, &["doubleValue", "double_value"]) {
        // What JSON has no number for, such as NaN, stays a text.
        return value::number(&number).map_or(number, Json::from);
    }
    if let Some(array) = take(&mut fields, &["arrayValue", "array_value"]) {
        return Json::Array(values_of(array).into_iter().map(any_value).collect());
    }
    if let Some(pairs) = take(&mut fields, &["kvlistValue", "kvlist_value"]) {
        return Json::Object(values_of(pairs).into_iter().filter_map(pair).collect());
    }
    if fields.is_empty() { Json::Null } else { Json::Object(fields) }
}

fn values_of(list: Json) -> Vec<Json> {
    match list {
        Json::Array(values) => values,
        Json::Object(mut fields) => match fields.remove("values") {
            Some(Json::Array(values)) => values,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn pair(value: Json) -> Option<(String, Json)> {
    let Json::Object(mut fields) = value else { return None };
    let Some(Json::String(key)) = fields.remove("key") else { return None };
    Some((key, any_value(fields.remove("value").unwrap_or(Json::Null))))
}
