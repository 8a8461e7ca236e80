//! The items of a list that is written as JSON text, as the texts they are.

use memchr::memchr2;

/// What JSON takes for space.
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// Returns the texts of a list's items; `None` when it is no list.
///
/// Tells items apart and does not look into them: whoever takes one reads it, or has read the same text before.
pub(crate) fn of(text: &str) -> Option<Vec<&str>> {
    let bytes = text.as_bytes();
    let mut at = text.len() - text.trim_start_matches(SPACE).strip_prefix('[')?.len();
    let mut items = Vec::new();
    loop {
        let end = item_end(bytes, at)?;
        let (item, is_last) = (text.get(at..end)?.trim_matches(SPACE), bytes.get(end) == Some(&b']'));
        match item.is_empty() {
            false => items.push(item),
            // A list may hold nothing, and no item may be nothing.
            true if is_last && items.is_empty() => {}
            true => return None,
        }
        at = end + 1;
        if is_last {
            return text.get(at..)?.trim_matches(SPACE).is_empty().then_some(items);
        }
    }
}

/// Returns where the item that begins at `at` ends: at the comma or the bracket behind it.
fn item_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => at = string_end(bytes, at + 1)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b',' if depth > 0 => {}
            b',' | b']' => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// Returns where the quote is that ends a string.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(found) == Some(&b'"') {
            return Some(found);
        }
        at = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn items_are_told_apart_by_commas_outside_of_strings_and_brackets() {
        assert_eq!(
            of(r#" [ {"a": [1, 2], "b": "],\"}"} , "\\", 5 ] "#).unwrap(),
            [r#"{"a": [1, 2], "b": "],\"}"}"#, r#""\\""#, "5"]
        );
        assert_eq!(of("[]").unwrap(), [""; 0]);
        for other in ["", "{}", "[", "[1", "[1,]", "[,1]", "[1]]", "[1] x", r#"["a]"#, r#"["a\"]"#, "5"] {
            assert!(of(other).is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn of_a_list_of_json_they_are_what_a_parser_finds(text in r#"\[[\[\]{},:"\\ a1]{0,24}\]"#) {
            if let Ok(parsed) = serde_json::from_str::<Vec<&RawValue>>(&text) {
                let parsed: Vec<_> = parsed.into_iter().map(RawValue::get).collect();
                prop_assert_eq!(of(&text), Some(parsed));
            }
        }
    }
}
