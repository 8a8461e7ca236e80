import { expect, test } from "vitest";
import type { Span } from "../../api/types.ts";
import { errorText } from "./errorText.ts";

const failed = (kind: string | undefined, message: string, exception: Record<string, string> = {}) =>
  errorText({
    status: { code: "error", kind, message },
    events: [{ name: "exception", attributes: exception }],
  } as unknown as Span);

test("an error is told by its kind and its message", () => {
  expect(failed("TimeoutError", "no answer")).toBe("TimeoutError: no answer");
});

test("a message that begins with its kind does not say it twice", () => {
  expect(failed("ValueError", "ValueError: no station")).toBe("ValueError: no station");
});

test("what the status leaves out is taken from the exception event", () => {
  expect(failed(undefined, "", { "exception.type": "KeyError", "exception.message": "x" })).toBe("KeyError: x");
});

test("an error without any words is still an error", () => {
  expect(failed(undefined, "")).toBe("failed without a message");
});

test("a span that did not fail has no error", () => {
  expect(errorText({ status: { code: "unset" } } as Span)).toBeUndefined();
});
