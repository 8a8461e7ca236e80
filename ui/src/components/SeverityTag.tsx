import type { Severity } from "../api/types.ts";
import css from "./SeverityTag.module.css";

export const SeverityTag = ({ severity }: { severity: Severity }) => (
  <span className={css.tag} data-severity={severity}>
    {severity}
  </span>
);
