//! The domain an agent works in, by the words of its names, instructions and users.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use arc_catalog::{Catalog, Term, Vocabulary};
use arc_model::{Detection, Field, Json, Message, Part, Payload, Role, Span, Trace};

use super::{Sign, declared, settled};

/// Where a word stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Names,
    Instructions,
    UserTexts,
}

impl Source {
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
/// Longer texts are read up to here, in bytes; a vocabulary shows early.
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
    let places: Vec<Place<'_>> = places.into_iter().flatten().collect();
    let mut found: Vec<(usize, u32, Vec<Sign>)> =
        (0..catalog.domains().len()).map(|domain| (domain, 0, Vec::new())).collect();
    for ((domain, ..), sign) in signs(&places, catalog.vocabulary()) {
        if let Some((_, weight, signs)) = found.get_mut(domain) {
            *weight += sign.weight;
            signs.push(sign);
        }
    }
    found.sort_by_key(|(_, weight, _)| std::cmp::Reverse(*weight));
    let total: u32 = found.iter().map(|(_, weight, _)| weight).sum();
    let second = found.get(1).map_or(0, |(_, weight, _)| *weight);
    let is_clear = |weight: u32| weight >= LEAST_WEIGHT && weight * 10 >= second * LEAST_LEAD_TENTHS;
    let winner = found.into_iter().next().filter(|(_, weight, _)| is_clear(*weight));
    winner
        .and_then(|(domain, weight, signs)| Some(settled(&catalog.domains().get(domain)?.id, weight, total, signs)))
        .unwrap_or_default()
}

/// A text at a span.
struct Place<'a> {
    span: &'a Span,
    field: Field,
    source: Source,
    text: Cow<'a, str>,
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
            let place = || Place { span, field, source: Source::Names, text: Cow::Owned(words_of_name(name)) };
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
            Payload::Text(text) => Cow::Borrowed(cut(text)),
            Payload::Json(value) => Cow::Owned(cut(&value.to_string()).to_owned()),
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
                places.push(Place { span, field: Field::Input, source, text: text_of(message) });
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

/// Returns the text of a message, without copying where it has one part.
fn text_of(message: &Message) -> Cow<'_, str> {
    match message.parts.as_slice() {
        [Part::Text { text }] => Cow::Borrowed(cut(text)),
        _ => Cow::Owned(cut(&message.joined_text()).to_owned()),
    }
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_TEXT)).unwrap_or(text)
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

/// The words of a text, each with its place.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let ahead = text.get(rest..)?;
        let start = rest + ahead.find(char::is_alphanumeric)?;
        let word = text.get(start..)?;
        let word = word.get(..word.find(|c: char| !c.is_alphanumeric()).unwrap_or(word.len()))?;
        rest = start + word.len();
        Some((start, word))
    })
}

/// Returns the first sign of each term in each sort of place, in the order of domains and terms.
fn signs(places: &[Place<'_>], vocabulary: &Vocabulary) -> BTreeMap<(usize, usize, Source), Sign> {
    let mut signs: BTreeMap<(usize, usize, Source), Sign> = BTreeMap::new();
    let mut lower = String::new();
    for place in places {
        for (start, word) in words(&place.text) {
            // Terms are of plain letters, so that words in other scripts are none.
            if word.len() > vocabulary.longest_word() || !word.is_ascii() {
                continue;
            }
            lower.clear();
            lower.push_str(word);
            lower.make_ascii_lowercase();
            for term in vocabulary.beginning_with(&lower) {
                let Some(end) = end_of(term, &place.text, start + word.len()) else { continue };
                signs.entry((term.domain, term.rank, place.source)).or_insert_with(|| Sign {
                    weight: term.weight * place.source.factor(),
                    span: place.span.span_id,
                    field: place.field.clone(),
                    excerpt: around(&place.text, start, end),
                });
            }
        }
    }
    signs
}

/// Returns where a term ends whose first word ends here, if its other words follow.
fn end_of(term: &Term, text: &str, first: usize) -> Option<usize> {
    let mut following = words(text.get(first..)?);
    term.rest.iter().try_fold(first, |_, wanted| {
        let (start, word) = following.next()?;
        word.eq_ignore_ascii_case(wanted).then_some(first + start + word.len())
    })
}

/// Returns what stands there with what stands around it.
fn around(text: &str, start: usize, end: usize) -> String {
    const AROUND: usize = 40;
    let from = text.floor_char_boundary(start.saturating_sub(AROUND));
    let to = text.ceil_char_boundary(end + AROUND);
    text.get(from..to).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}
