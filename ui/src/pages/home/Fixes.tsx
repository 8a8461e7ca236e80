// What to do next, each with the counts behind it and the places that show it.
import { Link } from "@tanstack/react-router";
import type { Recommendation, Report } from "../../api/types.ts";
import { fieldWord } from "../../format/words.ts";
import css from "./Fixes.module.css";
import type { EvidencePlace } from "./loader.ts";

export function Fixes({ report, places }: { report: Report; places: Map<string, EvidencePlace[]> }) {
  return (
    <section id="fixes" className={css.fixes} aria-labelledby="fixes-title" tabIndex={-1}>
      <h2 id="fixes-title" className={css.title}>
        Fixes
      </h2>
      {report.recommendations.length === 0 ? (
        <p className={css.none}>Nothing to recommend: no issue found that a known fix mends.</p>
      ) : (
        <ol className={css.list}>
          {report.recommendations.map((advice) => (
            <Fix key={`${advice.leaf ?? ""}${advice.text}`} advice={advice} report={report} places={places} />
          ))}
        </ol>
      )}
    </section>
  );
}

type FixProps = { advice: Recommendation; report: Report; places: Map<string, EvidencePlace[]> };

function Fix({ advice, report, places }: FixProps) {
  const issue = report.issues.find((one) => one.leaf === advice.leaf);
  const shown = advice.leaf ? (places.get(advice.leaf) ?? []) : [];
  return (
    <li className={css.fix}>
      <p className={css.text}>{advice.text}</p>
      <p className={css.because}>{advice.because}</p>
      {shown.length > 0 && (
        <ul className={css.places} aria-label="Evidence">
          {shown.map((place) => (
            <li key={place.findingId} className={css.place}>
              <Link
                to="/runs/$id"
                params={{ id: place.traceId }}
                search={{ span: place.evidence.span_id, finding: place.findingId }}
              >
                {place.title}
              </Link>{" "}
              <span className={css.field}>{fieldWord(place.evidence.field)}:</span>{" "}
              <q className={css.excerpt}>{place.evidence.excerpt}</q>
            </li>
          ))}
        </ul>
      )}
      {issue && (
        <p className={css.all}>
          <Link to="/runs" search={{ agent: report.agent.name, leaf: issue.leaf }}>
            All runs with “{issue.title}”
          </Link>
        </p>
      )}
    </li>
  );
}
