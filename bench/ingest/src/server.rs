//! The server under load: a process of its own, in a data directory of its own.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::load::Connection;

/// A running server; it is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

/// Starts a server whose data is in `home`, and returns once it listens.
pub(crate) fn start(program: &Path, home: &Path) -> Result<Server> {
    start_with(program, home, std::iter::empty())
}

/// The same with more in its environment.
pub(crate) fn start_with<'a>(
    program: &Path,
    home: &Path,
    environment: impl Iterator<Item = (&'static str, &'a str)>,
) -> Result<Server> {
    let errors = std::fs::OpenOptions::new().create(true).append(true).open(log(home))?;
    let mut child = Command::new(program)
        .args(["serve", "--port", "0", "--otlp-grpc-port", "off", "--otlp-http-port", "off"])
        .env_clear()
        .env("ARC_EVAL_HOME", home)
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    let mut line = String::new();
    let stdout = child.stdout.take().context("its output")?;
    BufReader::new(stdout).read_line(&mut line)?;
    let Some(address) = line.trim().strip_prefix("listening on http://").and_then(|text| text.parse().ok()) else {
        let _ = child.kill();
        let _ = child.wait();
        let said = said(home);
        let why = said.rfind("error:").and_then(|at| said.get(at..)).unwrap_or(&said);
        bail!("it does not listen: {line}{why}");
    };
    Ok(Server { child, address })
}

/// Where the server's words go: two folders up, because its disk may be full.
fn log(home: &Path) -> PathBuf {
    home.parent().and_then(Path::parent).unwrap_or(home).join(format!("{}.log", std::process::id()))
}

/// Returns what the servers of a data directory said.
pub(crate) fn said(home: &Path) -> String {
    std::fs::read_to_string(log(home)).unwrap_or_default()
}

/// Returns the processor time that a process used so far; `self` is this one.
pub(crate) fn processor_ms(process: &str) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("a process's statistics")?;
    let ticks: u32 = rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    // A tick is 10 ms on every Linux there is.
    Ok(f64::from(ticks) * 10.0)
}

impl Server {
    /// Kills it at once, as the system does when memory runs out.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Returns the processor time it used so far.
    pub(crate) fn processor_ms(&self) -> Result<f64> {
        processor_ms(&self.child.id().to_string())
    }

    /// Returns a size of its memory in MB: `VmRSS` now, `VmHWM` at most.
    pub(crate) fn memory_mb(&self, which: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(which)).context("a process's memory")?;
        let kilobytes: f64 = line.split_whitespace().nth(1).context("a size")?.parse()?;
        Ok(kilobytes / 1e3)
    }

    /// Returns the runs of the agent that are counted.
    pub(crate) fn runs(&self) -> Result<u64> {
        let agents = Connection::open(self.address)?.get("/api/v1/agents")?;
        let agents: serde_json::Value = serde_json::from_str(&agents).with_context(|| agents.clone())?;
        let runs = |agent: &serde_json::Value| agent.get("runs").and_then(serde_json::Value::as_u64);
        Ok(agents.get("agents").and_then(serde_json::Value::as_array).into_iter().flatten().filter_map(runs).sum())
    }

    /// Waits until so many runs are counted, and returns how many are.
    pub(crate) fn wait_for_runs(&self, runs: u64, patience: Duration) -> Result<u64> {
        let begin = Instant::now();
        loop {
            let found = self.runs()?;
            if found >= runs || begin.elapsed() > patience {
                return Ok(found);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(mut rest) = self.child.stdout.take() {
            let _ = rest.read_to_string(&mut String::new());
        }
    }
}

/// Returns the bytes of all files in a folder.
pub(crate) fn disk_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // Servers remove and rename files while they are counted.
        let Ok(about) = entry.metadata() else { continue };
        bytes += if about.is_dir() { disk_bytes(&entry.path()).unwrap_or(0) } else { about.len() };
    }
    Ok(bytes)
}
