import { expect, test } from "vitest";
import type { Span } from "../../api/types.ts";
import { buildTree, firstFailing, visibleLines } from "./tree.ts";

/** `id<parent@start!`: a span, its parent, its start in seconds, whether it failed. */
function spans(text: string): Span[] {
  return text.split(" ").map((word, sequence) => {
    const [, id = "", parent, at, failed] = /^(\w)(?:<(\w))?(?:@(\d+))?(!)?$/.exec(word) ?? [];
    return {
      trace_id: "t",
      span_id: id,
      parent_id: parent,
      kind: "step",
      name: id,
      start: at && `2026-01-01T00:00:0${at}Z`,
      sequence,
      status: failed ? { code: "error", message: "" } : { code: "unset" },
      revision: 0,
    } as Span;
  });
}

const lines = (text: string, closed: string[] = []) =>
  visibleLines(buildTree(spans(text)), new Set(closed))
    .map((node) => `${node.depth}${node.span.span_id}`)
    .join(" ");

test("children follow their parent in order of start", () => {
  expect(lines("a@0 c<a@3 b<a@1 d<b@2")).toBe("0a 1b 2d 1c");
});

test("an orphan is a root", () => {
  expect(lines("a@0 b<z@1")).toBe("0a 0b");
});

test("a circle of parents is cut open, and every span is shown once", () => {
  expect(lines("a<c b<a c<b").split(" ")).toHaveLength(3);
  expect(lines("a<a")).toBe("0a");
});

test("spans without times keep the order of their source", () => {
  expect(lines("a b<a c<a")).toBe("0a 1b 1c");
});

test("a closed span hides what is below it", () => {
  expect(lines("a@0 b<a@1 c<b@2 d<a@3", ["b"])).toBe("0a 1b 1d");
});

test("a chain as deep as the run is long is no problem", () => {
  const chain: Span[] = Array.from({ length: 30_000 }, (_, index) => ({
    ...(spans("a")[0] as Span),
    span_id: String(index),
    parent_id: index > 0 ? String(index - 1) : undefined,
    sequence: index,
  }));
  expect(visibleLines(buildTree(chain), new Set()).at(-1)?.depth).toBe(29_999);
});

test("the first failing span is where the trouble began, not the parent it spread to", () => {
  expect(firstFailing(buildTree(spans("a@0! b<a@1 c<b@2! d<a@3!")))?.span.span_id).toBe("c");
  expect(firstFailing(buildTree(spans("a@0 b<a@1")))).toBeUndefined();
});

test("of several records of one span the highest revision is shown", () => {
  const [old] = spans("a@0");
  const tree = buildTree([{ ...(old as Span), name: "new", revision: 2 }, old as Span]);
  expect(tree.roots.map((node) => node.span.name)).toEqual(["new"]);
});
