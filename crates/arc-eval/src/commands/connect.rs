//! `arc-eval connect`: finds the agent in a user's Python source, shows the lines that trace it, and
//! writes them when told to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use arc_analysis::connect::{Candidate, Edit, Found, How, find_agents};
use arc_catalog::Catalog;

use crate::{
    cli::Connect,
    failure::{Exit, Failure},
    output::{self, connect::Plan},
};

/// Larger files are not programs that people write.
const MAX_SOURCE_BYTES: u64 = 4 << 20;

/// A candidate and the file it is in.
struct Place {
    file: PathBuf,
    source: String,
    candidate: Candidate,
}

pub(super) fn run(arguments: &Connect) -> Result<(), Failure> {
    let catalog = Catalog::builtin();
    let framework = arguments.framework.as_deref().map(|name| framework_id(name, catalog)).transpose()?;
    let domain = domain_id(arguments.domain.as_deref(), catalog)?;
    let searched = search(&arguments.path, &domain, catalog)?;
    let chosen = choose(searched, framework.as_deref(), arguments)?;
    let written = arguments.write && matches!(chosen.candidate.how, How::Edits(_));
    let plan = plan(&chosen, written);
    if let (true, Some(traced)) = (written, &plan.traced) {
        replace(&chosen.file, traced)?;
    }
    if arguments.json { output::json(&plan) } else { output::connect::print(&plan) }
}

fn framework_id(name: &str, catalog: &Catalog) -> Result<String, Failure> {
    catalog.framework(name).map(|framework| framework.id.clone()).ok_or_else(|| {
        let known: Vec<&str> = catalog.frameworks().iter().map(|framework| framework.id.as_str()).collect();
        Failure::usage(format!("no framework is called `{name}`; there are {}", known.join(", ")))
    })
}

fn domain_id(name: Option<&str>, catalog: &Catalog) -> Result<String, Failure> {
    let Some(name) = name.filter(|name| *name != "auto") else { return Ok("auto".to_owned()) };
    catalog.domain(name).map(|domain| domain.id.clone()).ok_or_else(|| {
        let known: Vec<&str> = catalog.domains().iter().map(|domain| domain.id.as_str()).collect();
        Failure::usage(format!("no domain is called `{name}`; there are auto, {}", known.join(", ")))
    })
}

/// What lies under a path.
#[derive(Default)]
struct Searched {
    places: Vec<Place>,
    files: usize,
    traced: Vec<String>,
    unreadable: Vec<String>,
}

fn search(path: &Path, domain: &str, catalog: &Catalog) -> Result<Searched, Failure> {
    let files = if path.is_dir() { python_files(path) } else { vec![path.to_owned()] };
    if files.is_empty() {
        return Err(Failure::unreadable(format!("{} holds no Python files", path.display())));
    }
    let mut searched = Searched { files: files.len(), ..Searched::default() };
    for file in files {
        let shown = file.display().to_string();
        let source = match read(&file) {
            Ok(source) => source,
            Err(why) if path.is_dir() => {
                searched.unreadable.push(format!("{shown}: {why}"));
                continue;
            }
            Err(why) => return Err(Failure::unreadable(format!("{shown} cannot be read: {why}"))),
        };
        let Found { traced_at, is_partly_unreadable, candidates } = find_agents(&source, domain, catalog);
        if let Some(line) = traced_at {
            searched.traced.push(format!("{shown}:{line}"));
            continue;
        }
        if is_partly_unreadable {
            searched.unreadable.push(format!("{shown}: parts of it are not Python"));
        }
        let places =
            candidates.into_iter().map(|candidate| Place { file: file.clone(), source: source.clone(), candidate });
        searched.places.extend(places);
    }
    Ok(searched)
}

fn read(file: &Path) -> Result<String, String> {
    let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > MAX_SOURCE_BYTES {
        return Err(format!("it has {size} bytes, more than a program has"));
    }
    fs::read_to_string(file).map_err(|error| error.to_string())
}

/// Takes the one candidate there is. Where there are none or several it says so: it never guesses.
fn choose(searched: Searched, framework: Option<&str>, arguments: &Connect) -> Result<Place, Failure> {
    let Searched { places, files, traced, unreadable } = searched;
    let fits = |place: &Place| {
        framework.is_none_or(|id| place.candidate.framework == id)
            && arguments.agent.as_deref().is_none_or(|name| place.candidate.name == name)
    };
    let (mut fitting, others): (Vec<Place>, Vec<Place>) = places.into_iter().partition(fits);
    if fitting.len() == 1 {
        return fitting.pop().ok_or_else(|| Failure::new(Exit::Internal, "the only candidate went missing"));
    }
    if !fitting.is_empty() {
        let hint =
            if arguments.agent.is_none() { "--agent NAME, or the path of its file" } else { "the path of its file" };
        return Err(Failure::usage(format!(
            "{} agents could be meant; choose one with {hint}:\n{}",
            fitting.len(),
            listing(&fitting)
        )));
    }
    let among = if files > 1 { format!(" ({files} Python files)") } else { String::new() };
    let others_hint = if others.is_empty() { "" } else { "; these do not fit what was asked for:" };
    let mut lines = vec![format!("no agent was found in {}{among}{others_hint}", arguments.path.display())];
    lines.extend((!others.is_empty()).then(|| listing(&others)));
    for (what, files) in [("traced already", traced), ("not read", unreadable)] {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        lines.extend((!files.is_empty()).then(|| format!("{what}: {}", output::listed(&files))));
    }
    lines.push("without a change of the source: `arc-eval run -- python PROGRAM.py`".to_owned());
    Err(Failure::unreadable(lines.join("\n")))
}

fn listing(places: &[Place]) -> String {
    let line = |place: &Place| {
        let Place { file, candidate, .. } = place;
        format!("  {}:{}  {}  ({})", file.display(), candidate.line, candidate.name, candidate.framework)
    };
    places.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn plan(place: &Place, written: bool) -> Plan {
    let Place { file, source, candidate } = place;
    let traced = match &candidate.how {
        How::Edits(edits) => Some(Edit::apply(edits, source)),
        How::WholeProgram => None,
    };
    let name = file.display().to_string();
    Plan {
        diff: traced.as_deref().map(|traced| output::connect::diff(&name, source, traced)),
        run_with: traced.is_none().then(|| format!("arc-eval run -- python {name}")),
        file: name,
        line: candidate.line,
        agent: candidate.name.clone(),
        framework: candidate.framework.clone(),
        written,
        traced,
    }
}

/// Replaces a file in one step, so that nobody ever sees half of it; its permissions stay.
fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let unfinished = file.with_extension("py.arc-eval");
    let written = fs::write(&unfinished, text)
        .and_then(|()| fs::set_permissions(&unfinished, fs::metadata(file)?.permissions()))
        .and_then(|()| fs::rename(&unfinished, file));
    written.map_err(|error| {
        // Nothing to keep of it; the program is as it was.
        let _ = fs::remove_file(&unfinished);
        Failure { exit: Exit::Internal, error: anyhow::Error::new(error).context(format!("write {}", file.display())) }
    })
}

/// Returns the Python files of a project, sorted, without what is installed, hidden or a test.
fn python_files(folder: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let is_foreign = name.starts_with('.')
                    || matches!(name.as_str(), "node_modules" | "site-packages" | "__pycache__" | "tests" | "test")
                    || path.join("pyvenv.cfg").is_file();
                if !is_foreign {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|end| end == "py") && !name.starts_with("test_") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
