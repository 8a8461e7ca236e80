//! Who&When: failed runs of several agents, labelled with the agent and the step that decided the failure.

use std::collections::BTreeMap;

use arc_model::{Json, Trace};

use super::{Constant, Dataset, Decode, Figure, File, Section, best_constant};
use crate::localisation::{speaker_of, steps_of};

/// The data set.
pub(super) struct WhoAndWhen;

impl Dataset for WhoAndWhen {
    fn folder(&self) -> &'static str {
        "who-and-when"
    }

    fn about(&self) -> &'static str {
        "Who&When: failed runs of several agents, the responsible agent and the decisive step labelled by people."
    }

    fn score(&self, files: &[File], decode: Decode<'_>) -> Section {
        let mut section = Section::of(self);
        let mut subsets: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for file in files.iter().filter(|file| file.is_json()) {
            let name = file.path.rsplit_once('/').map_or("all", |(folder, _)| folder);
            let name = name.rsplit('/').next().unwrap_or(name).to_owned();
            match row(file, decode, &mut section) {
                Ok(row) => subsets.entry(name).or_default().push(row),
                Err(why) => section.skip(&file.path, why),
            }
        }
        for (name, rows) in &subsets {
            section.figures.extend(figures(name, rows));
        }
        section
    }
}

#[derive(Debug, Clone)]
struct Row {
    first_speaker: String,
    agent: String,
    step: u64,
    predicted_agent: Option<String>,
    predicted_step: Option<u64>,
}

fn row(file: &File, decode: Decode<'_>, section: &mut Section) -> Result<Row, String> {
    let labels: Json = serde_json::from_slice(&file.bytes).map_err(|problem| format!("it is not JSON: {problem}"))?;
    let agent = labels.get("mistake_agent").and_then(Json::as_str).ok_or("it has no `mistake_agent`")?;
    let step = labels.get("mistake_step").and_then(number).ok_or("it has no `mistake_step`")?;
    let trace = decode(file).into_iter().next().ok_or("there is no readable run in it")?;
    let (trace, diagnosis) = section.diagnose(&trace);
    let index = |trace: &Trace| {
        let span = diagnosis.decisive.first()?.span_id;
        steps_of(trace).iter().position(|step| step.span_id == span)
    };
    Ok(Row {
        first_speaker: steps_of(&trace).first().map(|span| name(&speaker_of(span))).unwrap_or_default(),
        agent: name(agent),
        step,
        predicted_agent: diagnosis.agents.first().map(|(agent, _)| name(agent)),
        predicted_step: index(&trace).map(|index| index as u64),
    })
}

/// Labels write numbers as texts.
pub(super) fn number(value: &Json) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn name(agent: &str) -> String {
    agent.trim().to_lowercase()
}

fn figures(subset: &str, rows: &[Row]) -> Vec<Figure> {
    let n = rows.len() as u64;
    let count = |hit: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| hit(row)).count() as u64;
    let agents = count(&|row| row.predicted_agent.as_ref() == Some(&row.agent));
    let steps = count(&|row| row.predicted_step == Some(row.step));
    let first = count(&|row| row.first_speaker == row.agent);
    let speaks_first = Constant {
        answer: "the first speaker".to_owned(),
        value: super::figure::ratio(usize::try_from(first).unwrap_or(0), rows.len()).unwrap_or(0.0),
    };
    let named = best_constant(rows.iter().map(|row| row.agent.clone()), n, "always");
    let agent = [named, Some(speaks_first)].into_iter().flatten().max_by(|a, b| a.value.total_cmp(&b.value));
    let step = best_constant(rows.iter().map(|row| row.step.to_string()), n, "always step");
    let (agent_published, step_published) = if subset == "Hand-Crafted" { (0.5344, 0.0877) } else { (0.5112, 0.1659) };
    vec![
        Figure::share(subset, "agent", agents, n, "runs").beside(agent.filter(|_| n > 0)).published(agent_published),
        Figure::share(subset, "step", steps, n, "runs").beside(step).published(step_published),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(agent: &str, step: u64, predicted: (&str, u64)) -> Row {
        Row {
            first_speaker: "planner".to_owned(),
            agent: name(agent),
            step,
            predicted_agent: Some(name(predicted.0)),
            predicted_step: Some(predicted.1),
        }
    }

    #[test]
    fn names_are_compared_without_case_and_steps_exactly() {
        let rows = [row("Websurfer", 4, ("WebSurfer", 4)), row("Planner", 1, ("Coder", 2))];
        let figures = figures("all", &rows);
        assert_eq!(figures[0].value, Some(0.5));
        assert_eq!(figures[1].value, Some(0.5));
    }

    #[test]
    fn the_constant_is_the_best_of_the_most_frequent_agent_and_the_first_speaker() {
        let rows = [row("Coder", 1, ("Coder", 1)), row("Coder", 1, ("x", 0)), row("Planner", 3, ("x", 0))];
        let figures = figures("all", &rows);
        let agent = figures[0].constant.as_ref().unwrap();
        assert_eq!(agent.answer, "always coder");
        assert!((agent.value - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(figures[1].constant.as_ref().unwrap().answer, "always step 1");
    }

    #[test]
    fn a_step_may_be_written_as_a_text() {
        assert_eq!(number(&serde_json::json!("12")), Some(12));
        assert_eq!(number(&serde_json::json!(12)), Some(12));
        assert_eq!(number(&serde_json::json!("twelve")), None);
    }
}
