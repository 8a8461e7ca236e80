use std::{fs, path::PathBuf};

use proptest::prelude::*;

use super::*;
use crate::header::HEADER_BYTES;

/// Writes spans that ended, one record each, of these payload lengths; returns the file and where each record ends.
fn write(dir: &Path, lengths: &[usize]) -> (PathBuf, Vec<u64>) {
    let writer = Writer::new(Options::new(dir));
    let context = a_context();
    let mut ends = Vec::new();
    let path = || fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path()).next().unwrap();
    for (index, length) in lengths.iter().enumerate() {
        let payload = named(&format!("span{index}"), &"\u{1}".repeat(*length));
        append(&writer, &context, &said(Kind::SpanEnd, 1, u8::try_from(index).unwrap(), 1, &payload));
        ends.push(fs::metadata(path()).unwrap().len());
    }
    (path(), ends)
}

fn names(spans: &[MergedSpan]) -> Vec<String> {
    spans.iter().map(|span| merge::name(&span.bytes).unwrap_or_default()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_cut_anywhere_gives_everything_before_the_cut(
        lengths in prop::collection::vec(0_usize..3000, 1..12),
        cut in 0.0..1.0_f64,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (path, ends) = write(dir.path(), &lengths);
        let end = *ends.last().unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place")]
        let cut = HEADER_BYTES + ((end - HEADER_BYTES) as f64 * cut) as u64;
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut).unwrap();
        let spans = all(&mut only_drain(dir.path()));
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let expected: Vec<String> = (0..whole).map(|index| format!("span{index}")).collect();
        prop_assert_eq!(names(&spans), expected);
    }

    #[test]
    fn a_damaged_byte_costs_one_record_and_no_other(
        lengths in prop::collection::vec(0_usize..3000, 2..12),
        place in 0.0..1.0_f64,
        flip in 1_u8..,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (path, ends) = write(dir.path(), &lengths);
        let mut bytes = fs::read(&path).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place")]
        let place = (bytes.len() as f64 * place) as usize;
        bytes[place] ^= flip;
        fs::write(&path, &bytes).unwrap();
        let mut drain = only_drain(dir.path());
        let spans = all(&mut drain);
        let hit = ends.iter().position(|end| place < usize::try_from(*end).unwrap()).unwrap();
        let in_header = place < usize::try_from(HEADER_BYTES).unwrap();
        // The first record stands behind its context, which can be lost alone.
        let context_bytes = 56 + 4 + 8 + 5;
        let in_context = !in_header && place < usize::try_from(HEADER_BYTES).unwrap() + context_bytes;
        let lost = (!in_header && !in_context).then_some(hit);
        let expected: Vec<String> =
            (0..lengths.len()).filter(|index| Some(*index) != lost).map(|index| format!("span{index}")).collect();
        prop_assert_eq!(names(&spans), expected);
        let ledger = drain.ledger();
        prop_assert_eq!((ledger.damages, ledger.records_damaged), (u64::from(!in_header), u64::from(!in_header)));
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(noise in prop::collection::vec(any::<u8>(), 0..9000)) {
        let dir = tempfile::tempdir().unwrap();
        let (path, _) = write(dir.path(), &[10]);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend_from_slice(&noise);
        fs::write(&path, &bytes).unwrap();
        let spans = all(&mut only_drain(dir.path()));
        prop_assert_eq!(names(&spans), ["span0"]);
        fs::remove_dir_all(dir.path()).unwrap();
        fs::create_dir(dir.path()).unwrap();
        fs::write(&path, &noise).unwrap();
        prop_assert!(Spool::open(dir.path()).processes().unwrap().is_empty());
    }
}

#[test]
fn a_frame_inside_a_payload_is_no_frame() {
    // What one file holds is said in a record of another one, which is then damaged in front of it.
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, _) = write(other.path(), &[10, 10]);
    let hostile = fs::read(&path).unwrap();
    let writer = Writer::new(Options::new(dir.path()));
    append(&writer, &a_context(), &said(Kind::SpanEnd, 1, 7, 1, &hostile));
    drop(writer);
    let path = fs::read_dir(dir.path()).unwrap().flatten().map(|entry| entry.path()).next().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096 + 73] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(all(&mut only_drain(dir.path())).is_empty());
}
