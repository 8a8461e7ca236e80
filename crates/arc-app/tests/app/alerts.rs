//! Alerts: an agent that gets less reliable is told of once, here and elsewhere, also across restarts.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use arc_app::{AlarmSettings, App, Notifier, Settings};
use arc_catalog::Catalog;
use arc_model::{Alert, AlertKind, Delivery, ProjectId, Span, Timestamp, sketch};
use arc_store_backends::Stores;
use async_trait::async_trait;

use crate::{ManualClock, NOON, project};

/// Remembers what was sent.
#[derive(Default)]
struct Postbox(Mutex<Vec<Alert>>);

#[async_trait]
impl Notifier for Postbox {
    async fn send(&self, _: &ProjectId, alert: &Alert) -> Vec<Delivery> {
        self.0.lock().unwrap().push(alert.clone());
        vec![Delivery { channel: "webhook".into(), at: Timestamp::parse(NOON).unwrap(), error: Some("busy".into()) }]
    }
}

fn app(stores: &Stores, clock: &Arc<ManualClock>) -> App {
    let settings = Settings {
        quiet: Duration::ZERO,
        poll: Duration::from_millis(5),
        alarm: AlarmSettings { alpha: 0.01, min_runs: 50 },
        ..Settings::default()
    };
    App::new(stores.traces.clone(), stores.registry.clone(), clock.clone(), Catalog::builtin(), settings)
}

fn run(number: u32, outcome: &str) -> Vec<Span> {
    let text = format!("trace {number:032x} at {NOON}\nagent shop agent=shop @0s +1s {outcome} by check\n");
    sketch::parse(&text).unwrap().spans().to_vec()
}

async fn record(app: &App, numbers: std::ops::Range<u32>, outcome: &str) {
    for number in numbers {
        app.ingest(&project(), run(number, outcome)).await.unwrap();
    }
}

/// Waits until so many runs are counted by the alarm, which is when the position in the feed moved past them.
async fn heard(app: &App, stores: &Stores, runs: u64) -> Vec<Alert> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        assert!(Instant::now() < deadline, "the alarm did not hear of {runs} runs");
        let position = stores.registry.note(&project(), "alarm").await.unwrap();
        if position.is_some_and(|text| text.parse::<u64>().unwrap() >= runs) {
            return app.alerts(&project(), 10).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn an_agent_that_degrades_half_way_raises_one_alert_that_is_sent_once() {
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let clock = ManualClock::at_noon();
    let first = app(&stores, &clock);
    let postbox = Arc::new(Postbox::default());
    first.notify_with(postbox.clone());
    let mut followed = first.follow_alerts();
    first.run_background();
    record(&first, 1..101, "ok").await;
    assert_eq!(heard(&first, &stores, 100).await, []);
    first.shutdown().await;

    // Another process goes on where the first one was.
    let second = app(&stores, &clock);
    second.notify_with(postbox.clone());
    let mut followed_there = second.follow_alerts();
    second.run_background();
    record(&second, 101..141, "failed").await;
    let alerts = heard(&second, &stores, 140).await;
    let [alert] = alerts.as_slice() else { panic!("{alerts:#?}") };
    assert_eq!((alert.kind, alert.agent.as_str()), (AlertKind::ReliabilityDropped, "shop"));
    let drop = alert.drop.unwrap();
    assert_eq!((drop.baseline_n, drop.baseline_successes, drop.recent_successes), (100, 100, 0));
    assert!(drop.recent_n < 10 && drop.e_value >= drop.threshold, "{drop:?}");
    assert_eq!(followed_there.try_recv().unwrap().1.id, alert.id);
    assert!(followed.try_recv().is_err());
    second.shutdown().await;
    assert_eq!(postbox.0.lock().unwrap().iter().map(|sent| &sent.id).collect::<Vec<_>>(), [&alert.id]);
    // What became of it is noted.
    let noted = second.alerts(&project(), 10).await.unwrap();
    assert_eq!(noted[0].deliveries[0].error.as_deref(), Some("busy"));
}

#[tokio::test]
async fn a_drop_of_long_ago_is_kept_and_calls_nobody() {
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let clock = ManualClock::at_noon();
    clock.pass(Duration::from_hours(72));
    let app = app(&stores, &clock);
    let postbox = Arc::new(Postbox::default());
    app.notify_with(postbox.clone());
    record(&app, 1..101, "ok").await;
    app.settle_due().await.unwrap();
    record(&app, 101..141, "failed").await;
    app.run_background();
    assert_eq!(heard(&app, &stores, 140).await.len(), 1);
    app.shutdown().await;
    assert!(postbox.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_run_that_settles_again_is_counted_once() {
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let clock = ManualClock::at_noon();
    let app = app(&stores, &clock);
    app.run_background();
    record(&app, 1..61, "ok").await;
    heard(&app, &stores, 60).await;
    // One failed run, written to twenty times.
    for revision in 0..20 {
        let mut spans = run(100, "failed");
        spans[0].revision = revision;
        app.ingest(&project(), spans).await.unwrap();
        assert_eq!(heard(&app, &stores, 61 + revision).await, []);
    }
    app.shutdown().await;
}
