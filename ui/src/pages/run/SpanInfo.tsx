// What a span did, by what it carries: facts, tool call, messages, input and output, tools offered, parameters.
import type { ReactNode } from "react";
import type { Evidence, Span, Usage } from "../../api/types.ts";
import { Fact, Facts } from "../../components/Facts.tsx";
import { Messages } from "../../components/Messages.tsx";
import { Box, FoldedSection, Pairs, Section } from "../../components/Section.tsx";
import { JsonBlock, PayloadBlock, TextBlock } from "../../components/TextBlock.tsx";
import { formatUsdExact } from "../../format/money.ts";
import { formatCount } from "../../format/rate.ts";
import { formatDuration, formatTime, UNKNOWN } from "../../format/time.ts";
import { errorText } from "./errorText.ts";
import css from "./SpanInfo.module.css";
import type { SpanNode } from "./tree.ts";
import { durationOf } from "./waterfall.ts";

export function SpanInfo({ node, evidence }: { node: SpanNode; evidence: Evidence | undefined }) {
  const { span } = node;
  const error = errorText(span);
  const cited = (...fields: Evidence["field"][]) => evidence !== undefined && fields.includes(evidence.field);
  const words = (...fields: Evidence["field"][]) => (cited(...fields) ? evidence?.excerpt : undefined);
  const messagesIn = span.messages_in ?? [];
  const messagesOut = span.messages_out ?? [];
  const tools = span.tools_offered ?? [];
  const parameters = Object.entries(span.parameters ?? {});
  const facts = Object.entries(span.facts ?? {});
  return (
    <>
      {error !== undefined && (
        <Section title="Error" cited={cited("status")}>
          <div className={css.error}>
            <TextBlock text={error} excerpt={words("status")} />
          </div>
        </Section>
      )}
      <Section
        title="Figures"
        cited={cited("name", "finish_reason", "termination") || (cited("status") && error === undefined)}
      >
        <Facts>
          {figures(node).map(([name, value]) => (
            <Fact key={name} name={name} value={value} />
          ))}
        </Facts>
      </Section>
      {span.tool && (
        <>
          <Section title={`Arguments of ${span.tool.name}`} cited={cited("tool_arguments")}>
            <Box>
              {span.tool.arguments ? (
                <PayloadBlock payload={span.tool.arguments} excerpt={words("tool_arguments")} />
              ) : (
                <Absent>not recorded</Absent>
              )}
            </Box>
          </Section>
          <Section title="Result" cited={cited("tool_result")}>
            <Box>
              {span.tool.result ? (
                <PayloadBlock payload={span.tool.result} excerpt={words("tool_result")} />
              ) : (
                <Absent>not recorded, or the call did not return</Absent>
              )}
            </Box>
          </Section>
        </>
      )}
      {span.input && (
        <Section title="Input" cited={cited("input")}>
          <Box>
            <PayloadBlock payload={span.input} excerpt={words("input")} />
          </Box>
        </Section>
      )}
      {messagesIn.length > 0 && (
        <Section title="Messages sent" count={messagesIn.length} cited={cited("input") && !span.input}>
          <Messages messages={messagesIn} label="Messages sent" excerpt={words("input")} />
        </Section>
      )}
      {messagesOut.length > 0 && (
        <Section title="Messages answered" count={messagesOut.length} cited={cited("output") && !span.output}>
          <Messages messages={messagesOut} label="Messages answered" excerpt={words("output", "tool_arguments")} />
        </Section>
      )}
      {span.output && (
        <Section title="Output" cited={cited("output")}>
          <Box>
            <PayloadBlock payload={span.output} excerpt={words("output")} />
          </Box>
        </Section>
      )}
      {tools.length > 0 && (
        <FoldedSection title="Tools offered" count={tools.length} cited={cited("tools_offered")}>
          <ul className={css.tools}>
            {tools.map((tool) => (
              <li key={tool.name} className={css.tool}>
                <code className={css.toolName}>{tool.name}</code>
                {tool.description && <TextBlock text={tool.description} />}
                {tool.parameters != null && <JsonBlock value={tool.parameters} excerpt={words("tools_offered")} />}
              </li>
            ))}
          </ul>
        </FoldedSection>
      )}
      {parameters.length > 0 && (
        <FoldedSection title="Parameters" count={parameters.length}>
          <Pairs pairs={parameters.map(([name, value]) => [name, <JsonBlock key={name} value={value} />])} />
        </FoldedSection>
      )}
      {facts.length > 0 && (
        <FoldedSection title="What it says about the run" count={facts.length} cited={false}>
          <Pairs pairs={facts.map(([name, value]) => [name, <JsonBlock key={name} value={value} />])} />
        </FoldedSection>
      )}
    </>
  );
}

const Absent = ({ children }: { children: ReactNode }) => <p className={css.absent}>{children}</p>;

function figures(node: SpanNode): [string, ReactNode][] {
  const { span } = node;
  const duration = durationOf(node);
  const pairs: [string, ReactNode][] = [
    ["Status", statusText(span)],
    ["Started", span.start ? formatTime(span.start) : UNKNOWN],
    [
      "Duration",
      duration === undefined ? (span.start && !span.end ? "still running" : UNKNOWN) : formatDuration(duration),
    ],
  ];
  if (span.model) {
    const { provider, request, response } = span.model;
    const name =
      response && request && response !== request ? `${response} (asked for ${request})` : (response ?? request);
    pairs.push(["Model", name ?? UNKNOWN]);
    if (provider) pairs.push(["Provider", provider]);
  }
  if (span.finish_reason) pairs.push(["Stopped because", String(span.finish_reason)]);
  if (span.time_to_first_token_ns != null) {
    pairs.push(["First token after", formatDuration(span.time_to_first_token_ns / 1e6)]);
  }
  if (span.usage) pairs.push(...usage(span.usage));
  else if (span.kind === "llm") pairs.push(["Tokens", UNKNOWN]);
  if (span.reported_cost != null) pairs.push(["Cost as reported", formatUsdExact(span.reported_cost)]);
  if (span.tool?.id) pairs.push(["Tool call", <code key="id">{span.tool.id}</code>]);
  return pairs;
}

function statusText(span: Span): string {
  switch (span.status?.code) {
    case "ok":
      return "ok";
    case "error":
      return "error";
    default:
      return "not said";
  }
}

function usage(usage: Usage): [string, ReactNode][] {
  const by = usage.source === "estimated" ? " (estimated)" : "";
  const count = (n: number | null | undefined) => (n == null ? UNKNOWN : `${formatCount(n)}${by}`);
  const pairs: [string, ReactNode][] = [
    ["Input tokens", count(usage.input)],
    ["Output tokens", count(usage.output)],
  ];
  const parts: [string, number | null | undefined][] = [
    ["Read from cache", usage.cache_read],
    ["Written to cache", usage.cache_write],
    ["Reasoning tokens", usage.reasoning],
    ["Audio input", usage.audio_input],
    ["Audio output", usage.audio_output],
    ["Image input", usage.image_input],
    ["Image output", usage.image_output],
    ["Video input", usage.video_input],
    ["Input of provider's tools", usage.tool_input],
  ];
  for (const [name, n] of parts) if (n != null) pairs.push([name, count(n)]);
  return pairs;
}
