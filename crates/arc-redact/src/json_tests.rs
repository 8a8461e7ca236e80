//! What rewriting a JSON document keeps, and what it does not.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Fate, quote, rewrite};

fn run(document: &str, mut fate: impl FnMut(&str, bool, &str) -> Fate) -> Option<String> {
    let mut out = Vec::new();
    rewrite(document, false, &mut out, &mut |place, text| fate(place.key, place.is_content, text)).ok()?;
    Some(String::from_utf8(out).unwrap())
}

#[test]
fn a_document_of_which_every_text_stays_is_the_same_byte_for_byte_but_for_spaces() {
    let document = r#"{"a":[1,2.50,1e400,-0,"x\u00e9\ud83d\ude00\/\n",true,null,{}],"b":{"a":[]},"a":1}"#;
    assert_eq!(run(document, |_, _, _| Fate::Keep).as_deref(), Some(document));
    assert_eq!(run(" { \"a\" : [ 1 , 2 ] } ", |_, _, _| Fate::Keep).as_deref(), Some(r#"{"a":[1,2]}"#));
}

#[test]
fn what_a_text_says_is_told_without_its_escapes() {
    let mut seen = Vec::new();
    run(r#"["x\u00e9\ud83d\ude00\ud800\"\/\n"]"#, |_, _, text| {
        seen.push(text.to_owned());
        Fate::Keep
    });
    assert_eq!(seen, ["xé😀\u{fffd}\"/\n"]);
}

#[test]
fn a_removed_text_goes_with_its_key_and_arguments_of_which_nothing_is_left_go_too() {
    let document = r#"{"role":"user","content":"hi","list":["a",1],"call":{"name":"f","input":{"city":"Oslo"}}}"#;
    let removed = run(document, |_, is_content, _| if is_content { Fate::Remove } else { Fate::Keep });
    assert_eq!(removed.as_deref(), Some(r#"{"role":"user","list":[1],"call":{"name":"f"}}"#));
}

#[test]
fn keys_tell_identifiers_but_not_in_a_tools_own_arguments() {
    let document = r#"{"model":"m","tools":[{"description":"d"}],"input":{"id":"x","model":"y"},"user":"ann"}"#;
    let mut content = Vec::new();
    run(document, |_, is_content, text| {
        if is_content {
            content.push(text.to_owned());
        }
        Fate::Keep
    });
    assert_eq!(content, ["x", "y", "ann"]);
}

#[test]
fn what_is_not_json_is_refused() {
    for text in ["", "{", "[1,]", "{\"a\"}", "{\"a\":}", "nul", "\"\\x\"", "[1] 2", "01x", "\"a", "{,}", "[,]"] {
        assert_eq!(run(text, |_, _, _| Fate::Keep), None, "{text}");
    }
    assert_eq!(run(&"[".repeat(100_000), |_, _, _| Fate::Keep), None);
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn a_document_keeps_its_value(value in document()) {
        let text = value.to_string();
        let same = run(&text, |_, _, _| Fate::Keep).unwrap();
        prop_assert_eq!(serde_json::from_str::<Value>(&same).unwrap(), value);
    }

    #[test]
    fn a_document_stays_one_whatever_is_removed(value in document(), every in 1_usize..4) {
        let mut count = 0;
        let text = value.to_string();
        let rest = run(&text, |_, _, _| {
            count += 1;
            if count % every == 0 { Fate::Remove } else { Fate::Replace("\"\\\n".to_owned()) }
        });
        let rest = rest.unwrap();
        prop_assert!(serde_json::from_str::<Value>(&rest).is_ok(), "{}", rest);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let is_json = serde_json::from_str::<Value>(&text).is_ok();
        prop_assert!(!is_json || run(&text, |_, _, _| Fate::Keep).is_some());
    }

    #[test]
    fn a_quoted_text_reads_back(text in any::<String>()) {
        let mut out = Vec::new();
        quote(&text, &mut out);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
