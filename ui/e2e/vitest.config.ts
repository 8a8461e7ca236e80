import { defineConfig } from "vitest/config";

// In a browser, against the real binary. One after the other: they share a server and two cores.
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
