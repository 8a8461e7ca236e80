// A table that scrolls within its place when it is wider than the page. `dataTable` has the looks of its cells.
import type { ReactNode } from "react";
import css from "./DataTable.module.css";

export const dataTable = css;

export const DataTable = ({ label, children }: { label: string; children: ReactNode }) => (
  // A keyboard can scroll only what it can reach.
  <div className={css.scroll} tabIndex={0} role="region" aria-label={label}>
    <table className={css.table}>{children}</table>
  </div>
);
