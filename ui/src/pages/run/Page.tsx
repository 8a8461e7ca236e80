// One run: what came of it, its spans as tree and waterfall side by side, the selected span, its findings.
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";
import type { Finding } from "../../api/types.ts";
import { Empty, Failure, Loading } from "../../components/States.tsx";
import { useTitle } from "../../components/useTitle.ts";
import { shortId } from "../../format/words.ts";
import { type LoadedRun, useRun } from "./loader.ts";
import css from "./Page.module.css";
import { RunDetails } from "./RunDetails.tsx";
import { RunHeader } from "./RunHeader.tsx";
import { SpanPanel } from "./SpanPanel.tsx";
import { SpanTreeView } from "./SpanTreeView.tsx";

const route = getRouteApi("/runs/$id");

export function RunPage() {
  const { id } = route.useParams();
  const run = useRun(id);
  useTitle(run.state === "ready" ? `${run.loaded.run.agent.name} ${shortId(id)}` : "Run");
  switch (run.state) {
    case "loading":
      return <Loading what="the run" lines={12} />;
    case "missing":
      return (
        <Empty title="There is no such run">
          <p>
            No settled run has the id <code className={css.id}>{id}</code>. A run that is still arriving appears here
            once it settles.
          </p>
          <Link to="/runs">Show every run</Link>
        </Empty>
      );
    case "failed":
      return <Failure what="the run" error={run.error} onRetry={run.retry} />;
    case "ready":
      return <Ready key={id} loaded={run.loaded} id={id} />;
  }
}

/** The findings that cite a span, by span. */
function citations(findings: Finding[]): Map<string, Finding[]> {
  const bySpan = new Map<string, Finding[]>();
  for (const finding of findings) {
    for (const spanId of new Set(finding.evidence.map((evidence) => evidence.span_id))) {
      bySpan.set(spanId, [...(bySpan.get(spanId) ?? []), finding]);
    }
  }
  return bySpan;
}

function Ready({ loaded, id }: { loaded: LoadedRun; id: string }) {
  const { run, tree, findings, timing, estimated } = loaded;
  const search = route.useSearch();
  const navigate = useNavigate();
  const cited = useMemo(() => citations(findings), [findings]);

  const selected = (search.span ? tree.byId.get(search.span) : undefined) ?? tree.roots[0];
  const finding = findings.find((one) => one.id === search.finding);
  const select = useCallback(
    (span: string, finding?: string) =>
      void navigate({
        to: "/runs/$id",
        params: { id },
        search: (old) => ({ ...old, span, finding }),
        replace: true,
        resetScroll: false,
      }),
    [navigate, id],
  );

  return (
    <div className={css.page}>
      <div className={css.top}>
        <RunHeader run={run} tree={tree} estimated={estimated} onSelect={select} />
        <RunDetails run={run} findings={findings} timing={timing} tree={tree} current={finding?.id} onSelect={select} />
        {search.span && !tree.byId.has(search.span) && (
          <p className={css.note} role="status">
            This run has no span {search.span}; its first span is shown instead.
          </p>
        )}
      </div>
      {selected ? (
        <div className={css.body}>
          <SpanTreeView tree={tree} selected={selected} cited={cited} onSelect={select} />
          <SpanPanel
            key={selected.span.span_id}
            node={selected}
            findings={cited.get(selected.span.span_id) ?? []}
            finding={finding}
            onSelect={select}
          />
        </div>
      ) : (
        <Empty title="No span of this run is stored" />
      )}
    </div>
  );
}
