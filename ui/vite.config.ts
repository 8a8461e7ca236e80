/// <reference types="vitest/config" />
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The server embeds `dist`; during development `npm run dev` forwards the API to a server that runs.
export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2023",
    // Nothing is inlined, so the page needs neither `data:` nor inline code under its content policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: { "/api": process.env.ARC_EVAL_ENDPOINT ?? "http://127.0.0.1:8000" },
  },
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/testing/setup.ts"],
    css: { modules: { classNameStrategy: "non-scoped" } },
    testTimeout: 30_000,
    restoreMocks: true,
    unstubGlobals: true,
  },
});
