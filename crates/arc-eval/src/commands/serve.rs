//! `arc-eval serve`: the server, until Ctrl-C or SIGTERM.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
};

use anyhow::Context;
use arc_app::SpoolSettings;
use arc_server::{Listeners, ServerConfig};
use tokio::{net::TcpListener, signal::unix};

use super::open;
use crate::{
    cli::Serve,
    config::{Config, OTLP_GRPC_PORT, OTLP_HTTP_PORT, Setting, age, size},
    failure::{Exit, Failure},
    notify::Channels,
    output,
};

pub(super) async fn run(config: &Config, arguments: &Serve) -> Result<(), Failure> {
    let config = &with_flags(config, arguments)?;
    let host = arguments.host.as_deref().unwrap_or(&config.host);
    let address = SocketAddr::new(loopback(host)?, arguments.port.unwrap_or(config.port));
    let listener = TcpListener::bind(address).await.map_err(|error| cannot_listen(address, error))?;
    let address = listener.local_addr().context("ask which port was given")?;
    let grpc = (&OTLP_GRPC_PORT, arguments.otlp_grpc_port.as_deref().or(config.otlp_grpc_port.as_deref()));
    let http = (&OTLP_HTTP_PORT, arguments.otlp_http_port.as_deref().or(config.otlp_http_port.as_deref()));
    let otlp_grpc = listen_beside(address.ip(), grpc, "--otlp-grpc-port").await?;
    let otlp_http = listen_beside(address.ip(), http, "--otlp-http-port").await?;
    // Before the address is told: whoever waits for it may stop us at once.
    let stop = stop_asked()?;
    let app = open(config, &config.store).await?;
    output::data(&format!("listening on http://{address}\n"))?;
    output::talk(&format!(
        "runs are stored in {}; stop with Ctrl-C",
        arc_store_backends::without_password(&config.store)
    ));
    if let Some(ports) = otlp_ports(otlp_grpc.as_ref(), otlp_http.as_ref()) {
        output::talk(&format!("OpenTelemetry is taken in {ports}"));
    }
    if let Some(channels) = Channels::of(config) {
        app.notify_with(channels);
    }
    // Without a data directory no agent on this machine has a place to write to either.
    if let Ok(dir) = config.spool() {
        app.read_spool(SpoolSettings { dir, own_endpoints: own_endpoints(address) });
    }
    let listeners = Listeners { all: listener, otlp_http, otlp_grpc };
    arc_server::serve_all(listeners, app, ServerConfig::default(), stop).await.context("serve")?;
    output::talk("stopped");
    Ok(())
}

/// Returns the settings under the flags that only this command has.
fn with_flags(config: &Config, arguments: &Serve) -> Result<Config, Failure> {
    let mut config = config.clone();
    let bad = |flag: &'static str, value: &str| {
        let value = value.to_owned();
        move |why| Failure::usage(format!("{flag} is `{value}`: {why}"))
    };
    if let Some(text) = &arguments.retention_max_age {
        config.retention.max_age = age(text).map_err(bad("--retention-max-age", text))?;
    }
    if let Some(text) = &arguments.retention_max_size {
        config.retention.max_bytes = size(text).map_err(bad("--retention-max-size", text))?;
    }
    Ok(config)
}

/// Returns the ways to write the address of this server.
fn own_endpoints(address: SocketAddr) -> Vec<String> {
    let port = address.port();
    vec![format!("http://{address}"), format!("http://localhost:{port}")]
}

/// Listens on a port for OTLP alone. That the usual one is taken, perhaps by a collector, is no reason not to start.
async fn listen_beside(
    host: IpAddr,
    (setting, named): (&Setting, Option<&str>),
    flag: &str,
) -> Result<Option<TcpListener>, Failure> {
    let port = named.unwrap_or(setting.default).trim();
    if port.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let number = port.parse().map_err(|_| Failure::usage(format!("{flag} is `{port}`: neither a port nor `off`")))?;
    let address = SocketAddr::new(host, number);
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if named.is_none() => {
            output::talk(&format!(
                "port {port} cannot be listened on ({error}), so nothing sent there arrives here: stop what uses it, or \
                 choose another with {flag} (`off` for none)"
            ));
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(Failure::usage(format!(
            "port {port} is in use; stop what uses it, or choose another with {flag} (0 takes a free one, off none)"
        ))),
        Err(error) => Err(cannot_listen(address, error)),
    }
}

/// Says where OTLP is taken in besides the page's own port.
fn otlp_ports(grpc: Option<&TcpListener>, http: Option<&TcpListener>) -> Option<String> {
    let address = |listener: Option<&TcpListener>| listener.and_then(|listener| listener.local_addr().ok());
    let grpc = address(grpc).map(|address| format!("over gRPC at http://{address}"));
    let http = address(http).map(|address| format!("over HTTP at http://{address}"));
    let ports: Vec<_> = [grpc, http].into_iter().flatten().collect();
    (!ports.is_empty()).then(|| ports.join(" and "))
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
