//! What was asked, kept on disk before it is asked: so that a replay that was interrupted goes on where it was, and no
//! call is paid for twice.
//!
//! One file per address, model and instructions, of JSON lines. A call is written as *begun* before its request leaves
//! and as *answered*, *refused* or *unanswered* after; both are flushed to the disk. A call that was begun and never
//! ended was under way when the process died: it may have been paid for, so it counts with its estimate and is not asked
//! again. A line that was cut by a crash is no line. The file is locked while a replay runs.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use arc_model::{Message, NanoUsd, Timestamp, TraceId, Usage};
use serde::{Deserialize, Serialize};

use super::plan::Target;
use crate::failure::Failure;

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Line {
    /// A request is about to leave.
    Begun { key: TraceId, at: Timestamp, estimate: NanoUsd },
    /// Its answer.
    Answered { key: TraceId, answer: Box<Answer> },
    /// The provider refused this request, and would again. Nothing is billed.
    Refused { key: TraceId, why: String },
    /// No answer came; it may be billed.
    Unanswered { key: TraceId },
    /// The request was turned away for now, and was not billed: it can be asked again.
    Released { key: TraceId },
}

/// An answer of the model that was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) messages: Vec<Message>,
    pub(super) model: Option<String>,
    pub(super) usage: Option<Usage>,
    pub(super) latency_ns: u64,
}

/// How far a call is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum State {
    Answered(Box<Answer>),
    Refused(String),
    /// Begun, and nobody knows what came of it.
    Unanswered(NanoUsd),
}

/// The file, locked.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    states: HashMap<TraceId, State>,
}

impl Journal {
    /// Opens the journal of a target, and reads what was asked before.
    pub(super) fn open(folder: &Path, target: &Target) -> Result<Self, Failure> {
        let system = target.system.as_deref().unwrap_or_default();
        let name = TraceId::derive(&[target.url.as_bytes(), target.model.as_bytes(), system.as_bytes()]);
        let path = folder.join(format!("{name}.jsonl"));
        // Prompts and answers are the user's alone.
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = "another replay of the same model and instructions is running; wait for it to end";
                return Err(Failure::usage(message));
            }
            Err(TryLockError::Error(error)) => {
                return Err(anyhow::Error::new(error).context(format!("lock {}", path.display())).into());
            }
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes)).context("read the journal")?;
        if bytes.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n").context("write the journal")?;
        }
        let mut journal = Self { file, path, states: HashMap::new() };
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if let Ok(line) = serde_json::from_slice(line) {
                journal.take(line);
            }
        }
        Ok(journal)
    }

    /// Returns where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how far a call is; `None` when it was never asked.
    pub(super) fn state(&self, key: TraceId) -> Option<&State> {
        self.states.get(&key)
    }

    /// Says that a request is about to leave; durable when it returns.
    pub(super) fn begin(&mut self, key: TraceId, at: Timestamp, estimate: NanoUsd) -> Result<(), Failure> {
        self.write(Line::Begun { key, at, estimate })
    }

    /// Says what became of a request; durable when it returns.
    pub(super) fn answer(&mut self, key: TraceId, answer: Box<Answer>) -> Result<(), Failure> {
        self.write(Line::Answered { key, answer })
    }

    pub(super) fn refuse(&mut self, key: TraceId, why: String) -> Result<(), Failure> {
        self.write(Line::Refused { key, why })
    }

    pub(super) fn unanswered(&mut self, key: TraceId) -> Result<(), Failure> {
        self.write(Line::Unanswered { key })
    }

    pub(super) fn release(&mut self, key: TraceId) -> Result<(), Failure> {
        self.write(Line::Released { key })
    }

    fn write(&mut self, line: Line) -> Result<(), Failure> {
        let mut bytes = serde_json::to_vec(&line).context("write the journal")?;
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("write {}", self.path.display()))?;
        self.take(line);
        Ok(())
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Begun { key, estimate, .. } => {
                self.states.insert(key, State::Unanswered(estimate));
            }
            Line::Answered { key, answer } => {
                self.states.insert(key, State::Answered(answer));
            }
            Line::Refused { key, why } => {
                self.states.insert(key, State::Refused(why));
            }
            Line::Released { key } => {
                self.states.remove(&key);
            }
            Line::Unanswered { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use arc_formats::encode::Api;
    use arc_model::Role;

    use super::*;

    fn target(model: &str) -> Target {
        Target {
            api: Api::OpenAi,
            base: "http://localhost:9".into(),
            url: "http://localhost:9/chat/completions".into(),
            provider: None,
            is_here: true,
            model: model.into(),
            system: None,
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("arc-eval-journal-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn key(byte: u8) -> TraceId {
        TraceId::from_bytes([byte; 16]).unwrap()
    }

    fn answer() -> Box<Answer> {
        Box::new(Answer {
            messages: vec![Message::text(Role::Assistant, "Yes.")],
            model: None,
            usage: None,
            latency_ns: 7,
        })
    }

    #[test]
    fn what_was_asked_is_known_after_a_crash_at_any_byte() {
        let folder = folder("crash");
        let mut journal = Journal::open(&folder, &target("m")).unwrap();
        for byte in 1..=3 {
            journal.begin(key(byte), Timestamp::default(), NanoUsd(5)).unwrap();
        }
        journal.refuse(key(2), "no".into()).unwrap();
        journal.release(key(3)).unwrap();
        journal.answer(key(1), answer()).unwrap();
        let path = journal.path().to_owned();
        drop(journal);
        let whole = fs::read(&path).unwrap();
        let first_line = whole.iter().position(|&byte| byte == b'\n').unwrap();
        for cut in 0..=whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let mut journal = Journal::open(&folder, &target("m")).unwrap();
            // A line that lacks only its end says all it has to say.
            let is_begun = cut >= first_line;
            assert_eq!(journal.state(key(1)).is_some(), is_begun, "{cut}");
            if cut + 1 >= whole.len() {
                assert_eq!(journal.state(key(1)), Some(&State::Answered(answer())));
                assert_eq!(journal.state(key(2)), Some(&State::Refused("no".into())));
                assert_eq!(journal.state(key(3)), None);
            } else if is_begun {
                assert_eq!(journal.state(key(1)), Some(&State::Unanswered(NanoUsd(5))), "{cut}");
            }
            // What is written after a torn line can be read.
            journal.answer(key(9), answer()).unwrap();
            drop(journal);
            assert!(Journal::open(&folder, &target("m")).unwrap().state(key(9)).is_some(), "{cut}");
        }
    }

    #[test]
    fn two_replays_of_one_model_do_not_run_at_once() {
        let folder = folder("lock");
        let first = Journal::open(&folder, &target("m")).unwrap();
        assert!(Journal::open(&folder, &target("m")).is_err());
        assert!(Journal::open(&folder, &target("other")).is_ok());
        drop(first);
        assert!(Journal::open(&folder, &target("m")).is_ok());
    }
}
