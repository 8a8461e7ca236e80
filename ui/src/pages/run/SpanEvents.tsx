// What happened at a moment during the span, and the spans of other runs it relates to.
import { Link } from "@tanstack/react-router";
import type { Evidence, Span } from "../../api/types.ts";
import { Pairs, Section } from "../../components/Section.tsx";
import { JsonBlock } from "../../components/TextBlock.tsx";
import { formatTime } from "../../format/time.ts";
import { shortId } from "../../format/words.ts";

export function SpanEvents({ span, evidence }: { span: Span; evidence: Evidence | undefined }) {
  const events = span.events ?? [];
  const links = span.links ?? [];
  const excerpt = evidence?.field === "exception" ? evidence.excerpt : undefined;
  if (events.length === 0 && links.length === 0) return <p>No events and no links.</p>;
  return (
    <>
      {events.map((event, index) => (
        <Section
          // Recorded events never change places
          key={index}
          title={event.at ? `${event.name}, ${formatTime(event.at)}` : event.name}
          cited={excerpt !== undefined && event.name === "exception"}
        >
          <Pairs
            pairs={Object.entries(event.attributes ?? {}).map(([name, value]) => [
              name,
              <JsonBlock key={name} value={value} excerpt={excerpt} />,
            ])}
          />
        </Section>
      ))}
      {links.length > 0 && (
        <Section title="Links" count={links.length}>
          <ul>
            {links.map((link) => (
              <li key={`${link.trace_id}${link.span_id}`}>
                <Link to="/runs/$id" params={{ id: link.trace_id }} search={{ span: link.span_id }}>
                  run {shortId(link.trace_id)}, span {link.span_id}
                </Link>
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}
