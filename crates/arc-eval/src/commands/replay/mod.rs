//! `arc-eval replay`: recorded model calls asked again of another model, or with other instructions, and whether the
//! answers are as good.
//!
//! Reading order: [`run`], `plan` (which calls, and what they may cost), `work` (asking them), `purse` (the spend cap),
//! `journal` (what was asked is never asked twice), `endpoint` (HTTP); `whole_run` does the same with runs, and `opinion` asks a
//! judge about answers in other words. What an answer is worth is decided in
//! `arc_analysis::replay`; how a request is written in `arc_formats::encode`. Nothing of a trace is ever executed.

mod endpoint;
mod journal;
mod opinion;
mod plan;
mod proofs;
mod purse;
mod whole_run;
mod work;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use arc_analysis::replay::{self, Proof, calls_needed};
use arc_app::App;
use arc_catalog::PriceOverride;
use arc_formats::{encode::Api, provider::address::Address};
use arc_model::{AgentName, NanoUsd};

use super::{own_prices, select, serve::stop_asked};
use crate::{
    cli::Replay,
    config::Config,
    env,
    failure::Failure,
    output::{self, replay::Report},
};
use endpoint::Endpoint;
use journal::Journal;
use opinion::{Case, Judge};
use plan::{Plan, Target};
use proofs::Models;
use work::{Done, Limits};

/// A test that shows less than this much worse takes more calls than anybody has, and more is no test.
const MARGINS: std::ops::RangeInclusive<f64> = 0.001..=0.5;

pub(super) async fn run(config: &Config, arguments: &Replay) -> Result<(), Failure> {
    if !MARGINS.contains(&arguments.margin) {
        return Err(Failure::usage("the margin has to lie between 0.001 and 0.5: 0.05 is five percentage points"));
    }
    let target = target(arguments)?;
    let own = own_prices(config)?;
    let (app, is_stored) = if arguments.input.is_empty() {
        (select::stored(config).await?, true)
    } else {
        (select::files(config, &arguments.input, &arguments.reading).await?.0, false)
    };
    let agent = select::agent(&app, config, arguments.agent.as_deref()).await?;
    if arguments.whole_run {
        return run_whole((&app, is_stored), config, &agent, arguments, &target, &own).await;
    }
    let plan = plan::make(&app, config, &agent, arguments, &target, &own).await?;
    if plan.calls.is_empty() {
        return Err(none_can_be_asked("model call", &agent, &plan.skipped));
    }
    let cap = cap(arguments, plan.is_priced, &target)?;
    if arguments.dry_run {
        return output::replay::print_plan(&plan.preview(&agent, &target, arguments.margin), arguments.json);
    }
    if let Some(needed) = plan.too_few_for(arguments.margin) {
        output::talk(&format!(
            "{} in {} cannot show a margin of {} points even if every answer is the same: that takes about {needed} calls \
             of different runs",
            output::number::counted(plan.calls.len() as u64, "call"),
            output::number::counted(plan.runs, "run"),
            arguments.margin * 100.0,
        ));
    }
    let (folder, endpoint, journal) = ready(config, arguments, &target)?;
    let judge = judge(arguments, &target, &folder, &own)?;
    let path = journal.path().to_owned();
    let limits = limits(arguments, cap);
    let (clock, to) = (app.clone(), target.clone());
    let (plan, done) = until_stopped(move |stop| {
        let now = || clock.now();
        let limits = with_paid(limits, judge.as_ref(), &own, || work::known_cases(&plan, &journal, &to, &own))?;
        let mut done = work::ask_all(&plan, &endpoint, journal, limits, (&to, &own), stop, &now)?;
        if let Some(judge) = judge {
            done.decide(judge.ask_all(&done.in_other_words, (limits, done.bill.spent), &own, stop, &now)?);
        }
        Ok((plan, done))
    })
    .await?;
    let models = Models { from: &plan.models, rows: &plan.rows, to_row: plan.to_row.as_ref() };
    let judgement = replay::judge(&done.pairs, arguments.margin, done.bill.stop);
    let proof = models.proof(&agent, &target, (app.now(), done.bill.spent), judgement);
    let proof = Proof { judge: arguments.judge.clone(), ..proof };
    if is_stored {
        proofs::keep(&folder, &proof)?;
    }
    let trouble = done.bill.trouble.clone();
    output::replay::print(&report(proof, &plan, done, cap, path.display().to_string()), arguments.json)?;
    all_asked(trouble)
}

/// Goes through whole runs.
async fn run_whole(
    (app, is_stored): (&App, bool),
    config: &Config,
    agent: &AgentName,
    arguments: &Replay,
    target: &Target,
    own: &[PriceOverride],
) -> Result<(), Failure> {
    let plan = whole_run::make(app, config, agent, arguments, target, own).await?;
    let runs = plan.runs.len() as u64;
    if runs == 0 {
        return Err(none_can_be_asked("run", agent, &plan.skipped));
    }
    let cap = cap(arguments, plan.to_row.is_some(), target)?;
    if arguments.dry_run {
        let whom = (agent, target.model.as_str(), target.url.as_str());
        let estimate = plan.estimate(target, own);
        return output::whole_run::print_plan(whom, (runs, plan.calls()), estimate, &plan.skipped, arguments.json);
    }
    if let Some(needed) = calls_needed(arguments.margin, 0.0).filter(|needed| runs < *needed) {
        output::talk(&format!(
            "{} cannot show a margin of {} points even if every one ends the same: that takes about {needed}",
            output::number::counted(runs, "run"),
            arguments.margin * 100.0,
        ));
    }
    let (folder, endpoint, journal) = ready(config, arguments, target)?;
    let judge = judge(arguments, target, &folder, own)?;
    let path = journal.path().to_owned();
    let limits = limits(arguments, cap);
    let (clock, to, own) = (app.clone(), target.clone(), own.to_vec());
    let (plan, done) = until_stopped(move |stop| {
        let now = || clock.now();
        let limits = with_paid(limits, judge.as_ref(), &own, || whole_run::known_cases(&plan, &journal, &to, &own))?;
        let mut done = whole_run::ask_all(&plan, &endpoint, journal, limits, (&to, &own), stop, &now)?;
        if let Some(judge) = judge {
            let cases = done.in_other_words(&plan);
            done.decide(&plan, judge.ask_all(&cases, (limits, done.bill.spent), &own, stop, &now)?);
        }
        Ok((plan, done))
    })
    .await?;
    let proof = whole_run::worth::proof(agent, &plan, target, &done, app.now(), arguments.margin);
    let proof = Proof { judge: arguments.judge.clone(), ..proof };
    if is_stored {
        proofs::keep(&folder, &proof)?;
    }
    let trouble = done.bill.trouble.clone();
    output::whole_run::print(&whole_run::report(proof, plan, done, cap, &path), arguments.json)?;
    all_asked(trouble)
}

/// Makes ready what asking needs: the folder of replays, the connection, the journal.
fn ready(config: &Config, arguments: &Replay, target: &Target) -> Result<(PathBuf, Endpoint, Journal), Failure> {
    let endpoint = Endpoint::new(target, api_key(arguments, target)?);
    let folder = config.home()?.join("replay");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let journal = Journal::open(&folder, target)?;
    Ok((folder, endpoint, journal))
}

/// Returns the model that is asked about answers in other words, where one is named.
fn judge(arguments: &Replay, target: &Target, folder: &Path, own: &[PriceOverride]) -> Result<Option<Judge>, Failure> {
    let Some(model) = &arguments.judge else { return Ok(None) };
    if *model == arguments.model {
        return Err(Failure::usage("--judge names the model that is tested: nobody judges their own answers"));
    }
    let target = Target { model: model.clone(), system: None, ..target.clone() };
    cap(arguments, plan::row_of(&target, own).is_some(), &target)?;
    let endpoint = Endpoint::new(&target, api_key(arguments, &target)?);
    Ok(Some(Judge { target, endpoint, folder: folder.to_owned() }))
}

fn limits(arguments: &Replay, cap: Option<NanoUsd>) -> Limits {
    let concurrency = arguments.concurrency.into();
    Limits { cap, concurrency, repeat_unanswered: arguments.repeat_unanswered, paid: NanoUsd::ZERO }
}

/// Counts what a judge was paid before under the cap.
fn with_paid(
    limits: Limits,
    judge: Option<&Judge>,
    own: &[PriceOverride],
    cases: impl FnOnce() -> Vec<Case>,
) -> Result<Limits, Failure> {
    match judge {
        Some(judge) => Ok(Limits { paid: judge.paid(&cases(), own)?, ..limits }),
        None => Ok(limits),
    }
}

/// Does what blocks beside the runtime, and tells it when somebody asks to stop.
async fn until_stopped<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let stop_asked = stop_asked()?;
    let is_asked = Arc::clone(&stop);
    let mut asking = tokio::task::spawn_blocking(move || work(&is_asked));
    let asked = tokio::select! {
        asked = &mut asking => asked,
        () = stop_asked => {
            output::talk("stopping; what is under way is waited for, because it is paid for");
            stop.store(true, Ordering::Relaxed);
            asking.await
        }
    };
    asked.context("ask the calls again")?
}

fn all_asked(trouble: Option<String>) -> Result<(), Failure> {
    match trouble {
        Some(trouble) => Err(Failure::unreadable(format!(
            "not every call could be asked: {trouble}\nthe same command goes on from here and asks no call twice"
        ))),
        None => Ok(()),
    }
}

fn none_can_be_asked(what: &str, agent: &AgentName, skipped: &BTreeMap<String, u64>) -> Failure {
    let reasons: Vec<String> = skipped.iter().map(|(why, n)| format!("{why} ({n})")).collect();
    let why = if reasons.is_empty() { "it made none".to_owned() } else { reasons.join("; ") };
    Failure::usage(format!("no {what} of `{agent}` can be asked again: {why}"))
}

/// Returns what replays of an agent came to, the latest last.
pub(super) fn proofs_of(config: &Config, agent: &AgentName) -> Result<Vec<Proof>, Failure> {
    let Ok(home) = config.home() else { return Ok(Vec::new()) };
    let mut proofs = proofs::read(&home.join("replay"))?;
    proofs.retain(|proof| proof.agent == *agent);
    Ok(proofs)
}

fn target(arguments: &Replay) -> Result<Target, Failure> {
    let base = arguments.base_url.trim_end_matches('/').to_owned();
    if !base.starts_with("http://") && !base.starts_with("https://") {
        return Err(Failure::usage(format!("the base URL is `{base}`: it has to begin with http:// or https://")));
    }
    let address = Address::parse(&base);
    let api = match arguments.api.as_deref().map(str::parse) {
        Some(Ok(api)) => api,
        Some(Err(())) => return Err(Failure::usage("--api is openai or anthropic: what the server speaks")),
        None if address.host.ends_with("anthropic.com") || address.path.contains("anthropic") => Api::Anthropic,
        None => Api::OpenAi,
    };
    let is_here = matches!(address.host.as_str(), "localhost" | "[::1]") || address.host.starts_with("127.");
    if base.starts_with("http://") && !is_here {
        let message = format!("{base} is not encrypted: prompts and the key could be read on the way; use https://");
        return Err(Failure::usage(message));
    }
    let system = arguments.system.as_ref().map(|file| {
        let cannot = |problem| Failure::unreadable(format!("cannot read {}: {problem}", file.display()));
        fs::read_to_string(file).map_err(cannot)
    });
    Ok(Target {
        api,
        url: api.url(&base),
        provider: address.provider().map(str::to_owned),
        is_here,
        base,
        model: arguments.model.clone(),
        system: system.transpose()?,
    })
}

/// Returns the key, which is needed but on this machine.
fn api_key(arguments: &Replay, target: &Target) -> Result<Option<String>, Failure> {
    let name = arguments.api_key_env.as_deref().unwrap_or(match target.api {
        Api::OpenAi => "OPENAI_API_KEY",
        Api::Anthropic => "ANTHROPIC_API_KEY",
    });
    let key = env::variable(name);
    if key.is_none() && (!target.is_here || arguments.api_key_env.is_some()) {
        return Err(Failure::usage(format!(
            "{name} is not set: name the variable that holds the key with --api-key-env"
        )));
    }
    // A key for somebody else is nobody's business here.
    Ok(key.filter(|_| !target.is_here || arguments.api_key_env.is_some()))
}

/// Returns the spend cap; `None` is none.
fn cap(arguments: &Replay, is_priced: bool, target: &Target) -> Result<Option<NanoUsd>, Failure> {
    if arguments.max_cost == "none" {
        return Ok(None);
    }
    let usd = arguments.max_cost.parse().ok().filter(|usd: &f64| *usd >= 0.0).and_then(NanoUsd::from_usd);
    let cap = usd.ok_or_else(|| Failure::usage("--max-cost is an amount in US dollars, such as 2.50, or none"))?;
    if !is_priced {
        return Err(Failure::usage(format!(
            "no price is known for `{}`, so a spend cap cannot be kept\ngive it a price in {} in the data directory, or \
             replay without a cap: --max-cost none",
            target.model,
            arc_catalog::price::FILE
        )));
    }
    Ok(Some(cap))
}

fn report(proof: Proof, plan: &Plan, done: Done, cap: Option<NanoUsd>, journal: String) -> Report {
    Report {
        proof,
        calls_that_can_be_asked: plan.calls.len() as u64,
        asked_now: done.bill.asked_now,
        from_journal: done.bill.from_journal,
        unanswered: done.unanswered,
        refused: done.refused.into_iter().collect(),
        skipped: plan.skipped.clone().into_iter().collect(),
        left_out: plan.left_out.iter().cloned().collect(),
        max_cost: cap,
        method: arc_analysis::replay::METHOD,
        journal,
    }
}
