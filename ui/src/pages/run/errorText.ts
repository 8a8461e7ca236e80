import type { Span } from "../../api/types.ts";

/**
 * The error of a span in the words that findings cite: kind and message of its status, else of its last exception event.
 * Undefined when the span did not fail.
 */
export function errorText(span: Span): string | undefined {
  if (span.status?.code !== "error") return undefined;
  const exception = span.events?.findLast((event) => event.name === "exception")?.attributes ?? {};
  const detail = (name: string) => {
    const value = (exception as Record<string, unknown>)[name];
    return typeof value === "string" ? value : undefined;
  };
  const kind = span.status.kind ?? detail("exception.type");
  const message = span.status.message || detail("exception.message");
  if (kind && message && !message.startsWith(kind)) return `${kind}: ${message}`;
  return message || kind || "failed without a message";
}
