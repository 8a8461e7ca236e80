//! The domain an agent works in, by the words of its names, instructions and users.

use std::collections::{BTreeMap, BTreeSet};

use arc_catalog::{Catalog, Domain};
use arc_model::{Detection, Field, Json, Part, Payload, Role, Span, Trace};

use super::{Sign, declared, settled};

/// Where a word stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Names,
    Instructions,
    UserTexts,
}

impl Source {
    const ALL: [Self; 3] = [Self::Names, Self::Instructions, Self::UserTexts];

    /// Names are chosen for the domain; instructions describe it, with examples from elsewhere; what
    /// users ask for belongs to it, what else they talk about does not.
    const fn factor(self) -> u32 {
        match self {
            Self::Names => 3,
            Self::Instructions | Self::UserTexts => 2,
        }
    }
}

const SERVICE: &str = "service.name";

/// Less than this is chance: a handful of words used everywhere.
const LEAST_WEIGHT: u32 = 10;
/// The winner must weigh this many times the second, in tenths.
const LEAST_LEAD_TENTHS: u32 = 13;
/// Longer texts are read up to here; a vocabulary shows early.
const LONGEST_TEXT: usize = 20_000;
/// No more texts of a kind than this are read.
const MOST_TEXTS: usize = 200;

/// Returns the domain of a run: what it declares, else the one whose words it uses.
///
/// A word counts once for each sort of place it can stand in (names, instructions, users' texts), however
/// often it stands there. Confidence is the winner's share of the weight of all domains.
pub fn domain(trace: &Trace, catalog: &Catalog) -> Detection {
    let known = |name: &str| catalog.domain(name).map_or_else(|| name.to_owned(), |domain| domain.id.clone());
    if let Some(declared) = declared(trace, "domain", |facts| facts.domain.as_deref(), known) {
        return declared;
    }
    let places = [names(trace), said(trace, &Role::System, Source::Instructions), user_texts(trace)];
    let words: Vec<(&Place<'_>, Words)> =
        places.iter().flatten().map(|place| (place, Words::of(&place.text))).collect();
    let mut found: Vec<(&Domain, u32, Vec<Sign>)> = Vec::new();
    for domain in catalog.domains() {
        let signs = signs(domain, &words);
        found.push((domain, signs.iter().map(|sign| sign.weight).sum(), signs));
    }
    found.sort_by_key(|(_, weight, _)| std::cmp::Reverse(*weight));
    let total: u32 = found.iter().map(|(_, weight, _)| weight).sum();
    let second = found.get(1).map_or(0, |(_, weight, _)| *weight);
    match found.into_iter().next() {
        Some((winner, weight, signs)) if weight >= LEAST_WEIGHT && weight * 10 >= second * LEAST_LEAD_TENTHS => {
            settled(&winner.id, weight, total, signs)
        }
        _ => Detection::default(),
    }
}

/// A text at a span.
struct Place<'a> {
    span: &'a Span,
    field: Field,
    source: Source,
    text: String,
}

/// The names of tools and of the agent.
fn names(trace: &Trace) -> Vec<Place<'_>> {
    let mut names: BTreeMap<&str, Place<'_>> = BTreeMap::new();
    for span in trace.spans() {
        let called = span.tool.iter().map(|call| (call.name.as_str(), Field::Name));
        let offered = span.tools_offered.iter().map(|tool| (tool.name.as_str(), Field::ToolsOffered));
        let agent = span.facts.agent.iter().map(|agent| (agent.as_str(), Field::Name));
        let service = span.resource.get(SERVICE).and_then(Json::as_str);
        let service = service.map(|name| (name, Field::Attribute(SERVICE.to_owned())));
        for (name, field) in called.chain(offered).chain(agent).chain(service) {
            let place = || Place { span, field, source: Source::Names, text: words_of_name(name) };
            names.entry(name).or_insert_with(place);
        }
    }
    names.into_values().take(MOST_TEXTS).collect()
}

/// What users say; where there are no messages, the input of the roots.
fn user_texts(trace: &Trace) -> Vec<Place<'_>> {
    let said = said(trace, &Role::User, Source::UserTexts);
    if !said.is_empty() {
        return said;
    }
    let inputs = trace.roots().filter_map(|span| span.input.as_ref().map(|input| (span, input)));
    let places = inputs.map(|(span, input)| {
        let text = match input {
            Payload::Text(text) => cut(text),
            Payload::Json(value) => cut(&value.to_string()),
        };
        Place { span, field: Field::Input, source: Source::UserTexts, text }
    });
    places.take(MOST_TEXTS).collect()
}

fn said<'a>(trace: &'a Trace, role: &Role, source: Source) -> Vec<Place<'a>> {
    let mut places = Vec::new();
    // What was sent is sent again with every call, at the same place; it is read once. Two texts of
    // one length at one place are taken for the same: comparing all of them costs too much.
    let mut seen: BTreeSet<(usize, usize)> = BTreeSet::new();
    for span in trace.spans() {
        for (position, message) in span.messages_in.iter().enumerate().filter(|(_, message)| message.role == *role) {
            let length = message.parts.iter().map(text_length).sum();
            if length > 0 && seen.insert((position, length)) {
                places.push(Place { span, field: Field::Input, source, text: cut(&message.joined_text()) });
            }
            if places.len() >= MOST_TEXTS {
                return places;
            }
        }
    }
    places
}

fn text_length(part: &Part) -> usize {
    match part {
        Part::Text { text } => text.len(),
        _ => 0,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

/// Returns the words of a name: `searchFlights`, `search_flights` and `search-flights` have two.
fn words_of_name(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        words.push(c);
        before = c;
    }
    words
}

/// The words of a text, with the first place of each.
struct Words(BTreeMap<String, Vec<usize>>);

impl Words {
    fn of(text: &str) -> Self {
        let mut words: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let split = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        for (position, word) in split.enumerate() {
            words.entry(word.to_lowercase()).or_default().push(position);
        }
        Self(words)
    }

    /// Returns whether the term's words stand there, one behind the other.
    fn has(&self, term: &str) -> bool {
        let mut words = term.split(' ');
        let Some(first) = words.next().and_then(|word| self.0.get(word)) else { return false };
        let rest: Vec<Option<&Vec<usize>>> = words.map(|word| self.0.get(word)).collect();
        first.iter().any(|start| {
            let mut following = rest.iter().zip(start + 1..);
            following.all(|(places, position)| places.is_some_and(|places| places.binary_search(&position).is_ok()))
        })
    }
}

fn signs(domain: &Domain, places: &[(&Place<'_>, Words)]) -> Vec<Sign> {
    let mut signs = Vec::new();
    for (term, weight) in &domain.terms {
        for source in Source::ALL {
            let mut of_kind = places.iter().filter(|(place, _)| place.source == source);
            if let Some((place, _)) = of_kind.find(|(_, words)| words.has(term)) {
                let sign = Sign {
                    weight: weight * source.factor(),
                    span: place.span.span_id,
                    field: place.field.clone(),
                    excerpt: around(&place.text, term),
                };
                signs.push(sign);
            }
        }
    }
    signs
}

/// Returns the term with what stands around it.
fn around(text: &str, term: &str) -> String {
    const AROUND: usize = 40;
    let first = term.split(' ').next().unwrap_or(term);
    // Offsets of the lower-case text fit the text itself where case changes no lengths; else the term.
    let lower = text.to_lowercase();
    let Some(at) = lower.find(first).filter(|_| lower.len() == text.len()) else { return term.to_owned() };
    let from = text.get(..at).map_or(0, |before| before.char_indices().nth_back(AROUND).map_or(0, |(from, _)| from));
    let excerpt: String = text.get(from..).unwrap_or(term).chars().take(2 * AROUND + term.len()).collect();
    excerpt.split_whitespace().collect::<Vec<_>>().join(" ")
}
