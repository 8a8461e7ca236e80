import type { Report } from "../../api/types.ts";
import { formatCount, formatShare, plural } from "../../format/rate.ts";
import css from "./tables.module.css";

/** So many columns fit into the card. */
const SHOWN = 5;

/** The first few k and the largest; those between are in the export. */
function someOf<T>(all: T[]): T[] {
  const last = all.at(-1);
  return all.length <= SHOWN || last === undefined ? all : [...all.slice(0, SHOWN - 1), last];
}

/** pass^k: all k tries succeed; pass@k: at least one does. Averaged over tasks with at least k known tries. */
export function PassTable({ reliability }: { reliability: Report["reliability"] }) {
  const { pass_hat_k: every, pass_at_k: any, tasks } = reliability;
  const all = someOf(every);
  if (all.length === 0) {
    return (
      <p className={css.note}>
        {tasks.count === 0
          ? "Unknown: no run says which task it tries. Record a task to measure it."
          : "Unknown: no task has a run with a known outcome."}
      </p>
    );
  }
  return (
    <>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">k</th>
            {all.map(({ k }) => (
              <th key={k} scope="col">
                {k}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row" title="All k tries succeed">
              pass^k
            </th>
            {all.map(({ k, value }) => (
              <td key={k} className={css.strong}>
                {formatShare(value)}
              </td>
            ))}
          </tr>
          <tr>
            <th scope="row" title="At least one of k tries succeeds">
              pass@k
            </th>
            {all.map(({ k }) => (
              <td key={k}>{formatShare(any.find((one) => one.k === k)?.value)}</td>
            ))}
          </tr>
          <tr>
            <th scope="row" title="Tasks with at least k tries of known outcome">
              tasks
            </th>
            {all.map(({ k, tasks: n }) => (
              <td key={k}>{formatCount(n)}</td>
            ))}
          </tr>
        </tbody>
      </table>
      {all.length < every.length && <p className={css.note}>Every k up to {every.length} is in the export.</p>}
      {reliability.tasks_change_with_k && (
        <p className={css.note}>Over different tasks for different k: a change from one k to the next may be theirs.</p>
      )}
      {tasks.repeated === 0 && (
        <p className={css.note}>{plural(tasks.count, "task")}, none tried more than once: k stops at 1.</p>
      )}
    </>
  );
}
