//! Real processes that are killed, exit, fork, or have no room left. They run `examples/record.rs`.
#![cfg(test)]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use arc_spool::{Batch, Delivery, ExitStatus, Liveness, Spool, record_exit};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use prost::Message;

const PATIENCE: Duration = Duration::from_secs(10);

fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/record")
}

/// Starts the program and waits until it recorded; returns it with the lines it printed before.
fn start(arguments: &[&str]) -> (Child, Vec<String>) {
    let mut child = Command::new(program()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let wanted = if ["fork", "drain"].contains(&arguments[0]) { 3 } else { 1 };
    let lines: Vec<String> = lines.take(wanted).collect();
    assert!(lines.contains(&"ready".to_owned()), "{lines:?}");
    (child, lines)
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// Drains everything of dead processes; returns the last version of every span by name.
fn drained(dir: &Path) -> BTreeMap<String, Span> {
    let spool = Spool::open(dir);
    let mut spans = BTreeMap::new();
    for process in spool.processes().unwrap() {
        if process.liveness == Liveness::Alive {
            continue;
        }
        let mut drain = spool.drain(&process.id).unwrap().unwrap();
        let until = Instant::now() + PATIENCE;
        while !drain.is_finished() && Instant::now() < until {
            match drain.next(1 << 20).unwrap() {
                Some(batch) => {
                    for span in decoded(&batch) {
                        spans.insert(span.name.clone(), span);
                    }
                    drain.commit(&batch, &Delivery::stored()).unwrap();
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        }
        assert!(drain.is_finished());
    }
    spans
}

fn decoded(batch: &Batch) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(&*batch.to_otlp()).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

/// The attributes that say how a run ended, in a line.
fn ending(span: &Span) -> String {
    let mut said: Vec<String> = Vec::new();
    for attribute in &span.attributes {
        let Some(key) = attribute.key.strip_prefix("arc_eval.").filter(|key| *key != "revision") else { continue };
        match attribute.value.clone().unwrap().value.unwrap() {
            Value::StringValue(text) => said.push(format!("{key}={text}")),
            Value::IntValue(number) => said.push(format!("{key}={number}")),
            other => said.push(format!("{key}={other:?}")),
        }
    }
    said.join(" ")
}

#[test]
fn a_killed_process_that_nobody_waited_for_can_still_be_asked_how_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, _) = start(&["hang", dir.path().to_str().unwrap()]);
    assert_eq!(Spool::open(dir.path()).processes().unwrap()[0].liveness, Liveness::Alive);
    kill(child.id());
    let until = Instant::now() + PATIENCE;
    while Spool::open(dir.path()).processes().unwrap()[0].liveness == Liveness::Alive && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    let spans = drained(dir.path());
    assert_eq!(ending(&spans["agent"]), "termination=killed exit.signal=9 last_step=search");
    assert_eq!(spans["llm"].status.as_ref().unwrap().message, "the process was ended by signal 9 (SIGKILL)");
    assert_eq!((spans["llm"].end_time_unix_nano, spans["search"].status.clone()), (1_000, None));
    child.wait().unwrap();
}

#[test]
fn a_killed_process_that_left_no_trace_of_its_end_is_not_given_a_cause() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, _) = start(&["hang", dir.path().to_str().unwrap()]);
    kill(child.id());
    child.wait().unwrap();
    let spans = drained(dir.path());
    assert_eq!(ending(&spans["agent"]), "termination=killed last_step=search");
    assert!(spans["llm"].status.as_ref().unwrap().message.contains("killed, crashed, or left by _exit"));
}

#[test]
fn a_parent_that_waited_says_how_its_child_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(program()).args(["exit", dir.path().to_str().unwrap(), "3"]).spawn().unwrap();
    let status = child.wait().unwrap();
    assert!(record_exit(dir.path(), child.id(), ExitStatus::of(status)).unwrap());
    let spans = drained(dir.path());
    assert_eq!(ending(&spans["agent"]), "termination=exited exit.code=3 last_step=search");
    assert!(!record_exit(dir.path(), child.id(), ExitStatus::of(status)).unwrap(), "nothing is left of it");
}

#[test]
fn a_process_that_was_killed_for_memory_says_so_when_its_parent_does() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, _) = start(&["hang", dir.path().to_str().unwrap()]);
    kill(child.id());
    let status = child.wait().unwrap();
    let status = ExitStatus { oom: true, ..ExitStatus::of(status) };
    record_exit(dir.path(), child.id(), status).unwrap();
    assert_eq!(ending(&drained(dir.path())["agent"]), "termination=oom exit.signal=9 last_step=search");
}

#[test]
fn a_killed_parent_is_dead_although_its_child_inherited_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let (mut parent, lines) = start(&["fork", dir.path().to_str().unwrap(), "0"]);
    let forked: u32 = lines.iter().find_map(|line| line.strip_prefix("child ")).unwrap().parse().unwrap();
    kill(parent.id());
    parent.wait().unwrap();
    let spans = drained(dir.path());
    assert_eq!(ending(&spans["agent"]), "termination=killed last_step=search");
    kill(forked);
}

#[test]
fn a_killed_drainer_is_succeeded_although_its_child_inherited_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let (mut parent, lines) = start(&["drain", dir.path().to_str().unwrap()]);
    let forked: u32 = lines.iter().find_map(|line| line.strip_prefix("child ")).unwrap().parse().unwrap();
    let spool = Spool::open(dir.path());
    let process = spool.processes().unwrap().remove(0);
    assert!(spool.drain(&process.id).unwrap().is_none());
    kill(parent.id());
    parent.wait().unwrap();
    let spans = drained(dir.path());
    let names: Vec<&str> = spans.keys().map(String::as_str).collect();
    assert_eq!(names, ["agent", "llm"], "what was delivered before is not delivered again");
    assert_eq!(ending(&spans["agent"]), "termination=killed last_step=search");
    kill(forked);
}

#[test]
fn a_forked_child_has_a_file_of_its_own_and_its_death_is_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (mut parent, lines) = start(&["fork", dir.path().to_str().unwrap(), "1"]);
    let forked: u32 = lines.iter().find_map(|line| line.strip_prefix("child ")).unwrap().parse().unwrap();
    kill(forked);
    let spool = Spool::open(dir.path());
    let until = Instant::now() + PATIENCE;
    let alive = || -> Vec<u32> {
        let processes = spool.processes().unwrap();
        assert_eq!(processes.len(), 2);
        processes.iter().filter(|process| process.liveness == Liveness::Alive).map(|process| process.pid).collect()
    };
    while alive().len() == 2 && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(alive(), [parent.id()]);
    assert_eq!(drained(dir.path())["agent"].name, "agent");
    assert_eq!(spool.processes().unwrap().len(), 1);
    kill(parent.id());
    parent.wait().unwrap();
}

#[test]
fn what_does_not_fit_under_a_limit_of_the_file_size_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    // 64 KiB, in blocks of 512 bytes; the signal is ignored, as Python does.
    let script = "trap '' XFSZ; ulimit -f 128; exec \"$0\" fill \"$1\" 100";
    let output = Command::new("sh").args(["-c", script]).arg(program()).arg(dir.path()).output().unwrap();
    assert_is_accounted_for(&String::from_utf8(output.stdout).unwrap());
}

#[test]
fn what_does_not_fit_on_a_full_disk_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let script =
        "mount -t tmpfs -o size=128k none \"$1\" || exit 77; mkdir \"$1/spool\" && exec \"$0\" fill \"$1/spool\" 100";
    let mut command = Command::new("unshare");
    let output =
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(program()).arg(dir.path());
    let output = match output.output() {
        Ok(output) if output.status.success() => output,
        refused => {
            eprintln!("SKIPPED: no disk can be made to fill: {refused:?}");
            return;
        }
    };
    assert_is_accounted_for(&String::from_utf8(output.stdout).unwrap());
}

/// Every run is stored whole or counted as lost, and the writer and the drainer agree.
fn assert_is_accounted_for(output: &str) {
    let lines: Vec<&str> = output.lines().collect();
    let [dropped, stored, rest] = lines[..] else { panic!("{output}") };
    let dropped: u64 = dropped.strip_prefix("dropped ").unwrap().strip_suffix(" of 100").unwrap().parse().unwrap();
    assert!((50..100).contains(&dropped), "{output}");
    // A run that began and whose end found no room at all is still in flight.
    let in_flight: u64 = rest.strip_prefix("in flight ").unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(in_flight <= 1, "{output}");
    assert_eq!(stored, format!("stored {} lost {dropped} of 100", 100 - dropped - in_flight));
    assert!(rest.ends_with("damages 0"), "{output}");
}
