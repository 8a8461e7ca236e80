//! Which rule answers: the script with what was used of it, and the log of requests. The only
//! mutable state; ids come from a counter here, so a script replays the same way every time.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::{
    asked::{Asked, word_count},
    script::{Rule, Script, Tokens},
};

/// The script being played.
#[derive(Debug)]
pub struct Desk {
    script: Script,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    used: Vec<u64>,
    ids: u64,
    log: Vec<Entry>,
}

/// A request in the log.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Counts requests from 1.
    pub number: u64,
    /// The rule that answered, counted from 1; `null` when none did.
    pub rule: Option<usize>,
    /// That rule's name.
    pub rule_name: Option<String>,
    /// What was asked.
    #[serde(flatten)]
    pub asked: Asked,
}

/// What to answer, ready to be rendered by an interface.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The rule that answers.
    pub rule: Rule,
    /// The number that ids of this answer are made of.
    pub number: u64,
    /// The model that claims to answer.
    pub model: String,
    /// The tokens to report.
    pub tokens: Option<Tokens>,
    /// Ids of the tool calls, in order, without the interface's prefix unless the script gives them.
    pub call_ids: Vec<CallId>,
}

/// The id of a tool call.
#[derive(Debug, Clone)]
pub enum CallId {
    /// As the script says.
    Given(String),
    /// From the counter.
    Counted(u64),
}

impl CallId {
    /// Returns the id, with the interface's prefix when it was counted.
    pub fn with_prefix(&self, prefix: &str) -> String {
        match self {
            Self::Given(id) => id.clone(),
            Self::Counted(number) => format!("{prefix}_{number}"),
        }
    }
}

impl Desk {
    /// Starts a script from its beginning.
    pub fn new(script: Script) -> Self {
        let used = vec![0; script.rules.len()];
        Self { script, state: Mutex::new(State { used, ..State::default() }) }
    }

    /// Finds the answer and logs the request; the error names every rule and why it does not fit.
    pub fn answer(&self, asked: &Asked) -> Result<Reply, String> {
        let mut state = self.lock();
        let found = self.find_rule(&state.used, asked);
        let number = state.log.len() as u64 + 1;
        state.log.push(Entry {
            number,
            rule: found.as_ref().ok().map(|(index, _)| index + 1),
            rule_name: found.as_ref().ok().and_then(|(_, rule)| rule.name.clone()),
            asked: asked.clone(),
        });
        let (index, rule) = found?;
        if let Some(used) = state.used.get_mut(index) {
            *used += 1;
        }
        let mut call_ids = Vec::new();
        for call in &rule.tool_calls {
            state.ids += 1;
            call_ids.push(call.id.clone().map_or(CallId::Counted(state.ids), CallId::Given));
        }
        Ok(Reply {
            number,
            model: rule.model.clone().unwrap_or_else(|| asked.model.clone()),
            tokens: (!rule.omit_usage).then(|| rule.usage.unwrap_or_else(|| counted_tokens(asked, rule))),
            call_ids,
            rule: rule.clone(),
        })
    }

    fn find_rule(&self, used: &[u64], asked: &Asked) -> Result<(usize, &Rule), String> {
        let mut tried = Vec::new();
        for (index, rule) in self.script.rules.iter().enumerate() {
            let used = used.get(index).copied().unwrap_or_default();
            let used_up = rule.times.filter(|times| used >= *times).map(|times| format!("used up after {times}"));
            let Some(why_not) = used_up.or_else(|| rule.expects.mismatch(asked)) else { return Ok((index, rule)) };
            tried.push(format!("{}: {why_not}", title(index, rule)));
        }
        Err(no_rule(asked, &tried))
    }

    /// Returns the log, oldest request first.
    pub fn log(&self) -> Vec<Entry> {
        self.lock().log.clone()
    }

    /// Starts over: no rule used, an empty log, ids from 1.
    pub fn reset(&self) {
        *self.lock() = State { used: vec![0; self.script.rules.len()], ..State::default() };
    }

    /// Returns the models the rules name, in order, without patterns.
    pub fn models(&self) -> Vec<String> {
        let mut models: Vec<String> = Vec::new();
        for rule in &self.script.rules {
            for model in [&rule.expects.model, &rule.model].into_iter().flatten() {
                if !model.ends_with('*') && !models.contains(model) {
                    models.push(model.clone());
                }
            }
        }
        if models.is_empty() { vec!["scripted".to_owned()] } else { models }
    }

    // A panic elsewhere while the lock was held leaves counters that are still usable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn title(index: usize, rule: &Rule) -> String {
    match &rule.name {
        Some(name) => format!("rule {} `{name}`", index + 1),
        None => format!("rule {}", index + 1),
    }
}

fn no_rule(asked: &Asked, tried: &[String]) -> String {
    let preview: String = asked.last_message.chars().take(80).collect();
    let tried = if tried.is_empty() { "the script has no rules".to_owned() } else { tried.join("; ") };
    format!(
        "no rule of the script answers this {} request for model `{}` whose last message ({}) is `{preview}`. Tried: {tried}",
        asked.api.as_str(),
        asked.model,
        asked.last_role,
    )
}

fn counted_tokens(asked: &Asked, rule: &Rule) -> Tokens {
    let calls: u64 = rule.tool_calls.iter().map(|call| 1 + word_count(&call.arguments_text())).sum();
    let output = word_count(rule.text.as_deref().unwrap_or_default()) + calls;
    Tokens { input: asked.words, output, ..Tokens::default() }
}
