// Says on the home page that something was not captured; nothing while all is well or not known.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { captureQuery } from "../../api/queries.ts";
import { plural } from "../../format/rate.ts";
import css from "./CaptureNotice.module.css";

export function CaptureNotice() {
  const { data: ledger } = useQuery(captureQuery());
  const isWaiting = ledger?.spool?.state === "waiting";
  if (!ledger || (ledger.recent_gaps === 0 && !isWaiting)) return null;
  return (
    <p className={css.notice} role="note" aria-label="Capture">
      {isWaiting
        ? "What agents write waits in the spool and is not shown yet. "
        : `Something of ${plural(ledger.recent_gaps, "source")} was not captured in the last seven days. `}
      <Link to="/capture">See what is missing and why</Link>
    </p>
  );
}
