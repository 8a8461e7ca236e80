//! What follows the running server: `arc-eval trace` and `arc-eval debug --live`. Both start with an
//! answer of the server, so a wrong address fails at once; one that goes away later is waited for.

use std::{collections::BTreeSet, sync::mpsc, thread};

use arc_analysis::Report;
use arc_model::{AgentName, AgentSummary, Run, TraceId};
use serde::Deserialize;

use super::debug;
use crate::{
    cli,
    client::{RETRY, RunEvent, Server, escaped},
    config::Config,
    failure::Failure,
    output::{self, card::Overview},
};

/// `arc-eval trace`: one line per run when it is first seen running and one whenever it settles, until
/// the reader has enough.
pub(super) fn runs(config: &Config, arguments: &cli::Trace) -> Result<(), Failure> {
    let server = Server::new(config);
    let events = follow(&server)?;
    output::talk(&format!("runs at {} show here as they begin and end; stop with Ctrl-C", server.endpoint()));
    let mut running = BTreeSet::new();
    for event in events {
        let run = event.run;
        if arguments.agent.as_deref().is_some_and(|agent| agent != run.agent.name.as_str()) {
            continue;
        }
        if !is_news(&mut running, &run) {
            continue;
        }
        if arguments.json {
            output::json_line(&run)?;
        } else {
            output::data(&output::runs::line(&run))?;
        }
    }
    Ok(())
}

/// Returns whether a run is worth a line: a running one settles every second, and is told once.
fn is_news(running: &mut BTreeSet<TraceId>, run: &Run) -> bool {
    if run.is_running {
        return running.insert(run.trace_id);
    }
    running.remove(&run.trace_id);
    true
}

/// `arc-eval debug --live`: the report now, and again whenever runs arrived.
pub(super) fn report(config: &Config, arguments: &cli::Debug) -> Result<(), Failure> {
    let server = Server::new(config);
    let asked = arguments.agent.as_deref().map(AgentName::from);
    let changes = follow(&server)?;
    loop {
        let overview = ask(&server, asked.as_ref())?;
        if arguments.json {
            output::json_line(&overview)?;
        } else {
            output::clear_screen()?;
            debug::print(&overview, false, true)?;
        }
        // Runs that arrived meanwhile are in the next report together.
        if changes.recv().is_err() {
            return Ok(());
        }
        while changes.try_recv().is_ok() {}
    }
}

#[derive(Deserialize)]
struct AgentList {
    agents: Vec<AgentSummary>,
}

fn ask(server: &Server, asked: Option<&AgentName>) -> Result<Overview, Failure> {
    let AgentList { agents } = server.get("/api/v1/agents")?;
    // An agent that is waited for may have no runs yet.
    let chosen = match asked {
        Some(asked) => agents.iter().find(|agent| agent.name == *asked).map(|agent| agent.name.clone()),
        None => debug::choose(&agents, None)?,
    };
    let Some(name) = chosen else {
        return Ok(Overview { agents, report: None, savings: None, frameworks: Vec::new() });
    };
    let report: Report = server.get(&format!("/api/v1/agents/{}/report", escaped(name.as_str())))?;
    Ok(Overview { agents, report: Some(report), savings: None, frameworks: Vec::new() })
}

/// Follows the feed in the background; a server that goes away is waited for, and nothing is missed.
fn follow(server: &Server) -> Result<mpsc::Receiver<RunEvent>, Failure> {
    let (sender, receiver) = mpsc::channel();
    let (server, mut stream) = (server.clone(), Some(server.follow(None)?));
    thread::spawn(move || {
        let mut last = None;
        loop {
            for event in stream.into_iter().flatten().map_while(Result::ok) {
                last = Some(event.seq);
                if sender.send(event).is_err() {
                    return;
                }
            }
            output::talk(&format!("the connection to {} ended; trying again every second", server.endpoint()));
            stream = loop {
                thread::sleep(RETRY);
                if let Ok(stream) = server.follow(last) {
                    break Some(stream);
                }
            };
            output::talk("connected again");
        }
    });
    Ok(receiver)
}
