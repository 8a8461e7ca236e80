//! `docs/guides/scale.md`: the arithmetic is right.

/// Returns a number as it is written there.
fn number(text: &str) -> Option<f64> {
    text.trim().replace(',', "").parse().ok()
}

/// Computes `a × b / c`, from left to right.
fn computed(arithmetic: &str) -> Option<f64> {
    let mut words = arithmetic.split_whitespace();
    let mut value = number(words.next()?)?;
    while let Some(sign) = words.next() {
        let next = number(words.next()?)?;
        value = match sign {
            "×" => value * next,
            "/" => value / next,
            _ => return None,
        };
    }
    Some(value)
}

#[test]
fn every_step_of_the_sizing_follows_from_its_numbers() {
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/scale.md")).unwrap();
    let (_, steps) = guide.split_once("| Step | Arithmetic | Result |").unwrap();
    let mut checked = 0;
    for line in steps.lines().skip(2).take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (found, written) = (computed(cells[1]).unwrap(), number(cells[2]).unwrap());
        // What is written is rounded to its last digit.
        let digits = cells[2].split_once('.').map_or(0, |(_, digits)| digits.len());
        let unit = 10_f64.powi(-i32::try_from(digits).unwrap());
        assert!((found - written).abs() <= unit / 2.0 + 1e-9, "{line}: {found}");
        checked += 1;
    }
    assert!(checked >= 8, "{checked}");
}
