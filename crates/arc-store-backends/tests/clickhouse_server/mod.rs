//! A ClickHouse of a test's own: its engine in a process, on a temporary folder, gone with the value.
//!
//! The engine is that of the Python whose path is in `ARC_EVAL_TEST_CLICKHOUSE`, which has the wheel `chdb-core`; see
//! `engine.py`. Where the variable is not set, tests are skipped and say so; where it is, they never are.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// Names the Python.
const PYTHON: &str = "ARC_EVAL_TEST_CLICKHOUSE";

pub(crate) const PASSWORD: &str = "quite secret";

/// A running engine.
pub(crate) struct Server {
    process: Child,
    python: PathBuf,
    folder: TempDir,
    port: u16,
}

impl Server {
    /// Starts an engine, unless there is none on this machine.
    pub(crate) fn start() -> Option<Self> {
        let Some(python) = env::var_os(PYTHON).filter(|named| !named.is_empty()).map(PathBuf::from) else {
            eprintln!(
                "SKIPPED: there is no ClickHouse here; `make test` installs its engine, or name a Python that has the \
                 wheel chdb-core in {PYTHON}"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let (process, port) = launch(&python, folder.path());
        Some(Self { process, python, folder, port })
    }

    /// Kills the engine as a failing machine would, and starts another one on its data.
    pub(crate) fn kill_and_restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        (self.process, self.port) = launch(&self.python, self.folder.path());
    }

    /// Returns the address of its HTTP interface.
    pub(crate) fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns the address of a store in a database of this engine.
    pub(crate) fn url(&self, database: &str) -> String {
        self.address("arc", PASSWORD, database)
    }

    /// Returns the folder of its data.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns an address that may be wrong.
    pub(crate) fn address(&self, user: &str, password: &str, database: &str) -> String {
        format!("clickhouse://{user}:{}@127.0.0.1:{}/{database}", password.replace(' ', "%20"), self.port)
    }
}

fn launch(python: &Path, folder: &Path) -> (Child, u16) {
    let mut process = Command::new(python)
        .args(["-c", include_str!("engine.py")])
        .arg(folder)
        .arg(PASSWORD)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", python.display()));
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().parse();
    (
        process,
        port.unwrap_or_else(|_| {
            panic!("ClickHouse's engine did not start; does {} have the wheel chdb-core?", python.display())
        }),
    )
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
