//! What stands whole in a JSON document that breaks off or is damaged: the elements before the damage.
//!
//! A list gives its elements up to the damaged one. An object gives its whole fields and, of the field that is cut, the
//! whole elements if it is a list: `{"messages": [a, b, <cut>` gives two messages. Nothing is completed: an element of
//! which a part is missing would say something that nobody wrote.

use std::fmt;

use arc_model::Json;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Map;

/// What was whole.
#[derive(Debug, PartialEq)]
pub(crate) struct Cut {
    pub(crate) value: Json,
    /// How many elements of the list that breaks off there are.
    pub(crate) whole: usize,
}

/// Reads the whole elements of a document that is a damaged list; `None` when it is no list or nothing of it is whole.
pub(crate) fn of_list(text: &str) -> Option<Cut> {
    let text = text.trim_start();
    // A first line that is a whole value begins JSON Lines, or values one after the other.
    let is_list = text.starts_with('[') && serde_json::from_str::<IgnoredAny>(text.lines().next()?).is_err();
    if !is_list {
        return None;
    }
    let mut items = Vec::new();
    let mut source = serde_json::Deserializer::from_str(text);
    let _ = source.deserialize_seq(Elements(&mut items));
    let whole = items.len();
    let is_of_records = items.iter().any(|item| item.is_object() || item.is_array());
    is_of_records.then_some(Cut { value: Json::Array(items), whole })
}

/// Reads the whole parts of a document that is a damaged object; `None` when it is none, or no list in it breaks off
/// after a whole element.
pub(crate) fn of_object(text: &str) -> Option<Cut> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut fields = Map::new();
    let mut cut = None;
    let mut source = serde_json::Deserializer::from_str(text);
    let _ = source.deserialize_map(Fields { fields: &mut fields, cut: &mut cut });
    let (name, items) = cut.filter(|(_, items)| !items.is_empty())?;
    let whole = items.len();
    fields.insert(name, Json::Array(items));
    Some(Cut { value: Json::Object(fields), whole })
}

/// Keeps the elements it has seen, whatever comes after them.
struct Elements<'a>(&'a mut Vec<Json>);

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element()? {
            self.0.push(item);
        }
        Ok(())
    }
}

/// Keeps the fields it has seen, and the elements of the list that is cut.
struct Fields<'a> {
    fields: &'a mut Map<String, Json>,
    cut: &'a mut Option<(String, Vec<Json>)>,
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(name) = entries.next_key::<String>()? {
            let mut items = Vec::new();
            match entries.next_value_seed(Field(&mut items)) {
                Ok(Some(value)) => {
                    self.fields.insert(name, value);
                }
                Ok(None) => {
                    self.fields.insert(name, Json::Array(items));
                }
                Err(problem) => {
                    *self.cut = Some((name, items));
                    return Err(problem);
                }
            }
        }
        Ok(())
    }
}

/// A field: its elements if it is a list, else its value.
struct Field<'a>(&'a mut Vec<Json>);

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = Option<Json>;

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<Option<Json>, D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Json>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        Elements(self.0).visit_seq(items).map(|()| None)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        Json::deserialize(MapAccessDeserializer::new(entries)).map(Some)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Json::from(text)))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Self::Value, E> {
        Ok(Some(Json::from(truth)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Json::from(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Json::from(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(Json::from(number)))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Some(Json::Null))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_gives_its_whole_elements() {
        let cut = |text: &str| of_list(text).map(|cut| cut.value);
        assert_eq!(cut(r#"[{"a": 1}, {"b": [2]}, {"c"#), Some(json!([{"a": 1}, {"b": [2]}])));
        assert_eq!(cut(r#"[{"a": 1}, oops, {"c": 1}]"#), Some(json!([{"a": 1}])));
        assert_eq!(cut("[{\"a\": 1},\n{\"b\": 2}\n"), Some(json!([{"a": 1}, {"b": 2}])));
        for none in [r#"[{"a": "#, "[1, 2, ", r#"{"a": [{"b": 1}, "#, "[{\"a\": 1}]\n[{\"b\""] {
            assert_eq!(cut(none), None, "{none}");
        }
    }

    #[test]
    fn an_object_gives_its_whole_fields_and_the_whole_elements_of_the_list_that_is_cut() {
        let cut = of_object(r#"{"id": 7, "all": [{"x": []}], "messages": [{"a": 1}, {"b": {}}, {"c": "un"#);
        let value = json!({"id": 7, "all": [{"x": []}], "messages": [{"a": 1}, {"b": {}}]});
        assert_eq!(cut, Some(Cut { value, whole: 2 }));
        assert_eq!(of_object(r#"{"id": 7, "messages": [{"a": "#), None);
        assert_eq!(of_object(r#"{"id": 7, "messages": {"a": "#), None);
    }
}
