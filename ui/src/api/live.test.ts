import { expect, test } from "vitest";
import { fixtures } from "../testing/app.tsx";
import { matches, placeRun } from "./live.ts";
import type { Run, RunList } from "./types.ts";

const run = (id: string, started_at: string, name = "a"): Run => ({
  ...fixtures.run().run,
  trace_id: id,
  started_at,
  agent: { name },
});
const page = (next: string | null, ...runs: Run[]): RunList => ({ runs, next });
const ids = (pages: RunList[]) => pages.map((one) => one.runs.map((other) => other.trace_id).join("")).join("|");

const older = run("o", "2026-01-01T00:00:01Z");
const newer = run("n", "2026-01-01T00:00:05Z");

test("a new run goes where its time puts it", () => {
  expect(ids(placeRun([page(null, newer, older)], run("x", "2026-01-01T00:00:03Z"), true))).toBe("nxo");
  expect(ids(placeRun([page(null, newer, older)], run("x", "2026-01-01T00:00:09Z"), true))).toBe("xno");
});

test("a run that settles anew is there once", () => {
  expect(ids(placeRun([page("c", newer), page(null, older)], { ...older, trace_id: "n" }, true))).toBe("|no");
});

test("a run older than everything loaded waits for its page", () => {
  expect(ids(placeRun([page("c", newer)], older, true))).toBe("n");
  expect(ids(placeRun([page(null, newer)], older, true))).toBe("no");
});

test("a run that no longer matches the filters is taken out", () => {
  expect(ids(placeRun([page(null, newer, older)], newer, false))).toBe("o");
});

test("the filters of a list decide which runs it takes", () => {
  const failed = fixtures.run().run;
  expect(matches(failed, {})).toBe(true);
  expect(
    matches(failed, { agent: "Healthcare Assistant", verdict: "failed", leaf: "tool-error", task: "refill-17" }),
  ).toBe(true);
  expect(matches(failed, { agent: "other" })).toBe(false);
  expect(matches(failed, { verdict: "succeeded" })).toBe(false);
  expect(matches(failed, { leaf: "retry-loop" })).toBe(false);
  expect(matches(failed, { task: "1" })).toBe(false);
});
