// A titled part of a panel. `cited` marks it as the place a finding points at.
import type { ReactNode } from "react";
import css from "./Section.module.css";

type Props = { title: string; count?: number | undefined; cited?: boolean; children: ReactNode };

export const Section = ({ title, count, cited = false, children }: Props) => (
  <section className={css.section} aria-label={title} data-cited={cited || undefined}>
    <h3 className={css.title}>
      {title}
      {count !== undefined && <span className={css.count}> {count}</span>}
    </h3>
    {children}
  </section>
);

/** As `Section`, but closed until somebody opens it or a finding points into it. */
export const FoldedSection = ({ title, count, cited = false, children }: Props) => (
  <details className={css.section} open={cited || undefined} data-cited={cited || undefined}>
    <summary className={css.summary}>
      {title}
      {count !== undefined && <span className={css.count}> {count}</span>}
    </summary>
    {children}
  </details>
);

export const Box = ({ children }: { children: ReactNode }) => <div className={css.box}>{children}</div>;

/** Names and values, two columns. */
export function Pairs({ pairs }: { pairs: [name: string, value: ReactNode][] }) {
  return (
    <dl className={css.pairs}>
      {pairs.map(([name, value]) => (
        <div key={name} className={css.pair}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
