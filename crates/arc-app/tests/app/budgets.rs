//! Budgets: what was spent of each, and an alert when it is nearly and when it is used up, once.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_analysis::cost::BudgetLevel;
use arc_app::{App, Settings};
use arc_catalog::{Budget, Catalog};
use arc_model::{Alert, AlertKind, sketch};
use arc_store_backends::Stores;

use crate::{ManualClock, NOON, project};

/// A run of gpt-4o: $0.01 for 4,000 tokens of input.
const CENT: &str = "llm gpt-4o provider=openai in=4000 out=0 @0s +1s";

fn app(stores: &Stores, clock: &Arc<ManualClock>, budgets: &str) -> App {
    let settings = Settings { quiet: Duration::ZERO, poll: Duration::from_millis(5), ..Settings::default() };
    let catalog = Catalog::builtin().clone().with_budgets(Budget::read(budgets).unwrap());
    App::new(stores.traces.clone(), stores.registry.clone(), clock.clone(), Box::leak(Box::new(catalog)), settings)
}

async fn record(app: &App, number: u32, facts: &str, call: &str) {
    let text = format!("trace {number:032x} at {NOON}\nagent shop agent=shop {facts} @0s +1s ok\n  {call}\n");
    let spans = sketch::parse(&text).unwrap().spans().to_vec();
    app.ingest(&project(), spans).await.unwrap();
    app.settle_due().await.unwrap();
}

async fn alerts(app: &App, count: usize) -> Vec<Alert> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let found = app.alerts(&project(), 10).await.unwrap();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{found:#?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_budget_counts_what_it_is_for_and_names_what_is_not_known() {
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let budgets = "[[budget]]\nname = \"all\"\namount = 1\nper = \"day\"\n\
        [[budget]]\nname = \"mini\"\namount = 1\nper = \"month\"\nmodel = \"*mini*\"\n\
        [[budget]]\nname = \"ann\"\namount = 0.02\nper = \"week\"\nuser = \"ann\"\n\
        [[budget]]\nname = \"other\"\namount = 1\nper = \"day\"\nproject = \"elsewhere\"\n";
    let app = app(&stores, &ManualClock::at_noon(), budgets);
    record(&app, 1, "user=ann", CENT).await;
    record(&app, 2, "user=bob", CENT).await;
    record(&app, 3, "user=bob", "llm mystery in=10 out=1 @0s +1s").await;
    let found = app.budgets(&project()).await.unwrap();
    let shown: Vec<_> =
        found.iter().map(|one| (one.name.as_str(), one.spent.0, one.unpriced_calls, one.level)).collect();
    assert_eq!(
        shown,
        [
            ("all", 20_000_000, 1, BudgetLevel::Unclear),
            ("mini", 0, 0, BudgetLevel::Within),
            ("ann", 10_000_000, 0, BudgetLevel::Within),
        ]
    );
}

#[tokio::test]
async fn a_budget_raises_one_alert_when_it_is_nearly_used_up_and_one_when_it_is() {
    let stores = arc_store_backends::open("sqlite::memory:").await.unwrap();
    let budgets = "[[budget]]\nname = \"shop\"\namount = 0.024\nper = \"day\"\nagent = \"shop\"\n";
    let app = app(&stores, &ManualClock::at_noon(), budgets);
    app.run_background();
    record(&app, 1, "", CENT).await;
    record(&app, 2, "", CENT).await;
    let nearly = alerts(&app, 1).await;
    assert_eq!((nearly.len(), nearly[0].kind, nearly[0].agent.as_str()), (1, AlertKind::BudgetReached, "shop"));
    assert_eq!(nearly[0].title, "The budget shop is nearly used up");
    assert!(nearly[0].text.contains("$0.02 of $0.024 a day was spent, 83 %"), "{}", nearly[0].text);
    for number in 3..6 {
        record(&app, number, "", CENT).await;
    }
    let both = alerts(&app, 2).await;
    assert_eq!(both.len(), 2, "{both:#?}");
    assert!(both.iter().any(|alert| alert.title == "The budget shop is used up"));
    app.shutdown().await;
    assert_eq!(app.alerts(&project(), 10).await.unwrap().len(), 2);
}
