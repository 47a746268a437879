/** A number as it is written: `10.10`, `1E3` and nineteen digits stay what they are. */
export class JsonNumber {
  constructor(readonly raw: string) {}
}
export type ExactJson = null | boolean | string | JsonNumber | ExactJson[] | Map<string, ExactJson>;

const number = /-?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|NaN|Infinity)/y;

/** @throws SyntaxError with the position */
export function parseExact(text: string): ExactJson {
  let at = 0;
  const fail = (): never => {
    throw new SyntaxError(`JSON is wrong at ${at}: ${text.slice(at, at + 30)}`);
  };
  const space = () => {
    while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  };
  const string = (): string => {
    const from = at++;
    while (text[at] !== '"') {
      if (at >= text.length) fail();
      at += text[at] === "\\" ? 2 : 1;
    }
    return JSON.parse(text.slice(from, ++at)) as string;
  };
  const items = (close: string, item: () => void) => {
    at++;
    for (space(); text[at] !== close; ) {
      item();
      space();
      if (text[at] === ",") at++;
      else if (text[at] !== close) fail();
      space();
    }
    at++;
  };
  const value = (): ExactJson => {
    space();
    const c = text[at];
    if (c === '"') return string();
    if (c === "{") {
      const object = new Map<string, ExactJson>();
      items("}", () => {
        if (text[at] !== '"') fail();
        const name = string();
        space();
        if (text[at++] !== ":") fail();
        object.set(name, value());
      });
      return object;
    }
    if (c === "[") {
      const list: ExactJson[] = [];
      items("]", () => list.push(value()));
      return list;
    }
    for (const [word, meaning] of [
      ["true", true],
      ["false", false],
      ["null", null],
    ] as const)
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    number.lastIndex = at;
    const found = number.exec(text);
    if (!found) return fail();
    at += found[0].length;
    return new JsonNumber(found[0]);
  };
  const document = value();
  space();
  if (at < text.length) fail();
  return document;
}

/** Compact, numbers as they were written. */
export function formatExact(json: ExactJson): string {
  if (json instanceof JsonNumber) return json.raw;
  if (json instanceof Map) return `{${[...json].map(([name, v]) => `${JSON.stringify(name)}:${formatExact(v)}`).join(",")}}`;
  if (Array.isArray(json)) return `[${json.map(formatExact).join(",")}]`;
  return JSON.stringify(json);
}

/** As plain values; numbers as doubles. */
export function plainJson(json: ExactJson): unknown {
  if (json instanceof JsonNumber) return Number(json.raw);
  if (json instanceof Map) return Object.fromEntries([...json].map(([name, v]) => [name, plainJson(v)]));
  return Array.isArray(json) ? json.map(plainJson) : json;
}
