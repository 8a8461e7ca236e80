//! Running the server until it is told to stop.

use std::{future::Future, io};

use arc_app::App;
use tokio::{net::TcpListener, sync::oneshot};

use crate::{ServerConfig, router};

/// Serves until `shutdown` is ready, then finishes what is under way, within the configured grace.
///
/// Also starts the application's background work, and ends it.
pub async fn serve(
    listener: TcpListener,
    app: App,
    config: ServerConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    app.run_background();
    let grace = config.grace;
    let (tasks, (stopped, stopping)) = (app.tasks().clone(), oneshot::channel());
    let server = axum::serve(listener, router(app.clone(), config)).with_graceful_shutdown(async move {
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
        ended = server.into_future() => ended,
        () = too_late => {
            tracing::warn!("requests were still open after {grace:?} and are cut off");
            Ok(())
        }
    };
    app.shutdown().await;
    result
}
