// A titled part of a page, on a surface of its own.
import { type ReactNode, useId } from "react";
import css from "./Card.module.css";

type Props = { title: string; count?: number | string | undefined; children: ReactNode };

export function Card({ title, count, children }: Props) {
  const id = useId();
  return (
    <section className={css.card} aria-labelledby={id}>
      <h2 className={css.title}>
        <span id={id}>{title}</span>
        {count !== undefined && <span className={css.count}> {count}</span>}
      </h2>
      {children}
    </section>
  );
}
