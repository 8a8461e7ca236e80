//! Places where something was said: one line for the run and the span, one for what it says.

use std::fmt::Write as _;

use arc_app::SearchHit;
use owo_colors::OwoColorize;

use super::{plain_line, runs::to_seconds};

/// Characters of an excerpt on a line.
const WIDTH: usize = 160;

/// Returns hits as text; words that match are bold on a terminal.
pub(crate) fn hits(hits: &[SearchHit]) -> String {
    let mut text = String::new();
    for hit in hits {
        let agent = plain_line(hit.agent.as_str(), 60);
        let field = plain_line(&hit.excerpt.field, 20);
        let _ = writeln!(text, "{}  {}  {agent}  span {} {field}", hit.trace_id, to_seconds(hit.at), hit.span_id);
        text.push_str("    ");
        let mut left = WIDTH;
        for piece in &hit.excerpt.pieces {
            // Spaces at the edges of a piece part words.
            let (start, end) = (piece.text.starts_with(char::is_whitespace), piece.text.ends_with(char::is_whitespace));
            let said = plain_line(&piece.text, left);
            left = left.saturating_sub(said.chars().count());
            if start {
                text.push(' ');
            }
            if piece.is_match {
                let _ = write!(text, "{}", said.bold());
            } else {
                text.push_str(&said);
            }
            if end && !said.is_empty() {
                text.push(' ');
            }
            if left == 0 {
                break;
            }
        }
        while text.ends_with(' ') {
            text.pop();
        }
        text.push('\n');
    }
    text
}
