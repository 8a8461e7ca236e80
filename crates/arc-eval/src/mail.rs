//! Alerts by e-mail, over SMTP.

use std::time::Duration;

use arc_model::{Alert, ProjectId};
use lettre::{
    Message, SmtpTransport, Transport,
    message::{Mailbox, Mailboxes, header::ContentType},
};

use crate::output::{plain, plain_line};

/// Longest time that each answer of the server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that takes mail, and who writes to whom.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    server: SmtpTransport,
    from: Mailbox,
    to: Mailboxes,
}

impl Mail {
    /// Makes the channel of its settings; the error names the setting and never shows the address, which may hold a
    /// password.
    pub(crate) fn new(server: &str, from: Option<&str>, to: Option<&str>) -> Result<Self, String> {
        let to = to.ok_or("alert_smtp needs alert_email_to: who gets the alerts")?;
        let to: Mailboxes = to.parse().map_err(|error| format!("alert_email_to: {error}"))?;
        let from = from.unwrap_or("arc-eval <arc-eval@localhost>");
        let from: Mailbox = from.parse().map_err(|error| format!("alert_email_from: {error}"))?;
        if sends_a_password_in_the_clear(server) {
            return Err(
                "alert_smtp would send its password in the clear: use smtps://, or add ?tls=required".to_owned()
            );
        }
        let server = SmtpTransport::from_url(server);
        let server = server.map_err(|_| "alert_smtp is no address like smtps://user:password@host:465".to_owned())?;
        Ok(Self { server: server.timeout(Some(PATIENCE)).build(), from, to })
    }

    /// Sends once.
    pub(crate) fn send(&self, project: &ProjectId, alert: &Alert) -> Result<(), String> {
        let mut message = Message::builder().from(self.from.clone());
        for to in self.to.iter() {
            message = message.to(to.clone());
        }
        // Names of agents are text from outside: one line, and nothing that steers what shows it.
        let subject = plain_line(&alert.title, 200);
        let text = format!("{}\n\nproject {project}, agent {}, raised {}\n", alert.text, alert.agent, alert.raised_at);
        let message = message.subject(subject).header(ContentType::TEXT_PLAIN).body(plain(&text));
        let message = message.map_err(|error| error.to_string())?;
        self.server.send(&message).map(drop).map_err(|error| {
            let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
        })
    }
}

/// Returns whether an address has a password and neither TLS nor a server on this machine.
fn sends_a_password_in_the_clear(server: &str) -> bool {
    // Schemes and names of machines are the same in any case.
    let server = server.to_ascii_lowercase();
    let Some(rest) = server.trim_start().strip_prefix("smtp://") else { return false };
    let Some((credentials, place)) = rest.rsplit_once('@') else { return false };
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let place = place.split('/').next().unwrap_or_default();
    let host = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => place.split(':').next().unwrap_or_default(),
    };
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "::1");
    let is_required = query.split('&').any(|pair| pair == "tls=required");
    credentials.contains(':') && !is_local && !is_required
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_that_cannot_work_is_refused_without_showing_the_password() {
        let error = |server: &str, from, to| Mail::new(server, from, to).unwrap_err();
        assert!(error("smtp://localhost", None, None).contains("alert_email_to"));
        assert!(error("smtp://localhost", None, Some("nobody")).starts_with("alert_email_to: "));
        assert!(error("smtp://localhost", Some("x"), Some("a@b.example")).starts_with("alert_email_from: "));
        for address in [
            "smtp://me:secret@mail.example",
            "SMTP://me:secret@mail.example",
            "smtp://me:secret@localhost.mail.example",
            "smtp://me:secret@mail.example/tls=required",
            "smpt://me:secret@mail.example",
            "mail.example:secret",
        ] {
            let told = error(address, None, Some("a@b.example"));
            assert!(told.starts_with("alert_smtp ") && !told.contains("secret"), "{told}");
        }
        for address in ["smtps://me:secret@mail.example", "smtp://me:secret@mail.example:587?tls=required"] {
            assert!(Mail::new(address, Some("arc <a@b.example>"), Some("a@b.example, c@d.example")).is_ok());
        }
    }
}
