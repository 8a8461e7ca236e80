// Short names for the generated types, so that pages read like the vocabulary.
import type { components } from "./schema.gen.ts";

type Schemas = components["schemas"];

export type AgentList = Schemas["AgentList"];
export type AgentSummary = Schemas["AgentSummary"];
export type CaptureLedger = Schemas["CaptureLedger"];
export type CaptureSource = Schemas["CaptureSource"];
export type Cost = Schemas["Cost"];
export type Detection = Schemas["Detection"];
export type Evidence = Schemas["Evidence"];
export type Field = Schemas["Field"];
export type Finding = Schemas["Finding"];
export type FindingList = Schemas["FindingList"];
export type Interval = Schemas["Interval"];
export type Issue = Schemas["Issue"];
export type Message = Schemas["Message"];
export type OutcomeSource = Schemas["OutcomeSource"];
export type Part = Schemas["Part"];
export type Payload = Schemas["Payload"];
export type Rate = Schemas["Rate"];
export type Recommendation = Schemas["Recommendation"];
export type Report = Schemas["Report"];
export type Run = Schemas["Run"];
export type RunEvent = Schemas["RunEvent"];
export type RunList = Schemas["RunList"];
export type RunWithSpans = Schemas["RunWithSpans"];
export type SearchHit = Schemas["Hit"];
export type SearchResults = Schemas["SearchResults"];
export type Severity = Schemas["Severity"];
export type Span = Schemas["Span"];
export type SpanKind = Schemas["SpanKind"];
export type UnknownCost = Schemas["UnknownCost"];
export type Usage = Schemas["Usage"];
export type Verdict = Schemas["Verdict"];
