import { expect, test } from "vitest";
import { findExcerpt } from "./excerpt.ts";

function cut(text: string, excerpt: string): string | undefined {
  const range = findExcerpt(text, excerpt);
  return range && text.slice(range[0], range[1]);
}

test("an excerpt is found where it stands", () => {
  expect(cut("it did not answer in time", "not answer")).toBe("not answer");
});

test("compact JSON is found in indented JSON", () => {
  const text = JSON.stringify({ patient: "u-44", dose: [1, 2] }, null, 2);
  expect(cut(text, '{"patient":"u-44","dose":[1')).toBe('{\n  "patient": "u-44",\n  "dose": [\n    1');
});

test("the ellipsis of a shortened excerpt is not searched for", () => {
  expect(cut("a long story that goes on", "a long story…")).toBe("a long story");
});

test("an excerpt that is not there is not found", () => {
  expect(cut("something else", "not here")).toBeUndefined();
  expect(cut("something else", "…")).toBeUndefined();
});
