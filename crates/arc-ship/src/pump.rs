//! Carries batches from a spool to an endpoint and commits them, one pass at a time; whoever calls it decides when.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use arc_spool::{Drain, Liveness, Process, ProcessId, Spool, SpoolError};

use crate::{
    backoff::Backoff,
    delivery::{Endpoint, Target, Trouble},
};

/// A batch has about this much of records.
const BATCH_BYTES: usize = 1 << 20;
/// The accounts of so many processes are kept after their files are gone.
const ACCOUNTS: usize = 1000;

/// Drains processes to one endpoint.
#[derive(Debug)]
pub struct Pump {
    spool: Spool,
    endpoint: Endpoint,
    drains: BTreeMap<ProcessId, Drain>,
    backoff: Backoff,
    said: BTreeSet<String>,
}

/// What one pass did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pass {
    /// Spans that were delivered.
    pub spans: u64,
    /// Runs that ended among them.
    pub runs: u64,
    /// Spans that were refused for good.
    pub rejected: u64,
    /// Processes of which everything was delivered.
    pub finished: u64,
    /// Processes of which something is left, because somebody else drains them.
    pub elsewhere: u64,
    /// Dead processes that are not finished.
    pub unfinished: u64,
    /// Why it stopped early.
    pub trouble: Option<Trouble>,
    /// What is said now for the first time, for people.
    pub news: Vec<String>,
}

impl Pump {
    /// Makes a pump; connects to nothing yet.
    pub fn new(spool: Spool, target: &Target) -> Self {
        Self {
            spool,
            endpoint: Endpoint::new(target),
            drains: BTreeMap::new(),
            backoff: Backoff::default(),
            said: BTreeSet::new(),
        }
    }

    /// Returns how long the endpoint is to be left alone yet.
    pub fn wait(&self) -> Duration {
        self.backoff.remaining()
    }

    /// Delivers what there is of the processes that `wanted` names. Stops at trouble, or when `go_on` says so after a batch.
    pub fn pass(
        &mut self,
        wanted: &dyn Fn(&Process) -> bool,
        go_on: &mut dyn FnMut(&Pass) -> bool,
    ) -> Result<Pass, SpoolError> {
        let mut pass = Pass::default();
        let processes: Vec<Process> = self.spool.processes()?.into_iter().filter(|process| wanted(process)).collect();
        self.drains.retain(|id, _| processes.iter().any(|process| process.id == *id));
        for process in &processes {
            if !self.take(process)? {
                pass.elsewhere += 1;
                continue;
            }
            let went_on = self.carry(process, &mut pass, go_on)?;
            if pass.trouble.is_some() || !went_on {
                break;
            }
        }
        self.forget_old_accounts()?;
        Ok(pass)
    }

    /// Lets go of all processes, so that others can drain them.
    pub fn release(&mut self) {
        self.drains.clear();
    }

    fn take(&mut self, process: &Process) -> Result<bool, SpoolError> {
        if !self.drains.contains_key(&process.id) {
            let Some(drain) = self.spool.drain(&process.id)? else { return Ok(false) };
            self.drains.insert(process.id.clone(), drain);
        }
        Ok(true)
    }

    fn carry(
        &mut self,
        process: &Process,
        pass: &mut Pass,
        go_on: &mut dyn FnMut(&Pass) -> bool,
    ) -> Result<bool, SpoolError> {
        let Some(drain) = self.drains.get_mut(&process.id) else { return Ok(true) };
        let mut went_on = true;
        while went_on && let Some(batch) = drain.next(BATCH_BYTES)? {
            match self.endpoint.deliver(&batch) {
                Ok(delivery) => {
                    drain.commit(&batch, &delivery)?;
                    self.backoff.succeeded();
                    let rejected = delivery.spans_rejected();
                    pass.rejected += rejected;
                    pass.spans += (batch.spans().count() as u64).saturating_sub(rejected);
                    pass.runs += batch.runs_ended();
                    let reasons = delivery.reasons().map(|why| format!("the server does not take some spans: {why}"));
                    let news = reasons.filter(|text| self.said.insert(text.clone()));
                    pass.news.extend(news);
                }
                Err(trouble) => {
                    drain.rewind()?;
                    drain.note_waiting(&trouble.message)?;
                    self.backoff.failed(trouble.retry_after);
                    let text = format!("{trouble}; runs are kept in {}", self.spool.dir().display());
                    if self.said.insert(kind(&trouble)) {
                        pass.news.push(text);
                    }
                    pass.trouble = Some(trouble);
                    return Ok(false);
                }
            }
            went_on = go_on(pass);
        }
        if drain.is_finished() {
            pass.finished += 1;
            self.drains.remove(&process.id);
        } else if process.liveness == Liveness::Dead {
            pass.unfinished += 1;
        }
        Ok(went_on)
    }

    fn forget_old_accounts(&self) -> Result<(), SpoolError> {
        let finished = self.spool.finished()?;
        let old = finished.len().saturating_sub(ACCOUNTS);
        finished.iter().take(old).try_for_each(|(process, _, _)| self.spool.forget(process))
    }
}

/// The same trouble is said once, whatever its details.
fn kind(trouble: &Trouble) -> String {
    trouble.message.split(": ").take(1).collect()
}
