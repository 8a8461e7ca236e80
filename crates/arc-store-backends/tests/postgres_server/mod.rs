//! A PostgreSQL of a test's own: made in a temporary folder, on a socket there, gone with the value.
//!
//! The programs are those of the folder `ARC_EVAL_TEST_POSTGRES`, else of the system. Where there are
//! none, tests are skipped and say so; where the variable is set, they never are.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// Names the folder of `initdb` and `postgres`.
const PROGRAMS: &str = "ARC_EVAL_TEST_POSTGRES";

/// Who runs the server when the tests run as root, which PostgreSQL refuses: `nobody`.
const NOBODY: u32 = 65_534;

pub(crate) const PASSWORD: &str = "quite secret";

/// A running server.
pub(crate) struct Server {
    process: Child,
    folder: TempDir,
}

impl Server {
    /// Starts a server, unless there is none on this machine.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!(
                "SKIPPED: there is no PostgreSQL here; install one, or name its folder of programs in {PROGRAMS}"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
        if is_root {
            std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let password = folder.path().join("password");
        fs::write(&password, PASSWORD).unwrap();
        if is_root {
            std::os::unix::fs::chown(&password, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let program = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(folder.path()).env("LC_ALL", "C").env("HOME", folder.path());
            if is_root {
                command.uid(NOBODY).gid(NOBODY);
            }
            command
        };
        let made = program("initdb")
            .args(["--pgdata", "data", "--username", "arc", "--pwfile", "password", "--auth", "scram-sha-256"])
            .args(["--encoding", "UTF8", "--locale", "C", "--no-sync"])
            .output()
            .unwrap_or_else(|error| {
                let hint = if is_root { " (run as nobody, who has to be able to open that folder)" } else { "" };
                panic!("cannot run initdb in {}{hint}: {error}", programs.display())
            });
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let mut process = program("postgres")
            .args(["-D", "data", "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "fsync=on", "-k"])
            .arg(folder.path())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        loop {
            let Some(Ok(line)) = log.next() else { panic!("PostgreSQL did not start: {}", said.join("\n")) };
            let is_ready = line.contains("database system is ready to accept connections");
            said.push(line);
            if is_ready {
                break;
            }
        }
        // Nobody reads on, so somebody has to, lest the server waits.
        let show = env::var_os("ARC_EVAL_TEST_POSTGRES_LOG").is_some();
        thread::spawn(move || log.map_while(Result::ok).filter(|_| show).for_each(|line| eprintln!("{line}")));
        Some(Self { process, folder })
    }

    /// Returns the address of a store in a schema of this server.
    pub(crate) fn url(&self, schema: &str) -> String {
        self.address("arc", PASSWORD, "postgres", schema)
    }

    /// Returns an address that may be wrong.
    pub(crate) fn address(&self, user: &str, password: &str, database: &str, schema: &str) -> String {
        let password = password.replace(' ', "%20");
        format!("postgres://{user}:{password}@/{database}?host={}&schema={schema}", self.folder().display())
    }

    /// Returns the folder of its socket.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A quick but orderly end: nothing of it stays in the machine's shared memory.
        let asked = Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        for _ in 0..200 {
            if !asked.as_ref().is_ok_and(std::process::ExitStatus::success)
                || self.process.try_wait().is_ok_and(|ended| ended.is_some())
            {
                break;
            }
            thread::sleep(Duration::from_millis(25));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn programs() -> Option<PathBuf> {
    if let Some(named) = env::var_os(PROGRAMS).filter(|named| !named.is_empty()) {
        return Some(PathBuf::from(named));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    for version in fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        folders.push(version.path().join("bin"));
    }
    folders.into_iter().find(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file()))
}
