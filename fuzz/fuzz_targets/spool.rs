//! Records are written, the file is damaged as the input says, and everything that stands before the damage has to come back.
#![no_main]

use std::{fs, path::PathBuf, time::Duration};

use arc_spool::{Context, Delivery, Kind, Options, Record, Spool, Writer};
use libfuzzer_sys::fuzz_target;

const HEADER_BYTES: usize = 4096;

fuzz_target!(|input: &[u8]| {
    let Some((&count, input)) = input.split_first() else { return };
    let dir = tempfile::Builder::new().prefix("arc-fuzz-").tempdir_in(memory()).unwrap();
    let count = usize::from(count % 8) + 1;
    let (path, ends) = write(dir.path().into(), count, input);
    let mut bytes = fs::read(&path).unwrap();
    let first_damage = damage(&mut bytes, input);
    fs::write(&path, &bytes).unwrap();
    let spans = drain(dir.path().into());
    let whole = ends.iter().take_while(|end| **end <= first_damage).count();
    let expected: Vec<[u8; 8]> = (0..whole).map(|span| [span as u8 + 1; 8]).collect();
    if first_damage >= HEADER_BYTES {
        assert!(spans.starts_with(&expected), "{spans:?} does not begin with {expected:?}");
    }
});

/// Files of a run are not worth a disk.
fn memory() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// Writes spans whose payloads are slices of the input; returns the file and where each record ends.
fn write(dir: PathBuf, count: usize, input: &[u8]) -> (PathBuf, Vec<usize>) {
    let writer = Writer::new(Options::new(&dir));
    let context = Context::new(input.to_vec(), Vec::new());
    let mut ends = Vec::new();
    let mut path = PathBuf::new();
    for span in 0..count {
        let from = span * input.len() / count;
        writer.append(&Record {
            kind: if span % 3 == 0 { Kind::SpanStart } else { Kind::SpanEnd },
            root: span == 0,
            context: &context,
            trace_id: [1; 16],
            span_id: [span as u8 + 1; 8],
            time_unix_ns: span as u64,
            payload: &input[from..],
        });
        path = fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
        ends.push(fs::metadata(&path).unwrap().len() as usize);
    }
    (path, ends)
}

/// Changes bytes as the input says: three bytes are a place and what to do there. Returns the first place.
fn damage(bytes: &mut Vec<u8>, input: &[u8]) -> usize {
    let mut first = bytes.len();
    for step in input.chunks_exact(3).take(4) {
        let [low, high, what] = *step else { continue };
        let place = usize::from(u16::from_le_bytes([low, high])) % bytes.len().max(1);
        match what % 4 {
            0 => bytes.truncate(place),
            1 => bytes.splice(place..place, input.iter().copied()).for_each(drop),
            2 => bytes.drain(place..(place + usize::from(what)).min(bytes.len())).for_each(drop),
            _ => match bytes.get_mut(place) {
                Some(byte) => *byte ^= what,
                None => continue,
            },
        }
        first = first.min(place);
    }
    first
}

fn drain(dir: PathBuf) -> Vec<[u8; 8]> {
    let spool = Spool::open(dir);
    let mut spans = Vec::new();
    for process in spool.processes().unwrap() {
        let mut drain = spool.drain(&process.id).unwrap().unwrap().with_grace(Duration::ZERO);
        while let Some(batch) = drain.next(300).unwrap() {
            spans.extend(batch.spans().map(|span| span.span_id));
            let _ = batch.to_otlp();
            drain.commit(&batch, &Delivery::stored()).unwrap();
        }
        assert!(drain.is_finished());
    }
    spans
}
