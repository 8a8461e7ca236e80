//! A span to its record and bodies, each with its hash. Pure; nothing is stored yet.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
    mem,
    ops::Range,
    sync::Arc,
};

use arc_model::{Attributes, Json, Payload, ProjectId, Span, SpanEvent, Timestamp, ToolCall};
use arc_store::StoreError;
use foldhash::fast::RandomState;
use serde::Serialize;

use super::{
    record::{Event, Held, Map, Record, Slot, Tool},
    scratch::{keep_bytes, take_bytes},
};

/// Tells bodies of one project apart; never compared across projects.
pub(crate) type BodyHash = [u8; 32];

/// Tells two records of one span at one revision apart; the greater one is kept.
pub(crate) type ContentHash = [u8; 16];

/// A payload this long or longer is a body; below, a reference is hardly worth its bytes.
const PAYLOAD_BODY_BYTES: usize = 128;

/// An attribute this long or longer is a body.
const ATTRIBUTE_BODY_BYTES: usize = 256;

/// A span taken apart.
pub(crate) struct Encoded {
    pub(crate) hash: ContentHash,
    /// The record's JSON.
    pub(super) record: Vec<u8>,
    /// What the record refers to, in the order of the slots.
    pub(super) bodies: Vec<Body>,
}

pub(super) enum Body {
    Value(Value),
    List(Vec<Item>),
}

#[derive(Clone)]
pub(super) struct Value {
    pub(super) hash: BodyHash,
    /// Where its JSON is in the encoder's bytes.
    pub(super) range: Range<usize>,
}

pub(super) struct Item {
    pub(super) value: Value,
    /// The hash of the list up to and including this item.
    pub(super) prefix: BodyHash,
}

/// Takes the spans of one project apart.
pub(crate) struct Encoder<'s> {
    values: [u8; 32],
    lists: [u8; 32],
    /// The JSON of all bodies.
    bytes: Vec<u8>,
    /// Values that spans share, by where they are: each is written and hashed once. They live as long as the spans.
    shared: HashMap<*const (), Value, RandomState>,
    spans: PhantomData<&'s Span>,
}

impl<'s> Encoder<'s> {
    pub(crate) fn new(project: &ProjectId) -> Self {
        // The keys keep projects from ever finding each other's bodies, and values from being taken for lists.
        let key = |what| blake3::derive_key(what, project.as_str().as_bytes());
        Self {
            values: key("arc-eval values of a project v1"),
            lists: key("arc-eval lists of a project v1"),
            bytes: take_bytes(),
            shared: HashMap::default(),
            spans: PhantomData,
        }
    }

    /// Returns the JSON of a body.
    pub(super) fn json(&self, value: &Value) -> &[u8] {
        self.bytes.get(value.range.clone()).unwrap_or_default()
    }

    pub(crate) fn encode(&mut self, span: &'s Span) -> Result<Encoded, StoreError> {
        let mut parts = Parts { encoder: self, bodies: Vec::new() };
        let record = parts.record(span)?;
        let mut json = Vec::with_capacity(512);
        write_json(&mut json, &record)?;
        let Parts { bodies, .. } = parts;
        let mut hasher = blake3::Hasher::new_keyed(&self.values);
        hasher.update(&json);
        for body in &bodies {
            hasher.update(body.hash());
        }
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        Ok(Encoded { hash, record: json, bodies })
    }
}

impl Drop for Encoder<'_> {
    fn drop(&mut self) {
        keep_bytes(mem::take(&mut self.bytes));
    }
}

impl<'s> Encoder<'s> {
    fn shared(&mut self, value: &'s Arc<impl Serialize>) -> Result<Value, StoreError> {
        let at = Arc::as_ptr(value).cast();
        if let Some(known) = self.shared.get(&at) {
            return Ok(known.clone());
        }
        let start = self.bytes.len();
        write_json(&mut self.bytes, value)?;
        let value = self.hashed(start);
        self.shared.insert(at, value.clone());
        Ok(value)
    }

    fn hashed(&self, start: usize) -> Value {
        let bytes = self.bytes.get(start..).unwrap_or_default();
        Value { hash: *blake3::keyed_hash(&self.values, bytes).as_bytes(), range: start..self.bytes.len() }
    }
}

impl Body {
    fn hash(&self) -> &BodyHash {
        match self {
            Self::Value(value) => &value.hash,
            Self::List(items) => items.last().map_or(&[0; 32], |last| &last.prefix),
        }
    }
}

struct Parts<'e, 's> {
    encoder: &'e mut Encoder<'s>,
    bodies: Vec<Body>,
}

impl<'s> Parts<'_, 's> {
    fn record(&mut self, span: &'s Span) -> Result<Record<'s>, StoreError> {
        // Named one by one, so that a new field cannot be forgotten here.
        let Span {
            trace_id: _,
            span_id: _,
            parent_id,
            revision: _,
            kind,
            name,
            start,
            end,
            sequence,
            status,
            model,
            messages_in,
            messages_out,
            input,
            output,
            tool,
            tools_offered,
            usage,
            reported_cost,
            finish_reason,
            time_to_first_token_ns,
            parameters,
            facts,
            events,
            links,
            scope,
            attributes,
            resource,
        } = span;
        Ok(Record {
            parent_id: *parent_id,
            kind: *kind,
            name: name.into(),
            start: start.map(Timestamp::as_nanos),
            end: end.map(Timestamp::as_nanos),
            sequence: *sequence,
            status: Cow::Borrowed(status),
            model: model.as_ref().map(Cow::Borrowed),
            messages_in: self.list(messages_in)?,
            messages_out: self.list(messages_out)?,
            input: self.payload(input.as_ref())?,
            output: self.payload(output.as_ref())?,
            tool: tool.as_ref().map(|call| self.tool(call)).transpose()?,
            tools_offered: self.list(tools_offered)?,
            usage: usage.as_ref().map(Cow::Borrowed),
            reported_cost: reported_cost.map(|cost| cost.0),
            finish_reason: finish_reason.as_ref().map(Cow::Borrowed),
            time_to_first_token_ns: *time_to_first_token_ns,
            parameters: self.map(parameters)?,
            facts: Cow::Borrowed(facts),
            events: self.events(events)?,
            links: Cow::Borrowed(links),
            scope: scope.as_ref().map(Cow::Borrowed),
            attributes: self.map(attributes)?,
            resource: if resource.is_empty() { None } else { Some(self.shared_value(resource)?) },
        })
    }

    fn tool(&mut self, call: &'s ToolCall) -> Result<Tool<'s>, StoreError> {
        let ToolCall { id, name, arguments, result } = call;
        Ok(Tool {
            id: id.as_deref().map(Cow::Borrowed),
            name: name.into(),
            arguments: self.payload(arguments.as_ref())?,
            result: self.payload(result.as_ref())?,
        })
    }

    fn events(&mut self, events: &'s [SpanEvent]) -> Result<Vec<Event<'s>>, StoreError> {
        let events = events.iter().map(|SpanEvent { at, name, attributes }| {
            Ok(Event { at: at.map(Timestamp::as_nanos), name: name.into(), attributes: self.map(attributes)? })
        });
        events.collect()
    }

    fn map(&mut self, attributes: &'s Attributes) -> Result<Map<'s>, StoreError> {
        let (mut here, mut bodies) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in attributes {
            match self.long(value, ATTRIBUTE_BODY_BYTES, json_is_short(value))? {
                Some(slot) => drop(bodies.insert(name.into(), slot)),
                None => drop(here.insert(name.into(), Cow::Borrowed(value))),
            }
        }
        Ok(Map { here, bodies })
    }

    fn payload(&mut self, payload: Option<&'s Payload>) -> Result<Option<Held<'s>>, StoreError> {
        let Some(payload) = payload else { return Ok(None) };
        let slot = self.long(payload, PAYLOAD_BODY_BYTES, false)?;
        Ok(Some(slot.map_or(Held::Here(Cow::Borrowed(payload)), Held::Body)))
    }

    /// Makes a body of a value if its JSON is `limit` bytes or longer.
    fn long(&mut self, value: &impl Serialize, limit: usize, is_short: bool) -> Result<Option<Slot>, StoreError> {
        if is_short {
            return Ok(None);
        }
        let bytes = &mut self.encoder.bytes;
        let start = bytes.len();
        write_json(bytes, value)?;
        if bytes.len() - start < limit {
            bytes.truncate(start);
            return Ok(None);
        }
        let value = self.encoder.hashed(start);
        self.slot(Body::Value(value)).map(Some)
    }

    fn shared_value(&mut self, value: &'s Arc<impl Serialize>) -> Result<Slot, StoreError> {
        let value = self.encoder.shared(value)?;
        self.slot(Body::Value(value))
    }

    fn list(&mut self, items: &'s [Arc<impl Serialize>]) -> Result<Option<Slot>, StoreError> {
        if items.is_empty() {
            return Ok(None);
        }
        let mut list: Vec<Item> = Vec::with_capacity(items.len());
        for item in items {
            let value = self.encoder.shared(item)?;
            let before = list.last().map_or([0; 32], |last| last.prefix);
            let mut both = [0; 64];
            let (left, right) = both.split_at_mut(32);
            left.copy_from_slice(&before);
            right.copy_from_slice(&value.hash);
            list.push(Item { value, prefix: *blake3::keyed_hash(&self.encoder.lists, &both).as_bytes() });
        }
        self.slot(Body::List(list)).map(Some)
    }

    fn slot(&mut self, body: Body) -> Result<Slot, StoreError> {
        let slot = Slot::try_from(self.bodies.len());
        self.bodies.push(body);
        slot.map_err(|_| StoreError::Invalid("a span has more than 2³² bodies".to_owned()))
    }
}

/// Returns whether a value is short without writing it; most attributes are.
fn json_is_short(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => true,
        // A character takes at most six bytes when it is escaped.
        Json::String(text) => text.len() < ATTRIBUTE_BODY_BYTES / 6 - 2,
        Json::Array(_) | Json::Object(_) => false,
    }
}

fn write_json(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), StoreError> {
    serde_json::to_writer(out, value)
        .map_err(|error| StoreError::Invalid(format!("a span cannot be written as JSON: {error}")))
}
