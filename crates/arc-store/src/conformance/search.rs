//! Searching text: found when it was indexed, by its words, in one order, and nothing of anybody else.

use arc_model::{Message, Payload, ProjectId, Role, Run, Span, SpanId, TraceId, supplement};

use super::{
    Backend, Subject,
    make::{at, project, run, settled, span, span_id, trace_id},
};
use crate::{Cursor, SearchHit, SearchQuery, Selection, Settled, StoreError};

/// Returns a model call that was given these messages.
fn call(trace: u8, number: u8, texts: &[&str]) -> Span {
    let mut call = span(trace, number);
    call.messages_in = texts.iter().map(|text| Message::text(Role::User, *text).into()).collect();
    call
}

fn query(text: &str) -> SearchQuery {
    SearchQuery { text: text.to_owned(), limit: 100, ..SearchQuery::default() }
}

impl Subject {
    /// Stores and settles a run of one call, which waits to be indexed then.
    async fn keep(&self, run: Run, texts: &[&str]) {
        let mut spans = [call(1, 1, texts)];
        spans[0].trace_id = run.trace_id;
        self.append(&spans, at(10)).await;
        self.settle(&[settled(run, Vec::new())]).await;
    }

    async fn index(&self) -> u64 {
        let mut all = 0;
        loop {
            let indexed = self.traces.index_text(2).await.unwrap();
            all += indexed.runs;
            if indexed.runs < 2 {
                return all;
            }
        }
    }

    async fn hits(&self, query: &SearchQuery) -> Vec<SearchHit> {
        let page = self.traces.search(&project(), query).await.unwrap();
        assert_eq!(page.next, None);
        page.items
    }

    async fn found(&self, text: &str) -> Vec<(TraceId, SpanId)> {
        self.hits(&query(text)).await.iter().map(|hit| (hit.trace_id, hit.span_id)).collect()
    }
}

/// A run waits from when it is settled as ended; a hit names run and span, and shows the place.
pub async fn text_is_found_once_it_was_indexed(backend: &Backend) {
    let store = backend.open().await;
    let mut tool = span(1, 3);
    tool.output = Some(Payload::from_text(r#"{"status": "no such reservation"}"#.to_owned()));
    let spans = [call(1, 1, &["Please refund my order"]), call(1, 2, &["Please refund my order", "Which one?"]), tool];
    store.append(&spans, at(10)).await;
    let mut running = run(1, "a", at(1));
    running.is_running = true;
    store.settle(&[settled(running, Vec::new())]).await;
    assert_eq!(store.index().await, 0, "it is running");
    store.settle(&[settled(run(1, "a", at(1)), Vec::new())]).await;
    assert!(store.found("refund").await.is_empty());
    assert_eq!(store.traces.storage().await.unwrap().unsearchable_runs, 1);
    assert_eq!(store.index().await, 1);
    assert_eq!(store.index().await, 0);
    assert_eq!(store.traces.storage().await.unwrap().unsearchable_runs, 0);
    let hits = store.hits(&query("refund")).await;
    assert_eq!(hits.len(), 1, "{hits:?}");
    let hit = &hits[0];
    assert_eq!((hit.trace_id, hit.span_id, hit.agent.as_str(), hit.at), (trace_id(1), span_id(1), "a", at(1)));
    let pieces: Vec<_> = hit.excerpt.pieces.iter().map(|piece| (piece.text.as_str(), piece.is_match)).collect();
    assert_eq!(pieces, [("Please ", false), ("refund", true), (" my order", false)]);
    assert_eq!(hit.excerpt.field, "user");
    assert_eq!(store.found("reservation").await, [(trace_id(1), span_id(3))]);
}

/// What arrived apart from its span, in whatever order, is found at the span that shows it.
pub async fn text_that_arrived_apart_is_found_at_its_span(backend: &Backend) {
    let store = backend.open().await;
    let apart = |trace: u8, number: u8, parent: u8, text: &str| {
        let mut record = call(trace, number, &[text]);
        record.parent_id = Some(span_id(parent));
        record.attributes.insert(supplement::ATTRIBUTE.to_owned(), supplement::MESSAGE.into());
        record
    };
    for (trace, order) in [(1, [0, 1, 2]), (2, [2, 1, 0])] {
        let parts = [call(trace, 1, &[]), apart(trace, 2, 1, "Where is my parcel?"), apart(trace, 3, 9, "of nobody")];
        for index in order {
            store.append(&parts[index..=index], at(10)).await;
        }
        store.settle(&[settled(run(trace, "a", at(trace.into())), Vec::new())]).await;
    }
    store.index().await;
    let hits = store.hits(&query("parcel")).await;
    let found: Vec<_> = hits.iter().map(|hit| (hit.trace_id, hit.span_id, hit.excerpt.field.as_str())).collect();
    assert_eq!(found, [(trace_id(2), span_id(1), "user"), (trace_id(1), span_id(1), "user")]);
    assert!(hits[0].excerpt.pieces.iter().any(|piece| piece.is_match && piece.text == "parcel"));
    // What belongs to no span stands by itself.
    assert_eq!(store.found("nobody").await, [(trace_id(2), span_id(3)), (trace_id(1), span_id(3))]);
}

/// Words count in any order, case and script; a part of a word is not the word.
pub async fn every_word_has_to_be_there_in_any_case_and_script(backend: &Backend) {
    let store = backend.open().await;
    store.keep(run(1, "a", at(1)), &["Die Straße ist GESPERRT", "返金してください order_id=77"]).await;
    store.index().await;
    for found in ["straße", "STRAßE gesperrt", "gesperrt, die!", "返金", "77 order", "ist die"] {
        assert_eq!(store.found(found).await.len(), 1, "{found}");
    }
    for missed in ["stra", "straße order offen", "料", "7"] {
        assert!(store.found(missed).await.is_empty(), "{missed}");
    }
}

/// Pages concatenate to the whole listing, whatever is indexed later.
pub async fn hits_come_newest_run_first_and_pages_concatenate(backend: &Backend) {
    let store = backend.open().await;
    // Several runs of one time, several spans of a run, and runs that are not in the order they are indexed in.
    for number in 0..30u8 {
        let spans = [call(number, 1, &["needle one"]), call(number, 2, &["hay"]), call(number, 3, &["needle two"])];
        store.append(&spans, at(10)).await;
        let began = at(i64::from(number * 7 % 10) - 5);
        store.settle(&[settled(run(number, "a", began), Vec::new())]).await;
        if number % 3 == 0 {
            store.index().await;
        }
    }
    store.index().await;
    let whole = store.hits(&query("needle")).await;
    assert_eq!(whole.len(), 60);
    assert!(whole.is_sorted_by(|left, right| left.at >= right.at));
    for pair in whole.chunks(2) {
        let (first, second) = (&pair[0], &pair[1]);
        assert_eq!(first.trace_id, second.trace_id);
        assert_eq!((first.span_id, second.span_id), (span_id(1), span_id(3)));
    }
    for limit in [1, 7, 59, 60, 61] {
        let mut asked = SearchQuery { limit, ..query("needle") };
        let mut parts = Vec::new();
        loop {
            let page = store.traces.search(&project(), &asked).await.unwrap();
            assert!(page.items.len() <= limit as usize);
            parts.extend(page.items);
            asked.after = page.next;
            if asked.after.is_none() {
                break;
            }
        }
        assert_eq!(parts, whole, "{limit}");
    }
}

/// Only runs of an agent, and of a time.
pub async fn hits_are_filtered_by_agent_and_time(backend: &Backend) {
    let store = backend.open().await;
    for number in 1..=6 {
        let agent = if number % 2 == 0 { "even" } else { "odd" };
        store.keep(run(number, agent, at(number.into())), &["needle"]).await;
    }
    store.index().await;
    let found = |agent: Option<&str>, since: Option<i64>, until: Option<i64>| {
        let asked =
            SearchQuery { agent: agent.map(Into::into), since: since.map(at), until: until.map(at), ..query("needle") };
        let store = &store;
        async move { store.hits(&asked).await.iter().map(|hit| hit.at).collect::<Vec<_>>() }
    };
    assert_eq!(found(Some("even"), None, None).await, [6, 4, 2].map(at));
    assert_eq!(found(None, Some(3), Some(5)).await, [4, 3].map(at));
    assert_eq!(found(Some("odd"), Some(2), None).await, [5, 3].map(at));
    assert!(found(Some("nobody"), None, None).await.is_empty());
}

/// Settling a run anew makes it wait again, while it stays searchable as it was.
pub async fn a_run_settled_anew_is_found_by_its_new_text(backend: &Backend) {
    let store = backend.open().await;
    store.keep(run(1, "a", at(1)), &["old"]).await;
    store.index().await;
    let mut changed = call(1, 1, &["new"]);
    changed.revision = 1;
    store.append(&[changed, call(1, 2, &["more"])], at(20)).await;
    store.settle(&[settled(run(1, "b", at(2)), Vec::new())]).await;
    assert!(store.found("new").await.is_empty());
    assert_eq!(store.index().await, 1);
    assert!(store.found("old").await.is_empty());
    assert_eq!(store.found("new").await, [(trace_id(1), span_id(1))]);
    assert_eq!(store.found("more").await, [(trace_id(1), span_id(2))]);
    let hits = store.hits(&SearchQuery { agent: Some("b".into()), ..query("new") }).await;
    assert_eq!(hits.iter().map(|hit| hit.at).collect::<Vec<_>>(), [at(2)]);
}

/// Its searchable text goes with the run.
pub async fn a_deleted_run_is_not_found(backend: &Backend) {
    let store = backend.open().await;
    for number in [1, 2, 3] {
        store.keep(run(number, "a", at(1)), &["needle"]).await;
    }
    store.index().await;
    store.delete(Selection::Runs(vec![trace_id(2)])).await;
    assert_eq!(store.found("needle").await.len(), 2);
    store.traces.compact().await.unwrap();
    store.keep(run(2, "a", at(1)), &["thread"]).await;
    store.index().await;
    assert_eq!(store.found("needle").await.len(), 2);
    assert_eq!(store.found("thread").await, [(trace_id(2), span_id(1))]);
}

/// A search sees its project only.
pub async fn searching_is_confined_to_a_project(backend: &Backend) {
    let store = backend.open().await;
    let other = ProjectId::new("other");
    for (project, text) in [(&project(), "ours needle"), (&other, "theirs needle")] {
        store.traces.append(project, &[call(1, 1, &[text])], at(1)).await.unwrap();
        let item = Settled { project: project.clone(), ..settled(run(1, "a", at(1)), Vec::new()) };
        store.traces.settle(&[item], at(2)).await.unwrap();
    }
    store.index().await;
    assert_eq!(store.found("needle").await.len(), 1);
    assert!(store.found("theirs").await.is_empty());
    assert_eq!(store.traces.search(&other, &query("theirs")).await.unwrap().items.len(), 1);
    assert!(store.traces.search(&"nobody".into(), &query("needle")).await.unwrap().items.is_empty());
}

/// What is asked is never an expression of the index; without a word, a size or a place it is refused.
pub async fn any_query_is_only_words(backend: &Backend) {
    let store = backend.open().await;
    store.keep(run(1, "a", at(1)), &["this or that; not \"quoted\" near \\ 'it' % 100"]).await;
    store.index().await;
    for found in ["or", "NOT", "\"quoted", "near(", "it's'", "% 100", "this:*", "(that) OR", "-- 'it\0"] {
        let expected = usize::from(found != "it's'");
        assert_eq!(store.found(found).await.len(), expected, "{found}");
    }
    for (text, limit, after) in [("", 1, None), ("*\"", 1, None), ("or", 0, None), ("or", 1, Some("run.1.00"))] {
        let asked = SearchQuery { limit, after: after.map(|text| Cursor(text.to_owned())), ..query(text) };
        let answer = store.traces.search(&project(), &asked).await;
        assert!(matches!(answer, Err(StoreError::Invalid(_))), "{text} {limit} {after:?}: {answer:?}");
    }
}
