// The span as it was stored: its ids, its instrumentation, and every attribute by its original name.
import type { Evidence, Span } from "../../api/types.ts";
import { Pairs, Section } from "../../components/Section.tsx";
import { JsonBlock, TextBlock } from "../../components/TextBlock.tsx";
import { formatCount } from "../../format/rate.ts";

export function SpanAttributes({ span, evidence }: { span: Span; evidence: Evidence | undefined }) {
  const field = evidence?.field;
  const citedName = typeof field === "object" ? field.attribute : undefined;
  const table = (attributes: Record<string, unknown>): [string, React.ReactNode][] =>
    Object.entries(attributes).map(([name, value]) => [
      name,
      <JsonBlock key={name} value={value} excerpt={name === citedName ? evidence?.excerpt : undefined} />,
    ]);
  const attributes = span.attributes ?? {};
  const resource = span.resource ?? {};
  return (
    <>
      <Section
        title="Attributes"
        count={Object.keys(attributes).length}
        cited={citedName !== undefined && citedName in attributes}
      >
        {Object.keys(attributes).length === 0 ? (
          <p>none left over: everything was understood</p>
        ) : (
          <Pairs pairs={table(attributes)} />
        )}
      </Section>
      {Object.keys(resource).length > 0 && (
        <Section
          title="Process"
          count={Object.keys(resource).length}
          cited={citedName !== undefined && citedName in resource}
        >
          <Pairs pairs={table(resource)} />
        </Section>
      )}
      <Section title="Identity" cited={field === "scope"}>
        <Pairs
          pairs={[
            ["span", <code key="s">{span.span_id}</code>],
            ["parent", span.parent_id ? <code key="p">{span.parent_id}</code> : "none"],
            ["trace", <code key="t">{span.trace_id}</code>],
            ["revision", formatCount(span.revision ?? 0)],
            ["sequence", formatCount(span.sequence ?? 0)],
            [
              "instrumentation",
              span.scope ? (
                <TextBlock
                  key="i"
                  text={[span.scope.name, span.scope.version].filter(Boolean).join(" ")}
                  excerpt={field === "scope" ? evidence?.excerpt : undefined}
                />
              ) : (
                "not recorded"
              ),
            ],
            ["start", span.start ?? "not recorded"],
            ["end", span.end ?? "not recorded"],
          ]}
        />
      </Section>
    </>
  );
}
