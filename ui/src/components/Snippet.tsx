import { Button, CopyButton } from "@mantine/core";
import { Check, Copy } from "./icons.tsx";
import css from "./Snippet.module.css";

/** A piece of code to take away. */
export function Snippet({ label, code }: { label: string; code: string }) {
  return (
    <figure className={css.snippet}>
      <figcaption className={css.head}>
        <span>{label}</span>
        <CopyButton value={code}>
          {({ copied, copy }) => (
            <Button
              size="compact-xs"
              variant="subtle"
              onClick={copy}
              leftSection={copied ? <Check /> : <Copy />}
              aria-label={`Copy: ${label}`}
            >
              {copied ? "Copied" : "Copy"}
            </Button>
          )}
        </CopyButton>
      </figcaption>
      <pre className={css.code}>{code}</pre>
    </figure>
  );
}
