//! `arc-eval run -- PROGRAM`: a program as it is, recorded as one run.
//!
//! The run is this command's to begin and to end: it knows the exit code or signal, whatever becomes of the program.

use std::{
    io,
    process::{ExitStatus, Stdio},
};

use arc_app::{Launch, LaunchedRun, SystemClock};
use arc_spool::record_exit;
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{
    cli::Run,
    client::Server,
    config::Config,
    env,
    failure::{Exit, Failure},
    launch::{self, Surroundings},
    output,
};

/// Runs a program and returns its exit code, 128 and the signal's number where one ended it.
pub(super) async fn run(config: &Config, arguments: &Run) -> Result<u8, Failure> {
    let [program, rest @ ..] = arguments.command.as_slice() else {
        return Err(Failure::usage("name the program to run after --"));
    };
    let spool = config.spool()?;
    let launch = Launch {
        agent: arguments.agent.clone().unwrap_or_else(|| launch::agent_name(&arguments.command)),
        version: arguments.agent_version.clone(),
        project: config.project.to_string(),
        domain: arguments.domain.clone(),
        task: arguments.task.clone(),
        session: arguments.session.clone(),
        command: arguments.command.clone(),
    };
    let mut command = Command::new(program);
    command.args(rest).stdin(Stdio::inherit());
    let server = Server::new(config);
    let is_served = server.answers();
    let begun = LaunchedRun::begin(spool.clone(), &launch, &SystemClock);
    match &begun {
        Some(run) => {
            if let Err(error) = launch::prepare(config.home()?) {
                output::talk(&format!("arc-eval: what happens inside a Python program is not recorded: {error}"));
            }
            let this = std::env::current_exe().ok();
            command.envs(launch::environment(
                run,
                &Surroundings {
                    home: config.home()?,
                    project: &config.project,
                    server: is_served.then(|| server.endpoint()),
                    variable: &env::variable,
                    program: this.as_deref(),
                },
            ));
        }
        None => output::talk(
            "arc-eval: nothing can be written to the spool, so this run is not recorded (see `arc-eval doctor`)",
        ),
    }
    let child = command.spawn().map_err(|error| cannot_start(program, &error))?;
    let pid = child.id();
    let status = ended(child).await?;
    if let Some(pid) = pid {
        // Tells the reader of the spool; without it the program's own records still say that it ended.
        let _ = record_exit(&spool, pid, arc_spool::ExitStatus::of(status));
    }
    if let Some(run) = begun {
        let trace_id = run.trace_id;
        run.ended(status);
        if !arguments.quiet {
            output::run::tell_where(trace_id, is_served.then(|| server.endpoint()));
        }
    }
    Ok(code(status))
}

/// Waits for a program, and hands it the signals that are meant for it.
async fn ended(mut child: Child) -> Result<ExitStatus, Failure> {
    // Ctrl-C reaches the program from the terminal by itself; it decides what to do about it.
    let mut interrupt = caught(SignalKind::interrupt())?;
    let mut terminate = caught(SignalKind::terminate())?;
    let mut hang_up = caught(SignalKind::hangup())?;
    loop {
        let passed_on = tokio::select! {
            status = child.wait() => return status.map_err(|error| internal(error, "wait for the program")),
            _ = interrupt.recv() => continue,
            _ = terminate.recv() => rustix::process::Signal::TERM,
            _ = hang_up.recv() => rustix::process::Signal::HUP,
        };
        let pid = child.id().and_then(|pid| rustix::process::Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid {
            // It may have ended in between, which the next round sees.
            let _ = rustix::process::kill_process(pid, passed_on);
        }
    }
}

fn caught(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| internal(error, "catch signals"))
}

fn internal(error: io::Error, doing: &'static str) -> Failure {
    Failure { exit: Exit::Internal, error: anyhow::Error::new(error).context(doing) }
}

fn cannot_start(program: &str, error: &io::Error) -> Failure {
    Failure::usage(match error.kind() {
        io::ErrorKind::NotFound => format!("there is no program `{program}`"),
        io::ErrorKind::PermissionDenied => format!("`{program}` may not be run: is it a program?"),
        _ => format!("`{program}` cannot be run: {error}"),
    })
}

/// Returns the exit code by which shells tell how a program ended.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}
