//! A record and its bodies back to the span they came from.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use arc_model::{Attributes, NanoUsd, Payload, Span, SpanEvent, SpanId, Timestamp, ToolCall, TraceId};
use arc_store::StoreError;
use serde::de::DeserializeOwned;

use super::{
    record::{Held, Map, Record, Slot, Tool},
    reference::{Place, read, read_number},
    unpack::{Segments, damaged, from_json},
};

/// Reads the span whose record is at `place`.
pub(crate) fn decode(
    trace_id: TraceId,
    span_id: SpanId,
    revision: u64,
    place: Place,
    segments: &mut Segments<'_>,
) -> Result<Span, StoreError> {
    let bytes = segments.bytes(place)?;
    let mut rest = bytes.as_slice();
    let count = read_number(&mut rest).map_err(|error| damaged(error.to_string()))?;
    let mut places = Vec::new();
    for _ in 0..count {
        places.push(read(&mut rest, place.segment).map_err(|error| damaged(error.to_string()))?);
    }
    let record: Record<'_> = from_json(rest).map_err(|error| damaged(format!("a record is malformed: {error}")))?;
    Parts { places, segments }.span(trace_id, span_id, revision, record)
}

struct Parts<'p, 's> {
    places: Vec<Place>,
    segments: &'p mut Segments<'s>,
}

impl Parts<'_, '_> {
    fn span(
        &mut self,
        trace_id: TraceId,
        span_id: SpanId,
        revision: u64,
        record: Record<'_>,
    ) -> Result<Span, StoreError> {
        Ok(Span {
            trace_id,
            span_id,
            parent_id: record.parent_id,
            revision,
            kind: record.kind,
            name: record.name.into_owned(),
            start: record.start.map(Timestamp::from_nanos),
            end: record.end.map(Timestamp::from_nanos),
            sequence: record.sequence,
            status: record.status.into_owned(),
            model: record.model.map(Cow::into_owned),
            messages_in: self.list(record.messages_in, |segments| &mut segments.messages)?,
            messages_out: self.list(record.messages_out, |segments| &mut segments.messages)?,
            input: self.payload(record.input)?,
            output: self.payload(record.output)?,
            tool: record.tool.map(|tool| self.tool(tool)).transpose()?,
            tools_offered: self.list(record.tools_offered, |segments| &mut segments.tools)?,
            usage: record.usage.map(Cow::into_owned),
            reported_cost: record.reported_cost.map(NanoUsd),
            finish_reason: record.finish_reason.map(Cow::into_owned),
            time_to_first_token_ns: record.time_to_first_token_ns,
            parameters: self.map(record.parameters)?,
            facts: record.facts.into_owned(),
            events: record
                .events
                .into_iter()
                .map(|event| {
                    let attributes = self.map(event.attributes)?;
                    Ok(SpanEvent { at: event.at.map(Timestamp::from_nanos), name: event.name.into_owned(), attributes })
                })
                .collect::<Result<_, StoreError>>()?,
            links: record.links.into_owned(),
            scope: record.scope.map(Cow::into_owned),
            attributes: self.map(record.attributes)?,
            resource: match record.resource {
                None => Arc::default(),
                Some(slot) => {
                    let place = self.place(slot)?;
                    self.shared_at(place, |segments| &mut segments.resources)?
                }
            },
        })
    }

    fn tool(&mut self, tool: Tool<'_>) -> Result<ToolCall, StoreError> {
        Ok(ToolCall {
            id: tool.id.map(Cow::into_owned),
            name: tool.name.into_owned(),
            arguments: self.payload(tool.arguments)?,
            result: self.payload(tool.result)?,
        })
    }

    fn map(&mut self, map: Map<'_>) -> Result<Attributes, StoreError> {
        let (mut attributes, bodies) = map.into_short();
        for (name, slot) in bodies {
            attributes.insert(name, self.value(slot)?);
        }
        Ok(attributes)
    }

    fn payload(&mut self, held: Option<Held<'_>>) -> Result<Option<Payload>, StoreError> {
        match held {
            None => Ok(None),
            Some(Held::Here(payload)) => Ok(Some(payload.into_owned())),
            Some(Held::Body(slot)) => self.value(slot).map(Some),
        }
    }

    fn value<T: DeserializeOwned>(&mut self, slot: Slot) -> Result<T, StoreError> {
        let place = self.place(slot)?;
        self.value_at(place)
    }

    fn value_at<T: DeserializeOwned>(&mut self, place: Place) -> Result<T, StoreError> {
        let bytes = self.segments.bytes(place)?;
        from_json(bytes.as_slice()).map_err(|error| damaged(format!("a body is malformed: {error}")))
    }

    /// Reads a value that several spans may refer to, or finds it among those that were read.
    fn shared_at<T: DeserializeOwned>(
        &mut self,
        place: Place,
        known: impl for<'k> Fn(&'k mut Segments<'_>) -> &'k mut HashMap<Place, Arc<T>>,
    ) -> Result<Arc<T>, StoreError> {
        if let Some(value) = known(self.segments).get(&place) {
            return Ok(Arc::clone(value));
        }
        let value = Arc::new(self.value_at(place)?);
        known(self.segments).insert(place, Arc::clone(&value));
        Ok(value)
    }

    fn list<T: DeserializeOwned>(
        &mut self,
        slot: Option<Slot>,
        known: impl for<'k> Fn(&'k mut Segments<'_>) -> &'k mut HashMap<Place, Arc<T>>,
    ) -> Result<Vec<Arc<T>>, StoreError> {
        let Some(slot) = slot else { return Ok(Vec::new()) };
        let mut chain = vec![self.place(slot)?];
        let mut items = Vec::new();
        // From the end of the list to its beginning; put in order below.
        while let Some(at) = chain.pop() {
            let bytes = self.segments.bytes(at)?;
            let Some((&based, mut rest)) = bytes.as_slice().split_first() else {
                return Err(damaged("a list is empty".to_owned()));
            };
            let mut places = Vec::new();
            while !rest.is_empty() {
                places.push(read(&mut rest, at.segment).map_err(|error| damaged(error.to_string()))?);
            }
            if based == 1 && !places.is_empty() {
                let base = places.remove(0);
                // A list is stored after the one it is based on, so a chain of damaged ones ends too.
                if base >= at {
                    return Err(damaged("a list is based on a later one".to_owned()));
                }
                chain.push(base);
            }
            items.extend(places.into_iter().rev());
        }
        items.into_iter().rev().map(|place| self.shared_at(place, &known)).collect()
    }

    fn place(&self, slot: Slot) -> Result<Place, StoreError> {
        self.places.get(slot as usize).copied().ok_or_else(|| damaged("a record names a missing body".to_owned()))
    }
}
