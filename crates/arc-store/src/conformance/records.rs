//! Records: documents with a version, ordered by rank, found by tag.

use arc_model::ProjectId;

use super::{Backend, Subject, make::join_all, make::project};
use crate::{Cursor, Expected, Record, RecordContent, RecordOrder, RecordQuery, RecordWrite, StoreError};

const THINGS: &str = "things";

fn write(id: &str, expected: Expected, rank: i64, tags: &[&str], body: &str) -> RecordWrite {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let content = Some(RecordContent { rank, tags, body: body.to_owned() });
    RecordWrite { collection: THINGS.to_owned(), id: id.to_owned(), expected, content }
}

fn removal(id: &str, expected: Expected) -> RecordWrite {
    RecordWrite { collection: THINGS.to_owned(), id: id.to_owned(), expected, content: None }
}

impl Subject {
    async fn write(&self, writes: &[RecordWrite]) -> bool {
        self.registry.write_records(&project(), writes).await.unwrap()
    }

    async fn record(&self, id: &str) -> Option<Record> {
        self.registry.record(&project(), THINGS, id).await.unwrap()
    }

    /// Returns the ids of a listing, page by page.
    async fn ids(&self, tags: &[&str], order: RecordOrder, limit: u32) -> Vec<String> {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let mut query = RecordQuery { collection: THINGS.to_owned(), tags, order, after: None, limit };
        let mut ids = Vec::new();
        loop {
            let page = self.registry.records(&project(), &query).await.unwrap();
            assert!(page.items.len() == limit as usize || page.next.is_none());
            ids.extend(page.items.into_iter().map(|record| record.id));
            query.after = page.next;
            if query.after.is_none() {
                return ids;
            }
        }
    }
}

/// Text, rank, tags and version are what was written.
pub async fn a_record_comes_back_exactly(backend: &Backend) {
    let store = backend.open().await;
    assert_eq!(store.record("a").await, None);
    let long = "agent=".to_owned() + &"ü".repeat(3000);
    let tags = [long.as_str(), "", "b", "\0 \u{1}", "a", "b"];
    let body = "{\"text\":\"\u{1}\0 ü\",\"f\":0.1}".to_owned() + &"long ".repeat(100_000);
    assert!(store.write(&[write("a . é", Expected::Absent, i64::MIN, &tags, &body)]).await);
    let mut expected: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
    expected.sort();
    expected.dedup();
    let written = Record { id: "a . é".to_owned(), version: 1, rank: i64::MIN, tags: expected, body };
    assert_eq!(store.record("a . é").await, Some(written.clone()));
    assert_eq!(store.ids(&[&long, "\0 \u{1}", ""], RecordOrder::HighestFirst, 1).await, ["a . é"]);

    assert!(store.write(&[write("b", Expected::Any, i64::MAX, &[], "")]).await);
    let ids = ["b", "missing", "\0", "a . é", "b"].map(str::to_owned);
    let found = store.registry.records_by_id(&project(), THINGS, &ids).await.unwrap();
    let b = Record { id: "b".to_owned(), version: 1, rank: i64::MAX, tags: Vec::new(), body: String::new() };
    assert_eq!(found, [written, b]);
}

/// `false` when what is expected does not hold, and then nothing is changed; each write counts.
pub async fn a_record_is_written_only_where_what_is_expected_holds(backend: &Backend) {
    let store = backend.open().await;
    assert!(!store.write(&[write("a", Expected::Version(1), 1, &[], "one")]).await);
    assert_eq!(store.record("a").await, None);
    assert!(store.write(&[write("a", Expected::Absent, 1, &["t"], "one")]).await);
    assert!(!store.write(&[write("a", Expected::Absent, 2, &[], "two")]).await);
    assert!(!store.write(&[write("a", Expected::Version(2), 2, &[], "two")]).await);
    let state = async || store.record("a").await.map(|record| (record.version, record.body));
    assert_eq!(state().await, Some((1, "one".to_owned())));
    assert!(store.write(&[write("a", Expected::Version(1), 2, &["u"], "two")]).await);
    assert!(store.write(&[write("a", Expected::Any, 3, &["u"], "three")]).await);
    assert_eq!(state().await, Some((3, "three".to_owned())));
    assert!(store.ids(&["t"], RecordOrder::HighestFirst, 5).await.is_empty());
    assert_eq!(store.ids(&["u"], RecordOrder::HighestFirst, 5).await, ["a"]);
}

/// All or nothing.
pub async fn records_are_written_all_or_none(backend: &Backend) {
    let store = backend.open().await;
    assert!(store.write(&[write("b", Expected::Absent, 1, &[], "one")]).await);
    let second = [
        write("c", Expected::Absent, 1, &["t"], "new"),
        write("b", Expected::Version(7), 1, &[], "two"),
        write("a", Expected::Absent, 1, &["t"], "new"),
    ];
    assert!(!store.write(&second).await);
    assert!(store.record("a").await.is_none() && store.record("c").await.is_none());
    assert!(store.ids(&["t"], RecordOrder::HighestFirst, 5).await.is_empty());
    let twice = [write("a", Expected::Any, 1, &[], "one"), write("a", Expected::Any, 1, &[], "two")];
    let refused = store.registry.write_records(&project(), &twice).await;
    assert!(matches!(refused, Err(StoreError::Invalid(_))), "{refused:?}");
    assert!(store.write(&[]).await);
}

/// Of several that expect the same at once, at most one is told `true`; nothing is lost, nobody waits for ever.
pub async fn of_writers_at_once_one_is_told_that_it_wrote(backend: &Backend) {
    let store = backend.open().await;
    for expected in [Expected::Absent, Expected::Version(1), Expected::Version(2)] {
        let wrote = join_all(
            (0..8)
                .map(|writer: i64| -> super::BoxFuture<'_, bool> {
                    let (a, b) = (write("a", expected, 1, &["t"], "x"), write("b", Expected::Any, writer, &["t"], "x"));
                    // In either order of mention.
                    let writes = if writer % 2 == 0 { [a, b] } else { [b, a] };
                    let store = &store;
                    Box::pin(async move { store.write(&writes).await })
                })
                .collect(),
        );
        assert_eq!(wrote.await.into_iter().filter(|wrote| *wrote).count(), 1, "{expected:?}");
    }
    assert_eq!(store.record("a").await.map(|record| record.version), Some(3));
    assert_eq!(store.record("b").await.map(|record| record.version), Some(3));
    let added = join_all(
        (0..8)
            .map(|writer| -> super::BoxFuture<'_, bool> {
                let store = &store;
                Box::pin(async move { store.write(&[write("c", Expected::Any, writer, &["t"], "x")]).await })
            })
            .collect(),
    );
    assert!(added.await.into_iter().all(|wrote| wrote));
    assert_eq!(store.record("c").await.map(|record| record.version), Some(8));
    assert_eq!(store.ids(&["t"], RecordOrder::HighestFirst, 1).await.len(), 3);
}

/// Removing what is not there is no failure, unless a version of it is expected.
pub async fn a_removed_record_is_gone_and_can_be_made_again(backend: &Backend) {
    let store = backend.open().await;
    assert!(store.write(&[removal("a", Expected::Any)]).await);
    assert!(store.write(&[removal("a", Expected::Absent)]).await);
    assert!(!store.write(&[removal("a", Expected::Version(1))]).await);
    assert!(store.write(&[write("a", Expected::Absent, 1, &["t"], "one")]).await);
    assert!(!store.write(&[removal("a", Expected::Version(2))]).await);
    assert!(store.write(&[removal("a", Expected::Version(1))]).await);
    assert_eq!(store.record("a").await, None);
    assert!(store.ids(&["t"], RecordOrder::HighestFirst, 5).await.is_empty());
    assert!(store.write(&[write("a", Expected::Absent, 2, &["u"], "again")]).await);
    assert_eq!(store.record("a").await.map(|record| record.version), Some(1));
    assert_eq!(store.ids(&["u"], RecordOrder::HighestFirst, 5).await, ["a"]);
}

/// The highest rank first, ties by id; with all tags; pages concatenate to the whole listing, in either direction.
pub async fn records_are_listed_by_rank_and_tag_in_pages(backend: &Backend) {
    let store = backend.open().await;
    let mut all = Vec::new();
    for number in 0..20_i64 {
        let (id, rank) = (format!("r.{}", (number * 7) % 20), number / 3 - 2);
        let tags: &[&str] = match number % 4 {
            0 => &["even", "four"],
            2 => &["even"],
            _ => &[],
        };
        assert!(store.write(&[write(&id, Expected::Absent, rank, tags, "x")]).await);
        all.push((-rank, id, tags));
    }
    all.sort();
    for tags in [&[] as &[&str], &["even"], &["four", "even"], &["even", "four"], &["even", "none"]] {
        let expected: Vec<_> = all.iter().filter(|(.., has)| tags.iter().all(|tag| has.contains(tag))).collect();
        let mut expected: Vec<_> = expected.into_iter().map(|(_, id, _)| id.clone()).collect();
        for limit in [1, 3, 50] {
            assert_eq!(store.ids(tags, RecordOrder::HighestFirst, limit).await, expected, "{tags:?} {limit}");
        }
        expected.reverse();
        for limit in [1, 3, 50] {
            assert_eq!(store.ids(tags, RecordOrder::LowestFirst, limit).await, expected, "{tags:?} {limit}");
        }
    }
}

/// Nothing of another project or collection is ever read or changed.
pub async fn records_are_those_of_one_project_and_collection(backend: &Backend) {
    let store = backend.open().await;
    let (ours, theirs) = (ProjectId::new("ours"), ProjectId::new("theirs"));
    let one = write("a", Expected::Absent, 1, &["t"], "one");
    let other = RecordWrite { collection: "others".to_owned(), ..one.clone() };
    assert!(store.registry.write_records(&ours, &[one.clone(), other]).await.unwrap());
    assert_eq!(store.registry.record(&theirs, THINGS, "a").await.unwrap(), None);
    assert!(store.registry.write_records(&theirs, &[removal("a", Expected::Any)]).await.unwrap());
    assert!(store.registry.write_records(&theirs, &[one]).await.unwrap());
    assert!(store.registry.write_records(&ours, &[removal("a", Expected::Any)]).await.unwrap());
    for (project, collection, found) in [(&ours, THINGS, 0), (&ours, "others", 1), (&theirs, THINGS, 1)] {
        for tags in [vec![], vec!["t".to_owned()]] {
            let query = RecordQuery { collection: collection.to_owned(), tags, limit: 9, ..RecordQuery::default() };
            assert_eq!(store.registry.records(project, &query).await.unwrap().items.len(), found);
        }
    }
}

/// Names are short and readable; a page has at least one item; a cursor is of its listing.
pub async fn names_and_pages_that_cannot_be_are_refused(backend: &Backend) {
    let store = backend.open().await;
    for id in ["", "\0", "a\nb", &"a".repeat(129)] {
        let refused = store.registry.write_records(&project(), &[write(id, Expected::Any, 1, &[], "")]).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{id:?}: {refused:?}");
        assert_eq!(store.record(id).await, None);
    }
    let query = RecordQuery { collection: THINGS.to_owned(), limit: 1, ..RecordQuery::default() };
    for bad in [
        RecordQuery { limit: 0, ..query.clone() },
        RecordQuery { after: Some(Cursor("run.1.03".to_owned())), ..query.clone() },
        RecordQuery { after: Some(Cursor("record-up.1.a".to_owned())), ..query },
    ] {
        let refused = store.registry.records(&project(), &bad).await;
        assert!(matches!(refused, Err(StoreError::Invalid(_))), "{bad:?}: {refused:?}");
    }
}
