//! `arc-eval serve`: the server, until Ctrl-C or SIGTERM.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
};

use anyhow::Context;
use arc_app::SpoolSettings;
use arc_server::ServerConfig;
use tokio::{net::TcpListener, signal::unix};

use super::open;
use crate::{
    cli::Serve,
    config::Config,
    failure::{Exit, Failure},
    output,
};

pub(super) async fn run(config: &Config, arguments: &Serve) -> Result<(), Failure> {
    let host = arguments.host.as_deref().unwrap_or(&config.host);
    let address = SocketAddr::new(loopback(host)?, arguments.port.unwrap_or(config.port));
    let listener = TcpListener::bind(address).await.map_err(|error| cannot_listen(address, error))?;
    let address = listener.local_addr().context("ask which port was given")?;
    // Before the address is told: whoever waits for it may stop us at once.
    let stop = stop_asked()?;
    let app = open(config, &config.store).await?;
    output::data(&format!("listening on http://{address}\n"))?;
    output::talk(&format!("runs are stored in {}; stop with Ctrl-C", config.store));
    // Without a data directory no agent on this machine has a place to write to either.
    if let Ok(dir) = config.spool() {
        app.read_spool(SpoolSettings { dir, own_endpoints: own_endpoints(address) });
    }
    arc_server::serve(listener, app, ServerConfig::default(), stop).await.context("serve")?;
    output::talk("stopped");
    Ok(())
}

/// Returns the ways to write the address of this server.
fn own_endpoints(address: SocketAddr) -> Vec<String> {
    let port = address.port();
    vec![format!("http://{address}"), format!("http://localhost:{port}")]
}

/// Returns the address a host names, unless other machines could reach it.
fn loopback(host: &str) -> Result<IpAddr, Failure> {
    let address = match host {
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        _ => host.trim_matches(['[', ']']).parse().map_err(|_| {
            Failure::usage(format!("host is `{host}`, which is not an IP address; use 127.0.0.1, ::1 or localhost"))
        })?,
    };
    if address.is_loopback() {
        return Ok(address);
    }
    Err(Failure::usage(format!(
        "refusing to listen on {address}: other machines could read every prompt and answer, and there are no API keys \
         yet to keep them out\nlisten on 127.0.0.1 and reach it from elsewhere through a tunnel: \
         ssh -L 8000:127.0.0.1:8000 <this machine>"
    )))
}

fn cannot_listen(address: SocketAddr, error: std::io::Error) -> Failure {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => Failure::usage(format!(
            "port {port} is in use, perhaps by another arc-eval: see http://{address}\n\
             stop that one, or choose another port with --port (0 takes a free one)"
        )),
        ErrorKind::PermissionDenied => Failure::usage(format!(
            "port {port} needs more rights than this user has; choose one above 1023 with --port"
        )),
        _ => Failure { exit: Exit::Internal, error: anyhow::Error::new(error).context(format!("listen on {address}")) },
    }
}

/// Returns what is ready once Ctrl-C or SIGTERM arrives; both are caught from now on.
pub(super) fn stop_asked() -> Result<impl Future<Output = ()>, Failure> {
    let catch = |kind| unix::signal(kind).context("catch the signal to stop");
    let (mut interrupt, mut terminate) = (catch(unix::SignalKind::interrupt())?, catch(unix::SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_may_be_listened_on() {
        for host in ["127.0.0.1", "::1", "[::1]", "localhost", "127.0.0.2"] {
            assert!(loopback(host).unwrap().is_loopback());
        }
        for host in ["0.0.0.0", "::", "192.168.0.1", "example.com"] {
            assert_eq!(loopback(host).unwrap_err().exit, Exit::Usage, "{host}");
        }
    }
}
