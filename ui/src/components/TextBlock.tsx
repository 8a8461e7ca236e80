// Text of a trace. It is data: it goes into the page as text, never as HTML or markdown, and links in it stay letters.
import { useMemo, useState } from "react";
import type { Payload } from "../api/types.ts";
import { formatCount } from "../format/rate.ts";
import { findExcerpt } from "./excerpt.ts";
import css from "./TextBlock.module.css";

/** Longer text is cut until somebody asks for all of it. */
const SHOWN_CHARS = 4000;

type Props = { text: string; mono?: boolean; excerpt?: string | undefined };

export function TextBlock({ text, mono = false, excerpt }: Props) {
  const [isWhole, setIsWhole] = useState(false);
  const range = useMemo(() => (excerpt ? findExcerpt(text, excerpt) : undefined), [text, excerpt]);
  const isCut = !isWhole && text.length > SHOWN_CHARS * 1.25 && (range?.[1] ?? 0) <= SHOWN_CHARS;
  const shown = isCut ? text.slice(0, SHOWN_CHARS) : text;
  const className = `${css.text} ${mono ? css.mono : ""}`;
  if (text === "") return <p className={css.blank}>empty text</p>;
  return (
    <>
      <div className={className} dir="auto">
        {range ? (
          <>
            {shown.slice(0, range[0])}
            <mark data-evidence>{shown.slice(range[0], range[1])}</mark>
            {shown.slice(range[1])}
          </>
        ) : (
          shown
        )}
        {isCut && "…"}
      </div>
      {isCut && (
        <button type="button" className={css.more} onClick={() => setIsWhole(true)}>
          Show all {formatCount(text.length)} characters
        </button>
      )}
    </>
  );
}

export function PayloadBlock({ payload, excerpt }: { payload: Payload; excerpt?: string | undefined }) {
  if ("text" in payload) return <TextBlock text={payload.text} excerpt={excerpt} />;
  return <JsonBlock value={payload.json} excerpt={excerpt} />;
}

export function JsonBlock({ value, excerpt }: { value: unknown; excerpt?: string | undefined }) {
  const text = useMemo(() => (typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "")), [value]);
  return <TextBlock text={text} mono excerpt={excerpt} />;
}
