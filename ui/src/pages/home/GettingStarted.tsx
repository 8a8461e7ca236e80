// The home page before the first run: three ways to make one.
import { Snippet } from "../../components/Snippet.tsx";
import css from "./GettingStarted.module.css";

export function GettingStarted() {
  const origin = window.location.origin;
  return (
    <section className={css.page} aria-labelledby="start-title">
      <h1 id="start-title" className={css.title}>
        No runs yet
      </h1>
      <p className={css.text}>Record one in any of these ways. It appears here within seconds, without a reload.</p>
      <Snippet
        label="Python: one line around your agent"
        code={'from agent_eval.trace import ArcTracer\n\nagent = ArcTracer("finance").trace_agent(agent)'}
      />
      <Snippet label="A file or a folder of traces you already have" code="arc-eval import FILE" />
      <Snippet
        label="Anything that speaks OpenTelemetry (OTLP over HTTP)"
        code={`export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${origin}/v1/traces\nexport OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf`}
      />
    </section>
  );
}
