//! Starts the scripted LLM server: `scripted-llm --script FILE.toml [--port 0]`.

use std::{future::IntoFuture, io::Write, path::PathBuf, sync::Arc};

use anyhow::Context;
use clap::Parser;
use scripted_llm::{desk::Desk, http::router, script::Script};
use tokio::{net::TcpListener, signal};

#[derive(Parser)]
#[command(version, about = "Serves scripted answers on the HTTP interfaces of OpenAI and Anthropic.")]
struct Arguments {
    /// The script to play.
    #[arg(long, value_name = "FILE.toml")]
    script: PathBuf,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Print only the port, not a sentence with the address.
    #[arg(long)]
    print_port: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let text =
        std::fs::read_to_string(&arguments.script).with_context(|| format!("read {}", arguments.script.display()))?;
    let script = Script::parse(&text).with_context(|| format!("read the script {}", arguments.script.display()))?;
    let listener = TcpListener::bind(("127.0.0.1", arguments.port))
        .await
        .with_context(|| format!("listen on port {}", arguments.port))?;
    let address = listener.local_addr()?;
    let mut stdout = std::io::stdout();
    // Whoever started this waits for the line: write it at once, through a pipe too.
    if arguments.print_port {
        writeln!(stdout, "{}", address.port())?;
    } else {
        writeln!(stdout, "listening on http://{address}")?;
    }
    stdout.flush()?;
    let server = axum::serve(listener, router(Arc::new(Desk::new(script)))).into_future();
    // Not graceful on purpose: an answer that hangs by script must not keep the process alive.
    tokio::select! {
        result = server => result.context("serve"),
        () = stop_asked() => Ok(()),
    }
}

async fn stop_asked() {
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate()).ok();
    let terminated = async {
        match &mut terminate {
            Some(terminate) => terminate.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = signal::ctrl_c() => {}
        _ = terminated => {}
    }
}
