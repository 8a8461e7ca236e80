//! Whole files.

use arc_app::Source;
use arc_model::{AgentName, DiagnosticSeverity};

use crate::{in_memory, project, runs, verdicts};

const TRANSCRIPT: &str = r#"{"messages": [
    {"role": "user", "content": "Where is the ship?"},
    {"role": "assistant", "content": "In the harbour."}
]}"#;

fn source(name: &str) -> Source<'_> {
    Source { name: Some(name), format: None }
}

#[tokio::test]
async fn a_file_is_imported_once_however_often_it_is_read() {
    let (app, _) = in_memory().await;
    let bytes = TRANSCRIPT.as_bytes().to_vec();
    let first = app.import(&project(), bytes.clone(), source("harbour.json"), None).await.unwrap();
    assert!(first.format.is_some(), "{first:?}");
    assert_eq!((first.traces, first.appended.new, first.appended.unchanged), (1, first.spans, 0));
    assert_eq!(app.settle_all(&project()).await.unwrap(), 1);

    let again = app.import(&project(), bytes, source("harbour.json"), None).await.unwrap();
    assert_eq!((again.appended.new, again.appended.updated, again.appended.unchanged), (0, 0, first.spans));
    assert_eq!(app.settle_all(&project()).await.unwrap(), 0);
    assert_eq!(runs(&app).await.len(), 1);
}

#[tokio::test]
async fn a_run_is_named_by_its_file_unless_the_caller_names_it() {
    let (app, _) = in_memory().await;
    app.import(&project(), TRANSCRIPT.into(), source("/runs/harbour.json"), None).await.unwrap();
    app.settle_all(&project()).await.unwrap();
    assert_eq!(verdicts(&app).await, "harbour: unknown");

    let (app, _) = in_memory().await;
    let pilot = Some(AgentName::from("pilot"));
    app.import(&project(), TRANSCRIPT.into(), source("/runs/harbour.json"), pilot).await.unwrap();
    app.settle_all(&project()).await.unwrap();
    assert_eq!(verdicts(&app).await, "pilot: unknown");
}

#[tokio::test]
async fn a_file_of_garbage_is_a_diagnostic() {
    let (app, _) = in_memory().await;
    let imported = app.import(&project(), vec![0, 159, 146, 150, 1], source("noise.bin"), None).await.unwrap();
    assert_eq!((imported.format, imported.spans), (None, 0));
    assert!(imported.diagnostics.iter().any(|noticed| noticed.severity == DiagnosticSeverity::Rejected));
    assert!(imported.diagnostics.iter().any(|noticed| noticed.to_string().contains("noise.bin")));
}
