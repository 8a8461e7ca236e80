// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const source = import.meta.dirname;
const files = readdirSync(source, { recursive: true, encoding: "utf8" });
const styleSheets = files.filter((file) => file.endsWith(".css") && file !== "tokens.css");
const read = (file: string) => readFileSync(join(source, file), "utf8");

function offences(pattern: RegExp): string[] {
  return styleSheets.flatMap((file) =>
    read(file)
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
  );
}

test("colours come from tokens.css only", () => {
  expect(styleSheets.length).toBeGreaterThan(10);
  expect(
    offences(/#[0-9a-f]{3,8}\b|\b(rgba?|hsla?|oklch|light-dark)\(|:\s*(white|black|red|green|blue|gray|grey)\b/i),
  ).toEqual([]);
});

test("spacings, radii and type sizes come from tokens.css only", () => {
  expect(offences(/^\s*(padding|margin|gap|border-radius|font-size)[\w-]*:.*\d(px|rem|em)\b/)).toEqual([]);
});

test("every token that is used exists", () => {
  const known = new Set([...read("tokens.css").matchAll(/(--[\w-]+):/g)].map((match) => match[1]));
  const used = styleSheets.flatMap((file) => {
    const text = read(file);
    const own = new Set([...text.matchAll(/(--[\w-]+):/g)].map((match) => match[1]));
    return [...text.matchAll(/var\((--[\w-]+)\)/g)].flatMap((match) => (own.has(match[1]) ? [] : [match[1]]));
  });
  const setByComponents = new Set(["--depth"]);
  expect([...new Set(used)].filter((name) => name && !known.has(name) && !setByComponents.has(name))).toEqual([]);
});

test("trace text cannot become HTML: nothing sets it", () => {
  const code = files.filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file));
  expect(
    code.filter((file) => /innerHTML|dangerouslySetInnerHTML|insertAdjacentHTML|document\.write/.test(read(file))),
  ).toEqual([]);
});
