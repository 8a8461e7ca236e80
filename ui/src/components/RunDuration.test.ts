import { expect, test } from "vitest";
import type { Run } from "../api/types.ts";
import { fixtures } from "../testing/app.tsx";
import { durationSoFar } from "./RunDuration.tsx";

const run = (started_at: string | null): Run => ({ ...fixtures.run().run, started_at, is_running: true });
const noon = Date.parse("2026-03-02T12:00:00Z");

test("a run that goes on has taken the seconds since it started", () => {
  expect(durationSoFar(run("2026-03-02T11:58:56.200Z"), noon)).toBe(63_000);
});

test("a clock that is behind shows no negative time, and no start no time", () => {
  expect(durationSoFar(run("2026-03-02T12:00:09Z"), noon)).toBe(0);
  expect(durationSoFar(run(null), noon)).toBeUndefined();
});
