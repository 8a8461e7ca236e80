//! What a program that is started by `arc-eval run` finds in its environment, so that it is traced without a change.
//!
//! Python programs find a start-up module before their own ([`BOOTSTRAP`]), which brings the package `agent_eval` in.
//! Others find OpenTelemetry's variables and base URLs that lead through the gateway; a variable that is set already
//! stays as it is. Python takes the latter back out: there the calls are seen where they are made.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use arc_app::LaunchedRun;
use arc_model::ProjectId;

/// Python imports a module of this name when it starts.
const BOOTSTRAP: &str = include_str!("sitecustomize.py");

/// The run that a started program belongs to, as `TRACE-SPAN`.
const RUN: &str = "ARC_EVAL_RUN";
/// The variables of others that were set for it, with commas.
const SET: &str = "ARC_EVAL_RUN_SET";
/// Where this program's own package may lie, for a Python that does not have it.
const PACKAGES: &str = "ARC_EVAL_RUN_PACKAGES";

/// What the environment is made of.
pub(crate) struct Surroundings<'a> {
    /// The data directory.
    pub(crate) home: &'a Path,
    pub(crate) project: &'a ProjectId,
    /// The address of a server that answers, for programs that send there themselves.
    pub(crate) server: Option<&'a str>,
    /// What the caller's environment has.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// This program.
    pub(crate) program: Option<&'a Path>,
}

/// Returns the variables to set for a program of a run.
pub(crate) fn environment(run: &LaunchedRun<'_>, around: &Surroundings<'_>) -> Vec<(&'static str, String)> {
    let ids = format!("{}-{}", run.trace_id, run.span_id);
    let mut python_path = bootstrap_folder(around.home).display().to_string();
    if let Some(path) = (around.variable)("PYTHONPATH") {
        python_path = format!("{python_path}:{path}");
    }
    let mut variables = vec![
        ("ARC_EVAL_HOME", around.home.display().to_string()),
        ("ARC_EVAL_PROJECT", around.project.to_string()),
        ("PYTHONPATH", python_path),
    ];
    let packages = around.program.and_then(packages).map(|folder| (PACKAGES, folder.display().to_string()));
    variables.extend(packages);
    let foreign: Vec<_> = for_other_languages(run, around, &ids)
        .into_iter()
        .filter(|(name, _)| (around.variable)(name).is_none())
        .collect();
    variables.push((SET, foreign.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(",")));
    variables.extend(foreign);
    variables.push((RUN, ids));
    variables
}

fn for_other_languages(run: &LaunchedRun<'_>, around: &Surroundings<'_>, ids: &str) -> Vec<(&'static str, String)> {
    let Some(server) = around.server else { return Vec::new() };
    let project = crate::client::escaped(around.project.as_str());
    let gateway = |provider: &str| format!("{server}/gateway/{project}/{ids}/{provider}");
    vec![
        ("TRACEPARENT", format!("00-{}-{}-01", run.trace_id, run.span_id)),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", server.to_owned()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
        ("OTEL_EXPORTER_OTLP_HEADERS", format!("x-arc-eval-project={project}")),
        ("OPENAI_BASE_URL", gateway("openai/v1")),
        ("ANTHROPIC_BASE_URL", gateway("anthropic")),
        ("GOOGLE_GEMINI_BASE_URL", gateway("gemini")),
    ]
}

fn bootstrap_folder(home: &Path) -> PathBuf {
    home.join("python")
}

/// Puts the start-up module where the environment says it is. A reader never sees half of it.
pub(crate) fn prepare(home: &Path) -> io::Result<()> {
    let folder = bootstrap_folder(home);
    let file = folder.join("sitecustomize.py");
    if fs::read_to_string(&file).is_ok_and(|text| text == BOOTSTRAP) {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let unfinished = folder.join(format!(".{}", std::process::id()));
    fs::write(&unfinished, BOOTSTRAP)?;
    fs::rename(&unfinished, &file)
}

/// Returns the packages that were installed together with a program in `…/bin`.
fn packages(program: &Path) -> Option<PathBuf> {
    let folder = program.parent()?.parent()?.join("lib");
    let pythons = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path().join("site-packages"));
    pythons.filter(|packages| packages.join("agent_eval").is_dir()).min()
}

/// Returns what to call the agent of a command: the script or module for an interpreter, else the program.
pub(crate) fn agent_name(command: &[String]) -> String {
    let stem = |path: &str| Path::new(path).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let program = command.first().and_then(|program| stem(program)).unwrap_or_default();
    let mut arguments = command.iter().skip(1);
    let is_script = |text: &str| [".py", ".js", ".mjs", ".ts", ".rb"].iter().any(|end| text.ends_with(end));
    while let Some(argument) = arguments.next() {
        if argument == "-m" && program.starts_with("python") {
            return arguments.next().cloned().unwrap_or(program);
        }
        if is_script(argument) {
            return stem(argument).unwrap_or(program);
        }
    }
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_called_as_its_script_or_module() {
        let name = |command: &str| agent_name(&command.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(name("python -u agents/book_trip.py --fast"), "book_trip");
        assert_eq!(name("python3.12 -m shop.agent"), "shop.agent");
        assert_eq!(name("uv run app.py"), "app");
        assert_eq!(name("node dist/index.mjs"), "index");
        assert_eq!(name("./agent --port 1"), "agent");
    }
}
