import { expect, test } from "vitest";
import { skill, warned } from "../testing/fixtures/warnings.ts";
import { describeSeen, describeSkill } from "./warning.ts";

test("a chance is told with what it is told from; what was not recorded is left out", () => {
  expect(describeSeen(warned.warning.seen)).toBe("8 steps, 4 failed, 2 repeated, 6,159 tokens, 4.36 s");
  expect(describeSeen({ steps: 1, errors: 0, repeated: 0, tokens: null, elapsed_ms: null })).toBe("1 step");
});

test("a backtest is told with n and interval of every share", () => {
  expect(describeSkill(skill)).toBe(
    "learnt from 168 runs, tried on n = 72 later ones: warned of 96.9% (84.3–99.4%, n = 32) of those that failed, " +
      "half of them at least 6.59 s or 6 steps before the end, and of 17.5% (8.7–32.0%, n = 40) of those that " +
      "succeeded; Brier skill 0.53 (0.43 to 0.62)",
  );
  expect(describeSkill({ ...skill, lead_ms: null, lead_steps: null })).not.toContain("before the end");
});
