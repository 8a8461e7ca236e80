// The tree of a run's spans and its lines on the screen. Mirrors `Trace` of the model: several roots and missing parents
// are normal, and every span is reachable exactly once.
import type { Span } from "../../api/types.ts";
import { parseTime } from "../../format/time.ts";

export type SpanNode = {
  span: Span;
  /** Milliseconds since the epoch; undefined where no time was recorded. */
  start: number | undefined;
  end: number | undefined;
  /** Position among all spans in order of start, from 0. */
  order: number;
  parent: SpanNode | undefined;
  children: SpanNode[];
  depth: number;
};

export type SpanTree = { roots: SpanNode[]; byId: Map<string, SpanNode>; ordered: SpanNode[] };

export function buildTree(spans: Span[]): SpanTree {
  const byId = new Map<string, SpanNode>();
  for (const span of spans) {
    const known = byId.get(span.span_id);
    if (known && (known.span.revision ?? 0) >= (span.revision ?? 0)) continue;
    byId.set(span.span_id, {
      span,
      start: parseTime(span.start),
      end: parseTime(span.end),
      order: 0,
      parent: undefined,
      children: [],
      depth: 0,
    });
  }
  const ordered = [...byId.values()].sort(inOrder);
  const parents = ordered.map((node) => (node.span.parent_id ? byId.get(node.span.parent_id) : undefined));
  ordered.forEach((node, order) => {
    node.order = order;
    node.parent = parents[order];
  });
  cutCircles(ordered);
  const roots: SpanNode[] = [];
  for (const node of ordered) (node.parent?.children ?? roots).push(node);
  for (const node of walk(roots)) node.depth = node.parent ? node.parent.depth + 1 : 0;
  return { roots, byId, ordered };
}

/** Spans without a start come first, in the order of their source. */
function inOrder(a: SpanNode, b: SpanNode): number {
  const byStart = (a.start ?? Number.NEGATIVE_INFINITY) - (b.start ?? Number.NEGATIVE_INFINITY);
  if (byStart) return byStart;
  return (a.span.sequence ?? 0) - (b.span.sequence ?? 0) || (a.span.span_id < b.span.span_id ? -1 : 1);
}

function cutCircles(nodes: SpanNode[]) {
  const safe = new Set<SpanNode>();
  for (const node of nodes) {
    const path = new Set<SpanNode>();
    let at: SpanNode | undefined = node;
    while (at && !safe.has(at)) {
      if (path.has(at)) {
        at.parent = undefined;
        break;
      }
      path.add(at);
      at = at.parent;
    }
    for (const visited of path) safe.add(visited);
  }
}

/** Every node, parents before children; a chain as deep as the run is long is no problem. */
export function* walk(roots: SpanNode[], isOpen: (node: SpanNode) => boolean = () => true): Generator<SpanNode> {
  const stack = roots.toReversed();
  for (let node = stack.pop(); node; node = stack.pop()) {
    yield node;
    if (!isOpen(node)) continue;
    for (let child = node.children.length - 1; child >= 0; child--) stack.push(node.children[child] as SpanNode);
  }
}

/** The lines to show while the spans in `closed` hide what is below them. */
export function visibleLines(tree: SpanTree, closed: ReadonlySet<string>): SpanNode[] {
  return [...walk(tree.roots, (node) => !closed.has(node.span.span_id))];
}

export const isFailing = (node: SpanNode): boolean => node.span.status?.code === "error";

/** Where the trouble began: the earliest failing span that has no failing span below it. */
export function firstFailing(tree: SpanTree): SpanNode | undefined {
  const above = new Set<SpanNode>();
  for (const node of tree.ordered) {
    if (!isFailing(node)) continue;
    for (let at = node.parent; at && !above.has(at); at = at.parent) above.add(at);
  }
  return tree.ordered.find((node) => isFailing(node) && !above.has(node));
}

export function ancestors(node: SpanNode): SpanNode[] {
  const found: SpanNode[] = [];
  for (let at = node.parent; at; at = at.parent) found.push(at);
  return found;
}
