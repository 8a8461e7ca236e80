import { expect, test } from "vitest";
import { formatAgo, formatDuration, formatTime, parseTime } from "./time.ts";

test.each([
  [null, "—"],
  [0, "0 ms"],
  [0.42, "0.42 ms"],
  [340, "340 ms"],
  [2310, "2.31 s"],
  [59_990, "60.0 s"],
  [192_000, "3 min 12 s"],
  [3_840_000, "1 h 04 min"],
])("%s milliseconds read as %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("times keep what lies below a millisecond", () => {
  const early = parseTime("2026-03-02T09:29:50.000100Z");
  const late = parseTime("2026-03-02T09:29:50.000900Z");
  expect((late ?? 0) - (early ?? 0)).toBeCloseTo(0.8, 2);
});

test("a text that is no time has no time", () => {
  expect(parseTime("yesterday")).toBeUndefined();
  expect(formatTime(undefined)).toBe("—");
});

test("a recent time is told by its distance, an old one by its date", () => {
  const now = Date.parse("2026-03-02T09:30:00Z");
  expect(formatAgo("2026-03-02T09:29:48Z", now)).toBe("12 s ago");
  expect(formatAgo("2026-03-02T09:10:00Z", now)).toBe("20 min ago");
  expect(formatAgo("2026-03-02T06:10:00Z", now)).toBe("3 h ago");
  expect(formatAgo("2025-03-02T06:10:00Z", now)).toMatch(/^2025-03-0\d \d\d:\d\d$/);
});
