//! Which wire reads which document, and by what it was told.
//!
//! Every document is judged by itself, and of a list whose records are of several formats every record. Each wire says
//! how well a document fits and why; the highest score wins, of equal ones the first of the registry. What nobody
//! claims stays unknown.

use arc_model::{Json, Place};

use crate::{
    document::{Content, Document},
    registry,
    wire::{self, Match, Wire},
};

/// A format that was recognised, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The format's id.
    pub format: &'static str,
    /// How well it fits, out of 100; `None` when the format was asked for.
    pub score: Option<u8>,
    /// What it was recognised by.
    pub because: &'static str,
    /// How many documents, lines or records were recognised by it.
    pub records: u64,
}

/// Documents of one wire.
pub(crate) struct Group<'a> {
    pub(crate) wire: &'static dyn Wire,
    pub(crate) documents: Vec<Document<'a>>,
    /// Where the items of the only document stood in the list they were taken from.
    pub(crate) places: Option<Vec<usize>>,
}

/// What a source was recognised as.
#[derive(Default)]
pub(crate) struct Sorted<'a> {
    /// Grouped by wire, in the order in which the wires first appear.
    pub(crate) groups: Vec<Group<'a>>,
    pub(crate) detected: Vec<Detected>,
    /// Where something stands that nobody recognised, and what it looks like.
    pub(crate) unknown: Vec<(Place, String)>,
}

/// Sorts documents by wire.
pub(crate) fn sort<'a>(documents: Vec<Document<'a>>, forced: Option<&'static dyn Wire>) -> Sorted<'a> {
    let mut sorted = Sorted::default();
    for document in documents {
        if let Some(wire) = forced {
            sorted.see(wire, Match { score: 0, because: "it was asked for" }, true, 1);
            sorted.put(wire, document);
            continue;
        }
        let Document { line, mut content } = document;
        if let Content::Json(Json::Array(items)) = &mut content
            && line.is_none()
            && mixes_formats(items)
        {
            sorted.sort_items(std::mem::take(items));
            continue;
        }
        match best_wire(&content) {
            Some((wire, found)) => {
                sorted.see(wire, found, false, 1);
                sorted.put(wire, Document { line, content });
            }
            None => sorted.unknown.push((Place { line, ..Place::default() }, describe(&content))),
        }
    }
    sorted
}

impl<'a> Sorted<'a> {
    fn put(&mut self, wire: &'static dyn Wire, document: Document<'a>) {
        let same = |group: &&mut Group<'_>| group.wire.id() == wire.id() && group.places.is_none();
        match self.groups.iter_mut().find(same) {
            Some(group) => group.documents.push(document),
            None => self.groups.push(Group { wire, documents: vec![document], places: None }),
        }
    }

    fn see(&mut self, wire: &dyn Wire, found: Match, is_forced: bool, records: u64) {
        let (format, because) = (wire.id(), found.because);
        let known = self.detected.iter_mut().find(|seen| seen.format == format && seen.because == because);
        if let Some(known) = known {
            known.records += records;
            return;
        }
        let score = (!is_forced).then_some(found.score);
        self.detected.push(Detected { format, score, because, records });
    }

    /// Sorts the records of a list: those of one wire become a list of their own.
    fn sort_items(&mut self, items: Vec<Json>) {
        let mut lists: Vec<(&'static dyn Wire, Vec<Json>, Vec<usize>)> = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let content = Content::Json(item);
            let best = best_wire(&content);
            let Content::Json(item) = content else { continue };
            let Some((wire, found)) = best else {
                let pointer = Some(format!("/{index}"));
                self.unknown.push((Place { pointer, ..Place::default() }, wire::describe_json(&item)));
                continue;
            };
            self.see(wire, found, false, 1);
            match lists.iter_mut().find(|(known, _, _)| known.id() == wire.id()) {
                Some((_, members, places)) => {
                    members.push(item);
                    places.push(index);
                }
                None => lists.push((wire, vec![item], vec![index])),
            }
        }
        for (wire, members, places) in lists {
            let documents = vec![Document { line: None, content: Content::Json(Json::Array(members)) }];
            self.groups.push(Group { wire, documents, places: Some(places) });
        }
    }
}

/// A score below this is that of a line or a message, which is no record by itself.
const RECORD_SCORE: u8 = 60;

/// Returns whether a list holds records of more than one format.
fn mixes_formats(items: &mut [Json]) -> bool {
    let mut first = None;
    for item in items.iter_mut().filter(|item| item.is_object()) {
        // Lent, not copied: records may be large.
        let content = Content::Json(item.take());
        let found = best_wire(&content);
        if let Content::Json(value) = content {
            *item = value;
        }
        let Some((wire, _)) = found.filter(|(_, found)| found.score >= RECORD_SCORE) else { continue };
        match first {
            None => first = Some(wire.id()),
            Some(known) if known != wire.id() => return true,
            Some(_) => {}
        }
    }
    false
}

fn best_wire(content: &Content<'_>) -> Option<(&'static dyn Wire, Match)> {
    let mut best: Option<(&'static dyn Wire, Match)> = None;
    for &wire in registry::WIRES {
        if let Some(found) = wire.sniff(content)
            && best.is_none_or(|(_, known)| found.score > known.score)
        {
            best = Some((wire, found));
        }
    }
    best
}

/// Says what a document looks like, without repeating its content.
fn describe(content: &Content<'_>) -> String {
    match content {
        Content::Bytes([]) => "an empty file".to_owned(),
        Content::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(_) => format!("text of {} bytes that is not JSON", bytes.len()),
            Err(_) => format!("binary data of {} bytes", bytes.len()),
        },
        Content::Json(value) => wire::describe_json(value),
    }
}
