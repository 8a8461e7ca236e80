import { expect, test } from "vitest";
import type { Span } from "../../api/types.ts";
import { buildTree } from "./tree.ts";
import { barOf, durationOf, scaleOf, ticksOf } from "./waterfall.ts";

const span = (id: string, start?: string, end?: string): Span =>
  ({
    trace_id: "t",
    span_id: id,
    kind: "step",
    name: id,
    start: start && `2026-01-01T00:00:${start}Z`,
    end: end && `2026-01-01T00:00:${end}Z`,
    sequence: Number(id),
  }) as Span;

function bars(...spans: Span[]) {
  const tree = buildTree(spans);
  const scale = scaleOf(tree);
  return tree.ordered.map((node) => barOf(node, scale));
}

test("bars lie on the clock of the run", () => {
  expect(bars(span("1", "00", "10"), span("2", "02.5", "05"))).toEqual([
    { left: 0, width: 1, isOpen: false },
    { left: 0.25, width: 0.25, isOpen: false },
  ]);
});

test("a span without an end reaches to the end of what is known", () => {
  expect(bars(span("1", "00", "10"), span("2", "04"))[1]).toEqual({ left: 0.4, width: 0.6, isOpen: true });
});

test("an end before the start is a moment of unknown duration", () => {
  const [first] = buildTree([span("1", "05", "02"), span("2", "00", "10")]).ordered.slice(1);
  expect(first && durationOf(first)).toBeUndefined();
  expect(bars(span("1", "05", "02"), span("2", "00", "10"))[1]?.width).toBeUndefined();
});

test("without any times spans lie one after the other", () => {
  expect(bars(span("1"), span("2"))).toEqual([
    { left: 0, width: 0.5, isOpen: false },
    { left: 0.5, width: 0.5, isOpen: false },
  ]);
});

test("a span without a time among others that have one has no bar", () => {
  expect(bars(span("1"), span("2", "00", "01"))[0]).toBeUndefined();
});

test.each([
  [6_200, ["2 s", "4 s"]],
  [210_000, ["1 min", "2 min", "3 min"]],
  [35, ["10 ms", "20 ms", "30 ms"]],
])("%i ms are divided at round times", (length, labels) => {
  expect(ticksOf({ by: "time", from: 0, length }).map((tick) => tick.label)).toEqual(labels);
});
