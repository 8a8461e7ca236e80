use std::collections::BTreeMap;

use arc_model::{Message, Payload, ProjectId, Role, Span, SpanId, SpanKind, TraceId};
use arc_store::{StoreError, conformance::Generator};

use super::{
    Compressed, Encoder, Packer, Place, SEGMENT_BYTES, SegmentCache, Segments, Window, decode, window::WINDOW_ENTRIES,
};

/// Segments in memory, numbered from 1.
#[derive(Default)]
struct Shelf {
    window: Window,
    segments: BTreeMap<i64, (usize, Vec<u8>)>,
}

impl Shelf {
    /// Stores a batch and returns where each record is.
    fn store(&mut self, project: &str, spans: &[Span]) -> Vec<Place> {
        let first = i64::try_from(self.segments.len()).unwrap() + 1;
        let mut encoder = Encoder::new(&ProjectId::new(project));
        let mut packer = Packer::new(&self.window).unwrap();
        let places: Vec<_> = spans
            .iter()
            .map(|span| {
                {
                    let parts = encoder.encode(span).unwrap();
                    packer.add(&parts, &encoder)
                }
                .unwrap()
                .stored(first)
            })
            .collect();
        let batch = packer.finish().unwrap();
        for (id, segment) in (first..).zip(&batch.segments) {
            self.segments.insert(id, (segment.raw_bytes, segment.data.clone()));
        }
        self.window.remember(batch.bodies(first));
        places
    }

    fn load(&self, span: &Span, place: Place) -> Result<Span, StoreError> {
        let cache = SegmentCache::default();
        let mut load = |id: i64| {
            let found = self.segments.get(&id);
            Ok(found.map(|(raw_bytes, data)| Compressed { raw_bytes: *raw_bytes, data: data.clone() }))
        };
        decode(span.trace_id, span.span_id, span.revision, place, &mut Segments::new(&cache, &mut load))
    }

    fn bytes(&self) -> usize {
        self.segments.values().map(|(_, data)| data.len()).sum()
    }
}

fn span(number: u32) -> Span {
    let trace = TraceId::derive(&[b"trace"]);
    Span::new(trace, SpanId::derive(&[&number.to_le_bytes()]), SpanKind::Llm, "chat")
}

/// An agent of so many turns that sends its whole history at each.
fn history(turns: u32, words: u64) -> Vec<Span> {
    let mut random = Generator::new(1);
    let mut messages = arc_model::shared([Message::text(Role::System, random.words(words))]);
    let turn = |number| {
        messages.push(Message::text(Role::User, random.words(words)).into());
        let mut call = span(number);
        call.messages_in.clone_from(&messages);
        call.messages_out = vec![Message::text(Role::Assistant, random.words(words)).into()];
        messages.extend(call.messages_out.iter().cloned());
        call
    };
    (0..turns).map(turn).collect()
}

#[test]
fn spans_come_back_from_segments_with_and_without_a_window() {
    let mut random = Generator::new(2);
    let trace = random.trace_id();
    let mut shelf = Shelf::default();
    let mut stored = Vec::new();
    for _ in 0..30 {
        let mut batch: Vec<Span> = (0..10).map(|_| random.span(trace)).collect();
        if let Some((earlier, _)) = stored.last() {
            // Bodies and lists of an earlier batch, some of them continued.
            let earlier: &Span = earlier;
            batch[3].messages_in.clone_from(&earlier.messages_in);
            batch[4].messages_in = earlier.messages_in.iter().cloned().chain([random.message().into()]).collect();
            batch[5].resource.clone_from(&earlier.resource);
        }
        let places = shelf.store("p", &batch);
        stored.extend(batch.into_iter().zip(places));
        if random.one_in(5) {
            shelf.window = Window::default();
        }
    }
    for (span, place) in stored {
        assert_eq!(shelf.load(&span, place).unwrap(), span);
    }
}

#[test]
fn a_history_resent_at_every_turn_costs_what_it_adds() {
    let calls = history(40, 250);
    let raw: usize = calls.iter().map(|call| serde_json::to_vec(call).unwrap().len()).sum();
    for batch in [1, 7, 40] {
        let mut shelf = Shelf::default();
        let places: Vec<Place> = calls.chunks(batch).flat_map(|batch| shelf.store("p", batch)).collect();
        assert!(shelf.bytes() * 20 < raw, "batches of {batch}: {} bytes for {raw}", shelf.bytes());
        for (call, place) in calls.iter().zip(places) {
            assert_eq!(shelf.load(call, place).unwrap(), *call);
        }
    }
}

#[test]
fn the_cost_of_a_turn_does_not_grow_with_the_history() {
    let calls = history(200, 30);
    let mut shelf = Shelf::default();
    let sizes: Vec<usize> = calls
        .iter()
        .map(|call| {
            let before = shelf.bytes();
            shelf.store("p", std::slice::from_ref(call));
            shelf.bytes() - before
        })
        .collect();
    let (early, late) = (sizes[10..20].iter().sum::<usize>(), sizes[190..].iter().sum::<usize>());
    assert!(late < early + early / 10, "ten turns cost {early} bytes early and {late} late");
}

#[test]
fn projects_never_share_bodies() {
    let calls = history(3, 250);
    let mut shelf = Shelf::default();
    shelf.store("ours", &calls);
    let ours = shelf.bytes();
    shelf.store("ours", &calls);
    let again = shelf.bytes() - ours;
    shelf.store("theirs", &calls);
    let theirs = shelf.bytes() - ours - again;
    assert!(again * 4 < ours, "{again} bytes for what was stored in {ours}");
    assert!(theirs * 10 > ours * 9, "{theirs} bytes for what cost another project {ours}");
}

#[test]
fn a_segment_is_closed_when_it_is_full() {
    let mut random = Generator::new(3);
    let spans: Vec<Span> = (0..400)
        .map(|number| {
            let mut made = span(number);
            made.output = Some(Payload::Text(random.words(500)));
            made
        })
        .collect();
    let mut shelf = Shelf::default();
    let places = shelf.store("p", &spans);
    assert!(shelf.segments.len() > 2);
    for (raw_bytes, _) in shelf.segments.values() {
        assert!(*raw_bytes <= SEGMENT_BYTES + 1024, "a segment of {raw_bytes} bytes");
    }
    for (span, place) in spans.iter().zip(places) {
        assert_eq!(shelf.load(span, place).unwrap(), *span);
    }
}

#[test]
fn a_window_that_forgets_costs_space_and_nothing_else() {
    let call = history(1, 250).remove(0);
    let mut shelf = Shelf::default();
    shelf.store("p", std::slice::from_ref(&call));
    let once = shelf.bytes();
    let elsewhere = Place { segment: 1, offset: 0, length: 0 };
    shelf
        .window
        .remember((0..WINDOW_ENTRIES).map(|number| (*blake3::hash(&number.to_le_bytes()).as_bytes(), elsewhere)));
    let places = shelf.store("p", std::slice::from_ref(&call));
    assert!(shelf.bytes() > once + once / 2);
    assert_eq!(shelf.load(&call, places[0]).unwrap(), call);
}

#[test]
fn the_same_content_has_the_same_hash_wherever_it_is_and_other_content_another() {
    let hash = |span: &Span| Encoder::new(&ProjectId::new("p")).encode(span).unwrap().hash;
    let call = history(3, 250).remove(2);
    let mut other = call.clone();
    other.revision = 7;
    other.span_id = SpanId::derive(&[b"other"]);
    assert_eq!(hash(&other), hash(&call));
    let changes: [fn(&mut Span); 5] = [
        |span| span.name.push('x'),
        |span| span.messages_in.swap(0, 1),
        |span| std::mem::swap(&mut span.messages_in, &mut span.messages_out),
        |span| drop(span.messages_in.pop()),
        |span| span.input = Some(Payload::Text("x".repeat(1000))),
    ];
    for change in changes {
        let mut other = call.clone();
        change(&mut other);
        assert_ne!(hash(&other), hash(&call));
    }
}

#[test]
fn damaged_segments_are_errors() {
    let mut random = Generator::new(4);
    let trace = random.trace_id();
    let calls: Vec<Span> = history(5, 50).into_iter().chain((0..5).map(|_| random.span(trace))).collect();
    let mut shelf = Shelf::default();
    let places: Vec<Place> = calls.chunks(2).flat_map(|batch| shelf.store("p", batch)).collect();
    let whole = shelf.segments.clone();
    let mut errors = 0;
    for _ in 0..500 {
        shelf.segments.clone_from(&whole);
        let id = i64::try_from(random.below(whole.len() as u64)).unwrap() + 1;
        let (raw_bytes, data) = &whole[&id];
        let mut raw = zstd::bulk::decompress(data, *raw_bytes).unwrap();
        match random.below(4) {
            0 => drop(shelf.segments.remove(&id)),
            1 => raw.truncate(usize::try_from(random.below(raw.len() as u64)).unwrap()),
            _ => {
                let at = usize::try_from(random.below(raw.len() as u64)).unwrap();
                raw[at] = random.number().to_le_bytes()[0];
            }
        }
        if let Some(segment) = shelf.segments.get_mut(&id) {
            *segment = (raw.len(), zstd::bulk::compress(&raw, 1).unwrap());
        }
        for (call, place) in calls.iter().zip(&places) {
            match shelf.load(call, *place) {
                Ok(_) => {}
                Err(StoreError::Corrupt { .. }) => errors += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(errors > 250, "only {errors} of the damages were noticed");
}

#[test]
fn a_list_that_is_based_on_itself_is_an_error() {
    // A list at 0..4 that begins with the list at 0..4, and a record whose messages are that list.
    let mut raw = vec![1, 1, 0, 4];
    let record = br#"{"kind":"llm","name":"x","sequence":0,"status":{"code":"unset"},"messages_in":0}"#;
    raw.extend([1, 1, 0, 4]);
    raw.extend(record);
    let mut shelf = Shelf::default();
    shelf.segments.insert(1, (raw.len(), zstd::bulk::compress(&raw, 1).unwrap()));
    let place = Place { segment: 1, offset: 4, length: u32::try_from(raw.len()).unwrap() - 4 };
    assert!(matches!(shelf.load(&span(1), place), Err(StoreError::Corrupt { .. })));
}
