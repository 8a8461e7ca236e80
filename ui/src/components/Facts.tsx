// Names over values, side by side: what is known about a thing at a glance.
import type { ReactNode } from "react";
import { UNKNOWN } from "../format/time.ts";
import css from "./Facts.module.css";

export const Facts = ({ children }: { children: ReactNode }) => <dl className={css.facts}>{children}</dl>;

type Props = { name: string; value: ReactNode; hint?: string | undefined };

/** A value that is undefined is unknown, and shown so. */
export const Fact = ({ name, value, hint }: Props) => (
  <div className={css.fact} title={hint}>
    <dt>{name}</dt>
    <dd>{value ?? <span className={css.unknown}>{UNKNOWN}</span>}</dd>
  </div>
);
