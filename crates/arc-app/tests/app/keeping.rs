//! Retention, deleting and searching, as the application does them.

use std::{sync::Arc, time::Duration};

use arc_app::{App, AppError, Retention, SearchQuery, Selection, Settings};
use arc_catalog::Catalog;
use arc_model::{Message, Role, Timestamp};
use arc_store::WorkId;
use arc_store_backends::Stores;

use crate::{ManualClock, project, runs, spans, trace_id};

const DAY: Duration = Duration::from_hours(24);

async fn app_that_keeps(retention: Retention) -> (App, Arc<ManualClock>) {
    let clock = ManualClock::at_noon();
    (app_on(&arc_store_backends::open("sqlite::memory:").await.unwrap(), retention, clock.clone()), clock)
}

fn app_on(stores: &Stores, retention: Retention, clock: Arc<ManualClock>) -> App {
    let Stores { traces, registry } = stores.clone();
    App::new(traces, registry, clock, Catalog::builtin(), Settings { retention, ..Settings::default() })
}

/// Stores a run that began so many seconds after noon, and says something long of its own.
async fn store_run(app: &App, digit: char, second: u32) {
    let mut spans = spans(digit, &format!("agent a @{second}s +1s\n  llm m in=1 out=1 @{second}s +1s\n"));
    // Hardly compressible.
    let mut state = u64::from(second) + 1;
    let words = (0..40_000).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("{state:x}")
    });
    spans.last_mut().unwrap().messages_in = vec![Message::text(Role::User, words.collect::<Vec<_>>().join(" ")).into()];
    app.ingest(&project(), spans).await.unwrap();
    app.settle_all(&project()).await.unwrap();
}

async fn kept(app: &App) -> String {
    let mut digits: Vec<String> =
        runs(app).await.iter().map(|run| run.trace_id.to_string().chars().take(1).collect()).collect();
    digits.sort();
    digits.concat()
}

#[tokio::test]
async fn runs_older_than_the_greatest_age_go_and_that_is_remembered() {
    let (app, clock) = app_that_keeps(Retention { max_age: Some(DAY), max_bytes: None }).await;
    for (digit, second) in [('1', 0), ('2', 3600), ('3', 7200)] {
        store_run(&app, digit, second).await;
    }
    assert_eq!(app.retain().await.unwrap().runs, 0);
    clock.pass(DAY + Duration::from_secs(5000));
    assert_eq!(app.retain().await.unwrap().runs, 2);
    assert_eq!(kept(&app).await, "3");
    let removed = app.removed(&project()).await.unwrap();
    assert_eq!((removed.runs, removed.spans, removed.last_at), (2, 4, Some(app.now())));
    let report = app.agents(&project()).await.unwrap();
    assert_eq!(report.iter().map(|agent| agent.runs).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn the_oldest_runs_go_until_the_store_is_small_enough() {
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let app = app_on(&stores, Retention::default(), ManualClock::at_noon());
    for (digit, second) in [('1', 600), ('2', 0), ('3', 1200), ('4', 1800), ('5', 2400), ('6', 3000)] {
        store_run(&app, digit, second).await;
    }
    let full = app.storage().await.unwrap().used_bytes;
    assert_eq!(app.retain().await.unwrap().runs, 0, "everything is kept unless a size is given");
    let max_bytes = full * 2 / 3;
    let clock = ManualClock::at_noon();
    clock.pass(DAY);
    let app = app_on(&stores, Retention { max_age: None, max_bytes: Some(max_bytes) }, clock);
    let removed = usize::try_from(app.retain().await.unwrap().runs).unwrap();
    assert!(app.storage().await.unwrap().used_bytes <= max_bytes);
    // The oldest is `2`, then they are in the order of their digits.
    assert!((2..=4).contains(&removed), "{removed}");
    assert_eq!(Some(kept(&app).await.as_str()), "13456".get(removed - 1..));
    // However often it looks, it removes no more than it has to.
    assert_eq!(app.retain().await.unwrap().runs, 0);
}

#[tokio::test]
async fn several_servers_take_turns_and_each_keeps_to_its_own_settings() {
    let turn = [WorkId(*b"arc-eval keeping")];
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let clock = ManualClock::at_noon();
    let begin = |max_age| app_on(&stores, Retention { max_age, max_bytes: None }, clock.clone());
    let (keeps_all, keeps_a_day) = (begin(None), begin(Some(DAY)));
    store_run(&keeps_all, '1', 0).await;
    keeps_all.run_background();
    wait_until(async || keeps_all.storage().await.unwrap().unsearchable_runs == 0).await;
    // It had its turn, which another one has now.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stores.registry.lease("another", &turn, DAY).await.unwrap(), [true]);
    clock.pass(DAY * 2);
    keeps_a_day.run_background();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(kept(&keeps_a_day).await, "1", "it is not its turn");
    keeps_a_day.shutdown().await;
    stores.registry.lease("another", &turn, Duration::ZERO).await.unwrap();
    let third = begin(Some(DAY));
    third.run_background();
    wait_until(async || kept(&third).await.is_empty()).await;
    third.shutdown().await;
    keeps_all.shutdown().await;
}

async fn wait_until(is_so: impl AsyncFn() -> bool) {
    for _ in 0..500 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(is_so().await, "it takes longer than ten seconds");
}

#[tokio::test]
async fn what_was_deleted_is_not_found_and_can_be_imported_again() {
    let (app, _) = app_that_keeps(Retention::default()).await;
    let mut said = spans('1', "agent a @0s +1s\n  llm m in=1 out=1 @0s +1s\n");
    said.last_mut().unwrap().messages_in = vec![Message::text(Role::User, "Where is my parcel?").into()];
    let query = SearchQuery { text: "parcel where".to_owned(), limit: 5, ..SearchQuery::default() };
    for _ in 0..2 {
        app.ingest(&project(), said.clone()).await.unwrap();
        app.settle_all(&project()).await.unwrap();
        assert_eq!(app.index_all().await.unwrap(), 1);
        let hits = app.search(&project(), &query).await.unwrap().items;
        assert_eq!(hits.iter().map(|hit| hit.trace_id).collect::<Vec<_>>(), [trace_id('1')]);
        assert!(app.delete_run(&project(), trace_id('1')).await.unwrap());
        assert!(!app.delete_run(&project(), trace_id('1')).await.unwrap());
        assert!(app.search(&project(), &query).await.unwrap().items.is_empty());
    }
    assert_eq!(app.count_runs(&project(), &Selection::Before(Timestamp::from_nanos(i64::MAX))).await.unwrap(), 0);
}

#[tokio::test]
async fn searching_that_is_switched_off_says_so() {
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let settings = Settings { search: false, ..Settings::default() };
    let app = App::new(stores.traces, stores.registry, ManualClock::at_noon(), Catalog::builtin(), settings);
    let query = SearchQuery { text: "a".to_owned(), limit: 5, ..SearchQuery::default() };
    let answer = app.search(&project(), &query).await;
    assert!(matches!(&answer, Err(AppError::Invalid(why)) if why.contains("switched off")), "{answer:?}");
}

#[tokio::test]
async fn text_becomes_searchable_in_the_background() {
    let (app, _) = app_that_keeps(Retention::default()).await;
    app.run_background();
    store_run(&app, '1', 0).await;
    wait_until(async || app.storage().await.unwrap().unsearchable_runs == 0).await;
    app.shutdown().await;
}
