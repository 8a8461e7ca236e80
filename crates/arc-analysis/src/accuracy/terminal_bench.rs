//! Terminal-Bench runs of Claude Code, as `CodeTracer` collected them: whether the task's tests passed.
//!
//! There are no labels of failures in them. They tell how often detectors fire on successful runs of a coding agent, and
//! on how many an instruction is claimed to have come in a result: nobody attacked them.

use arc_model::{Json, Trace};

use super::{Dataset, Decode, Figure, File, Section, costs::Costs, detectors::Tally};

/// The data set.
pub(super) struct TerminalBench;

impl Dataset for TerminalBench {
    fn folder(&self) -> &'static str {
        "claude-code-terminal-bench"
    }

    fn about(&self) -> &'static str {
        "Terminal-Bench runs of Claude Code: the tests of the task passed or not. No run was attacked."
    }

    fn score(&self, files: &[File], decode: Decode<'_>) -> Section {
        let mut section = Section::of(self);
        let mut detectors = Tally::default();
        let (mut runs, mut attacks) = (0, 0);
        for file in files.iter().filter(|file| file.path.ends_with("/agent/trajectory.json")) {
            let trial = file.path.trim_end_matches("agent/trajectory.json");
            let Some(passed) = passed(files, trial) else {
                section.skip(&file.path, "it is not known whether the tests passed");
                continue;
            };
            // A run and those of the agents it started are in one file; the first is the one that was tested.
            let Some(trace) = decode(file).into_iter().next() else {
                section.skip(&file.path, "there is no readable run in it");
                continue;
            };
            runs += 1;
            let trace: Trace = super::blind(&trace);
            detectors.add(&trace, passed);
            attacks += u64::from(crate::failures::View::new(&trace).injection().is_some());
        }
        let false_alarms = "false alarms: an injection reached the agent";
        section.figures.push(Figure::share("all", false_alarms, attacks, runs, "runs"));
        section.detectors = detectors.rows();
        // The recording of Claude Code itself says what it believes a run cost.
        let mut costs = Costs::default();
        for file in files.iter().filter(|file| file.path.ends_with("/agent/claude-code.txt")) {
            for trace in decode(file) {
                costs.add(&trace);
            }
        }
        costs.report("claude-code", &mut section);
        section
    }
}

/// Returns whether the tests of a trial passed.
fn passed(files: &[File], trial: &str) -> Option<bool> {
    let result = files.iter().find(|file| file.path == format!("{trial}result.json"))?;
    let result: Json = serde_json::from_slice(&result.bytes).ok()?;
    Some(result.pointer("/verifier_result/rewards/reward")?.as_f64()? >= 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_passed_when_its_reward_is_one_and_else_nobody_knows() {
        let file = |reward: &str| File {
            path: "a/t/result.json".to_owned(),
            bytes: format!("{{\"verifier_result\": {{\"rewards\": {{\"reward\": {reward}}}}}}}").into_bytes(),
        };
        assert_eq!(passed(&[file("1.0")], "a/t/"), Some(true));
        assert_eq!(passed(&[file("0.0")], "a/t/"), Some(false));
        assert_eq!(passed(&[file("null")], "a/t/"), None);
        assert_eq!(passed(&[], "a/t/"), None);
    }
}
