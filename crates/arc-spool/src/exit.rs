//! How a process ended, as far as that can honestly be known.
//!
//! In this order: what its parent says ([`record_exit`]); what the process said itself before it went; what the system
//! still says of a process whose parent has not asked; that the kernel killed for want of memory in its control group.
//! Otherwise it is only known that it went without a word.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    error::SpoolError,
    header::Identity,
    os,
    spool::{self, Spool},
};

/// How a process ended, as its parent knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ExitStatus {
    /// The code, when it exited.
    pub code: Option<i32>,
    /// The signal, when one ended it.
    pub signal: Option<i32>,
    /// Whether memory ran out.
    pub oom: bool,
}

impl ExitStatus {
    /// Returns what a parent learned by waiting for its child.
    pub fn of(status: std::process::ExitStatus) -> Self {
        let signal = std::os::unix::process::ExitStatusExt::signal(&status);
        Self { code: status.code(), signal, oom: false }
    }
}

/// Says how a child of this process ended. To be called right after waiting for it; `pid` is the child's. Returns whether
/// the child recorded anything.
pub fn record_exit(dir: impl AsRef<Path>, pid: u32, status: ExitStatus) -> Result<bool, SpoolError> {
    let dir = dir.as_ref();
    let namespace = os::pid_namespace();
    let mine = |identity: &Identity| identity.pid == pid && identity.pid_namespace == namespace;
    let mut children = Spool::open(dir).identities()?;
    children.retain(mine);
    // Pids come again: the child is the youngest that had this one.
    let Some(child) = children.iter().max_by_key(|identity| (&identity.boot, identity.start_ticks)) else {
        return Ok(false);
    };
    let path = dir.join(format!("{}.exit", child.process));
    let unfinished = dir.join(format!("{}.exit.new", child.process));
    let text = serde_json::to_vec(&status).unwrap_or_default();
    let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &path));
    written.map_err(SpoolError::on("write", &path))?;
    Ok(true)
}

/// Returns what the parent of a process said, if it did.
pub(crate) fn recorded(dir: &Path, process: &str) -> Option<ExitStatus> {
    serde_json::from_slice(&fs::read(dir.join(format!("{process}.exit"))).ok()?).ok()
}

/// Forgets what the parent said.
pub(crate) fn forget(dir: &Path, process: &str) -> io::Result<()> {
    match fs::remove_file(dir.join(format!("{process}.exit"))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// How a process ended, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Death {
    /// A value of `arc_eval.termination`.
    pub(crate) termination: &'static str,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// In words, for people.
    pub(crate) message: String,
}

/// What a process said itself: the content of its last frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LastWord {
    pub(crate) code: Option<i32>,
}

/// Returns how a dead process ended.
pub(crate) fn death(dir: &Path, identity: &Identity, last_word: Option<LastWord>) -> Death {
    let recorded = recorded(dir, &identity.process).or_else(|| seen_in_zombie(identity));
    if let Some(status) = recorded {
        return told(status, oom_kills_since(identity));
    }
    if let Some(LastWord { code }) = last_word {
        let message = match code {
            Some(code) => format!("the process exited with code {code} before this ended"),
            None => "the process exited before this ended".to_owned(),
        };
        return Death { termination: "exited", code, signal: None, message };
    }
    match oom_kills_since(identity) {
        Some(kills) if kills > 0 => Death {
            termination: "oom",
            code: None,
            signal: None,
            message: format!(
                "the process ended without a word; in its control group the kernel killed {kills} for want of memory \
                 while it ran"
            ),
        },
        _ => Death {
            termination: "killed",
            code: None,
            signal: None,
            message: "the process ended without a word: it was killed, crashed, or left by _exit".to_owned(),
        },
    }
}

fn told(status: ExitStatus, oom_kills: Option<u64>) -> Death {
    let ExitStatus { code, signal, oom } = status;
    let is_oom = oom || (signal == Some(9) && oom_kills.is_some_and(|kills| kills > 0));
    let (termination, message) = match (is_oom, signal, code) {
        (true, _, _) => ("oom", "the process was killed because memory ran out".to_owned()),
        (_, Some(signal), _) => ("killed", format!("the process was ended by signal {signal}{}", name_of(signal))),
        (_, _, Some(code)) => ("exited", format!("the process exited with code {code} before this ended")),
        _ => ("killed", "the process ended, its parent does not know how".to_owned()),
    };
    Death { termination, code, signal, message }
}

fn name_of(signal: i32) -> &'static str {
    match signal {
        2 => " (SIGINT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

/// A process that ended and whose parent did not ask yet can still be asked.
fn seen_in_zombie(identity: &Identity) -> Option<ExitStatus> {
    if !spool::is_here(identity) {
        return None;
    }
    let stat = os::stat(identity.pid)?;
    let is_it = stat.is_zombie && Some(stat.start_ticks) == identity.start_ticks;
    // 0 is also what the system says to those who may not know.
    if !is_it || stat.wait_status == 0 {
        return None;
    }
    let status: std::process::ExitStatus = std::os::unix::process::ExitStatusExt::from_raw(stat.wait_status);
    Some(ExitStatus::of(status))
}

fn oom_kills_since(identity: &Identity) -> Option<u64> {
    if !spool::is_here(identity) {
        return None;
    }
    let now = os::oom_kills(identity.control_group.as_deref()?)?;
    Some(now.saturating_sub(identity.oom_kills?))
}
