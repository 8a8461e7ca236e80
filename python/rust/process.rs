//! The spool of this process: one writer per address that its records are shipped to, shared by all tracers, and the
//! thread that ships them. Without an address there is no thread: a local server takes the records from the spool.

use std::{
    io::Write as _,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use arc_ship::{Shipper, Target};
use arc_spool::{DropReason, Options, ProcessEnd, Writer};
use pyo3::prelude::*;

/// A writer and where its records go from the spool.
pub(crate) struct Spooling {
    /// The way into the page cache.
    pub(crate) writer: Arc<Writer>,
    shipper: Option<Shipper>,
    api_key: Option<String>,
    /// The process whose thread ships.
    shipping_in: AtomicU32,
    has_said_lost: AtomicBool,
}

static ALL: Mutex<Vec<Arc<Spooling>>> = Mutex::new(Vec::new());

/// The process that this is; 0 until somebody asks, in a forked child again.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Returns the id of this process without asking the system each time.
pub(crate) fn id() -> u32 {
    match PROCESS.load(Ordering::Relaxed) {
        0 => {
            PROCESS.store(std::process::id(), Ordering::Relaxed);
            std::process::id()
        }
        known => known,
    }
}

/// Returns the id of this process.
#[pyfunction]
pub(crate) fn process_id() -> u32 {
    id()
}

/// Learns of forks, also of those that Python does not know of.
pub(crate) fn watch_forks() {
    extern "C" fn in_child() {
        PROCESS.store(0, Ordering::Relaxed);
    }
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // SAFETY: the handler stores a number, which may be done in a child at any moment; the code of an extension
        // module stays where it is as long as the process lives. Without memory for it, Python's handler remains.
        let _ = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

/// Held for moments only, by a thread that is attached to the interpreter like the one that forks: free in a child.
fn all() -> MutexGuard<'static, Vec<Arc<Spooling>>> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the process's spooling to an address. Touches no file yet.
pub(crate) fn shared(
    dir: PathBuf,
    endpoint: Option<String>,
    api_key: Option<String>,
    limit_bytes: Option<u64>,
    program: String,
) -> Arc<Spooling> {
    let mut all = all();
    let is_same = |one: &&Arc<Spooling>| {
        let options = one.writer.options();
        options.dir == dir && options.endpoint == endpoint && one.api_key == api_key
    };
    if let Some(known) = all.iter().find(is_same) {
        return Arc::clone(known);
    }
    let mut options = Options::new(dir);
    options.program = program;
    options.endpoint = endpoint;
    if let Some(limit) = limit_bytes {
        options.limit_bytes = limit;
    }
    let target = options.endpoint.clone().map(|endpoint| Target { endpoint, api_key: api_key.clone() });
    let writer = Arc::new(Writer::new(options));
    let shipper = target.map(|target| Shipper::new(Arc::clone(&writer), target));
    let made = Arc::new(Spooling {
        writer,
        shipper,
        api_key,
        shipping_in: AtomicU32::new(0),
        has_said_lost: AtomicBool::new(false),
    });
    all.push(Arc::clone(&made));
    made
}

impl Spooling {
    /// Sees to it that what is recorded leaves, where this process ships it. Cheap.
    pub(crate) fn ship(&self, process: u32) {
        if let Some(shipper) = &self.shipper
            && self.shipping_in.load(Ordering::Relaxed) != process
        {
            self.shipping_in.store(process, Ordering::Relaxed);
            shipper.ensure_running();
        }
    }

    /// Waits until what is in the spool is delivered, where this process ships it; returns whether it is. Where it does
    /// not, what is in the spool is as good as delivered; what did not get there is not.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        let is_lost = self.writer.counts().records_dropped > 0;
        // Who recorded nothing has nothing to ship.
        let ships = self.shipper.as_ref().filter(|_| self.writer.process().is_some());
        ships.is_none_or(|shipper| shipper.flush(timeout)) && !is_lost
    }

    /// Says, once, that something cannot be recorded and what can be done about it.
    #[cold]
    pub(crate) fn say_lost(&self, reason: DropReason) {
        let options = self.writer.options();
        let dir = options.dir.display();
        let text = match reason {
            DropReason::DiskFull => format!("cannot write to {dir}; see `arc-eval doctor`"),
            DropReason::SpoolFull => format!(
                "{dir} holds all that it may, {} bytes, and nobody takes it; start `arc-eval serve` or `arc-eval collect`",
                options.limit_bytes
            ),
            // One record, or what follows from an earlier loss.
            DropReason::TooLarge | DropReason::RunDropped => return,
        };
        if !self.has_said_lost.swap(true, Ordering::Relaxed) {
            // Where nobody listens there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "arc-eval: runs are not recorded: {text}");
        }
    }
}

/// Returns the time, in nanoseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "records carry the time of the host; there is no clock to be given")]
pub(crate) fn now_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the time, in nanoseconds since 1970.
#[pyfunction]
#[pyo3(name = "now_ns")]
pub(crate) fn now_ns_py() -> u64 {
    now_ns()
}

/// Gives a forked child files of its own. To be called in it first thing.
#[pyfunction]
pub(crate) fn after_fork() {
    PROCESS.store(std::process::id(), Ordering::Relaxed);
    for spooling in all().iter() {
        spooling.writer.after_fork();
    }
}

/// Says in every spool that this process ends, with its exit code where that is known; then what is shipped from here gets
/// up to `timeout` seconds to leave. What does not stays in the spool, for whoever drains it next.
#[pyfunction]
#[pyo3(signature = (exit_code = None, timeout = 0.0))]
pub(crate) fn end_process(py: Python<'_>, exit_code: Option<i32>, timeout: f64) {
    let end = exit_code.map_or(ProcessEnd::AtExit, ProcessEnd::Exited);
    let deadline = Instant::now() + seconds(timeout);
    let used: Vec<_> = all().iter().filter(|spooling| spooling.writer.process().is_some()).map(Arc::clone).collect();
    for spooling in &used {
        spooling.writer.end_process(end, now_ns());
    }
    py.detach(|| {
        for shipper in used.iter().filter_map(|spooling| spooling.shipper.as_ref()) {
            shipper.close(deadline.saturating_duration_since(Instant::now()));
        }
    });
}

/// Returns a time that somebody waits.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.clamp(0.0, 1e9)).unwrap_or_default()
}
