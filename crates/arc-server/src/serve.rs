//! Running the server until it is told to stop.

use std::{future::Future, io};

use arc_app::{App, Tasks};
use axum::Router;
use tokio::{net::TcpListener, sync::oneshot};

use crate::{
    ServerConfig,
    router::{Routers, routers},
};

/// The ports to serve on.
#[derive(Debug)]
pub struct Listeners {
    /// Everything: the page, the API, OTLP over HTTP.
    pub all: TcpListener,
    /// OTLP over HTTP alone.
    pub otlp_http: Option<TcpListener>,
    /// OTLP over gRPC.
    pub otlp_grpc: Option<TcpListener>,
}

/// Serves everything on one port; see [`serve_all`].
pub async fn serve(
    listener: TcpListener,
    app: App,
    config: ServerConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_all(Listeners { all: listener, otlp_http: None, otlp_grpc: None }, app, config, shutdown).await
}

/// Serves until `shutdown` is ready, then finishes what is under way, within the configured grace.
///
/// Also starts the application's background work, and ends it.
pub async fn serve_all(
    listeners: Listeners,
    app: App,
    config: ServerConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    app.run_background();
    let grace = config.grace;
    let (tasks, (stopped, stopping)) = (app.tasks().clone(), oneshot::channel());
    let Routers { all, otlp_http, otlp_grpc } = routers(app.clone(), config);
    let otlp_http = beside(listeners.otlp_http, otlp_http, tasks.clone());
    let otlp_grpc = beside(listeners.otlp_grpc, otlp_grpc, tasks.clone());
    let server = axum::serve(listeners.all, all).with_graceful_shutdown(async move {
        shutdown.await;
        // Ends the event streams, which would otherwise stay open.
        tasks.stop();
        let _ = stopped.send(());
    });
    let too_late = async {
        // Without a sender the server is gone already, and `server` below is ready.
        if stopping.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(grace).await;
    };
    let result = tokio::select! {
        (ended, http, grpc) = async { tokio::join!(server.into_future(), otlp_http, otlp_grpc) } => ended.and(http).and(grpc),
        () = too_late => {
            tracing::warn!("requests were still open after {grace:?} and are cut off");
            Ok(())
        }
    };
    app.shutdown().await;
    result
}

/// Serves another port until shutdown was asked for.
async fn beside(listener: Option<TcpListener>, router: Router, tasks: Tasks) -> io::Result<()> {
    let Some(listener) = listener else { return Ok(()) };
    axum::serve(listener, router).with_graceful_shutdown(async move { tasks.stopping().await }).await
}
