//! Everything stored belongs to exactly one project.

use arc_model::{Finding, ProjectId, Run, RunCosts, Span};

use super::{
    Backend, Generator,
    make::{FOREVER, NEVER, at, span, trace_id},
};
use crate::{ChangeSeq, FindingQuery, Project, RunQuery, Settled, WriteMark, recount};

/// Every method is confined to the project it is given.
pub async fn projects_are_isolated_in_every_method(backend: &Backend) {
    let store = backend.open().await;
    let (ours, theirs, empty) = (ProjectId::new("ours"), ProjectId::new("theirs"), ProjectId::new("our"));
    let mut random = Generator::new(7);
    let mut of = |name: &str| -> (Span, Run, Vec<Finding>) {
        let mut span = span(1, 1);
        name.clone_into(&mut span.name);
        let (mut run, findings) = loop {
            let (run, findings) = random.run(trace_id(1));
            if !findings.is_empty() {
                break (run, findings);
            }
        };
        run.agent.name = "shared".into();
        run.is_running = false;
        (span, run, findings)
    };
    let both = [(&ours, of("ours")), (&theirs, of("theirs"))];
    for (project, (span, ..)) in &both {
        let appended = store.traces.append(project, std::slice::from_ref(span), at(10)).await.unwrap();
        assert_eq!(appended.new, 1);
    }
    assert_eq!(store.traces.unsettled(FOREVER, FOREVER, NEVER, 10).await.unwrap().len(), 2);
    let settle = |(project, (_, run, findings)): &(&ProjectId, (Span, Run, Vec<Finding>)), mark| Settled {
        project: (*project).clone(),
        mark,
        run: run.clone(),
        findings: findings.clone(),
        costs: RunCosts::default(),
    };
    let waiting = store.traces.unsettled(FOREVER, FOREVER, NEVER, 10).await.unwrap();
    let mark = waiting.iter().find(|unsettled| unsettled.project == ours).map_or(WriteMark(0), |found| found.mark);
    store.traces.settle(&[settle(&both[0], mark)], at(20)).await.unwrap();
    let waiting = store.traces.unsettled(FOREVER, FOREVER, NEVER, 10).await.unwrap();
    assert_eq!(waiting.iter().map(|unsettled| &unsettled.project).collect::<Vec<_>>(), [&theirs]);
    assert_eq!(store.traces.run(&theirs, trace_id(1)).await.unwrap(), None);
    store.traces.settle(&[settle(&both[1], waiting[0].mark)], at(20)).await.unwrap();

    for (project, (span, run, findings)) in &both {
        let trace = store.traces.trace(project, trace_id(1)).await.unwrap().unwrap();
        assert_eq!(trace.spans(), std::slice::from_ref(span));
        assert_eq!(store.traces.run(project, trace_id(1)).await.unwrap().as_ref(), Some(run));
        let runs = store.traces.runs(project, &RunQuery { limit: 10, ..RunQuery::default() }).await.unwrap();
        assert_eq!(&runs.items, std::slice::from_ref(run));
        for trace_id in [None, Some(trace_id(1))] {
            let query = FindingQuery { trace_id, limit: 10, ..FindingQuery::default() };
            assert_eq!(&store.traces.findings(project, &query).await.unwrap().items, findings);
        }
        let agents = store.traces.agents(project).await.unwrap();
        assert_eq!(agents.iter().map(|agent| agent.runs).collect::<Vec<_>>(), [1]);
        let figures = store.traces.figures(project, &"shared".into()).await.unwrap();
        assert_eq!(figures, recount([(run, findings.as_slice())]));
    }
    let changes = store.traces.changes(ChangeSeq(0), 10).await.unwrap();
    assert_eq!(changes.iter().map(|change| &change.project).collect::<Vec<_>>(), [&ours, &theirs]);

    assert!(store.traces.trace(&empty, trace_id(1)).await.unwrap().is_none());
    assert!(store.traces.run(&empty, trace_id(1)).await.unwrap().is_none());
    let query = RunQuery { limit: 10, ..RunQuery::default() };
    assert!(store.traces.runs(&empty, &query).await.unwrap().items.is_empty());
    let query = FindingQuery { trace_id: Some(trace_id(1)), limit: 10, ..FindingQuery::default() };
    assert!(store.traces.findings(&empty, &query).await.unwrap().items.is_empty());
    assert!(store.traces.agents(&empty).await.unwrap().is_empty());
}

/// MUST be idempotent: a second call returns the project of the first, `created_at` included.
pub async fn a_project_is_made_once(backend: &Backend) {
    let store = backend.open().await;
    let made = store.registry.ensure_project(&"p".into(), at(1)).await.unwrap();
    assert_eq!(made, Project { id: "p".into(), created_at: at(1) });
    assert_eq!(store.registry.ensure_project(&"p".into(), at(2)).await.unwrap(), made);
    assert_eq!(store.registry.projects().await.unwrap(), [made]);
}

/// Returns every project, ordered by id.
pub async fn projects_are_listed_by_id(backend: &Backend) {
    let store = backend.open().await;
    assert!(store.registry.projects().await.unwrap().is_empty());
    for name in ["b", "é", "a", "B", ""] {
        store.registry.ensure_project(&name.into(), at(1)).await.unwrap();
    }
    let projects = store.registry.projects().await.unwrap();
    let ids: Vec<_> = projects.iter().map(|project| project.id.as_str()).collect();
    assert_eq!(ids, ["", "B", "a", "b", "é"]);
}
