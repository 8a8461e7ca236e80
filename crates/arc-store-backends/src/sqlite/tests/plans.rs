//! Reads stay on indexes: none scans a table or sorts, so they cost the same in a large store.

use arc_model::Verdict;
use arc_store::{Cursor, FindingQuery, RecordOrder, RecordQuery, RunQuery};
use expect_test::expect;
use rusqlite::{Connection, params_from_iter};

use super::{
    super::{
        SqliteStore,
        listing::{Select, select_findings, select_runs},
        records,
    },
    project,
};

/// Returns what `SQLite` would do, one step a line.
fn plan(db: &Connection, sql: &str, values: impl rusqlite::Params) -> String {
    let mut explain = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = explain.query_map(values, |row| row.get::<_, String>(3)).unwrap();
    steps.map(|step| step.unwrap() + "\n").collect()
}

fn check_select(select: &Select) {
    let store = SqliteStore::in_memory().unwrap();
    let read = |db: &Connection| Ok(plan(db, &select.sql, params_from_iter(select.values.clone())));
    check_plan(&select.sql, &store.reading.readers.read("explain", read).unwrap());
}

fn check_plan(sql: &str, plan: &str) {
    assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
}

#[test]
fn every_combination_of_filters_is_answered_from_an_index() {
    let after = Some(Cursor("run.5.00000000000000000000000000000001".to_owned()));
    for bits in 0..32 {
        let has = |bit: u32| bits & (1 << bit) != 0;
        let query = RunQuery {
            agent: has(0).then(|| "a".into()),
            verdict: has(1).then_some(Verdict::Failed),
            task: has(2).then(|| "t".into()),
            leaf: has(3).then(|| "tool-error".into()),
            after: after.clone().filter(|_| has(4)),
            limit: 10,
            ..RunQuery::default()
        };
        check_select(&select_runs(&project(), &query).unwrap());
    }
    let after = Some(Cursor("finding.5.00000000000000000000000000000001.3".to_owned()));
    for bits in 0..8 {
        let has = |bit: u32| bits & (1 << bit) != 0;
        let query = FindingQuery {
            agent: has(0).then(|| "a".into()),
            leaf: has(1).then(|| "tool-error".into()),
            after: after.clone().filter(|_| has(2)),
            limit: 10,
            ..FindingQuery::default()
        };
        check_select(&select_findings(&project(), &query).unwrap());
    }
}

#[test]
fn figures_and_the_settling_loop_read_rollups_and_indexes() {
    let store = SqliteStore::in_memory().unwrap();
    let read = |db: &Connection| {
        for sql in
            [include_str!("../sql/tasks.sql"), include_str!("../sql/days.sql"), include_str!("../sql/leaves.sql")]
        {
            let plan = plan(db, sql, ["p", "a"]);
            assert!(plan.contains("SEARCH agent_") && !plan.contains("SCAN"), "{sql}\n{plan}");
        }
        let plan = plan(db, include_str!("../sql/unsettled.sql"), [1, 1, 1, 10]);
        expect![[r"
            CO-ROUTINE (subquery-6)
            COMPOUND QUERY
            LEFT-MOST SUBQUERY
            CO-ROUTINE (subquery-1)
            SEARCH traces USING INDEX traces_ready (written_at<?)
            SCAN (subquery-1)
            UNION ALL
            CO-ROUTINE (subquery-3)
            SEARCH traces USING INDEX traces_waiting (written_at<?)
            SCAN (subquery-3)
            UNION ALL
            CO-ROUTINE (subquery-5)
            SEARCH traces USING INDEX traces_running (written_at>?)
            SCAN (subquery-5)
            SCAN (subquery-6)
            USE TEMP B-TREE FOR ORDER BY
        "]]
        .assert_eq(&plan);
        Ok(())
    };
    store.reading.readers.read("explain", read).unwrap();
}

#[test]
fn a_listing_asks_for_one_row_more_than_the_page() {
    let query = RunQuery { agent: Some("a".into()), leaf: Some("l".into()), limit: 10, ..RunQuery::default() };
    expect!["SELECT l.at, l.trace_id, coalesce(r.packed_body, r.body) FROM run_leaves AS l CROSS JOIN runs AS r ON r.key = l.run WHERE l.project = ? AND l.leaf = ? AND r.agent = ? ORDER BY l.at DESC, l.trace_id LIMIT ?"].assert_eq(&select_runs(&project(), &query).unwrap().sql);
}

#[test]
fn records_are_listed_from_an_index_whatever_their_tags() {
    for tags in 0..3 {
        for (order, cursor) in [(RecordOrder::HighestFirst, "record.5.a"), (RecordOrder::LowestFirst, "record-up.5.a")]
        {
            for after in [None, Some(Cursor(cursor.to_owned()))] {
                let tags = (0..tags).map(|tag| tag.to_string()).collect();
                let query = RecordQuery { collection: "things".to_owned(), tags, order, after, limit: 10 };
                let (sql, values) = records::select(&project(), &query).unwrap();
                check_select(&Select { sql, values });
            }
        }
    }
}
