//! The framework an agent is built with, by what its spans carry.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
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
    let mut scopes: BTreeSet<&str> = BTreeSet::new();
    for span in trace.spans() {
        // Thousands of spans share a few scopes; each is looked up once.
        let new_scope = span.scope.as_ref().is_some_and(|scope| scopes.insert(&scope.name));
        let objects = objects(span);
        for framework in frameworks {
            for (pattern, sign) in signs_at(span, &objects, framework, new_scope) {
                if seen.insert((&framework.id, pattern)) {
                    signs.entry(&framework.id).or_default().push(sign);
                }
            }
        }
    }
    signs
}

fn signs_at<'a>(
    span: &Span,
    objects: &[(Field, Cow<'_, Json>)],
    framework: &'a Framework,
    with_scope: bool,
) -> Vec<(&'a str, Sign)> {
    let mut found = Vec::new();
    let mut add = |pattern: &'a str, weight: u32, field: Field, excerpt: &str| {
        found.push((pattern, Sign { weight, span: span.span_id, field, excerpt: excerpt.to_owned() }));
    };
    if let Some(scope) = span.scope.as_ref().filter(|_| with_scope)
        && let Some(pattern) = framework.scopes.iter().find(|pattern| is_scope(&scope.name, pattern))
    {
        add(pattern, BY_SCOPE, Field::Scope, &scope.name);
    }
    for pattern in &framework.resources {
        let Some((name, value)) = pattern.split_once('=') else { continue };
        if let Some(actual) = span.resource.get(name).and_then(Json::as_str).filter(|actual| fits(actual, value)) {
            add(pattern, BY_RESOURCE, Field::Attribute(name.to_owned()), actual);
        }
    }
    let provider = span.model.as_ref().and_then(|model| model.provider.as_deref());
    let provider = provider.or_else(|| span.attributes.get("gen_ai.provider.name").and_then(Json::as_str));
    if let Some(provider) = provider
        && let Some(pattern) = framework.providers.iter().find(|known| *known == provider)
    {
        add(pattern, BY_PROVIDER, Field::Attribute("gen_ai.provider.name".to_owned()), provider);
    }
    for pattern in &framework.attributes {
        if let Some(name) = attribute(&span.attributes, pattern).or_else(|| attribute(&span.parameters, pattern)) {
            add(pattern, BY_ATTRIBUTE, Field::Attribute(name.clone()), name);
        }
    }
    if let Some(pattern) = framework.span_names.iter().find(|pattern| fits(&span.name, pattern)) {
        add(pattern, BY_NAME, Field::Name, &span.name);
    }
    for shape in &framework.shapes {
        let shown = objects.iter().find(|(_, value)| has_shape(value, shape, 0));
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

/// Returns the name of an attribute that fits; the map is in order, so that a beginning is found fast.
fn attribute<'a>(attributes: &'a Attributes, pattern: &str) -> Option<&'a String> {
    match pattern.strip_suffix('*') {
        Some(beginning) => {
            let from = attributes.range(beginning.to_owned()..).next();
            from.map(|(name, _)| name).filter(|name| name.starts_with(beginning))
        }
        None => attributes.get_key_value(pattern).map(|(name, _)| name),
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
