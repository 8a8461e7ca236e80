// A conversation with a model: who said what, which tools were asked for and what they answered.
import { useState } from "react";
import type { Message, Part } from "../api/types.ts";
import { plural } from "../format/rate.ts";
import css from "./Messages.module.css";
import { JsonBlock, PayloadBlock, TextBlock } from "./TextBlock.tsx";

/** A longer conversation shows its beginning and its end first. */
const MANY = 14;
const HEAD = 2;
const TAIL = 8;

type Props = { messages: Message[]; label: string; excerpt?: string | undefined };

export function Messages({ messages, label, excerpt }: Props) {
  const [isWhole, setIsWhole] = useState(false);
  const isFolded = !isWhole && messages.length > MANY && !excerpt;
  const numbered = messages.map((message, index) => [index, message] as const);
  const row = ([index, message]: (typeof numbered)[number]) => (
    <MessageItem key={index} message={message} excerpt={excerpt} />
  );
  return (
    <ol className={css.list} aria-label={label}>
      {isFolded ? (
        <>
          {numbered.slice(0, HEAD).map(row)}
          <li>
            <button type="button" className={css.fold} onClick={() => setIsWhole(true)}>
              Show {plural(messages.length - HEAD - TAIL, "message")} between
            </button>
          </li>
          {numbered.slice(-TAIL).map(row)}
        </>
      ) : (
        numbered.map(row)
      )}
    </ol>
  );
}

function MessageItem({ message, excerpt }: { message: Message; excerpt: string | undefined }) {
  const role = String(message.role);
  return (
    <li className={css.message} data-role={role}>
      <p className={css.role}>
        {role}
        {message.name && <span className={css.name}> {message.name}</span>}
      </p>
      {message.parts.length === 0 && <p className={css.none}>no content</p>}
      {message.parts.map((part, index) => (
        // The parts of a recorded message never change places
        <PartView key={index} part={part} excerpt={excerpt} />
      ))}
    </li>
  );
}

function PartView({ part, excerpt }: { part: Part; excerpt: string | undefined }) {
  switch (part.type) {
    case "text":
      return <TextBlock text={part.text} excerpt={excerpt} />;
    case "reasoning":
      return (
        <details className={css.reasoning}>
          <summary>Reasoning</summary>
          <TextBlock text={part.text} excerpt={excerpt} />
        </details>
      );
    case "tool_call":
      return (
        <div className={css.card}>
          <p className={css.cardHead}>
            <span className={css.cardKind}>calls</span> <span className={css.tool}>{part.name}</span>
            {part.id && <span className={css.id}>{part.id}</span>}
          </p>
          <PayloadBlock payload={part.arguments} excerpt={excerpt} />
        </div>
      );
    case "tool_result":
      return (
        <div className={css.card}>
          <p className={css.cardHead}>
            <span className={css.cardKind}>result</span>
            {part.id && <span className={css.id}>{part.id}</span>}
          </p>
          <PayloadBlock payload={part.result} excerpt={excerpt} />
        </div>
      );
    case "media":
      return (
        <p className={css.media}>
          {part.mime_type ?? "media of unknown type"}: <code>{part.reference}</code>
        </p>
      );
    default:
      return <JsonBlock value={"value" in part ? part.value : part} excerpt={excerpt} />;
  }
}
