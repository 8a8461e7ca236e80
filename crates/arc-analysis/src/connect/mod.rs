//! Where a user's Python program makes its agent, and the lines that make the agent traced.
//!
//! It reads source text and proposes edits; it opens no file and writes none. What a framework's agents
//! are made by is data (`frameworks.toml`, `[framework.source]`), so a new framework is a new table there.
//! `program` reads one source file, `edit` is a change to a text. Start at [`find_agents`].
//!
//! It names what it saw, and leaves the choice to the caller where there is one: an agent that is only a
//! part of another one in the same file is no candidate, two that stand side by side are two candidates.

mod edit;
mod program;

pub use edit::Edit;

use arc_catalog::{Catalog, Framework};
use program::{Call, Program, Use};

/// Something in a program that can be traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The id of its framework.
    pub framework: String,
    /// What the program calls it.
    pub name: String,
    /// The line it is made in, from 1.
    pub line: usize,
    /// What would trace it.
    pub how: How,
}

/// The way to trace a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By these changes of the source.
    Edits(Vec<Edit>),
    /// It is not inside any function: the whole program is the run, as `arc-eval run` records it.
    WholeProgram,
}

/// What a program's source says about its agents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The line that imports `agent_eval`, when the program is traced already.
    pub traced_at: Option<usize>,
    /// Whether parts of the source are not Python that can be parsed.
    pub is_partly_unreadable: bool,
    /// What can be traced, in the order of the source.
    pub candidates: Vec<Candidate>,
}

/// Finds the agents that a Python program makes, and how to trace them in a domain.
///
/// Agents of a framework are preferred over bare calls of a model: a program that has the former has its
/// model calls inside them.
pub fn find_agents(source: &str, domain: &str, catalog: &Catalog) -> Found {
    let Some(program) = Program::read(source) else {
        return Found { is_partly_unreadable: true, ..Found::default() };
    };
    let mut candidates = made_agents(&program, domain, catalog);
    if candidates.is_empty() {
        candidates = calling_functions(&program, domain, catalog);
    }
    candidates.sort_by_key(|candidate| candidate.line);
    Found {
        traced_at: program.import_of("agent_eval").map(|import| import.line),
        is_partly_unreadable: program.has_errors,
        candidates,
    }
}

fn made_agents(program: &Program<'_>, domain: &str, catalog: &Catalog) -> Vec<Candidate> {
    let made: Vec<(&Framework, &Call)> =
        program.calls.iter().filter_map(|call| Some((maker(call, catalog)?, call))).collect();
    let whole: Vec<&(&Framework, &Call)> =
        made.iter().filter(|(_, call)| !made.iter().any(|(_, other)| call.is_part_of(other))).collect();
    // Where the program starts one of them by name, that one is the agent.
    let started = |call: &Call| {
        program.calls.iter().any(|start| {
            starts(start, catalog) && start.first_argument.as_deref().is_some_and(|name| call.is_kept_as(name))
        })
    };
    let any_started = whole.iter().any(|(_, call)| started(call));
    whole
        .into_iter()
        .filter(|(_, call)| !any_started || started(call))
        .map(|(framework, call)| candidate_of_call(program, framework, call, domain))
        .collect()
}

fn candidate_of_call(program: &Program<'_>, framework: &Framework, call: &Call, domain: &str) -> Candidate {
    let line_break = program.line_break;
    let (name, traced) = match &call.used {
        Use::Assigned { name, statement_end, indent } => {
            let line = format!("{line_break}{indent}{name} = trace_agent({name}, {})", argument(domain));
            (name.clone(), vec![Edit::insertion(*statement_end, line)])
        }
        Use::Inside => {
            let after = format!(", {})", argument(domain));
            let edits = vec![Edit::insertion(call.start, "trace_agent(".to_owned()), Edit::insertion(call.end, after)];
            (call.short_name().to_owned(), edits)
        }
    };
    let mut edits = vec![program.import_edit()];
    edits.extend(traced);
    Candidate { framework: framework.id.clone(), name, line: call.line, how: How::Edits(edits) }
}

/// Functions that call a model themselves, and are not merely called by another one that does.
fn calling_functions(program: &Program<'_>, domain: &str, catalog: &Catalog) -> Vec<Candidate> {
    let mut seen: Vec<Candidate> = Vec::new();
    let calls: Vec<(&Framework, &Call)> =
        program.calls.iter().filter_map(|call| Some((caller(program, call, catalog)?, call))).collect();
    for (framework, call) in &calls {
        let candidate = match call.function.and_then(|function| program.functions.get(function)) {
            Some(function) => {
                let decorator = format!("@trace_agent({}){}{}", argument(domain), program.line_break, function.indent);
                let edits = vec![program.import_edit(), Edit::insertion(function.start, decorator)];
                Candidate {
                    framework: framework.id.clone(),
                    name: function.name.clone(),
                    line: function.line,
                    how: How::Edits(edits),
                }
            }
            None => Candidate {
                framework: framework.id.clone(),
                name: "the program".to_owned(),
                line: call.line,
                how: How::WholeProgram,
            },
        };
        if !seen.iter().any(|other| other.name == candidate.name) {
            seen.push(candidate);
        }
    }
    let is_called_by_another = |candidate: &Candidate| {
        calls
            .iter()
            .filter_map(|(_, call)| program.functions.get(call.function?))
            .any(|function| function.name != candidate.name && function.calls.contains(&candidate.name))
    };
    let outer: Vec<Candidate> = seen.iter().filter(|candidate| !is_called_by_another(candidate)).cloned().collect();
    // Functions that call each other: none is the outer one.
    if outer.is_empty() { seen } else { outer }
}

fn argument(domain: &str) -> String {
    format!("domain=\"{domain}\"")
}

/// Returns the framework whose agents a call makes.
fn maker<'a>(call: &Call, catalog: &'a Catalog) -> Option<&'a Framework> {
    let path = call.path.as_deref()?;
    catalog.frameworks().iter().find(|framework| framework.source.makes.iter().any(|pattern| matches(pattern, path)))
}

fn starts(call: &Call, catalog: &Catalog) -> bool {
    let Some(path) = call.path.as_deref() else { return false };
    catalog.frameworks().iter().any(|framework| framework.source.starts.iter().any(|pattern| matches(pattern, path)))
}

/// Returns the client a call calls a model with: by the path where the program shows what its object is,
/// else by the last names of the path where the program imports the client.
fn caller<'a>(program: &Program<'_>, call: &Call, catalog: &'a Catalog) -> Option<&'a Framework> {
    catalog.frameworks().iter().find(|framework| {
        framework.source.calls.iter().any(|pattern| {
            let (package, methods) = pattern.split_once(".*.").unwrap_or((pattern, pattern));
            let fits_by_name = || program.import_of(package).is_some() && call.text.ends_with(&format!(".{methods}"));
            call.path.as_deref().map_or_else(fits_by_name, |path| matches(pattern, path))
        })
    })
}

/// Compares a dotted path with a pattern, in which `*` stands for any number of names.
fn matches(pattern: &str, path: &str) -> bool {
    fn fits(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern, path) {
            ([], []) => true,
            (["*", rest @ ..], _) => {
                fits(rest, path) || path.split_first().is_some_and(|(_, path)| fits(pattern, path))
            }
            ([name, pattern @ ..], [first, path @ ..]) => name == first && fits(pattern, path),
            _ => false,
        }
    }
    fits(&pattern.split('.').collect::<Vec<_>>(), &path.split('.').collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
