//! Issues: counted once however many count them, and told of once.

use std::{sync::Arc, time::Duration};

use arc_app::{App, IssueQuery, Settings};
use arc_catalog::Catalog;
use arc_model::Span;
use arc_model::sketch;

use crate::{ManualClock, NOON, project};

fn failing(number: u32, revision: u64) -> Vec<Span> {
    let text = format!(
        "trace {number:032x} at {NOON}\nagent shop agent=shop version={} \"Book {}\" @{number}s +2s failed by check\n  \
         tool book {{}} @{number}s +1s !\"no answer after {number} ms\"\n",
        number % 3,
        number % 4,
    );
    let mut spans = sketch::parse(&text).unwrap().spans().to_vec();
    for span in &mut spans {
        span.revision = revision;
    }
    spans
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_that_count_the_same_runs_at_once_count_each_once() {
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let settings = Settings { quiet: Duration::ZERO, ..Settings::default() };
    let apps: Vec<App> = (0..4)
        .map(|_| {
            let clock: Arc<ManualClock> = ManualClock::at_noon();
            App::new(stores.traces.clone(), stores.registry.clone(), clock, Catalog::builtin(), settings)
        })
        .collect();
    let mut news: Vec<_> = apps.iter().map(App::follow_issues).collect();
    for round in 0..3 {
        for number in 1..31 {
            apps[0].ingest(&project(), failing(number, round)).await.unwrap();
        }
        apps[0].settle_all(&project()).await.unwrap();
        let counting = apps.iter().cloned().map(|app| tokio::spawn(async move { app.catch_up_issues().await }));
        for counted in counting.collect::<Vec<_>>() {
            counted.await.unwrap().unwrap();
        }
        let query = IssueQuery { limit: 10, ..IssueQuery::default() };
        let issues = apps[1].issues(&project(), &query).await.unwrap().items;
        assert_eq!(issues.len(), 1, "{issues:#?}");
        assert_eq!((issues[0].runs, issues[0].findings), (30, 30));
        let versions: Vec<u64> = issues[0].agents[0].versions.iter().map(|tally| tally.runs).collect();
        assert_eq!(versions, [10, 10, 10]);
    }
    // One of them was told that it is new.
    let told = news.iter_mut().filter_map(|receiver| receiver.try_recv().ok()).count();
    assert_eq!(told, 1);
}
