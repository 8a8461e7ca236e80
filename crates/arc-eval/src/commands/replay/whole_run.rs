//! `arc-eval replay --whole-run`: whole recorded runs gone through by another model.
//!
//! `arc_analysis::replay::Walk` decides what is asked next and where a run is left; here it is asked. Requests that a
//! replay of single calls made are in the same journal, so what was asked there is not asked again.

pub(super) mod worth;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Mutex, PoisonError, atomic::AtomicBool},
};

use arc_analysis::{
    billed_spans,
    checks::{Check, Checks, declared_in},
    reliability::rate,
    replay::{Agreement, Contrast, End, Proof, RecordedCall, Recording, Stop, Walk},
};
use arc_app::App;
use arc_catalog::PriceOverride;
use arc_formats::encode::{Ask, encode};
use arc_model::{
    AgentName, Attributes, Message, NanoUsd, Run, SpanId, SpanKind, TaskId, Timestamp, ToolDefinition, Trace, TraceId,
    Usage, Verdict,
};

use super::{
    endpoint::Endpoint,
    journal::{Answer, Journal, State},
    opinion::Case,
    plan::{self, Target},
    purse::{Bill, Purse, cost},
    select,
    work::{Limits, spread, words},
};
use crate::{
    cli::Replay,
    config::Config,
    failure::Failure,
    output::{
        self,
        whole_run::{Answered, Counts, Fate, Report, RunCost, RunReport},
    },
};

/// The runs to go through.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) runs: Vec<Recorded>,
    /// Runs that are left out, by the reason.
    pub(super) skipped: BTreeMap<String, u64>,
    /// What recorded calls had and requests have not.
    pub(super) left_out: BTreeSet<String>,
    /// The models that answered.
    pub(super) models: BTreeSet<String>,
    /// Their price rows.
    pub(super) rows: BTreeSet<String>,
    /// The price row of the model that is asked.
    pub(super) to_row: Option<String>,
}

/// A run that can be gone through.
#[derive(Debug)]
pub(super) struct Recorded {
    trace_id: TraceId,
    recording: Recording,
    settings: Vec<Settings>,
    /// The agent, by which checks choose runs, and the task.
    who: (AgentName, Option<TaskId>),
    /// The checks of the settings, and those that the run declares.
    checks: (Checks, Vec<Check>),
    /// What its model calls cost at the latest prices; `None` when that of one is not known.
    pub(super) cost: Option<NanoUsd>,
}

/// What goes with a recorded call's messages.
#[derive(Debug)]
struct Settings {
    tools: Vec<ToolDefinition>,
    parameters: Attributes,
    /// What asking it again is expected to use.
    usage: Option<Usage>,
}

impl Plan {
    /// Returns how many model calls were recorded.
    pub(super) fn calls(&self) -> u64 {
        self.runs.iter().map(|run| run.settings.len() as u64).sum()
    }

    /// Returns what asking for them as they were recorded is expected to cost; `None` without a price.
    pub(super) fn estimate(&self, target: &Target, own: &[PriceOverride]) -> Option<NanoUsd> {
        let priced =
            |run: &Recorded| (0..run.settings.len()).map(|at| run.request_as_recorded(at, target, own)?.estimate).sum();
        self.to_row.as_ref().and_then(|_| self.runs.iter().map(priced).sum::<Option<NanoUsd>>())
    }
}

/// Chooses runs of an agent: a random sample, the same every time, of at most so many calls.
pub(super) async fn make(
    app: &App,
    config: &Config,
    agent: &AgentName,
    arguments: &Replay,
    target: &Target,
    own: &[PriceOverride],
) -> Result<Plan, Failure> {
    let mut runs = select::runs(app, config, Some(agent)).await?;
    runs.sort_by_cached_key(|run| SpanId::derive(&[run.trace_id.as_bytes()]));
    let progress = output::progress("reading", runs.len());
    let mut plan = Plan { to_row: plan::row_of(target, own), ..Plan::default() };
    for run in &runs {
        progress.done();
        let made = match app.run(&config.project, run.trace_id).await? {
            Some(detail) => {
                let trace = Trace::new(run.trace_id, detail.spans);
                read((run, &trace), &config.checks, arguments, target, own, &mut plan)
            }
            None => continue,
        };
        match made {
            Ok(made) if plan.calls() + made.settings.len() as u64 > u64::from(arguments.calls) => {
                let why = format!("not in the sample of {} calls (--calls)", arguments.calls);
                *plan.skipped.entry(why).or_default() += 1;
            }
            Ok(made) => plan.runs.push(made),
            Err(why) => *plan.skipped.entry(why).or_default() += 1,
        }
    }
    progress.finish();
    Ok(plan)
}

fn read(
    (run, trace): (&Run, &Trace),
    checks: &Checks,
    arguments: &Replay,
    target: &Target,
    own: &[PriceOverride],
    plan: &mut Plan,
) -> Result<Recorded, String> {
    if run.outcome.verdict == Verdict::Failed {
        return Err("it failed: to agree with it would prove nothing".to_owned());
    }
    let (mut calls, mut settings, mut models, mut rows) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut recorded_cost = Some(NanoUsd::ZERO);
    // What failed was made again by the program, or came to nothing.
    let spans = billed_spans(trace).into_iter().filter(|span| span.kind == SpanKind::Llm && !span.status.is_error());
    let mut spans: Vec<_> = spans.collect();
    spans.sort_by_key(|span| span.start);
    for span in spans {
        let name = span.model.as_ref().and_then(|model| model.name()).unwrap_or("unknown");
        let requested = span.model.as_ref().and_then(|model| model.request.as_deref());
        if arguments.from.as_deref().is_some_and(|from| from != name && Some(from) != requested) {
            return Err("it has calls of another model than --from".to_owned());
        }
        models.push(name.to_owned());
        let cost = plan::recorded_cost(span, own);
        rows.extend(plan::row(&cost));
        recorded_cost = recorded_cost.and_then(|sum| Some(sum + cost.known()?));
        settings.push(Settings {
            tools: plan::owned(&span.tools_offered),
            parameters: span.parameters.clone(),
            usage: plan::expected(span),
        });
        calls.push(RecordedCall {
            span_id: span.span_id,
            asked: span.messages_in.clone(),
            answer: plan::owned(&span.messages_out),
            schema: plan::schema(span),
        });
    }
    if calls.is_empty() {
        return Err("it made no model call".to_owned());
    }
    let recording = Recording::new(calls, trace).ok_or("an answer was not recorded")?;
    let made = Recorded {
        trace_id: trace.id(),
        recording,
        settings,
        who: (run.agent.name.clone(), run.task.clone()),
        checks: (checks.clone(), declared_in(trace)),
        cost: recorded_cost,
    };
    for at in 0..made.settings.len() {
        let (_, left_out) = made.body(at, &made.messages(at), target)?;
        plan.left_out.extend(left_out);
    }
    plan.models.extend(models);
    plan.rows.extend(rows);
    Ok(made)
}

/// A request of a run.
struct Request {
    key: TraceId,
    body: String,
    estimate: Option<NanoUsd>,
}

impl Recorded {
    fn messages(&self, at: usize) -> Vec<Message> {
        self.recording.calls().get(at).map(|call| plan::owned(&call.asked)).unwrap_or_default()
    }

    fn body(&self, at: usize, messages: &[Message], target: &Target) -> Result<(String, BTreeSet<String>), String> {
        let settings = self.settings.get(at).ok_or("nothing more was recorded")?;
        let ask = Ask {
            model: &target.model,
            url: &target.url,
            messages,
            system: target.system.as_deref(),
            tools: &settings.tools,
            parameters: &settings.parameters,
        };
        let encoded = encode(target.api, &ask).map_err(|why| why.to_string())?;
        Ok((encoded.body.to_string(), encoded.left_out))
    }

    fn request(
        &self,
        (at, messages): (usize, &[Message]),
        is_recorded: bool,
        target: &Target,
        own: &[PriceOverride],
    ) -> Result<Request, String> {
        let (body, _) = self.body(at, messages, target)?;
        let span_id = self.recording.calls().get(at).map(|call| call.span_id);
        let span_id = span_id.ok_or("nothing more was recorded")?;
        let usage = self.settings.get(at).and_then(|settings| settings.usage.clone()).filter(|_| is_recorded);
        let usage = usage.unwrap_or_else(|| plan::estimated_usage(&body));
        let key = plan::key(self.trace_id, span_id, target, &body);
        Ok(Request { key, estimate: plan::price(target, None, &usage, own), body })
    }

    fn request_as_recorded(&self, at: usize, target: &Target, own: &[PriceOverride]) -> Option<Request> {
        self.request((at, &self.messages(at)), true, target, own).ok()
    }

    /// Goes through the run with answers from `ask`; ends where that has none.
    fn walk(&self, target: &Target, own: &[PriceOverride], ask: &mut dyn FnMut(&Request) -> Got) -> RunReport {
        let mut walk = Walk::default();
        let mut spent = Some(NanoUsd::ZERO);
        let fate = loop {
            let Some((at, messages)) = walk.request(&self.recording) else { break Fate::NotFinished };
            let request = match self.request((at, &messages), walk.is_on_path(), target, own) {
                Ok(request) => request,
                Err(why) => break Fate::NotAsked { why },
            };
            let answer = match ask(&request) {
                Got::Answer(answer) => answer,
                Got::Refused(why) => break Fate::Refused { why },
                Got::Unanswered => break Fate::Unanswered,
                Got::Nothing => break Fate::NotFinished,
            };
            let (cost, is_known) = cost(&answer, request.estimate.unwrap_or_default(), target, own);
            spent = spent.filter(|_| is_known).map(|sum| sum + cost);
            match walk.take(&self.recording, &answer.messages) {
                None => {}
                Some(End::Diverged(why)) => break Fate::Diverged { because: why },
                Some(end @ End::Answered { agreement, contrast, has_same_calls }) => {
                    let passes_checks = self.passes_checks(&answer.messages);
                    // What the words decide already, checks that pass do not change.
                    let passes_checks = passes_checks.filter(|passes| !passes || agreement == Agreement::Undecided);
                    let contrast = match passes_checks {
                        Some(true) => None,
                        Some(false) => Some(Contrast::FailsCheck),
                        None => contrast,
                    };
                    let agreement = end.agreement(passes_checks);
                    // Only of answers after the same tool calls may a judge say that they are as good.
                    let is_open = contrast == Some(Contrast::OtherWords) && has_same_calls;
                    let replayed = is_open.then(|| words(&answer.messages));
                    break Fate::Answered(Answered {
                        agreement,
                        contrast,
                        has_same_calls,
                        passes_checks,
                        by_judge: false,
                        replayed,
                    });
                }
            }
        };
        // The step that was not answered is the one at which it ended.
        let has_last_answer = matches!(fate, Fate::Answered(_) | Fate::Diverged { .. });
        let steps = walk.answers() + u32::from(!has_last_answer);
        RunReport {
            trace_id: self.trace_id,
            step: steps,
            recorded_steps: self.settings.len() as u64,
            left_path: !walk.is_on_path(),
            recorded_cost: self.cost,
            replayed_cost: spent.filter(|_| matches!(fate, Fate::Answered(_))),
            fate,
        }
    }
}

/// What became of a request.
enum Got {
    Answer(Box<Answer>),
    Refused(String),
    Unanswered,
    /// It was not asked.
    Nothing,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) runs: Vec<RunReport>,
    pub(super) bill: Bill,
}

/// How far earlier attempts came.
struct Known {
    runs: Vec<RunReport>,
    spent: NanoUsd,
    from_journal: u64,
}

fn known(plan: &Plan, journal: &Journal, target: &Target, own: &[PriceOverride]) -> Known {
    let (mut spent, mut from_journal) = (NanoUsd::ZERO, 0);
    let mut ask = |request: &Request| match journal.state(request.key) {
        Some(State::Answered(answer)) => {
            from_journal += 1;
            spent = spent + cost(answer, request.estimate.unwrap_or_default(), target, own).0;
            Got::Answer(answer.clone())
        }
        Some(State::Unanswered(estimate)) => {
            spent = spent + *estimate;
            Got::Unanswered
        }
        Some(State::Refused(why)) => Got::Refused(why.clone()),
        None => Got::Nothing,
    };
    let runs = plan.runs.iter().map(|run| run.walk(target, own, &mut ask)).collect();
    Known { runs, spent, from_journal }
}

/// Returns what a judge may have been asked about already.
pub(super) fn known_cases(plan: &Plan, journal: &Journal, target: &Target, own: &[PriceOverride]) -> Vec<Case> {
    plan.cases(&known(plan, journal, target, own).runs)
}

/// Goes through every run: several at once, the calls of each in order.
pub(super) fn ask_all(
    plan: &Plan,
    endpoint: &Endpoint,
    journal: Journal,
    limits: Limits,
    (target, own): (&Target, &[PriceOverride]),
    stop: &AtomicBool,
    now: &(dyn Fn() -> Timestamp + Sync),
) -> Result<Done, Failure> {
    // First as far as earlier attempts came: what they cost counts before anything is asked.
    let Known { spent, from_journal, .. } = known(plan, &journal, target, own);
    let progress = output::progress("asking", plan.runs.len());
    let purse = Purse::new(journal, spent + limits.paid, limits.cap, (target, own), stop, now);
    let reports = Mutex::new(BTreeMap::new());
    let ask = |request: &Request| {
        match purse.state(request.key) {
            Some(State::Unanswered(_)) if !limits.repeat_unanswered => return Got::Unanswered,
            Some(State::Answered(answer)) => return Got::Answer(answer),
            Some(State::Refused(why)) => return Got::Refused(why),
            None | Some(State::Unanswered(_)) => {}
        }
        let estimate = request.estimate.unwrap_or_default();
        let Some(spent) = purse.ask((request.key, estimate), endpoint, &request.body) else { return Got::Nothing };
        progress.spent(spent);
        match purse.state(request.key) {
            Some(State::Answered(answer)) => Got::Answer(answer),
            Some(State::Refused(why)) => Got::Refused(why),
            Some(State::Unanswered(_)) => Got::Unanswered,
            None => Got::Nothing,
        }
    };
    spread(limits.concurrency, plan.runs.iter().enumerate(), &|(place, run): (usize, &Recorded)| {
        let report = run.walk(target, own, &mut |request| ask(request));
        reports.lock().unwrap_or_else(PoisonError::into_inner).insert(place, report);
        progress.done();
        true
    });
    progress.finish();
    let (bill, _) = purse.close(from_journal)?;
    let runs = reports.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect();
    Ok(Done { runs, bill: Bill { spent: bill.spent - limits.paid, ..bill } })
}

/// Sums up what came of it.
pub(super) fn report(proof: Proof, plan: Plan, done: Done, cap: Option<NanoUsd>, journal: &Path) -> Report {
    let counts = Counts::of(&done.runs);
    let n = counts.gone_through();
    Report {
        agent: proof.agent,
        from: proof.from,
        to: proof.to,
        base_url: proof.base_url,
        judgement: proof.judgement,
        counts,
        as_recorded_at_least: rate(counts.same, n),
        as_recorded_at_most: rate(counts.same + counts.undecided + counts.diverged, n),
        cost: RunCost::of(&done.runs),
        spent: done.bill.spent,
        max_cost: cap,
        asked_now: done.bill.asked_now,
        from_journal: done.bill.from_journal,
        stopped: done.bill.stop.map(|stop| match stop {
            Stop::SpendCap => "the next call could have exceeded the spend cap",
            Stop::Interrupted => "interrupted; the same command goes on",
            Stop::Refused => "the provider let no more calls through",
        }),
        each: done.runs,
        skipped: plan.skipped.into_iter().collect(),
        left_out: plan.left_out.into_iter().collect(),
        journal: journal.display().to_string(),
    }
}
