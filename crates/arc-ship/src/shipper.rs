//! The background thread of a process that records.

use std::{
    io::Write,
    process,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use arc_spool::{Liveness, Process, ProcessId, Spool, Writer};

use crate::{
    delivery::Target,
    pump::{Pass, Pump},
};

/// The spool is looked at this often: a run is visible elsewhere this much later.
const TICK: Duration = Duration::from_millis(500);

/// Ships what this process records, and what dead processes that had the same endpoint left behind.
///
/// Makes no thread before [`Self::ensure_running`], and a new one in a forked child. Nothing here waits for the network on the
/// caller's thread.
#[derive(Debug)]
pub struct Shipper {
    writer: Arc<Writer>,
    target: Target,
    first: Member,
}

/// The thread of one process; a forked child's hangs behind its parent's, whose locks nobody in the child may wait for.
#[derive(Debug)]
struct Member {
    pid: u32,
    is_started: AtomicBool,
    shared: Arc<Shared>,
    child: OnceLock<Box<Member>>,
}

impl Member {
    fn new(pid: u32) -> Self {
        Self { pid, is_started: AtomicBool::new(false), shared: Arc::default(), child: OnceLock::new() }
    }
}

/// What the thread and its process tell each other.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Flushes asked for.
    asked: u64,
    /// The flush up to which everything was delivered, or was found undeliverable now.
    answered: u64,
    /// Whether it was delivered.
    is_delivered: bool,
    is_stopping: bool,
    has_stopped: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shipper {
    /// Makes a shipper for what a writer writes; its options should name the same endpoint.
    pub fn new(writer: Arc<Writer>, target: Target) -> Self {
        Self { writer, target, first: Member::new(process::id()) }
    }

    /// Starts the thread of this process where there is none. Cheap: call it after every record.
    pub fn ensure_running(&self) {
        let member = self.member();
        if member.is_started.swap(true, Ordering::Relaxed) {
            return;
        }
        let (writer, target, shared) = (Arc::clone(&self.writer), self.target.clone(), Arc::clone(&member.shared));
        let ship = move || run(&writer, &target, &shared);
        if thread::Builder::new().name("arc-ship".to_owned()).spawn(ship).is_err() {
            // Without a thread everything stays in the spool, for whoever drains it next.
            member.shared.state().has_stopped = true;
        }
    }

    /// Waits until what was recorded before is delivered; returns whether it is. Returns early when the endpoint is in
    /// trouble.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.ensure_running();
        let shared = &self.member().shared;
        let deadline = Instant::now() + timeout;
        let mut state = shared.state();
        state.asked += 1;
        let mine = state.asked;
        shared.changed.notify_all();
        while state.answered < mine && !state.has_stopped {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.answered >= mine && state.is_delivered
    }

    /// Delivers once more and stops the thread, waiting at most this long; 50 ms is a good value at exit. What is not
    /// delivered then stays in the spool. Returns whether everything was delivered.
    pub fn close(&self, timeout: Duration) -> bool {
        let member = self.member();
        if !member.is_started.load(Ordering::Relaxed) {
            return false;
        }
        member.shared.state().is_stopping = true;
        self.flush(timeout)
    }

    fn member(&self) -> &Member {
        let pid = process::id();
        let mut member = &self.first;
        while member.pid != pid {
            member = member.child.get_or_init(|| Box::new(Member::new(pid)));
        }
        member
    }
}

fn run(writer: &Writer, target: &Target, shared: &Shared) {
    let mut pump = Pump::new(Spool::open(&writer.options().dir), target);
    loop {
        let (asked, is_stopping) = wait(&pump, shared);
        let own = writer.process();
        let wanted = |process: &Process| is_ours(process, own.as_ref(), &target.endpoint);
        let pass = pump.pass(&wanted, &mut |_| true);
        let is_delivered = pass.as_ref().is_ok_and(|pass| pass.trouble.is_none() && pass.elsewhere == 0);
        if let Ok(pass) = &pass {
            tell(pass);
        }
        let mut state = shared.state();
        state.answered = state.answered.max(asked);
        state.is_delivered = is_delivered;
        // Only what was asked before the pass is answered by it.
        state.has_stopped = is_stopping && state.asked == asked;
        shared.changed.notify_all();
        if state.has_stopped {
            return;
        }
    }
}

/// Waits for the next tick, as long as the endpoint is to be left alone, or until somebody asks.
fn wait(pump: &Pump, shared: &Shared) -> (u64, bool) {
    let deadline = Instant::now() + TICK.max(pump.wait());
    let mut state = shared.state();
    while state.asked == state.answered && !state.is_stopping {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        state = shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    (state.asked, state.is_stopping)
}

fn is_ours(process: &Process, own: Option<&ProcessId>, endpoint: &str) -> bool {
    let is_left = process.liveness == Liveness::Dead && process.endpoint.as_deref() == Some(endpoint);
    own == Some(&process.id) || is_left
}

/// Says each kind of trouble once. A host without stderr is no reason to fail.
fn tell(pass: &Pass) {
    for news in &pass.news {
        let _ = writeln!(std::io::stderr(), "arc-eval: {news}");
    }
}
