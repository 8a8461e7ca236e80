//! Alerts, and what background work remembers.

use arc_model::{Alert, AlertKind, Delivery, ProjectId, ReliabilityDrop, TraceId};

use super::{Backend, make::at};

fn alert(id: &str, raised: i64) -> Alert {
    let drop = ReliabilityDrop {
        baseline_n: u64::from(u32::MAX),
        baseline_successes: 90,
        baseline_at_least: 0.1 + 0.2,
        recent_n: 12,
        recent_successes: 3,
        e_value: 1.5e300,
        threshold: 200.0,
        alpha: 0.01,
    };
    Alert {
        id: id.to_owned(),
        kind: AlertKind::ReliabilityDropped,
        agent: "shop \0 ü".into(),
        raised_at: at(raised),
        title: "title".to_owned(),
        text: "text".to_owned(),
        run: TraceId::from_bytes([7; 16]).ok(),
        drop: Some(drop),
        deliveries: Vec::new(),
    }
}

/// Stored unless one with its id is there; returns whether it was new.
pub async fn an_alert_is_stored_once(backend: &Backend) {
    let store = backend.open().await;
    let (project, other) = (ProjectId::default(), ProjectId::new("other"));
    assert!(store.registry.add_alert(&project, &alert("a", 10)).await.unwrap());
    assert!(!store.registry.add_alert(&project, &alert("a", 99)).await.unwrap());
    assert!(store.registry.add_alert(&other, &alert("a", 20)).await.unwrap());
    assert_eq!(store.registry.alerts(&project, 10).await.unwrap(), [alert("a", 10)]);
    assert_eq!(store.registry.alerts(&other, 10).await.unwrap(), [alert("a", 20)]);
}

/// The latest first, ties by id; at most `limit`.
pub async fn alerts_are_listed_by_time_and_project(backend: &Backend) {
    let store = backend.open().await;
    let project = ProjectId::default();
    for one in [alert("b", 10), alert("c", 30), alert("a", 10)] {
        store.registry.add_alert(&project, &one).await.unwrap();
    }
    let ids = |alerts: Vec<Alert>| alerts.into_iter().map(|alert| alert.id).collect::<Vec<_>>();
    assert_eq!(ids(store.registry.alerts(&project, 10).await.unwrap()), ["c", "a", "b"]);
    assert_eq!(ids(store.registry.alerts(&project, 2).await.unwrap()), ["c", "a"]);
    assert!(store.registry.alerts(&ProjectId::new("other"), 10).await.unwrap().is_empty());
}

/// Replaces the attempts; an alert that is not there is left so.
pub async fn deliveries_are_replaced(backend: &Backend) {
    let store = backend.open().await;
    let project = ProjectId::default();
    store.registry.add_alert(&project, &alert("a", 10)).await.unwrap();
    let failed = Delivery { channel: "webhook".into(), at: at(11), error: Some("no route".into()) };
    let arrived = Delivery { error: None, ..failed.clone() };
    for attempts in [vec![failed.clone()], vec![failed, arrived]] {
        store.registry.put_deliveries(&project, "a", &attempts).await.unwrap();
        store.registry.put_deliveries(&project, "b", &attempts).await.unwrap();
        let expected = Alert { deliveries: attempts, ..alert("a", 10) };
        assert_eq!(store.registry.alerts(&project, 10).await.unwrap(), [expected]);
    }
}

/// Replaces what was there; `None` when nothing was; each project has its own.
pub async fn a_note_is_replaced(backend: &Backend) {
    let store = backend.open().await;
    let (project, other) = (ProjectId::default(), ProjectId::new("other"));
    assert_eq!(store.registry.note(&project, "alarm/shop").await.unwrap(), None);
    for text in ["{}", "\"ü\"", ""] {
        store.registry.put_note(&project, "alarm/shop", text).await.unwrap();
        assert_eq!(store.registry.note(&project, "alarm/shop").await.unwrap().as_deref(), Some(text));
    }
    assert_eq!(store.registry.note(&project, "alarm").await.unwrap(), None);
    assert_eq!(store.registry.note(&other, "alarm/shop").await.unwrap(), None);
}
