// The selected span: what it did, its raw attributes, its events. A finding brings the words it cites into sight.
import { Button, CopyButton, Tabs } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { Evidence, Field, Finding } from "../../api/types.ts";
import { KindIcon } from "../../components/icons.tsx";
import { SeverityTag } from "../../components/SeverityTag.tsx";
import { fieldWord } from "../../format/words.ts";
import { SpanAttributes } from "./SpanAttributes.tsx";
import { SpanEvents } from "./SpanEvents.tsx";
import { SpanInfo } from "./SpanInfo.tsx";
import css from "./SpanPanel.module.css";
import type { SpanNode } from "./tree.ts";

type Props = {
  node: SpanNode;
  /** Those that cite this span. */
  findings: Finding[];
  /** The one the address names. */
  finding: Finding | undefined;
  onSelect: (span: string, finding?: string) => void;
};

type TabName = "info" | "attributes" | "events";

function tabOf(field: Field | undefined): TabName {
  if (field === "exception") return "events";
  if (field === "scope" || typeof field === "object") return "attributes";
  return "info";
}

export function SpanPanel({ node, findings, finding, onSelect }: Props) {
  const { span } = node;
  const evidence = finding?.evidence.find((one) => one.span_id === span.span_id);
  const [tab, setTab] = useState<TabName>(tabOf(evidence?.field));
  const panel = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (evidence) setTab(tabOf(evidence.field));
  }, [evidence]);
  // Another tab shows other words
  useEffect(() => {
    if (!evidence) return;
    const words = panel.current?.querySelector("[data-evidence]");
    const place = words ?? panel.current?.querySelector("[data-cited]");
    place?.scrollIntoView?.({ block: "center" });
  }, [evidence, tab]);

  const events = (span.events?.length ?? 0) + (span.links?.length ?? 0);
  return (
    // A region that scrolls must be reachable by keyboard
    <section ref={panel} className={css.panel} aria-label={`Span ${span.name}`} tabIndex={0}>
      <header className={css.head}>
        <h2 className={css.title} data-kind={span.kind}>
          <span className={css.kind}>
            <KindIcon kind={span.kind} />
          </span>
          <span className={css.name}>{span.name || "unnamed"}</span>
          <span className={css.word}>{span.kind}</span>
        </h2>
        <CopyButton value={JSON.stringify(span, null, 2)}>
          {({ copied, copy }) => (
            <Button size="compact-xs" variant="subtle" onClick={copy}>
              {copied ? "Copied" : "Copy as JSON"}
            </Button>
          )}
        </CopyButton>
      </header>
      {findings.length > 0 && (
        <ul className={css.findings} aria-label="Findings that cite this span">
          {findings.map((one) => (
            <li key={one.id}>
              <button
                type="button"
                className={css.finding}
                aria-current={one.id === finding?.id || undefined}
                onClick={() => onSelect(span.span_id, one.id)}
              >
                <SeverityTag severity={one.severity} />
                <span>{one.title}</span>
              </button>
              {one.id === finding?.id && <Citations finding={one} here={span.span_id} onSelect={onSelect} />}
            </li>
          ))}
        </ul>
      )}
      <Tabs
        color="var(--accent)"
        value={tab}
        onChange={(value) => setTab((value ?? "info") as TabName)}
        keepMounted={false}
      >
        <Tabs.List className={css.tabs} aria-label="Parts of the span">
          <Tabs.Tab value="info" className={css.tab}>
            Info
          </Tabs.Tab>
          <Tabs.Tab value="attributes" className={css.tab}>
            Attributes
          </Tabs.Tab>
          <Tabs.Tab value="events" className={css.tab}>
            Events{events > 0 ? ` (${events})` : ""}
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="info" className={css.content}>
          <SpanInfo node={node} evidence={evidence} />
        </Tabs.Panel>
        <Tabs.Panel value="attributes" className={css.content}>
          <SpanAttributes span={span} evidence={evidence} />
        </Tabs.Panel>
        <Tabs.Panel value="events" className={css.content}>
          <SpanEvents span={span} evidence={evidence} />
        </Tabs.Panel>
      </Tabs>
    </section>
  );
}

type CitationProps = { finding: Finding; here: string; onSelect: (span: string, finding?: string) => void };

/** What the finding rests on: every place it cites, in this span and in others. */
function Citations({ finding, here, onSelect }: CitationProps) {
  return (
    <ul className={css.citations} aria-label="Evidence">
      {finding.evidence.map((one: Evidence, index) => (
        // Recorded evidence never changes places
        <li key={index} className={css.citation}>
          <span className={css.field}>{fieldWord(one.field)}</span>
          <q className={css.excerpt}>{one.excerpt}</q>
          {one.span_id !== here && (
            <button type="button" className={css.jump} onClick={() => onSelect(one.span_id, finding.id)}>
              in another span
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
