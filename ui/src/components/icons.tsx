// Small drawings, 16 by 16, in the colour of the text around them. They decorate; words carry the meaning.
import type { ReactNode } from "react";
import type { SpanKind } from "../api/types.ts";

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg
      viewBox="0 0 16 16"
      width="1em"
      height="1em"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

export const Chevron = () => (
  <Icon>
    <path d="m6 4 4 4-4 4" />
  </Icon>
);

export const Copy = () => (
  <Icon>
    <rect x="5.5" y="5.5" width="7.5" height="7.5" rx="1.5" />
    <path d="M3 10.5V4A1 1 0 0 1 4 3h6.5" />
  </Icon>
);

export const Check = () => (
  <Icon>
    <path d="m3.5 8.5 3 3 6-7" />
  </Icon>
);

export const Download = () => (
  <Icon>
    <path d="M8 2.5v7m-3-2.8 3 2.8 3-2.8M3 13h10" />
  </Icon>
);

export const Warning = () => (
  <Icon>
    <path d="M8 2.5 14 13H2L8 2.5ZM8 6.5v3M8 11.4v.1" />
  </Icon>
);

export const ArrowUp = () => (
  <Icon>
    <path d="M8 13V3.5M4.5 7 8 3.5 11.5 7" />
  </Icon>
);

export const ArrowDown = () => (
  <Icon>
    <path d="M8 3v9.5M4.5 9 8 12.5 11.5 9" />
  </Icon>
);

export const Mark = () => (
  <Icon>
    <path d="M2.2 11.5a5.8 5.8 0 0 1 11.6 0" strokeWidth="2" />
    <circle cx="8" cy="11.5" r="1.4" fill="currentColor" stroke="none" />
  </Icon>
);

const kinds: Record<SpanKind, ReactNode> = {
  agent: (
    <>
      <rect x="3" y="5" width="10" height="8" rx="2" />
      <path d="M8 5V2.5M6 8.5v1M10 8.5v1" />
    </>
  ),
  llm: <path d="M8 2.5c.6 3.2 2.3 4.9 5.5 5.5-3.2.6-4.9 2.3-5.5 5.5-.6-3.2-2.3-4.9-5.5-5.5 3.2-.6 4.9-2.3 5.5-5.5Z" />,
  tool: (
    <path d="M10.4 2.8a3.3 3.3 0 0 0-3.6 4.6L2.6 11.6l1.8 1.8 4.2-4.2a3.3 3.3 0 0 0 4.6-3.6L11.3 7.5 9.2 6.8 8.5 4.7Z" />
  ),
  retrieval: (
    <>
      <circle cx="7" cy="7" r="4" />
      <path d="m10 10 3.5 3.5" />
    </>
  ),
  embedding: (
    <>
      <circle cx="4" cy="4" r="1.5" />
      <circle cx="12" cy="6" r="1.5" />
      <circle cx="6.5" cy="12" r="1.5" />
    </>
  ),
  rerank: <path d="M3 4h10M3 8h7M3 12h4" />,
  workflow: (
    <>
      <rect x="2.5" y="2.5" width="4" height="4" rx="1" />
      <rect x="9.5" y="9.5" width="4" height="4" rx="1" />
      <path d="M6.5 4.5h3a2 2 0 0 1 2 2v3" />
    </>
  ),
  step: (
    <>
      <circle cx="8" cy="8" r="2" />
      <path d="M2 8h4M10 8h4" />
    </>
  ),
  guardrail: <path d="M8 2.5 13 4.5v3.5c0 3-2.2 4.8-5 5.5-2.8-.7-5-2.5-5-5.5V4.5L8 2.5Z" />,
  evaluation: <path d="M3 13V8m5 5V3m5 10V6" />,
  other: <circle cx="8" cy="8" r="2.5" />,
};

export const KindIcon = ({ kind }: { kind: SpanKind }) => <Icon>{kinds[kind] ?? kinds.other}</Icon>;
