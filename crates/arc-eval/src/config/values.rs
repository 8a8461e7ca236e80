//! Values of settings that have a unit or are a word.

use std::time::Duration;

/// Reads how old something may get: `90d`, `12h`, `30m`, `45s`; `off` for any age.
pub(crate) fn age(text: &str) -> Result<Option<Duration>, String> {
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    Ok(quantity(text, &units, "an age like 90d, 12h or 30m, or off")?.map(Duration::from_secs))
}

/// Reads how large something may get, in bytes: `20GB`, `500MB`; `off` for any size.
pub(crate) fn size(text: &str) -> Result<Option<u64>, String> {
    let units = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1_000)];
    quantity(text, &units, "a size like 20GB or 500MB, or off")
}

/// Reads a whole number with a unit, of which there is more than none; `off` is none.
fn quantity(text: &str, units: &[(&str, u64)], expected: &str) -> Result<Option<u64>, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let with_unit = units.iter().find_map(|(unit, factor)| {
        let number = text.len().checked_sub(unit.len()).and_then(|at| text.split_at_checked(at));
        let (number, _) = number.filter(|(_, end)| end.eq_ignore_ascii_case(unit))?;
        number.trim().parse::<u64>().ok()?.checked_mul(*factor)
    });
    with_unit.filter(|amount| *amount > 0).map(Some).ok_or_else(|| format!("not {expected}"))
}

/// Reads `on` or `off`.
pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("neither on nor off".to_owned()),
    }
}
