import type { ReactNode } from "react";
import type { Corrected, Judged } from "../../api/types.ts";
import { describeRate, formatCount, formatInterval, formatShare } from "../../format/rate.ts";
import css from "./JudgedRate.module.css";

/** What a judge's verdicts come to, corrected for how often it is wrong, or why that cannot be told. */
export function JudgedRate({ judged }: { judged: Judged | null | undefined }) {
  if (!judged) return null;
  const ways: [string, Corrected][] = [
    ["prediction-powered", judged.prediction_powered],
    ["Rogan–Gladen", judged.rogan_gladen],
  ];
  const known = ways.filter(([, rate]) => rate.state === "known");
  const refused = ways.flatMap(([, rate]) => (rate.state === "refused" ? [rate.why] : []));
  const rows: [string, ReactNode][] = [["Judge", `${describeRate(judged.judged)} of the runs it judged`]];
  for (const [name, rate] of known) {
    if (rate.state !== "known") continue;
    rows.push([
      "Corrected",
      <>
        <strong>{formatShare(rate.estimate)}</strong> ({formatInterval(rate.interval)}), {name}, n ={" "}
        {formatCount(judged.labelled)} labelled by people
      </>,
    ]);
  }
  if (known.length === 0) rows.push(["Corrected", `unknown: ${refused[0] ?? "no labels"}`]);
  rows.push([
    "It is right",
    `of successes ${describeRate(judged.sensitivity)}, of failures ${describeRate(judged.specificity)}`,
  ]);
  return (
    <dl className={css.judged} aria-label="What the judge says">
      {rows.map(([name, value], index) => (
        // Always in this order
        <div key={index} className={css.row}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
