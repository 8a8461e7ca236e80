// @vitest-environment node
import { readFile } from "node:fs/promises";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";
import { expect, test } from "vitest";

test("the types are those of the committed API description (else run `npm run gen`)", async () => {
  const description = new URL("../../../docs/reference/openapi.json", import.meta.url);
  const generated = COMMENT_HEADER + astToString(await openapiTS(description));
  const committed = await readFile(new URL("./schema.gen.ts", import.meta.url), "utf8");
  expect(committed.trim()).toBe(generated.trim());
});
