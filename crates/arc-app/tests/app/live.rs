//! The change feed, and the work in the background that feeds it.

use std::{sync::Arc, time::Duration};

use arc_app::{App, Change, ChangeSeq, Follow};
use arc_store_backends::open;

use crate::{ManualClock, app_on, in_memory, project, spans, verdicts};

/// Long enough for anything that is going to happen at all.
const PATIENCE: Duration = Duration::from_secs(10);

async fn next(follow: &mut Follow) -> Option<Vec<Change>> {
    tokio::time::timeout(PATIENCE, follow.next()).await.expect("nothing happened").unwrap()
}

fn agents(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.run.agent.name.as_str()).collect()
}

#[tokio::test]
async fn followers_hear_of_runs_that_settle_in_the_background() {
    let (app, clock) = in_memory().await;
    app.run_background();
    app.run_background();
    let mut follow = app.follow(None).await.unwrap();
    app.ingest(&project(), spans('1', "agent shop agent=shop @0s +2s")).await.unwrap();
    clock.pass(Duration::from_secs(1));
    assert_eq!(agents(&next(&mut follow).await.unwrap()), ["shop"]);
    app.shutdown().await;
    assert_eq!(next(&mut follow).await, None);
}

#[tokio::test]
async fn a_follower_resumes_where_it_was() {
    let (app, _) = in_memory().await;
    for (digit, name) in [('1', "first"), ('2', "second"), ('3', "third")] {
        app.ingest(&project(), spans(digit, &format!("agent x agent={name} @0s +1s"))).await.unwrap();
        app.settle_all(&project()).await.unwrap();
    }
    let all = app.changes(ChangeSeq::default(), 10).await.unwrap();
    assert_eq!(agents(&all), ["first", "second", "third"]);
    let mut follow = app.follow(Some(all[0].seq)).await.unwrap();
    assert_eq!(agents(&next(&mut follow).await.unwrap()), ["second", "third"]);
    assert_eq!(follow.position(), all[2].seq);
}

#[tokio::test]
async fn a_number_of_another_store_starts_at_the_end() {
    let (app, _) = in_memory().await;
    let follow = app.follow(Some(ChangeSeq(1_000_000))).await.unwrap();
    assert_eq!(follow.position(), app.last_change().await.unwrap());
}

#[tokio::test]
async fn two_applications_on_one_file_see_each_others_runs() {
    let folder = std::env::temp_dir().join(format!("arc-app-live-{}", std::process::id()));
    let url = format!("sqlite://{}", folder.join("shared.db").display());
    let clock = ManualClock::at_noon();
    let serving: App = app_on(open(&url).await.unwrap(), clock.clone());
    let importing: App = app_on(open(&url).await.unwrap(), Arc::clone(&clock));

    serving.run_background();
    let mut follow = serving.follow(None).await.unwrap();
    // Settled by the application that took it in, and noticed by the other.
    importing.ingest(&project(), spans('1', "agent x agent=imported @0s +1s ok by check")).await.unwrap();
    importing.settle_all(&project()).await.unwrap();
    assert_eq!(agents(&next(&mut follow).await.unwrap()), ["imported"]);

    // Taken in by one and settled by the other.
    importing.ingest(&project(), spans('2', "agent x agent=handed-over @0s +1s failed by check")).await.unwrap();
    clock.pass(Duration::from_secs(1));
    assert_eq!(agents(&next(&mut follow).await.unwrap()), ["handed-over"]);
    assert_eq!(verdicts(&importing).await, verdicts(&serving).await);

    serving.shutdown().await;
    drop((serving, importing, follow));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn shutdown_waits_for_what_is_under_way() {
    let (app, _) = in_memory().await;
    let (done, finished) = std::sync::mpsc::channel();
    let tasks = app.tasks().clone();
    app.tasks().spawn(async move {
        tasks.stopping().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        done.send(()).unwrap();
    });
    app.shutdown().await;
    assert!(finished.try_recv().is_ok());
}
