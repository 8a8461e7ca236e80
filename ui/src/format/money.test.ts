import { expect, test } from "vitest";
import { describeCost, formatUsd, formatUsdExact, whyUnknown } from "./money.ts";

test.each([
  [0, "$0"],
  [1, "$0.000000001"],
  [123_456, "$0.000123"],
  [12_345_678, "$0.0123"],
  [420_000_000, "$0.4200"],
  [1_234_567_890, "$1.23"],
  [5_820_000_000_000, "$5,820.00"],
  [-12_345_678, "−$0.0123"],
])("%i nano-dollars read as %s", (nanos, text) => {
  expect(formatUsd(nanos)).toBe(text);
});

test("an exact amount keeps every digit that is not a trailing zero", () => {
  expect(formatUsdExact(13_000_000)).toBe("$0.013");
  expect(formatUsdExact(2_000_000_000)).toBe("$2");
  expect(formatUsdExact(-1)).toBe("−$0.000000001");
});

test("an unknown cost never reads as an amount of nothing", () => {
  expect(describeCost({ state: "unknown", why: { reason: "no_usage" }, at_least: 0 })).toEqual({
    text: "unknown",
    why: "token counts were not recorded",
  });
});

test("an unknown cost says what is known at least", () => {
  const cost = describeCost({ state: "unknown", why: { reason: "running" }, at_least: 1_500_000 });
  expect(cost.why).toBe("it, or a model call in it, has not ended; at least $0.00150");
});

test("an unpriced model is named", () => {
  expect(whyUnknown({ reason: "unpriced", model: "local-llama" })).toBe("no price for model local-llama");
});
