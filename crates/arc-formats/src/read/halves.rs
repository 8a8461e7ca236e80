//! Half characters: JavaScript cuts a text inside an emoji and writes what is left as an escape that no parser takes.

/// Returns the text with U+FFFD for escapes that are half a character, and `None` when there are none.
pub(crate) fn without_halves(text: &str) -> Option<String> {
    let mut halves = Vec::new();
    let mut at = 0;
    while let Some(found) = text.as_bytes().get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += found;
        at += match (escaped(text.as_bytes(), at), escaped(text.as_bytes(), at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                halves.push(at);
                6
            }
            _ => 2,
        };
    }
    if halves.is_empty() {
        return None;
    }
    let mut whole = text.to_owned().into_bytes();
    for at in halves {
        if let Some(digits) = whole.get_mut(at + 2..at + 6) {
            digits.copy_from_slice(b"fffd");
        }
    }
    String::from_utf8(whole).ok()
}

/// Returns the code unit of an escape `\uXXXX` that begins here.
fn escaped(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_replaced_and_pairs_and_escaped_backslashes_are_not() {
        assert_eq!(without_halves(r"x\ud83d \ude00y").as_deref(), Some(r"x\ufffd \ufffdy"));
        assert_eq!(without_halves(r"\uD83D\u0041").as_deref(), Some(r"\ufffd\u0041"));
        for whole in [r"\ud83d\ude00", r"\\ud83d", r"\u00e9", "", r"\ud8"] {
            assert_eq!(without_halves(whole), None, "{whole}");
        }
    }
}
