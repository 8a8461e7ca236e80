import { expect, test } from "vitest";
import { describeRate, formatInterval, formatShare, formatTokens } from "./rate.ts";

test.each([
  [0, "0.0%"],
  [0.0001, "<0.1%"],
  [0.42, "42.0%"],
  [0.9996, ">99.9%"],
  [1, "100.0%"],
  [null, "—"],
])("the share %s reads as %s", (share, text) => {
  expect(formatShare(share)).toBe(text);
});

test("an interval reads as its two ends", () => {
  expect(formatInterval({ low: 0.3148, high: 0.5252, method: "wilson" })).toBe("31.5–52.5%");
  expect(formatInterval(null)).toBe("interval unknown");
});

test("a rate is told with its interval and its n", () => {
  const interval = { low: 0.3148, high: 0.5252, method: "task_clustered_t" } as const;
  expect(describeRate({ successes: 84, n: 200, estimate: 0.42, interval })).toBe("42.0% (31.5–52.5%, n = 200)");
});

test("a rate over nothing is unknown, not zero", () => {
  expect(describeRate({ successes: 0, n: 0, estimate: null, interval: null })).toBe("unknown (n = 0)");
});

test.each([
  [null, "—"],
  [0, "0"],
  [9_999, "9,999"],
  [12_345, "12.3k"],
  [1_234_567, "1.2M"],
])("%s tokens read as %s", (tokens, text) => {
  expect(formatTokens(tokens)).toBe(text);
});
