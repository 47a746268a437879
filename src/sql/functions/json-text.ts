/** A JSON number as it was written. */
export class RawNumber {
  constructor(readonly text: string) {}
}

const token = /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null)|$)/y;

/** The JSON value that a text begins with, numbers kept as text and objects as maps in their order. @throws SyntaxError */
export function parseJson(text: string): unknown {
  let at = 0;
  const next = (): RegExpExecArray => {
    token.lastIndex = at;
    const m = token.exec(text);
    if (!m) throw new SyntaxError(`Unexpected text at position ${at} of JSON`);
    at = token.lastIndex;
    return m;
  };
  const value = (m: RegExpExecArray): unknown => {
    if (m[2] !== undefined) return JSON.parse(m[2]);
    if (m[3] !== undefined) return new RawNumber(m[3]);
    if (m[4] !== undefined) return m[4] === "null" ? null : m[4] === "true";
    if (m[1] === "[") return list();
    if (m[1] === "{") return object();
    throw new SyntaxError(`Unexpected '${m[1] ?? "end"}' in JSON`);
  };
  const list = (): unknown[] => {
    const items: unknown[] = [];
    let m = next();
    if (m[1] === "]") return items;
    for (;;) {
      items.push(value(m));
      m = next();
      if (m[1] === "]") return items;
      if (m[1] !== ",") throw new SyntaxError("Expected , or ] in JSON");
      m = next();
    }
  };
  const object = (): Map<string, unknown> => {
    const entries = new Map<string, unknown>();
    let m = next();
    if (m[1] === "}") return entries;
    for (;;) {
      if (m[2] === undefined || next()[1] !== ":") throw new SyntaxError("Expected a name in JSON");
      entries.set(JSON.parse(m[2]), value(next()));
      m = next();
      if (m[1] === "}") return entries;
      if (m[1] !== ",") throw new SyntaxError("Expected , or } in JSON");
      m = next();
    }
  };
  return value(next());
}

export function writeJson(node: unknown): string {
  if (node instanceof RawNumber) return node.text;
  if (Array.isArray(node)) return `[${node.map(writeJson).join(",")}]`;
  if (node instanceof Map) return `{${[...node].map(([k, v]) => `${JSON.stringify(k)}:${writeJson(v)}`).join(",")}}`;
  return JSON.stringify(node);
}
