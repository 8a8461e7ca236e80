// The tree and the waterfall: one list of lines, so that they cannot come apart. Only the lines in sight are in the document.
import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Finding } from "../../api/types.ts";
import { Chevron, KindIcon } from "../../components/icons.tsx";
import { formatCount, plural } from "../../format/rate.ts";
import { formatDuration, UNKNOWN } from "../../format/time.ts";
import css from "./SpanTreeView.module.css";
import { ancestors, isFailing, type SpanNode, type SpanTree, visibleLines } from "./tree.ts";
import { barOf, durationOf, type Scale, scaleOf, ticksOf } from "./waterfall.ts";

const ROW_PX = 26;
/** Deeper spans are not indented further; the level is still announced. */
const DEEPEST_INDENT = 16;

type Props = {
  tree: SpanTree;
  selected: SpanNode;
  cited: Map<string, Finding[]>;
  onSelect: (span: string) => void;
};

export function SpanTreeView({ tree, selected, cited, onSelect }: Props) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const container = useRef<HTMLDivElement>(null);
  const lines = useMemo(() => visibleLines(tree, closed), [tree, closed]);
  const scale = useMemo(() => scaleOf(tree), [tree]);
  const ticks = useMemo(() => ticksOf(scale), [scale]);
  const lineOf = useMemo(() => new Map(lines.map((node, index) => [node, index])), [lines]);
  const current = lineOf.get(selected) ?? -1;

  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => container.current,
    estimateSize: () => ROW_PX,
    overscan: 16,
    // The head stays above the lines.
    scrollMargin: ROW_PX,
    scrollPaddingStart: ROW_PX,
  });

  // A span selected from elsewhere is unfolded and brought into sight.
  useEffect(() => {
    const above = ancestors(selected).map((node) => node.span.span_id);
    setClosed((old) => (above.some((id) => old.has(id)) ? new Set([...old].filter((id) => !above.includes(id))) : old));
  }, [selected]);
  useEffect(() => {
    if (current >= 0) rows.scrollToIndex(current, { align: "auto" });
  }, [current, rows]);

  const toggle = useCallback((node: SpanNode) => {
    setClosed((old) => {
      const next = new Set(old);
      if (!next.delete(node.span.span_id)) next.add(node.span.span_id);
      return next;
    });
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = keyTarget(event.key, selected, current, lines, closed, toggle);
    if (next === undefined) return;
    event.preventDefault();
    if (next) onSelect(next.span.span_id);
  };

  return (
    <div ref={container} className={css.scroll}>
      <div className={css.head} aria-hidden="true">
        <span>Span</span>
        <span className={css.number}>Tokens</span>
        <span className={css.number}>Duration</span>
        <span className={css.axis}>
          {scale.by === "sequence" && "no times recorded: shown in order"}
          {ticks.map((tick) => (
            <span key={tick.label} className={css.tick} style={{ left: `${tick.at * 100}%` }}>
              {tick.label}
            </span>
          ))}
        </span>
      </div>
      <div
        className={css.canvas}
        style={{ height: rows.getTotalSize() }}
        role="tree"
        aria-label={`Spans of the run, ${plural(tree.ordered.length, "span")}`}
        tabIndex={0}
        aria-activedescendant={current >= 0 ? lineId(selected) : undefined}
        onKeyDown={onKeyDown}
      >
        {rows.getVirtualItems().map((item) => {
          const node = lines[item.index];
          return (
            node && (
              <Line
                key={node.span.span_id}
                node={node}
                top={item.start - ROW_PX}
                scale={scale}
                isSelected={node === selected}
                isOpen={!closed.has(node.span.span_id)}
                findings={cited.get(node.span.span_id)?.length ?? 0}
                onSelect={onSelect}
                onToggle={toggle}
              />
            )
          );
        })}
      </div>
    </div>
  );
}

const lineId = (node: SpanNode) => `span-${node.span.span_id}`;

/** What a key leads to: a line, null when the key was used without moving, undefined when it means nothing here. */
function keyTarget(
  key: string,
  selected: SpanNode,
  current: number,
  lines: SpanNode[],
  closed: ReadonlySet<string>,
  toggle: (node: SpanNode) => void,
): SpanNode | null | undefined {
  const isClosed = closed.has(selected.span.span_id);
  const clamp = (index: number) => lines[Math.max(0, Math.min(lines.length - 1, index))];
  switch (key) {
    case "ArrowDown":
    case "j":
      return clamp(current + 1);
    case "ArrowUp":
    case "k":
      return clamp(current - 1);
    case "PageDown":
      return clamp(current + 20);
    case "PageUp":
      return clamp(current - 20);
    case "Home":
      return lines[0];
    case "End":
      return lines.at(-1);
    case "ArrowRight":
      if (selected.children.length === 0) return null;
      if (!isClosed) return selected.children[0];
      toggle(selected);
      return null;
    case "ArrowLeft":
      if (selected.children.length === 0 || isClosed) return selected.parent ?? null;
      toggle(selected);
      return null;
    case "e":
      return lines.find((node, index) => index > current && isFailing(node)) ?? lines.find(isFailing) ?? null;
    default:
      return undefined;
  }
}

type LineProps = {
  node: SpanNode;
  top: number;
  scale: Scale;
  isSelected: boolean;
  isOpen: boolean;
  findings: number;
  onSelect: (span: string) => void;
  onToggle: (node: SpanNode) => void;
};

function Line({ node, top, scale, isSelected, isOpen, findings, onSelect, onToggle }: LineProps) {
  const { span } = node;
  const duration = durationOf(node);
  const siblings = node.parent?.children;
  return (
    // The tree handles the keys for its lines
    <div
      id={lineId(node)}
      role="treeitem"
      tabIndex={-1}
      aria-level={node.depth + 1}
      aria-setsize={siblings?.length}
      aria-selected={isSelected}
      aria-expanded={node.children.length > 0 ? isOpen : undefined}
      aria-label={lineLabel(node, duration, findings)}
      className={css.line}
      data-kind={span.kind}
      data-failing={isFailing(node) || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onSelect(span.span_id)}
    >
      <span className={css.name} style={{ "--depth": Math.min(node.depth, DEEPEST_INDENT) } as CSSProperties}>
        {node.children.length > 0 ? (
          <span
            className={css.fold}
            data-open={isOpen || undefined}
            aria-hidden="true"
            onClick={(event) => {
              event.stopPropagation();
              onToggle(node);
            }}
          >
            <Chevron />
          </span>
        ) : (
          <span className={css.fold} />
        )}
        <span className={css.kind} title={span.kind}>
          <KindIcon kind={span.kind} />
        </span>
        <span className={css.label}>{span.name || "unnamed"}</span>
        {findings > 0 && (
          <span className={css.cited} title={plural(findings, "finding")}>
            {findings}
          </span>
        )}
      </span>
      <span className={css.number}>{tokensText(node)}</span>
      <span className={css.number}>{duration === undefined ? openWord(node, scale) : formatDuration(duration)}</span>
      <Bar node={node} scale={scale} />
    </div>
  );
}

function openWord(node: SpanNode, scale: Scale): string {
  if (scale.by === "sequence") return `#${node.order + 1}`;
  return node.start !== undefined && node.end === undefined ? "running" : UNKNOWN;
}

function tokensText(node: SpanNode): string {
  const usage = node.span.usage;
  if (!usage) return "";
  if (usage.input == null && usage.output == null) return UNKNOWN;
  return formatCount((usage.input ?? 0) + (usage.output ?? 0));
}

function Bar({ node, scale }: { node: SpanNode; scale: Scale }) {
  const bar = barOf(node, scale);
  return (
    <span className={css.lane}>
      {bar ? (
        <span
          className={css.bar}
          data-open={bar.isOpen || undefined}
          data-moment={bar.width === undefined || undefined}
          style={{ left: `${bar.left * 100}%`, width: bar.width === undefined ? undefined : `${bar.width * 100}%` }}
        />
      ) : (
        <span className={css.untimed}>no time recorded</span>
      )}
    </span>
  );
}

function lineLabel(node: SpanNode, duration: number | undefined, findings: number): string {
  const parts = [node.span.kind, node.span.name || "unnamed"];
  if (isFailing(node)) parts.push("failed");
  if (duration !== undefined) parts.push(formatDuration(duration));
  if (findings > 0) parts.push(plural(findings, "finding"));
  return parts.join(", ");
}
