// Who says what of the run's outcome, the one that counts first, and a person's own word.
import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { ApiProblem } from "../../api/client.ts";
import type { OutcomeClaim } from "../../api/types.ts";
import { StatusDot } from "../../components/StatusDot.tsx";
import { sourceWord, verdictWord } from "../../format/words.ts";
import { useLabel } from "./loader.ts";
import css from "./rows.module.css";
import type { SpanTree } from "./tree.ts";

type Props = { id: string; claims: OutcomeClaim[]; tree: SpanTree; onSelect: (span: string) => void };

export function ClaimList({ id, claims, tree, onSelect }: Props) {
  return (
    <>
      <LabelForm id={id} />
      <ul className={css.list} aria-label="Claims">
        {claims.map((claim, index) => (
          // In the order in which they count
          <li key={index} className={css.row}>
            <span className={css.state}>
              <StatusDot status={claim.verdict} silent />
              {verdictWord[claim.verdict]}
            </span>
            <div className={css.what}>
              <p>
                says {sourceWord[claim.source] ?? claim.source}
                {claim.score != null && ` (score ${claim.score})`}
                <Place claim={claim} tree={tree} onSelect={onSelect} />
                {index === 0 && claims.length > 1 && <span className={css.faint}> · counts</span>}
              </p>
              {claim.reason && <p className={css.why}>{claim.reason}</p>}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

function Place({
  claim: { span_id: span },
  tree,
  onSelect,
}: { claim: OutcomeClaim } & Pick<Props, "tree" | "onSelect">) {
  if (!span || !tree.byId.has(span)) return null;
  return (
    <>
      {" in "}
      <button type="button" className={css.jump} onClick={() => onSelect(span)}>
        {tree.byId.get(span)?.span.name || span}
      </button>
    </>
  );
}

function LabelForm({ id }: { id: string }) {
  const [note, setNote] = useState("");
  const label = useLabel(id);
  const give = (verdict: "succeeded" | "failed") =>
    label.mutate({ verdict, ...(note.trim() ? { note: note.trim() } : {}) }, { onSuccess: () => setNote("") });
  const problem = label.error instanceof ApiProblem ? label.error : undefined;
  return (
    <div className={css.form} role="group" aria-label="Label this run">
      <TextInput
        size="xs"
        className={css.note}
        label="Your word, which outranks the others"
        placeholder="why (optional)"
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
      <Button size="xs" variant="default" disabled={label.isPending} onClick={() => give("succeeded")}>
        It succeeded
      </Button>
      <Button size="xs" variant="default" disabled={label.isPending} onClick={() => give("failed")}>
        It failed
      </Button>
      {label.error ? (
        <p className={css.said} role="alert">
          It was not stored: {problem?.detail ?? label.error.message}
        </p>
      ) : (
        <p className={css.said} role="status">
          {label.data && `Stored as ${verdictWord[label.data.verdict]}; it counts as soon as the run is analysed anew.`}
        </p>
      )}
    </div>
  );
}
