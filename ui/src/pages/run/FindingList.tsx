// The findings of the run. Each leads to the span that shows it, with the words it cites.
import type { Finding } from "../../api/types.ts";
import { SeverityTag } from "../../components/SeverityTag.tsx";
import css from "./FindingList.module.css";
import type { SpanTree } from "./tree.ts";

type Props = {
  findings: Finding[];
  tree: SpanTree;
  current: string | undefined;
  onSelect: (span: string, finding?: string) => void;
};

export function FindingList({ findings, tree, current, onSelect }: Props) {
  return (
    <ul>
      {findings.map((finding) => (
        <FindingRow
          key={finding.id}
          finding={finding}
          all={findings}
          tree={tree}
          isCurrent={finding.id === current}
          onSelect={onSelect}
        />
      ))}
    </ul>
  );
}

type RowProps = {
  finding: Finding;
  all: Finding[];
  tree: SpanTree;
  isCurrent: boolean;
  onSelect: (span: string, finding?: string) => void;
};

function FindingRow({ finding, all, tree, isCurrent, onSelect }: RowProps) {
  const first = finding.evidence[0];
  const cause = finding.cause === "root" ? undefined : all.find((one) => one.id === causeId(finding));
  return (
    <li>
      <button
        type="button"
        className={css.row}
        aria-current={isCurrent || undefined}
        disabled={!first}
        onClick={() => first && onSelect(first.span_id, finding.id)}
      >
        <SeverityTag severity={finding.severity} />
        <span className={css.title}>{finding.title}</span>
        <span className={css.leaf}>{finding.leaf}</span>
        <span className={css.cause} title={cause?.title}>
          {finding.cause === "root" ? "root" : `follows from ${cause?.leaf ?? "another finding"}`}
        </span>
        <span className={css.span}>
          {first ? (tree.byId.get(first.span_id)?.span.name ?? first.span_id) : ""}
          {finding.evidence.length > 1 && ` +${finding.evidence.length - 1}`}
        </span>
      </button>
    </li>
  );
}

const causeId = (finding: Finding): string | undefined =>
  typeof finding.cause === "object" ? finding.cause.effect_of : undefined;
