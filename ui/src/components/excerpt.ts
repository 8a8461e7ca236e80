// Finds the words a finding cites in the text they came from.

/**
 * The range of `excerpt` in `text`, whatever the white space: evidence cites compact JSON, the page shows it indented.
 * A cut excerpt ends in an ellipsis, which is not part of the text.
 */
export function findExcerpt(text: string, excerpt: string): [start: number, end: number] | undefined {
  const needle = excerpt.replace(/…$/u, "").replace(/\s+/gu, "");
  if (needle === "") return undefined;
  const exact = text.indexOf(excerpt);
  if (exact >= 0) return [exact, exact + excerpt.length];
  let packed = "";
  const places: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (/\s/u.test(char)) continue;
    packed += char;
    places.push(at);
  }
  const found = packed.indexOf(needle);
  const start = places[found];
  const end = places[found + needle.length - 1];
  return found < 0 || start === undefined || end === undefined ? undefined : [start, end + 1];
}
