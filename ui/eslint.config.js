import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import ts from "typescript-eslint";

export default defineConfig(
  { ignores: ["dist", "test-results", "src/api/schema.gen.ts"] },
  js.configs.recommended,
  ts.configs.strict,
  { plugins: { "react-hooks": hooks } },
  {
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
      // Trace text is data: nothing on the page is made from markup that came with it.
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "trace text is only ever text" },
      ],
    },
  },
);
