//! Durations in ISO 8601: `PT1M48.75533S`.

/// Returns a duration in nanoseconds; years and months have no fixed length and are none.
pub(crate) fn nanoseconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (date, time) = text.strip_prefix('P')?.split_once('T').unwrap_or((text.strip_prefix('P')?, ""));
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let date = total(date, &[('W', 7 * 86_400), ('D', 86_400)])?;
    let time = total(time, &[('H', 3_600), ('M', 60), ('S', 1)])?;
    date.checked_add(time)?.checked_mul(sign)
}

/// Adds up numbers that are each followed by their unit, in seconds, in the order of the units.
fn total(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut nanos = 0_i64;
    for (unit, seconds) in units {
        let Some((number, rest)) = text.split_once(*unit) else { continue };
        nanos = nanos.checked_add(scaled(number, *seconds)?)?;
        text = rest;
    }
    text.is_empty().then_some(nanos)
}

/// Returns a decimal number of units in nanoseconds; digits beyond nanoseconds are cut.
fn scaled(number: &str, seconds: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let cut: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanos = whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(cut.parse().ok()?)?;
    nanos.checked_mul(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact_to_the_nanosecond() {
        for (text, expected) in [
            ("PT1M48.75533S", 108_755_330_000),
            ("PT0S", 0),
            ("PT0.000000001S", 1),
            ("PT2H", 7_200_000_000_000),
            ("P1DT1S", 86_401_000_000_000),
            ("PT1.5H", 5_400_000_000_000),
            ("-PT1S", -1_000_000_000),
        ] {
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration_of_fixed_length_is_none() {
        for text in ["", "P", "PT", "P1M", "P1Y", "PT1S2M", "PTS", "PT1", "1S", "PT-1S", "PT99999999999999999999S"] {
            assert_eq!(nanoseconds(text), None, "{text}");
        }
    }
}
