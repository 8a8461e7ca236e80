// What the run waited for: model, tools and neither as one bar, then the spans of the critical path, longest first.
import type { RunTiming } from "../../api/types.ts";
import { formatShare, plural } from "../../format/rate.ts";
import { formatDuration } from "../../format/time.ts";
import rows from "./rows.module.css";
import { waitedFor } from "./timing.ts";
import css from "./TimingList.module.css";
import type { SpanTree } from "./tree.ts";

type Props = { timing: RunTiming; tree: SpanTree; onSelect: (span: string) => void };

export function TimingList({ timing, tree, onSelect }: Props) {
  const { spans, rest } = waitedFor(timing);
  const more = rest > 0 ? `${plural(rest, "more span")} took less each` : "";
  return (
    <>
      <div className={css.bar} aria-hidden="true">
        <span data-part="model" style={{ flexGrow: timing.model_ns }} />
        <span data-part="tool" style={{ flexGrow: timing.tool_ns }} />
        <span data-part="other" style={{ flexGrow: timing.other_ns }} />
      </div>
      {timing.first_token_ns != null && (
        <p className={css.note}>
          {plural(timing.first_token_calls, "streamed call")}: {formatDuration(timing.first_token_ns / 1e6)} to the
          first token on average
          {timing.until_first_token_ns != null &&
            `; the first of all came ${formatDuration(timing.until_first_token_ns / 1e6)} after the run began`}
        </p>
      )}
      <ul className={rows.list} aria-label="Critical path">
        {spans.map(({ span, ns, share }) => (
          <li key={span} className={rows.row}>
            <span className={css.took}>{formatDuration(ns / 1e6)}</span>
            <p className={rows.what}>
              <span>
                <button type="button" className={rows.jump} onClick={() => onSelect(span)}>
                  {tree.byId.get(span)?.span.name || span}
                </button>
                <span className={rows.faint}> {formatShare(share)}</span>
              </span>
            </p>
          </li>
        ))}
      </ul>
      {(more || timing.is_cut) && (
        <p className={css.note}>
          {[more, timing.is_cut && "the path is longer than is listed"].filter(Boolean).join("; ")}
        </p>
      )}
    </>
  );
}
