//! The framework an agent is built with, by what its spans carry.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use arc_catalog::{Catalog, Framework, Level};
use arc_model::{Attributes, Detection, Field, Json, Payload, Span, Trace};

use super::{Sign, declared, settled};

const BY_SCOPE: u32 = 6;
const BY_RESOURCE: u32 = 5;
const BY_PROVIDER: u32 = 4;
const BY_ATTRIBUTE: u32 = 3;
const BY_SHAPE: u32 = 3;
const BY_NAME: u32 = 2;

/// Less than this is chance: one name of a span proves nothing.
const LEAST_WEIGHT: u32 = 3;
/// With a smaller share of the weight than this, the winner is not clear.
const LEAST_SHARE: f64 = 0.6;

/// Returns the framework a run was made with: what it declares, else what its spans' signs show.
///
/// Each sign counts once however many spans carry it. The signs of a framework that another one is
/// built on count for the latter where it shows itself. Clients count only where no agent framework
/// is known.
pub fn framework(trace: &Trace, catalog: &Catalog) -> Detection {
    let known = |name: &str| catalog.framework(name).map_or_else(|| name.to_owned(), |framework| framework.id.clone());
    if let Some(declared) = declared(trace, "framework", |facts| facts.framework.as_deref(), known) {
        return Detection { version: declared_version(trace), ..declared };
    }
    let mut signs = signs(trace, catalog.frameworks());
    lend_to_those_built_on_it(&mut signs, catalog);
    for level in [Level::Agent, Level::Client] {
        let of_level = catalog.frameworks().iter().filter(|framework| framework.level == level);
        let weights: Vec<(&Framework, u32)> = of_level
            .map(|framework| (framework, weight(signs.get(framework.id.as_str()).map_or(&[][..], Vec::as_slice))))
            .filter(|(_, weight)| *weight > 0)
            .collect();
        let total: u32 = weights.iter().map(|(_, weight)| weight).sum();
        let Some((winner, weight)) = weights.into_iter().max_by_key(|(_, weight)| *weight) else { continue };
        let share = f64::from(weight) / f64::from(total);
        if weight >= LEAST_WEIGHT && share >= LEAST_SHARE {
            return settled(&winner.id, weight, total, signs.remove(winner.id.as_str()).unwrap_or_default());
        }
    }
    Detection::default()
}

/// Returns the version that the span which settles the question declares.
fn declared_version(trace: &Trace) -> Option<String> {
    let mut facts = trace.walk().map(|(_, span)| &span.facts);
    facts.find(|facts| facts.framework.is_some())?.framework_version.clone()
}

fn weight(signs: &[Sign]) -> u32 {
    signs.iter().map(|sign| sign.weight).sum()
}

fn signs<'a>(trace: &Trace, frameworks: &'a [Framework]) -> BTreeMap<&'a str, Vec<Sign>> {
    let mut signs: BTreeMap<&str, Vec<Sign>> = BTreeMap::new();
    let mut seen: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut known = Known::default();
    for span in trace.spans() {
        let new = known.new_at(span);
        if new.is_nothing() {
            continue;
        }
        for framework in frameworks {
            for (pattern, sign) in signs_at(span, &new, framework) {
                if seen.insert((&framework.id, pattern)) {
                    signs.entry(&framework.id).or_default().push(sign);
                }
            }
        }
    }
    signs
}

/// What was looked at so far: the spans of a run share scopes, resources, names, and the names of attributes, and each
/// of them is compared with the signs once.
#[derive(Default)]
struct Known<'a> {
    scopes: HashSet<&'a str>,
    resources: HashSet<*const Attributes>,
    providers: HashSet<&'a str>,
    attributes: HashSet<&'a str>,
    names: HashSet<&'a str>,
}

/// What a span has that none before it had.
struct New<'a> {
    scope: Option<&'a str>,
    resource: Option<&'a Attributes>,
    provider: Option<&'a str>,
    attributes: Vec<&'a str>,
    name: Option<&'a str>,
    objects: Vec<(Field, Cow<'a, Json>)>,
}

impl<'a> Known<'a> {
    fn new_at(&mut self, span: &'a Span) -> New<'a> {
        let provider = span.model.as_ref().and_then(|model| model.provider.as_deref());
        let provider = provider.or_else(|| span.attributes.get("gen_ai.provider.name").and_then(Json::as_str));
        let new_resource = self.resources.insert(Arc::as_ptr(&span.resource));
        let attributes = span.attributes.keys().chain(span.parameters.keys()).map(String::as_str);
        New {
            scope: span.scope.as_ref().map(|scope| scope.name.as_str()).filter(|scope| self.scopes.insert(scope)),
            resource: new_resource.then_some(&*span.resource),
            provider: provider.filter(|provider| self.providers.insert(provider)),
            attributes: attributes.filter(|name| self.attributes.insert(name)).collect(),
            name: Some(span.name.as_str()).filter(|name| self.names.insert(name)),
            objects: objects(span),
        }
    }
}

impl New<'_> {
    fn is_nothing(&self) -> bool {
        self.scope.is_none()
            && self.resource.is_none()
            && self.provider.is_none()
            && self.attributes.is_empty()
            && self.name.is_none()
            && self.objects.is_empty()
    }
}

fn signs_at<'a>(span: &Span, new: &New<'_>, framework: &'a Framework) -> Vec<(&'a str, Sign)> {
    let mut found = Vec::new();
    let mut add = |pattern: &'a str, weight: u32, field: Field, excerpt: &str| {
        found.push((pattern, Sign { weight, span: span.span_id, field, excerpt: excerpt.to_owned() }));
    };
    if let Some(scope) = new.scope
        && let Some(pattern) = framework.scopes.iter().find(|pattern| is_scope(scope, pattern))
    {
        add(pattern, BY_SCOPE, Field::Scope, scope);
    }
    for (pattern, resource) in framework.resources.iter().filter_map(|pattern| Some((pattern, new.resource?))) {
        let Some((name, value)) = pattern.split_once('=') else { continue };
        if let Some(actual) = resource.get(name).and_then(Json::as_str).filter(|actual| fits(actual, value)) {
            add(pattern, BY_RESOURCE, Field::Attribute(name.to_owned()), actual);
        }
    }
    if let Some(provider) = new.provider
        && let Some(pattern) = framework.providers.iter().find(|known| *known == provider)
    {
        add(pattern, BY_PROVIDER, Field::Attribute("gen_ai.provider.name".to_owned()), provider);
    }
    for pattern in &framework.attributes {
        if let Some(name) = new.attributes.iter().find(|name| fits(name, pattern)) {
            add(pattern, BY_ATTRIBUTE, Field::Attribute((*name).to_owned()), name);
        }
    }
    if let Some(name) = new.name
        && let Some(pattern) = framework.span_names.iter().find(|pattern| fits(name, pattern))
    {
        add(pattern, BY_NAME, Field::Name, name);
    }
    for shape in &framework.shapes {
        let shown = new.objects.iter().find(|(_, value)| has_shape(value, shape, 0));
        if let (Some((field, _)), Some(first)) = (shown, shape.first()) {
            add(first, BY_SHAPE, field.clone(), &shape.join(", "));
        }
    }
    found
}

/// Returns the structured values of a span in which a framework's own objects can stand.
fn objects(span: &Span) -> Vec<(Field, Cow<'_, Json>)> {
    let payloads = [(Field::Input, &span.input), (Field::Output, &span.output)];
    let of_payloads = payloads.into_iter().filter_map(|(field, payload)| match payload {
        Some(Payload::Json(value)) => Some((field, Cow::Borrowed(value))),
        _ => None,
    });
    // What a framework says about a step beside its input and output, often as JSON in a text.
    let metadata = span.attributes.get(METADATA).and_then(|value| match value {
        Json::String(text) => serde_json::from_str(text).ok().map(Cow::Owned),
        value => Some(Cow::Borrowed(value)),
    });
    of_payloads.chain(metadata.map(|value| (Field::Attribute(METADATA.to_owned()), value))).collect()
}

const METADATA: &str = "metadata";

/// A scope is of a framework when it is its name, or continues it with a separator.
fn is_scope(scope: &str, pattern: &str) -> bool {
    scope.strip_prefix(pattern).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/', '-', '_', ':']))
}

fn fits(text: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => text.starts_with(beginning),
        None => text == pattern,
    }
}

/// Deeper than this nobody looks for a framework's objects.
const DEEPEST: usize = 6;
/// Lists are alike all through; their first items tell.
const ITEMS: usize = 3;

fn has_shape(value: &Json, shape: &[String], depth: usize) -> bool {
    if depth > DEEPEST {
        return false;
    }
    match value {
        Json::Object(fields) => {
            shape.iter().all(|name| fields.contains_key(name))
                || fields.values().any(|value| has_shape(value, shape, depth + 1))
        }
        Json::Array(items) => items.iter().take(ITEMS).any(|item| has_shape(item, shape, depth + 1)),
        _ => false,
    }
}

/// Moves the signs of a base to the framework built on it, where that one has signs of its own.
fn lend_to_those_built_on_it<'a>(signs: &mut BTreeMap<&'a str, Vec<Sign>>, catalog: &'a Catalog) {
    for framework in catalog.frameworks() {
        if signs.contains_key(framework.id.as_str()) {
            for base in &framework.built_on {
                let lent = signs.remove(base.as_str()).unwrap_or_default();
                signs.entry(&framework.id).or_default().extend(lent);
            }
        }
    }
}
