//! What the same tokens would have cost at other models.

use std::collections::BTreeMap;

use arc_catalog::{Catalog, PriceOverride};
use arc_model::{ModelRef, NanoUsd, SpanKind, Timestamp, Usage};
use serde::{Deserialize, Serialize};

use super::{Cited, Observed, observed::SeenCall};
use crate::cost::{prices, span};

/// Providers whose models are compared, beside the one in use.
const PROVIDERS: [&str; 5] = ["openai", "anthropic", "google", "mistral", "deepseek"];

/// Most models that are listed for each model in use.
const LISTED: usize = 10;

/// Words in the names of models that are not for text in, text out.
const OTHER_PURPOSES: [&str; 17] = [
    "audio",
    "realtime",
    "tts",
    "transcribe",
    "image",
    "embed",
    "live",
    "moderation",
    "search",
    "deep-research",
    "whisper",
    "robotics",
    "computer-use",
    "ft:",
    "instruct",
    "vision",
    "ocr",
];

/// Another model at which the same tokens would have cost less. Estimated: whether it does the work
/// as well, and in how many tokens, only trying it tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelSwitch {
    /// The price row in use: provider and model.
    pub from: String,
    /// The price row of the other model.
    pub to: String,
    /// Whether both are of one provider.
    pub is_same_provider: bool,
    /// Calls that are compared: those of `from` with a known cost.
    pub calls: u64,
    /// What they cost.
    pub before: NanoUsd,
    /// What the same tokens cost at the other model.
    pub after: NanoUsd,
    /// `after / before − 1`: −0.62 is 62 % cheaper.
    pub change: f64,
    /// Tokens that fit into the other model's context window.
    pub context_window: u64,
    /// Tokens of the longest call, input and output.
    pub longest_call: u64,
    /// What a month costs now at this week's pace, all models together; `null` when that is not known.
    pub month_before: Option<NanoUsd>,
    /// What it would cost.
    pub month_after: Option<NanoUsd>,
    /// What has to hold for it to be true.
    pub assumes: Vec<String>,
    /// A few of the calls.
    pub evidence: Vec<Cited>,
}

/// Returns, for each model in use, the models at which its calls would have cost less, the cheapest first.
pub(super) fn find(seen: &Observed, catalog: &Catalog) -> Vec<ModelSwitch> {
    let mut by_row: BTreeMap<&str, Vec<&SeenCall>> = BTreeMap::new();
    for call in seen.calls().iter().filter(|call| call.kind == SpanKind::Llm && call.paid().is_some()) {
        if let Some(row) = call.price_row() {
            by_row.entry(row).or_default().push(call);
        }
    }
    let mut switches = Vec::new();
    for (row, calls) in by_row {
        let mut found = candidates(row, &calls, catalog.prices());
        found.sort_by(|a, b| (a.after, &a.to).cmp(&(b.after, &b.to)));
        found.truncate(LISTED);
        switches.append(&mut found);
    }
    switches
}

fn candidates(row: &str, calls: &[&SeenCall], own: &[PriceOverride]) -> Vec<ModelSwitch> {
    let provider = row.split('/').next().unwrap_or(row);
    let before: NanoUsd = calls.iter().filter_map(|call| call.cost.known()).sum();
    let longest_call = calls.iter().map(|call| call.tokens()).max().unwrap_or(0);
    let others = PROVIDERS.into_iter().filter(|other| *other != provider);
    let mix = Mix::of(calls);
    let mut found = Vec::new();
    for other in std::iter::once(provider).chain(others) {
        for (model, window) in prices::models_of(other) {
            let Some(context_window) = window.filter(|&window| window >= longest_call) else { continue };
            if OTHER_PURPOSES.iter().any(|word| model.contains(word)) {
                continue;
            }
            let to =
                ModelRef { provider: Some(other.to_owned()), request: Some(model.to_owned()), ..ModelRef::default() };
            let Some((after, to)) = mix.price(&to, own).filter(|(after, to)| *after < before && to != row) else {
                continue;
            };
            found.push(ModelSwitch {
                from: row.to_owned(),
                is_same_provider: other == provider,
                to,
                calls: super::counted(calls.len()),
                before,
                after,
                change: after.as_usd() / before.as_usd() - 1.0,
                context_window,
                longest_call,
                month_before: None,
                month_after: None,
                assumes: assumptions(),
                evidence: calls.iter().take(3).map(|call| cite(call)).collect(),
            });
        }
    }
    // Several names can lead to one row.
    found.sort_by(|a, b| a.to.cmp(&b.to));
    found.dedup_by(|a, b| a.to == b.to);
    found
}

fn assumptions() -> Vec<String> {
    [
        "estimated: the other model does the work as well, in as many tokens and calls; models of other families split \
         text into other tokens",
        "as many tokens come from its cache, at its price for them",
        "the price table says neither whether it calls tools nor whether it is still offered: check both",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn cite(call: &SeenCall) -> Cited {
    let usage = call.usage.clone().unwrap_or_default();
    let shows = format!("{} in, {} out", usage.input.unwrap_or(0), usage.output.unwrap_or(0));
    Cited { trace_id: call.trace_id, span_id: call.span_id, shows }
}

/// The tokens of some calls, together where prices do not depend on the length of a call.
struct Mix<'a> {
    calls: Vec<(&'a Usage, Option<Timestamp>)>,
    sum: Usage,
    shortest: u64,
    longest: u64,
    latest: Option<Timestamp>,
}

impl<'a> Mix<'a> {
    fn of(calls: &[&'a SeenCall]) -> Self {
        let calls: Vec<_> = calls.iter().filter_map(|call| Some((call.usage.as_ref()?, call.start))).collect();
        let mut sum = Usage::default();
        for (usage, _) in &calls {
            add(&mut sum, usage);
        }
        let inputs = || calls.iter().filter_map(|(usage, _)| usage.input);
        let (shortest, longest) = (inputs().min().unwrap_or(0), inputs().max().unwrap_or(0));
        let latest = calls.iter().filter_map(|(_, at)| *at).max();
        Self { calls, sum, shortest, longest, latest }
    }

    /// Returns what the tokens cost at a model, and its price row; `None` when it has no price for them.
    fn price(&self, model: &ModelRef, own: &[PriceOverride]) -> Option<(NanoUsd, String)> {
        let rates = |input| span::rates(model, self.latest, input, own);
        let (row, short) = rates(self.shortest)?;
        let (_, long) = rates(self.longest)?;
        let price = |usage: &Usage, tier| span::price_at_tier(model, usage, self.latest, tier, own);
        let after = if short == long {
            price(&self.sum, self.longest)?
        } else {
            let each = self.calls.iter().map(|(usage, _)| price(usage, usage.input.unwrap_or(0)));
            each.collect::<Option<Vec<_>>>()?.into_iter().sum()
        };
        Some((after, row))
    }
}

fn add(sum: &mut Usage, usage: &Usage) {
    let pairs = [
        (&mut sum.input, usage.input),
        (&mut sum.output, usage.output),
        (&mut sum.cache_read, usage.cache_read),
        (&mut sum.cache_write, usage.cache_write),
        (&mut sum.cache_write_1h, usage.cache_write_1h),
        (&mut sum.reasoning, usage.reasoning),
        (&mut sum.audio_input, usage.audio_input),
        (&mut sum.audio_output, usage.audio_output),
        (&mut sum.image_input, usage.image_input),
        (&mut sum.image_output, usage.image_output),
        (&mut sum.video_input, usage.video_input),
    ];
    for (sum, more) in pairs {
        if let Some(more) = more {
            *sum = Some(sum.unwrap_or(0).saturating_add(more));
        }
    }
}
