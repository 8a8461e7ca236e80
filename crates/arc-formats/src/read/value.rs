//! Values that different emitters write differently: numbers as texts, JSON as text.

use arc_model::Json;

use super::halves::without_halves;

/// Returns a count: a number, or a text that holds one. Fractions and negative numbers are none.
pub(crate) fn count(value: &Json) -> Option<u64> {
    match value {
        Json::Number(number) => number.as_u64().or_else(|| whole(number.as_f64()?)),
        Json::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked in the condition")]
fn whole(number: f64) -> Option<u64> {
    // 2^53: beyond it an f64 no longer counts single units.
    (number >= 0.0 && number.fract() == 0.0 && number <= 9_007_199_254_740_992.0).then_some(number as u64)
}

/// Returns a number: a number, or a text that holds a finite one.
pub(crate) fn number(value: &Json) -> Option<f64> {
    let number = match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// Returns a name: a text that is not blank, or a number or boolean written as text.
pub(crate) fn name(value: &Json) -> Option<String> {
    match value {
        Json::String(text) if !text.trim().is_empty() => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Returns a list or an object: the value itself, or what its text holds.
pub(crate) fn structured(value: &Json) -> Option<Json> {
    match value {
        Json::Array(_) | Json::Object(_) => Some(value.clone()),
        Json::String(text) if text.trim_start().starts_with(['{', '[']) => {
            // A text that was cut inside an emoji holds half of it, and is JSON but for that.
            serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&without_halves(text)?).ok())
        }
        _ => None,
    }
}

/// Returns the text that a JSON string written as text holds; any other value as it is.
pub(crate) fn unquoted(value: &Json) -> Json {
    match value {
        Json::String(text) if text.starts_with('"') => {
            serde_json::from_str(text).map_or_else(|_| value.clone(), Json::String)
        }
        _ => value.clone(),
    }
}

/// Returns whether there is nothing in a value.
pub(crate) fn is_blank(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Names the kind of a value.
pub(crate) const fn describe_kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// Takes a field out of an object, under the first of its names that is there.
pub(crate) fn take(fields: &mut serde_json::Map<String, Json>, names: &[&str]) -> Option<Json> {
    names.iter().find_map(|name| fields.remove(*name))
}

/// Takes a field out of an object as a text that is not empty.
pub(crate) fn take_text(fields: &mut serde_json::Map<String, Json>, names: &[&str]) -> Option<String> {
    let name = names.iter().find(|name| matches!(fields.get(**name), Some(Json::String(text)) if !text.is_empty()))?;
    match fields.remove(*name) {
        Some(Json::String(text)) => Some(text),
        _ => None,
    }
}

/// Takes a field out of an object if it reads as a name; a number or boolean is written as text.
pub(crate) fn take_name(fields: &mut serde_json::Map<String, Json>, names: &[&str]) -> Option<String> {
    let (key, text) = names.iter().find_map(|key| Some((*key, name(fields.get(*key)?)?)))?;
    fields.remove(key);
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_read_from_numbers_and_texts_and_never_from_fractions() {
        assert_eq!(count(&json!(5)), Some(5));
        assert_eq!(count(&json!("3400")), Some(3400));
        assert_eq!(count(&json!(5.0)), Some(5));
        assert_eq!(count(&json!("18446744073709551615")), Some(u64::MAX));
        for none in [json!(-1), json!(0.5), json!("many"), json!(null), json!([1]), json!("NaN"), json!(1e300)] {
            assert_eq!(count(&none), None, "{none}");
        }
    }

    #[test]
    fn a_text_that_was_cut_inside_an_emoji_is_json_but_for_that() {
        assert_eq!(structured(&json!(r#"[{"content": "so \ud83d"}]"#)), Some(json!([{"content": "so \u{fffd}"}])));
        assert_eq!(structured(&json!(r#"[{"content": "so \ud83d"#)), None);
    }

    #[test]
    fn numbers_are_finite() {
        assert_eq!(number(&json!("0.25")), Some(0.25));
        assert_eq!(number(&json!("inf")), None);
    }
}
