//! `arc-eval run`: a program as it is, and the run it was.

use crate::Home;

#[test]
fn a_program_keeps_its_output_and_its_exit_code() {
    let home = Home::new("run-code");
    let ran = home.run(&["run", "--", "/bin/sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(7), "out\n"), "{ran:#?}");
    assert!(ran.stderr.starts_with("err\narc-eval: recorded;"), "{}", ran.stderr);
    assert_eq!(home.run(&["run", "-q", "--", "/bin/sh", "-c", "kill -9 $$"]).code, Some(137));
    assert_eq!(home.run(&["run", "-q", "--", "/bin/true"]).stderr, "");
}

#[test]
fn a_program_that_is_not_there_is_a_mistake_of_the_caller() {
    let home = Home::new("run-missing");
    let ran = home.run(&["run", "--", "no-such-program"]);
    assert_eq!(ran.code, Some(2), "{ran:#?}");
    assert!(ran.stderr.contains("there is no program `no-such-program`"), "{}", ran.stderr);
    assert_eq!(home.run(&["run"]).code, Some(2));
}

#[test]
fn a_program_finds_its_run_in_the_environment() {
    let home = Home::new("run-env");
    let ran = home.run(&[
        "run",
        "-q",
        "--",
        "/bin/sh",
        "-c",
        "echo $ARC_EVAL_RUN; ls $PYTHONPATH; echo ${OPENAI_BASE_URL:-none}",
    ]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let [ids, module, base_url] = lines.as_slice() else { panic!("{ran:#?}") };
    assert_eq!((ids.len(), *module), (32 + 1 + 16, "sitecustomize.py"));
    // No server answers here, so nothing may be led to one.
    assert_eq!(*base_url, "none");
}

#[test]
fn where_nothing_can_be_recorded_the_program_runs_all_the_same() {
    let home = Home::new("run-unwritable");
    home.write("file", "");
    let mut command = home.command(&["run", "--", "/bin/echo", "done"]);
    let output = command.env("ARC_EVAL_HOME", home.path("file")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not recorded"), "{output:?}");
}
