//! How figures are written: shares with one decimal and their n, money to the micro-dollar.

use arc_model::{Interval, Method, NanoUsd, Rate};

/// Returns a count with separators: `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a count with its noun: `1 run`, `12 runs`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// Returns a share as a percentage: `42.0 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Returns an interval with what it assumes: `31.5 – 52.5 %`.
pub(crate) fn interval(interval: &Interval) -> String {
    format!("{:.1} – {:.1} %", interval.low * 100.0, interval.high * 100.0)
}

/// Returns what an interval assumes about the trials.
pub(crate) fn method(method: Method) -> &'static str {
    match method {
        Method::Wilson => "Wilson",
        Method::TaskClusteredT => "clustered by task",
        Method::Jeffreys => "Jeffreys",
        Method::Newcombe => "Newcombe",
        Method::ClusterBootstrap => "bootstrap over tasks",
        Method::WelchT => "Welch's t",
        Method::StudentT => "Student's t",
        Method::OrderStatistics => "order statistics",
        Method::RoganGladen => "Rogan–Gladen",
        Method::PredictionPowered => "prediction-powered",
    }
}

/// Returns a rate with n and interval: `93.1 % of 1,204 (91.6 – 94.4 %)`; `unknown` without trials.
pub(crate) fn rate(rate: &Rate, noun: &str) -> String {
    let Some(estimate) = rate.estimate else { return "unknown".to_owned() };
    let sure = rate.interval.as_ref().map(|range| format!(" ({})", interval(range))).unwrap_or_default();
    format!("{} of {}{sure}", percent(estimate), counted(rate.n, noun))
}

/// Returns an amount to the micro-dollar, without zeros that say nothing: `$0.013412`, `$2.50`.
pub(crate) fn dollars(amount: NanoUsd) -> String {
    let micros = (i128::from(amount.0.unsigned_abs()) + 500) / 1000;
    let sign = if amount.0 < 0 { "-" } else { "" };
    let (dollars, fraction) = (micros / 1_000_000, format!("{:06}", micros % 1_000_000));
    let kept = fraction.trim_end_matches('0').len().max(2);
    format!("{sign}${}.{}", count(u64::try_from(dollars).unwrap_or(u64::MAX)), &fraction.get(..kept).unwrap_or("00"))
}

/// Returns a duration in the unit that fits: `340 ms`, `12.4 s`, `3 min 20 s`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a duration in whole seconds, not negative"
)]
pub(crate) fn duration_ms(ms: f64) -> String {
    if ms < 1_000.0 {
        return format!("{ms:.0} ms");
    }
    if ms < 60_000.0 {
        return format!("{:.1} s", ms / 1_000.0);
    }
    let seconds = (ms / 1_000.0).max(0.0).round() as u64;
    if seconds < 3_600 {
        return format!("{} min {} s", seconds / 60, seconds % 60);
    }
    format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "run"), "1 run");
    }

    #[test]
    fn money_shows_cents_and_at_most_micro_dollars() {
        for (nanos, text) in [
            (0, "$0.00"),
            (2_500_000_000, "$2.50"),
            (13_412_400, "$0.013412"),
            (600, "$0.000001"),
            (-1_500_000_000_000, "-$1,500.00"),
        ] {
            assert_eq!(dollars(NanoUsd(nanos)), text);
        }
    }

    #[test]
    fn durations_use_the_unit_that_fits() {
        for (ms, text) in [(3.4, "3 ms"), (12_400.0, "12.4 s"), (200_000.0, "3 min 20 s"), (7_500_000.0, "2 h 5 min")] {
            assert_eq!(duration_ms(ms), text);
        }
    }
}
