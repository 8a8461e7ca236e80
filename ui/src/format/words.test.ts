import { expect, test } from "vitest";
import { detectionWord } from "./words.ts";

test("a detection that the run declares shows its version, others how sure they are", () => {
  expect(detectionWord({ id: "langgraph", version: "1.2.22", confidence: 1, evidence: [] })).toBe("langgraph 1.2.22");
  expect(detectionWord({ id: "crewai", confidence: 0.82, evidence: [] })).toBe("crewai 82%");
  expect(detectionWord({ id: null, confidence: null, evidence: [] })).toBe("unknown");
});
