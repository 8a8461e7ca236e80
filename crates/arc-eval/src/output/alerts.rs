//! Alerts as text, and what became of sending them on.

use std::fmt::Write;

use arc_model::{Alert, Delivery};
use owo_colors::OwoColorize;

use super::{plain_line, style};

/// Returns the alerts, each with its text.
pub(crate) fn page(alerts: &[Alert]) -> String {
    let mut text = String::new();
    for alert in alerts {
        let title = plain_line(&alert.title, 100);
        let _ = writeln!(text, "{} {}", style::heading(&title), style::aside(&alert.raised_at.to_string()));
        let _ = writeln!(text, "  {}", plain_line(&alert.text, 600));
        if !alert.deliveries.is_empty() {
            text.push_str(&deliveries(&alert.deliveries));
        }
    }
    text
}

/// Returns one line per attempt.
pub(crate) fn deliveries(attempts: &[Delivery]) -> String {
    let line = |one: &Delivery| match &one.error {
        None => format!("  {}: {}\n", one.channel, "accepted".green()),
        Some(why) => format!("  {}: {} ({})\n", one.channel, "did not arrive".red(), plain_line(why, 200)),
    };
    attempts.iter().map(line).collect()
}
